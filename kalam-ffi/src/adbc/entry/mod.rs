//! The functions that a caller calls: decode, call, encode.
//!
//! Every function here is called as `adbc.h` demands: a pointer is NULL, or it points to
//! what its type says, initialized, alive for the call, and not written by another thread
//! meanwhile. NULL is an error where the interface does not allow it.

pub(super) mod connection;
pub(super) mod database;
pub(super) mod statement;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::FFI_AdbcError;
use arrow::datatypes::SchemaRef;
use arrow::ffi::FFI_ArrowSchema;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::Result;

use super::argument::given;
use super::error::guarded_entry;
use super::stream::{Rows, exported_schema};

/// Writes rows where the caller wants their stream.
///
/// # Safety
/// `out` is NULL or room for a stream.
unsafe fn give_rows(
    out: *mut FFI_ArrowArrayStream,
    rows: impl FnOnce() -> Result<Rows>,
) -> Result<()> {
    let out = given(out, "the stream")?;
    let rows = rows()?;
    // SAFETY: as this function demands; what is there is not dropped.
    unsafe { out.write(rows.export()) };
    Ok(())
}

/// Writes a schema where the caller wants it.
///
/// # Safety
/// `out` is NULL or room for a schema.
unsafe fn give_schema(
    out: *mut FFI_ArrowSchema,
    schema: impl FnOnce() -> Result<SchemaRef>,
) -> Result<()> {
    let out = given(out, "the schema")?;
    let schema = exported_schema(&schema()?)?;
    // SAFETY: as this function demands; what is there is not dropped.
    unsafe { out.write(schema) };
    Ok(())
}

/// Makes an object and gives the caller its token, or takes the object of a token away.
///
/// # Safety
/// `token` is NULL or a member of the caller's structure; `error` as in [`guarded_entry`].
unsafe fn with_token(
    token: Option<*mut *mut std::ffi::c_void>,
    what: &str,
    error: *mut FFI_AdbcError,
    call: impl FnOnce(*mut std::ffi::c_void) -> Result<*mut std::ffi::c_void>,
) -> AdbcStatusCode {
    let run = || {
        let token = token.ok_or_else(|| super::argument::null(what))?;
        // SAFETY: as this function demands.
        unsafe { token.write(call(token.read())?) };
        Ok(())
    };
    // SAFETY: as this function demands.
    unsafe { guarded_entry(error, run) }
}

/// The eight functions for the options of an object.
macro_rules! option_functions {
    ($structure:ty, $object:ty) => {
        /// The object of a structure, and a key.
        unsafe fn keyed<'a>(
            structure: *mut $structure,
            key: *const c_char,
        ) -> Result<(Arc<$object>, &'a str)> {
            // SAFETY: both are what the caller passed.
            unsafe { Ok((object(structure)?, text(key, "the option's key")?)) }
        }

        pub(in crate::adbc) unsafe extern "C" fn set_option(
            structure: *mut $structure,
            key: *const c_char,
            value: *const c_char,
            error: *mut FFI_AdbcError,
        ) -> AdbcStatusCode {
            // SAFETY: called as `adbc.h` demands.
            unsafe {
                guarded_entry(error, || {
                    let (object, key) = keyed(structure, key)?;
                    option::set_text(&*object, key, value)
                })
            }
        }

        pub(in crate::adbc) unsafe extern "C" fn set_option_bytes(
            structure: *mut $structure,
            key: *const c_char,
            value: *const u8,
            length: usize,
            error: *mut FFI_AdbcError,
        ) -> AdbcStatusCode {
            // SAFETY: called as `adbc.h` demands.
            unsafe {
                guarded_entry(error, || {
                    let (object, key) = keyed(structure, key)?;
                    option::set_bytes(&*object, key, value, length)
                })
            }
        }

        pub(in crate::adbc) unsafe extern "C" fn set_option_int(
            structure: *mut $structure,
            key: *const c_char,
            value: i64,
            error: *mut FFI_AdbcError,
        ) -> AdbcStatusCode {
            // SAFETY: called as `adbc.h` demands.
            unsafe {
                guarded_entry(error, || {
                    let (object, key) = keyed(structure, key)?;
                    object.set(key, &value.to_string())
                })
            }
        }

        pub(in crate::adbc) unsafe extern "C" fn set_option_double(
            structure: *mut $structure,
            key: *const c_char,
            value: f64,
            error: *mut FFI_AdbcError,
        ) -> AdbcStatusCode {
            // SAFETY: called as `adbc.h` demands.
            unsafe {
                guarded_entry(error, || {
                    let (object, key) = keyed(structure, key)?;
                    object.set(key, &value.to_string())
                })
            }
        }

        pub(in crate::adbc) unsafe extern "C" fn get_option(
            structure: *mut $structure,
            key: *const c_char,
            value: *mut c_char,
            length: *mut usize,
            error: *mut FFI_AdbcError,
        ) -> AdbcStatusCode {
            // SAFETY: called as `adbc.h` demands.
            unsafe {
                guarded_entry(error, || {
                    let (object, key) = keyed(structure, key)?;
                    option::get_bytes(&*object, key, value.cast::<u8>(), length, true)
                })
            }
        }

        pub(in crate::adbc) unsafe extern "C" fn get_option_bytes(
            structure: *mut $structure,
            key: *const c_char,
            value: *mut u8,
            length: *mut usize,
            error: *mut FFI_AdbcError,
        ) -> AdbcStatusCode {
            // SAFETY: called as `adbc.h` demands.
            unsafe {
                guarded_entry(error, || {
                    let (object, key) = keyed(structure, key)?;
                    option::get_bytes(&*object, key, value, length, false)
                })
            }
        }

        pub(in crate::adbc) unsafe extern "C" fn get_option_int(
            structure: *mut $structure,
            key: *const c_char,
            value: *mut i64,
            error: *mut FFI_AdbcError,
        ) -> AdbcStatusCode {
            // SAFETY: called as `adbc.h` demands.
            unsafe {
                guarded_entry(error, || {
                    let (object, key) = keyed(structure, key)?;
                    option::get_number(&*object, key, value)
                })
            }
        }

        pub(in crate::adbc) unsafe extern "C" fn get_option_double(
            structure: *mut $structure,
            key: *const c_char,
            value: *mut f64,
            error: *mut FFI_AdbcError,
        ) -> AdbcStatusCode {
            // SAFETY: called as `adbc.h` demands.
            unsafe {
                guarded_entry(error, || {
                    let (object, key) = keyed(structure, key)?;
                    option::get_number(&*object, key, value)
                })
            }
        }
    };
}
use option_functions;
