//! `AdbcConnection*`.

use std::ffi::{c_char, c_int};
use std::sync::Arc;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcConnection, FFI_AdbcDatabase, FFI_AdbcError};
use arrow::ffi::FFI_ArrowSchema;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, SqlState};

use super::super::connection::{Open, check_catalog};
use super::super::info::{info, table_types};
use super::super::objects::{Filter, objects, table_schema};
use super::super::statistics::{statistic_names, statistics};
use super::{guarded_entry, items, object, optional_text, text, texts, write_rows, write_schema};
use crate::failure::Result;

/// The open connection of a structure.
///
/// # Safety
/// `structure` is NULL or an `AdbcConnection`.
pub(super) unsafe fn opened(structure: *mut FFI_AdbcConnection) -> Result<Arc<Open>> {
    // SAFETY: as this function demands.
    Ok(unsafe { object(structure) }?.opened()?)
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
            let (database, identity) = object(of)?.opened()?;
            Ok(connection.init(&database, identity)?)
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn commit(
    structure: *mut FFI_AdbcConnection,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || Ok(opened(structure)?.end_transaction(true)?)) }
}

pub(in crate::adbc) unsafe extern "C" fn rollback(
    structure: *mut FFI_AdbcConnection,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || Ok(opened(structure)?.end_transaction(false)?)) }
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
            write_rows(out, || info(items(codes, length)))
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
                catalog: optional_text(catalog, "catalog")?,
                namespace: optional_text(namespace, "db_schema")?,
                table: optional_text(table, "table_name")?,
                table_types: texts(table_types, "table_type")?,
                column: optional_text(column, "column_name")?,
            };
            write_rows(out, || objects(&connection.beside(), &filter))
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
            check_catalog(optional_text(catalog, "catalog")?)?;
            let namespace = optional_text(namespace, "db_schema")?;
            let table = text(table, "table_name")?;
            write_schema(out, || table_schema(&connection.beside(), namespace, table))
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
            write_rows(out, table_types)
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
            let catalog = optional_text(catalog, "catalog")?;
            let namespace = optional_text(namespace, "db_schema")?;
            let table = optional_text(table, "table_name")?;
            write_rows(out, || statistics(&connection.beside(), catalog, namespace, table))
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
            write_rows(out, statistic_names)
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
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "results have no partitions")
                .with_hint("execute the statement")
                .into())
        })
    }
}
