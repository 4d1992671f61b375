//! Options of databases, connections and statements, in the four forms of the interface.
//!
//! A value is a text. Numbers are written as text, and read from it.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use adbc_core::constants::{ADBC_OPTION_VALUE_DISABLED, ADBC_OPTION_VALUE_ENABLED};
use kalam_core::{Error, Result, SqlState};

use super::argument::{given, items, null, text};

/// What has options.
pub(super) trait Optioned: Sized {
    /// The object of a token.
    fn handle(token: *const c_void) -> Result<Arc<Self>>;

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

/// # Safety
/// `value` is NULL or a string.
pub(super) unsafe fn set_text<T: Optioned>(
    object: &T,
    key: &str,
    value: *const c_char,
) -> Result<()> {
    // SAFETY: as this function demands.
    object.set(key, unsafe { text(value, "the option's value") }?)
}

/// # Safety
/// `value` is NULL or has `length` bytes.
pub(super) unsafe fn set_bytes<T: Optioned>(
    object: &T,
    key: &str,
    value: *const u8,
    length: usize,
) -> Result<()> {
    // SAFETY: as this function demands.
    let bytes = match unsafe { items(value, length) } {
        Some(bytes) => bytes,
        None if length == 0 => &[],
        None => return Err(null("the option's value")),
    };
    let value = std::str::from_utf8(bytes).map_err(|e| {
        Error::new(SqlState::INVALID_ENCODING, format!("the option's value is not UTF-8: {e}"))
    })?;
    object.set(key, value)
}

/// Writes a value with a NUL after it, or as bytes without one.
///
/// As the interface demands, `length` comes in as the room that there is and goes out as
/// the room that the value takes; nothing is written if that is more.
///
/// # Safety
/// `value` is NULL or has room for `*length` bytes; `length` is NULL or a number.
pub(super) unsafe fn get_bytes<T: Optioned>(
    object: &T,
    key: &str,
    value: *mut u8,
    length: *mut usize,
    ends_in_nul: bool,
) -> Result<()> {
    let length = given(length, "the option's length")?;
    let mut bytes = object.get(key)?.into_bytes();
    if ends_in_nul {
        bytes.push(0);
    }
    // SAFETY: as this function demands.
    unsafe {
        let room = length.replace(bytes.len());
        if room >= bytes.len() && !bytes.is_empty() {
            ptr::copy_nonoverlapping(bytes.as_ptr(), given(value, "the buffer")?, bytes.len());
        }
    }
    Ok(())
}

/// Reads a number from the text of an option.
///
/// # Safety
/// `value` is NULL or room for a number.
pub(super) unsafe fn get_number<T: Optioned, N: std::str::FromStr>(
    object: &T,
    key: &str,
    value: *mut N,
) -> Result<()> {
    let value = given(value, "the option's value")?;
    let text = object.get(key)?;
    let number = text.parse().map_err(|_| {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("value \"{text}\" of option \"{key}\" is not such a number"),
        )
    })?;
    // SAFETY: as this function demands.
    unsafe { value.write(number) };
    Ok(())
}
