//! Values for the parameters of a statement.

use std::ffi::c_char;

use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, Params, ScalarValue, SqlState};

use crate::argument::{bytes, exclusive, text};
use crate::entry::call;
use crate::error::KalamError;
use crate::failure::Result;
use crate::handle;
use crate::import;
use crate::statement::KalamStatement;
use crate::status::KalamStatus;
use crate::vector::f32_vector;

/// Binds what `value` makes of the caller's arguments.
fn bind(
    statement: *mut KalamStatement,
    index: u32,
    err: *mut *mut KalamError,
    value: impl FnOnce() -> Result<ScalarValue>,
) -> KalamStatus {
    call(err, || {
        let statement = handle::get(statement, "statement")?;
        let mut state = exclusive(&statement.state, "statement")?;
        let value = value()?;
        state.sets = None;
        state.values.set(index, value)
    })
}

/// Binds NULL. Parameters count from 1, in the order of their first place in the text. A
/// value stays bound until another takes its place or kalam_stmt_clear().
///
/// KALAM_STATUS_INVALID_ARGUMENT: the statement has no such parameter. So with all that bind one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_null(
    statement: *mut KalamStatement,
    index: u32,
    err: *mut *mut KalamError,
) -> KalamStatus {
    bind(statement, index, err, || Ok(ScalarValue::Null))
}

/// Binds a BOOLEAN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_bool(
    statement: *mut KalamStatement,
    index: u32,
    value: bool,
    err: *mut *mut KalamError,
) -> KalamStatus {
    bind(statement, index, err, || Ok(ScalarValue::Boolean(Some(value))))
}

/// Binds an integer; it becomes the integer type of the parameter, or a number of another
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_int64(
    statement: *mut KalamStatement,
    index: u32,
    value: i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    bind(statement, index, err, || Ok(ScalarValue::Int64(Some(value))))
}

/// Binds a double.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_double(
    statement: *mut KalamStatement,
    index: u32,
    value: f64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    bind(statement, index, err, || Ok(ScalarValue::Float64(Some(value))))
}

/// Binds a text, which is copied: UTF-8 of `value_len` bytes, which may be NUL bytes, or up
/// to the first NUL byte (KALAM_NTS). It is also how dates, times, decimals, UUIDs and JSON
/// are bound.
///
/// KALAM_STATUS_INVALID_DATA: it is not valid UTF-8. KALAM_STATUS_LIMIT_EXCEEDED: 2^31 bytes or more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_text(
    statement: *mut KalamStatement,
    index: u32,
    value: *const c_char,
    value_len: usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    bind(statement, index, err, || {
        // SAFETY: the caller passes a text of this length.
        let value = unsafe { text(value, value_len, "value") }?;
        Ok(ScalarValue::Utf8(Some(value.to_owned())))
    })
}

/// Binds bytes, which are copied.
///
/// KALAM_STATUS_LIMIT_EXCEEDED: 2^31 bytes or more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_blob(
    statement: *mut KalamStatement,
    index: u32,
    value: *const u8,
    value_len: usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    bind(statement, index, err, || {
        // SAFETY: the caller passes this many bytes.
        let value = unsafe { bytes(value, value_len, "value") }?;
        Ok(ScalarValue::Binary(Some(value.to_vec())))
    })
}

/// Binds an EMBEDDING of `value_len` floats, which are copied.
///
/// KALAM_STATUS_INVALID_ARGUMENT: no floats, or more than 8192.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_f32_vector(
    statement: *mut KalamStatement,
    index: u32,
    value: *const f32,
    value_len: usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    bind(statement, index, err, || {
        // SAFETY: the caller passes this many floats.
        let list = unsafe { f32_vector(value, value_len, "value") }?;
        Ok(ScalarValue::FixedSizeList(list.into()))
    })
}

/// Binds a row of Arrow data for each set of values: an array of structs, whose fields stand
/// for the parameters by their place, or by their name where parameters are `:name`. Takes
/// `array` and `schema` over: both are released when this returns, whatever it returns,
/// unless one of them is NULL.
///
/// KALAM_STATUS_INVALID_ARGUMENT: the array is not what its schema says, or has other columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_arrow(
    statement: *mut KalamStatement,
    array: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller hands over structures of the C data interface, or NULL.
        let batch = unsafe { import::batch(array, schema, "array") }?;
        let statement = handle::get(statement, "statement")?;
        let mut state = exclusive(&statement.state, "statement")?;
        state.sets = Some(state.values.sets(&batch)?);
        Ok(())
    })
}

/// As kalam_stmt_bind_arrow(), for all rows of a stream, which is read to its end now. Takes
/// the stream over: it is released when this returns, whatever it returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_bind_stream(
    statement: *mut KalamStatement,
    stream: *mut FFI_ArrowArrayStream,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller hands over a stream, or NULL.
        let batches = unsafe { import::reader(stream, "stream") }?;
        let statement = handle::get(statement, "statement")?;
        let mut state = exclusive(&statement.state, "statement")?;
        let mut sets: Vec<Params> = Vec::new();
        for batch in batches {
            let batch =
                batch.map_err(|e| Error::new(SqlState::INVALID_PARAMETER_VALUE, e.to_string()))?;
            sets.extend(state.values.sets(&batch)?);
        }
        state.sets = Some(sets);
        Ok(())
    })
}

/// Forgets everything that is bound.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_clear(
    statement: *mut KalamStatement,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        let statement = handle::get(statement, "statement")?;
        let mut state = exclusive(&statement.state, "statement")?;
        state.sets = None;
        state.values.clear();
        Ok(())
    })
}
