//! `connect` and `restore`: databases by their path.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use kalam_core::{Database, Error, Identity, Options, Params, Result, SqlState};
use kalamdb::fork::survive_fork;
use pyo3::prelude::*;

use crate::connection::{Connection, seconds};
use crate::error::{engine, exception};

/// Opens a database directory, creating it if it is missing, or with ":memory:"
/// one that ends with its last connection.
///
/// Without `user` and `role` the connection may do everything. With `user` it
/// acts for that user with role 'user', unless `role` says otherwise; the program
/// vouches for the identity. With `user` and `password` the user logs in and has
/// the role of their account (CREATE USER). Unqualified names resolve in
/// `namespace` ('default'). A connection that is `read_only` changes nothing and makes no
/// directory. `timeout` is how many seconds each statement of it and its rows are waited
/// for, where execute() does not say otherwise. With `progress` a bar tells at a terminal or
/// in a notebook how far statements are that take more than half a second; it needs tqdm.
/// `config` keys are durability, threads, memory_limit, cache_bytes, storage_path,
/// temp_directory, statement_timeout, max_result_bytes and progress, for all connections.
#[pyfunction]
#[pyo3(
    signature = (
        path=PathBuf::from(":memory:"), *, user=None, role=None, password=None, namespace=None,
        read_only=false, config=None, timeout=None, progress=false
    ),
    text_signature = "(path=':memory:', *, user=None, role=None, password=None, namespace=None, read_only=False, config=None, timeout=None, progress=False)"
)]
#[allow(
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    reason = "pyo3 hands owned values to functions, and each keyword is an argument"
)]
pub fn connect<'py>(
    py: Python<'py>,
    path: PathBuf,
    user: Option<&str>,
    role: Option<&str>,
    password: Option<&str>,
    namespace: Option<&str>,
    read_only: bool,
    config: Option<HashMap<String, Bound<'py, PyAny>>>,
    timeout: Option<f64>,
    progress: bool,
) -> PyResult<Bound<'py, Connection>> {
    survive_fork();
    let timeout = timeout.map(seconds).transpose().map_err(|error| exception(py, &error))?;
    let mut options = Options::default();
    for (key, value) in config.unwrap_or_default() {
        let value = value.str()?.to_str()?.to_owned();
        options.set(&key, &value).map_err(|error| exception(py, &error))?;
    }
    let identity = Identity::of(user, role, password).map_err(|error| exception(py, &error))?;
    let session = engine(py, || {
        let session = identity.session(&open(&path, read_only, options)?, namespace)?;
        session.set_read_only(read_only);
        if let Some(timeout) = timeout {
            let setting = format!("SET statement_timeout = '{}ms'", timeout.as_millis().max(1));
            session.execute(&setting, &Params::None)?;
        }
        if progress {
            session.execute("SET progress = on", &Params::None)?;
        }
        Ok(session)
    })?;
    Connection::new(py, session)
}

fn open(path: &Path, read_only: bool, options: Options) -> Result<Database> {
    if path.as_os_str() == ":memory:" {
        return Database::in_memory(options);
    }
    if read_only && !Database::is_at(path) {
        let message = format!("there is no database in \"{}\"", path.display());
        return Err(Error::new(SqlState::UNDEFINED_OBJECT, message)
            .with_hint("connect without read_only to make one"));
    }
    Database::open(path, options)
}

/// Make a new database directory of a backup, as RESTORE DATABASE does. The directory must
/// be missing or empty; open it with connect() afterwards. Every byte is checked.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "pyo3 hands owned values to functions")]
pub fn restore(py: Python<'_>, backup: PathBuf, path: PathBuf) -> PyResult<()> {
    survive_fork();
    engine(py, || Database::restore(&backup, &path))
}
