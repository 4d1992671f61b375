//! Options of databases, connections and statements: keys, and values that are texts.

use adbc_core::constants::{ADBC_OPTION_VALUE_DISABLED, ADBC_OPTION_VALUE_ENABLED};
use kalam_core::{Error, Result, SqlState};

use crate::handle::Handled;

/// What has options.
pub(super) trait Optioned: Handled {
    /// # Errors
    /// `0A000` for an unknown key, `22023` for a value that is not allowed.
    fn set(&self, key: &str, value: &str) -> Result<()>;

    /// # Errors
    /// `42704` for an unknown key, or one that has no value.
    fn get(&self, key: &str) -> Result<String>;
}

/// The error of an option that cannot be read.
pub(super) fn unknown_option(what: &str, key: &str) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("{what} option \"{key}\" is not set"))
}

/// The error of an option that cannot be set.
pub(super) fn unsupported_option(what: &str, key: &str) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} option \"{key}\" is unknown"))
}

/// The error of a value that is none of those allowed.
pub(super) fn invalid_value(key: &str, value: &str, allowed: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("value \"{value}\" of option \"{key}\" is not allowed"),
    )
    .with_hint(format!("use {allowed}"))
}

/// `true` or `false`.
pub(super) fn flag(key: &str, value: &str) -> Result<bool> {
    match value {
        ADBC_OPTION_VALUE_ENABLED => Ok(true),
        ADBC_OPTION_VALUE_DISABLED => Ok(false),
        _ => Err(invalid_value(key, value, "\"true\" or \"false\"")),
    }
}

/// The text of a flag.
pub(super) fn flag_text(value: bool) -> String {
    let text = if value { ADBC_OPTION_VALUE_ENABLED } else { ADBC_OPTION_VALUE_DISABLED };
    text.to_owned()
}
