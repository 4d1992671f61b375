//! `AdbcConnection*`.

use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::Arc;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcConnection, FFI_AdbcDatabase, FFI_AdbcError};
use arrow::ffi::FFI_ArrowSchema;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, Result, SqlState};

use super::super::argument::{given, items, optional_text, text, texts};
use super::super::connection::{AdbcConnection, CONNECTIONS, Open, check_catalog};
use super::super::error::guarded_entry;
use super::super::info::{info, table_types};
use super::super::objects::{Filter, objects, table_schema};
use super::super::option::{self, Optioned};
use super::super::statistics::{statistic_names, statistics};
use super::{database, give_rows, give_schema, option_functions, with_token};

option_functions!(FFI_AdbcConnection, AdbcConnection);

/// # Safety
/// `structure` is NULL or an `AdbcConnection`.
unsafe fn object(structure: *mut FFI_AdbcConnection) -> Result<Arc<AdbcConnection>> {
    let structure = given(structure, "the connection")?;
    // SAFETY: as this function demands.
    AdbcConnection::handle(unsafe { (*structure).private_data })
}

/// # Safety
/// As [`object`].
pub(super) unsafe fn opened(structure: *mut FFI_AdbcConnection) -> Result<Arc<Open>> {
    // SAFETY: as this function demands.
    unsafe { object(structure) }?.opened()
}

unsafe fn token(structure: *mut FFI_AdbcConnection) -> Option<*mut *mut std::ffi::c_void> {
    // SAFETY: the structure is the caller's.
    (!structure.is_null()).then(|| unsafe { &raw mut (*structure).private_data })
}

pub(in crate::adbc) unsafe extern "C" fn new(
    structure: *mut FFI_AdbcConnection,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        with_token(token(structure), "the connection", error, |_| {
            Ok(CONNECTIONS.insert(AdbcConnection::default()))
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn init(
    structure: *mut FFI_AdbcConnection,
    of: *mut FFI_AdbcDatabase,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let connection = object(structure)?;
            let (database, identity) = database::object(of)?.opened()?;
            connection.init(&database, identity)
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn release(
    structure: *mut FFI_AdbcConnection,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        with_token(token(structure), "the connection", error, |token| {
            CONNECTIONS.remove(token).map(|_| ptr::null_mut())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn commit(
    structure: *mut FFI_AdbcConnection,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || opened(structure)?.end_transaction(true)) }
}

pub(in crate::adbc) unsafe extern "C" fn rollback(
    structure: *mut FFI_AdbcConnection,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || opened(structure)?.end_transaction(false)) }
}

pub(in crate::adbc) unsafe extern "C" fn cancel(
    structure: *mut FFI_AdbcConnection,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            opened(structure)?.cancel();
            Ok(())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn get_info(
    structure: *mut FFI_AdbcConnection,
    codes: *const u32,
    length: usize,
    out: *mut FFI_ArrowArrayStream,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            opened(structure)?;
            give_rows(out, || info(items(codes, length)))
        })
    }
}

#[allow(clippy::too_many_arguments, reason = "the interface has them")]
pub(in crate::adbc) unsafe extern "C" fn get_objects(
    structure: *mut FFI_AdbcConnection,
    depth: c_int,
    catalog: *const c_char,
    namespace: *const c_char,
    table: *const c_char,
    table_types: *const *const c_char,
    column: *const c_char,
    out: *mut FFI_ArrowArrayStream,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let connection = opened(structure)?;
            let filter = Filter {
                depth,
                catalog: optional_text(catalog, "the catalog")?,
                namespace: optional_text(namespace, "the schema")?,
                table: optional_text(table, "the table's name")?,
                table_types: texts(table_types, "a table type")?,
                column: optional_text(column, "the column's name")?,
            };
            give_rows(out, || objects(&connection.beside(), &filter))
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn get_table_schema(
    structure: *mut FFI_AdbcConnection,
    catalog: *const c_char,
    namespace: *const c_char,
    table: *const c_char,
    out: *mut FFI_ArrowSchema,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let connection = opened(structure)?;
            check_catalog(optional_text(catalog, "the catalog")?)?;
            let namespace = optional_text(namespace, "the schema")?;
            let table = text(table, "the table's name")?;
            give_schema(out, || table_schema(&connection.beside(), namespace, table))
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn get_table_types(
    structure: *mut FFI_AdbcConnection,
    out: *mut FFI_ArrowArrayStream,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            opened(structure)?;
            give_rows(out, table_types)
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn get_statistics(
    structure: *mut FFI_AdbcConnection,
    catalog: *const c_char,
    namespace: *const c_char,
    table: *const c_char,
    _approximate: c_char,
    out: *mut FFI_ArrowArrayStream,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let connection = opened(structure)?;
            let catalog = optional_text(catalog, "the catalog")?;
            let namespace = optional_text(namespace, "the schema")?;
            let table = optional_text(table, "the table's name")?;
            give_rows(out, || statistics(&connection.beside(), catalog, namespace, table))
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn get_statistic_names(
    structure: *mut FFI_AdbcConnection,
    out: *mut FFI_ArrowArrayStream,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            opened(structure)?;
            give_rows(out, statistic_names)
        })
    }
}

/// No result of this driver has partitions.
pub(in crate::adbc) unsafe extern "C" fn read_partition(
    structure: *mut FFI_AdbcConnection,
    _partition: *const u8,
    _length: usize,
    _out: *mut FFI_ArrowArrayStream,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            opened(structure)?;
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "results have no partitions"))
        })
    }
}
