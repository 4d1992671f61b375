//! `AdbcDatabase*`.

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcDatabase, FFI_AdbcError};

use super::{guarded_entry, object};

pub(in crate::adbc) unsafe extern "C" fn init(
    structure: *mut FFI_AdbcDatabase,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || Ok(object(structure)?.init()?)) }
}
