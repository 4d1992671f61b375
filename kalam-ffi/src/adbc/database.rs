//! `AdbcDatabase`: a directory and how it is opened.

use std::sync::Mutex;

use adbc_core::constants::ADBC_OPTION_URI;
use kalam_core::{Database, Error, Options, Result, SqlState};

use super::identity::Identity;
use super::lock;
use super::option::{Optioned, unknown_option};
use crate::fork::survive_fork;
use crate::handle::{Handled, Kind};

/// Opens in memory.
const IN_MEMORY: &str = ":memory:";

/// A database before and after it is opened.
#[derive(Default)]
pub(super) struct AdbcDatabase {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The directory; none: in memory.
    uri: Option<String>,
    identity: Identity,
    options: Options,
    /// What was set of `options`.
    settings: Vec<(String, String)>,
    open: Option<Database>,
}

impl AdbcDatabase {
    /// Opens the directory, or a database in memory.
    ///
    /// # Errors
    /// What [`Database::open`] raises; `08003` if it is open; `KD001` in a child after fork().
    pub(super) fn init(&self) -> Result<()> {
        let mut state = lock(&self.state);
        if state.open.is_some() {
            return Err(already_open("database"));
        }
        let path = path_of_uri(state.uri.as_deref().unwrap_or(IN_MEMORY))?;
        survive_fork();
        state.open = Some(match path {
            None => Database::in_memory(state.options.clone())?,
            Some(path) => Database::open(path, state.options.clone())?,
        });
        Ok(())
    }

    /// The open database, and who connects to it.
    ///
    /// # Errors
    /// `08003` before [`AdbcDatabase::init`].
    pub(super) fn opened(&self) -> Result<(Database, Identity)> {
        let state = lock(&self.state);
        let database = state.open.clone().ok_or_else(|| {
            Error::new(SqlState::CONNECTION_CLOSED, "the database is not open")
                .with_hint("call AdbcDatabaseInit first")
        })?;
        Ok((database, state.identity.clone()))
    }
}

impl Handled for AdbcDatabase {
    const KIND: Kind = Kind::AdbcDatabase;
}

impl Optioned for AdbcDatabase {
    fn set(&self, key: &str, value: &str) -> Result<()> {
        let mut state = lock(&self.state);
        if state.open.is_some() {
            return Err(already_open("database"));
        }
        if matches!(key, ADBC_OPTION_URI | "path" | "kalamdb.path") {
            path_of_uri(value)?;
            state.uri = Some(value.to_owned());
            return Ok(());
        }
        if state.identity.set(key, value)? {
            return Ok(());
        }
        let name = key.strip_prefix("kalamdb.").unwrap_or(key);
        state.options.set(name, value)?;
        state.settings.retain(|(known, _)| known != name);
        state.settings.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn get(&self, key: &str) -> Result<String> {
        let state = lock(&self.state);
        if matches!(key, ADBC_OPTION_URI | "path" | "kalamdb.path") {
            return Ok(state.uri.clone().unwrap_or_else(|| IN_MEMORY.to_owned()));
        }
        let name = key.strip_prefix("kalamdb.").unwrap_or(key);
        let setting = state.settings.iter().find(|(known, _)| known == name);
        setting
            .map(|(_, value)| value.clone())
            .or_else(|| state.identity.get(key))
            .ok_or_else(|| unknown_option("database", key))
    }
}

pub(super) fn already_open(what: &str) -> Error {
    Error::new(SqlState::CONNECTION_CLOSED, format!("the {what} is initialized already"))
        .with_hint("set its options before it is initialized")
}

/// The directory that a text names: a path, `kalamdb:path`, `kalamdb:///path` or
/// `file:///path`; `None` for memory.
///
/// # Errors
/// `22023` for a host or an encoding that is none.
fn path_of_uri(uri: &str) -> Result<Option<String>> {
    let rest = uri.strip_prefix("kalamdb:").or_else(|| uri.strip_prefix("file:"));
    let Some(rest) = rest else {
        return Ok(Some(uri).filter(|path| !path.is_empty() && *path != IN_MEMORY).map(Into::into));
    };
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
    };
    let is_relative_to_a_host =
        rest.starts_with("//") && !path.is_empty() && !path.starts_with('/') && path != IN_MEMORY;
    if is_relative_to_a_host {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("uri \"{uri}\" names a host"),
        )
        .with_hint("write kalamdb:///path, kalamdb:path, or the path alone"));
    }
    let path = decoded(path).ok_or_else(|| {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("uri \"{uri}\" has a % that encodes no character"),
        )
    })?;
    Ok(Some(path).filter(|path| !path.is_empty() && path.trim_start_matches('/') != IN_MEMORY))
}

/// The text with each `%XX` replaced.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_a_directory() {
        let cases = [
            (":memory:", None),
            ("", None),
            ("kalamdb:///:memory:", None),
            ("kalamdb://:memory:", None),
            ("kalamdb:", None),
            ("data/app", Some("data/app")),
            ("/data/app", Some("/data/app")),
            ("kalamdb:data", Some("data")),
            ("kalamdb:///data/a%20b", Some("/data/a b")),
            ("file:///data", Some("/data")),
            ("file://localhost/data", Some("/data")),
        ];
        for (uri, path) in cases {
            assert_eq!(path_of_uri(uri).expect(uri).as_deref(), path, "{uri}");
        }
        for uri in ["kalamdb://host/data", "kalamdb:///a%2", "kalamdb:///a%zz"] {
            let error = path_of_uri(uri).expect_err(uri);
            assert_eq!(error.sqlstate(), SqlState::INVALID_PARAMETER_VALUE);
        }
    }
}
