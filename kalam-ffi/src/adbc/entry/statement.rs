//! `AdbcStatement*`.

use std::ffi::c_char;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcConnection, FFI_AdbcError, FFI_AdbcPartitions, FFI_AdbcStatement};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, SqlState};

use super::super::bound::Bound;
use super::super::statement::AdbcStatement;
use super::{connection, guarded_entry, object, put, text, write_schema};

pub(in crate::adbc) unsafe extern "C" fn new(
    of: *mut FFI_AdbcConnection,
    structure: *mut FFI_AdbcStatement,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || put(structure, || Ok(AdbcStatement::new(connection::opened(of)?))))
    }
}

pub(in crate::adbc) unsafe extern "C" fn set_sql_query(
    structure: *mut FFI_AdbcStatement,
    sql: *const c_char,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            object(structure)?.set_sql(text(sql, "query")?);
            Ok(())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn set_substrait_plan(
    structure: *mut FFI_AdbcStatement,
    _plan: *const u8,
    _length: usize,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            object(structure)?;
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "substrait plans are not there")
                .with_hint("write it in SQL")
                .into())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn bind(
    structure: *mut FFI_AdbcStatement,
    values: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands; both move into the statement, and what they
    // leave is released.
    unsafe {
        guarded_entry(error, || {
            let statement = object(structure)?;
            statement.bind(Bound::array(values, schema)?);
            Ok(())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn bind_stream(
    structure: *mut FFI_AdbcStatement,
    stream: *mut FFI_ArrowArrayStream,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands; the stream moves into the statement, and what it
    // leaves is released.
    unsafe {
        guarded_entry(error, || {
            let statement = object(structure)?;
            statement.bind(Bound::stream(stream)?);
            Ok(())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn prepare(
    structure: *mut FFI_AdbcStatement,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || Ok(object(structure)?.prepare()?)) }
}

/// A NULL stream: the rows are read and forgotten.
pub(in crate::adbc) unsafe extern "C" fn execute_query(
    structure: *mut FFI_AdbcStatement,
    out: *mut FFI_ArrowArrayStream,
    affected: *mut i64,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let statement = object(structure)?;
            let done = statement.execute()?;
            if out.is_null() {
                statement.drain(done.rows)?;
            } else {
                out.write(done.rows.export());
            }
            if !affected.is_null() {
                affected.write(done.affected);
            }
            Ok(())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn execute_schema(
    structure: *mut FFI_AdbcStatement,
    out: *mut FFI_ArrowSchema,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let statement = object(structure)?;
            write_schema(out, || statement.result_schema())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn get_parameter_schema(
    structure: *mut FFI_AdbcStatement,
    out: *mut FFI_ArrowSchema,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            let statement = object(structure)?;
            write_schema(out, || statement.parameter_schema())
        })
    }
}

pub(in crate::adbc) unsafe extern "C" fn cancel(
    structure: *mut FFI_AdbcStatement,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            object(structure)?.cancel();
            Ok(())
        })
    }
}

/// No result of this driver has partitions.
pub(in crate::adbc) unsafe extern "C" fn execute_partitions(
    structure: *mut FFI_AdbcStatement,
    _schema: *mut FFI_ArrowSchema,
    _partitions: *mut FFI_AdbcPartitions,
    _affected: *mut i64,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            object(structure)?;
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "results have no partitions")
                .with_hint("execute the statement")
                .into())
        })
    }
}
