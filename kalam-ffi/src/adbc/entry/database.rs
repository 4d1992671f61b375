//! `AdbcDatabase*`.

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcDatabase, FFI_AdbcError};
use kalam_core::Result;

use super::super::argument::{given, text};
use super::super::database::{AdbcDatabase, DATABASES};
use super::super::error::guarded_entry;
use super::super::option::{self, Optioned};
use super::{option_functions, with_token};

option_functions!(FFI_AdbcDatabase, AdbcDatabase);

/// # Safety
/// `structure` is NULL or an `AdbcDatabase`.
pub(super) unsafe fn object(structure: *mut FFI_AdbcDatabase) -> Result<Arc<AdbcDatabase>> {
    let structure = given(structure, "the database")?;
    // SAFETY: as this function demands.
    AdbcDatabase::handle(unsafe { (*structure).private_data })
}

unsafe fn token(structure: *mut FFI_AdbcDatabase) -> Option<*mut *mut std::ffi::c_void> {
    // SAFETY: the structure is the caller's.
    (!structure.is_null()).then(|| unsafe { &raw mut (*structure).private_data })
}

pub(in crate::adbc) unsafe extern "C" fn new(
    structure: *mut FFI_AdbcDatabase,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        with_token(token(structure), "the database", error, |_| {
            Ok(DATABASES.insert(AdbcDatabase::default()))
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn init(
    structure: *mut FFI_AdbcDatabase,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || object(structure)?.init()) }
}

pub(in crate::adbc) unsafe extern "C" fn release(
    structure: *mut FFI_AdbcDatabase,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        with_token(token(structure), "the database", error, |token| {
            DATABASES.remove(token).map(|_| ptr::null_mut())
        })
    }
}
