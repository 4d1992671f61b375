//! Options of databases, connections and statements, in the four forms of the interface.
//!
//! A value is a text. Numbers are written as text, and read from it.

use std::ffi::c_char;
use std::ptr;
use std::str::FromStr;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::FFI_AdbcError;
use kalam_core::{Error, SqlState};

use super::{Structure, guarded_entry, object, text, write};
use crate::adbc::option::Optioned;
use crate::failure::{Failure, Result};

/// Sets an option to what `value` makes of the caller's argument.
///
/// # Safety
/// As `adbc.h` demands.
unsafe fn set<'a, S: Structure>(
    structure: *mut S,
    key: *const c_char,
    error: *mut FFI_AdbcError,
    value: impl FnOnce() -> Result<std::borrow::Cow<'a, str>>,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let (object, key) = (object(structure)?, text(key, "key")?);
            Ok(object.set(key, &value()?)?)
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn set_option<S: Structure>(
    structure: *mut S,
    key: *const c_char,
    value: *const c_char,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { set(structure, key, error, || Ok(text(value, "value")?.into())) }
}

pub(in crate::adbc) unsafe extern "C" fn set_option_bytes<S: Structure>(
    structure: *mut S,
    key: *const c_char,
    value: *const u8,
    length: usize,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        set(structure, key, error, || {
            Ok(crate::argument::text(value.cast(), length, "value")?.into())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn set_option_int<S: Structure>(
    structure: *mut S,
    key: *const c_char,
    value: i64,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { set(structure, key, error, || Ok(value.to_string().into())) }
}

pub(in crate::adbc) unsafe extern "C" fn set_option_double<S: Structure>(
    structure: *mut S,
    key: *const c_char,
    value: f64,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { set(structure, key, error, || Ok(value.to_string().into())) }
}

pub(in crate::adbc) unsafe extern "C" fn get_option<S: Structure>(
    structure: *mut S,
    key: *const c_char,
    value: *mut c_char,
    length: *mut usize,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let mut text = object(structure)?.get(text(key, "key")?)?.into_bytes();
            text.push(0);
            write_bytes(&text, value.cast(), length)
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn get_option_bytes<S: Structure>(
    structure: *mut S,
    key: *const c_char,
    value: *mut u8,
    length: *mut usize,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let text = object(structure)?.get(text(key, "key")?)?;
            write_bytes(text.as_bytes(), value, length)
        })
    }
}

/// Writes a value. As the interface demands, `length` comes in as the room that there is
/// and goes out as the room that the value takes; nothing is written if that is more.
///
/// # Safety
/// `value` is NULL or has room for `*length` bytes; `length` is NULL or a number.
unsafe fn write_bytes(bytes: &[u8], value: *mut u8, length: *mut usize) -> Result<()> {
    if length.is_null() {
        return Err(Failure::argument("length", "is NULL"));
    }
    // SAFETY: as this function demands.
    unsafe {
        let room = length.replace(bytes.len());
        if room >= bytes.len() && !bytes.is_empty() {
            if value.is_null() {
                return Err(Failure::argument("value", "is NULL"));
            }
            ptr::copy_nonoverlapping(bytes.as_ptr(), value, bytes.len());
        }
    }
    Ok(())
}

pub(in crate::adbc) unsafe extern "C" fn get_option_int<S: Structure>(
    structure: *mut S,
    key: *const c_char,
    value: *mut i64,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || get_number(structure, key, value)) }
}

pub(in crate::adbc) unsafe extern "C" fn get_option_double<S: Structure>(
    structure: *mut S,
    key: *const c_char,
    value: *mut f64,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || get_number(structure, key, value)) }
}

/// Reads a number from the text of an option.
///
/// # Safety
/// As `adbc.h` demands.
unsafe fn get_number<S: Structure, N: FromStr>(
    structure: *mut S,
    key: *const c_char,
    value: *mut N,
) -> Result<()> {
    // SAFETY: as this function demands.
    unsafe {
        let (object, key) = (object(structure)?, text(key, "key")?);
        write(value, "value", || {
            let text = object.get(key)?;
            text.parse().map_err(|_| {
                let what = format!("value \"{text}\" of option \"{key}\" is not such a number");
                Error::new(SqlState::INVALID_PARAMETER_VALUE, what).into()
            })
        })
    }
}
