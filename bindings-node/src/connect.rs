//! `open` and `restore`: databases by their path.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kalam_core::{Database, Error, Identity, Options, Result, Session, SqlState};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::call::{Call, promise};
use crate::connection::Connection;
use crate::error::outcome;
use crate::exit::outlive;
use crate::js::Js;

/// The name of a database in memory.
const MEMORY: &str = ":memory:";

/// What `open` is told beside the path.
#[napi(object)]
#[derive(Default)]
pub struct OpenOptions {
    /// Who it acts for.
    pub user: Option<String>,
    /// With what rights.
    pub role: Option<String>,
    /// Instead of a role: that of the account.
    pub password: Option<String>,
    /// Where names without namespace are looked up.
    pub namespace: Option<String>,
    /// Whether every write is refused.
    pub read_only: Option<bool>,
    /// Settings, as key and text.
    pub config: Option<HashMap<String, String>>,
}

/// Opens a database directory, creating it if it is missing, or one in memory.
#[napi]
pub fn open<'env>(
    env: &'env Env,
    path: String,
    options: OpenOptions,
) -> napi::Result<Object<'env>> {
    let mut settings = Options::default();
    for (key, value) in options.config.iter().flatten() {
        outcome(Js::new(env), settings.set(key, value))?;
    }
    let opened = move |(): &()| {
        let read_only = options.read_only.unwrap_or(false);
        connected(open_database(Path::new(&path), read_only, settings)?, &options)
    };
    outlive();
    promise(env, None, (), opened, Connection::into_raw)
}

/// A session of whom the options name.
///
/// # Errors
/// As [`Identity`] says.
pub fn connected(database: Database, options: &OpenOptions) -> Result<(Database, Session)> {
    let OpenOptions { user, role, password, namespace, .. } = options;
    let identity = Identity::of(user.as_deref(), role.as_deref(), password.as_deref())?;
    let session = identity.session(&database, namespace.as_deref())?;
    session.set_read_only(options.read_only.unwrap_or(false));
    Ok((database, session))
}

fn open_database(path: &Path, read_only: bool, settings: Options) -> Result<Database> {
    if path.as_os_str() == MEMORY {
        return Database::in_memory(settings);
    }
    if read_only && !Database::is_at(path) {
        let message = format!("there is no database in \"{}\"", path.display());
        return Err(Error::new(SqlState::UNDEFINED_OBJECT, message)
            .with_hint("open it without readOnly to make one"));
    }
    Database::open(path, settings)
}

/// Makes a new database directory of a backup. Every byte is checked.
#[napi]
pub fn restore<'env>(
    env: &'env Env,
    backup: String,
    path: String,
    call: Option<&Call>,
) -> napi::Result<Object<'env>> {
    let (backup, path) = (PathBuf::from(backup), PathBuf::from(path));
    promise(env, call, (), move |()| Database::restore(&backup, &path), |js, ()| js.null())
}

/// A time limit in milliseconds; anything above 0.
///
/// # Errors
/// `22023`.
pub fn milliseconds(value: f64) -> Result<Duration> {
    let limit = Duration::try_from_secs_f64(value / 1_000.0).ok().filter(|limit| !limit.is_zero());
    limit.ok_or_else(|| {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("timeoutMs is {value}, which is no time to wait"),
        )
        .with_hint("pass milliseconds above 0, or leave it out")
    })
}
