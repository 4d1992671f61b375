//! `KalamResult`: rows, one after another, for programs without an Arrow library.

use std::ffi::{CString, c_char};
use std::sync::{Mutex, OnceLock};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use kalam_core::model::KalamDataType;
use kalam_core::{CancelHandle, Error, Params, QueryResult, SqlState};

use crate::argument::{end, exclusive, out, required};
use crate::connection::{KalamConnection, session};
use crate::entry::call;
use crate::error::{KalamError, c_text};
use crate::failure::{Failure, Result};
use crate::handle::{self, Handled, Kind};
use crate::query::signed;
use crate::status::KalamStatus;
use crate::value;

/// The rows of a statement, one after another. It outlives statement, connection and
/// database. One thread uses it at a time; another may call kalam_result_cancel().
///
///     KalamResult *rows = NULL;
///     bool more = false;
///     kalam_query_rows(connection, "SELECT id, body FROM t", KALAM_NTS, &rows, &err);
///     while (kalam_result_next(rows, &more, &err) == KALAM_STATUS_OK && more) {
///         int64_t id;
///         const char *body;
///         kalam_result_int64(rows, 0, &id, &err);
///         kalam_result_text(rows, 1, &body, NULL, &err);
///     }
///     kalam_result_free(&rows, &err);
///
/// Columns count from 0. A value that is NULL reads as 0, 0.0, false, or a NULL pointer of
/// length 0; kalam_result_is_null() tells it from those.
pub struct KalamResult {
    schema: SchemaRef,
    rows_affected: Option<u64>,
    cancel: Option<CancelHandle>,
    names: OnceLock<Vec<ColumnTexts>>,
    rows: Mutex<Rows>,
}

impl Handled for KalamResult {
    const KIND: Kind = Kind::Result;
}

struct ColumnTexts {
    name: CString,
    type_name: CString,
}

struct Rows {
    /// `None` at the end, which frees the snapshot, and after a failure.
    query: Option<QueryResult>,
    batch: Option<RecordBatch>,
    row: usize,
    /// The last text that was read of each column.
    texts: Vec<Vec<u8>>,
}

impl KalamResult {
    pub fn new(query: QueryResult) -> KalamResult {
        KalamResult {
            schema: query.schema(),
            rows_affected: query.rows_affected(),
            cancel: Some(query.cancel_handle()),
            names: OnceLock::new(),
            rows: Mutex::new(Rows { query: Some(query), batch: None, row: 0, texts: Vec::new() }),
        }
    }

    /// Of a statement that has no rows.
    pub fn affected(rows: u64) -> KalamResult {
        KalamResult {
            schema: SchemaRef::new(arrow::datatypes::Schema::empty()),
            rows_affected: Some(rows),
            cancel: None,
            names: OnceLock::new(),
            rows: Mutex::new(Rows { query: None, batch: None, row: 0, texts: Vec::new() }),
        }
    }

    fn column(&self, column: usize) -> Result<&ColumnTexts> {
        let texts = self.names.get_or_init(|| {
            let fields = self.schema.fields().iter();
            fields
                .map(|field| ColumnTexts {
                    name: c_text(field.name()),
                    type_name: c_text(&KalamDataType::name_of_arrow_field(field)),
                })
                .collect()
        });
        texts.get(column).ok_or_else(|| no_column(column, texts.len()))
    }
}

fn no_column(column: usize, columns: usize) -> Failure {
    let what = format_args!("is {column}, and the result has {columns} columns");
    Failure::argument("column", what).with_hint("columns count from 0")
}

impl Rows {
    /// Goes to the next row, if there is one.
    fn advance(&mut self) -> Result<bool> {
        if let Some(batch) = &self.batch
            && self.row + 1 < batch.num_rows()
        {
            self.row += 1;
            return Ok(true);
        }
        self.batch = None;
        while let Some(query) = &mut self.query {
            match query.next_batch() {
                Ok(Some(batch)) if batch.num_rows() == 0 => {}
                Ok(Some(batch)) => {
                    (self.batch, self.row) = (Some(batch), 0);
                    return Ok(true);
                }
                end => {
                    self.query = None;
                    end?;
                }
            }
        }
        Ok(false)
    }

    /// The column that holds a value of the row, and the row.
    fn cell(&self, column: usize) -> Result<(&dyn Array, usize)> {
        let Some(batch) = &self.batch else {
            return Err(Failure::argument("result", "is at no row")
                .with_hint("call kalam_result_next() until it says that there is none"));
        };
        match batch.columns().get(column) {
            Some(found) => Ok((found.as_ref(), self.row)),
            None => Err(no_column(column, batch.num_columns())),
        }
    }

    /// The value as text with a NUL byte behind it, and its length.
    fn text(&mut self, column: usize) -> Result<(*const c_char, usize)> {
        let (found, row) = self.cell(column)?;
        if found.is_null(row) {
            return Ok((std::ptr::null(), 0));
        }
        let found = found.slice(row, 1);
        if self.texts.len() <= column {
            self.texts.resize_with(column + 1, Vec::new);
        }
        let text = &mut self.texts[column];
        text.clear();
        value::write_text(found.as_ref(), 0, text)?;
        text.push(0);
        Ok((text.as_ptr().cast(), text.len() - 1))
    }
}

/// Runs SQL as kalam_query() does, and returns its rows one after another. Free the result
/// with kalam_result_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_query_rows(
    connection: *const KalamConnection,
    sql: *const c_char,
    sql_len: usize,
    out_result: *mut *mut KalamResult,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_result, std::ptr::null_mut(), "out_result") }?;
        let session = session(connection)?;
        // SAFETY: the caller passes a text of this length.
        let sql = unsafe { required(sql, sql_len, "sql") }?;
        *place = handle::give(KalamResult::new(session.execute(sql, &Params::None)?))?;
        Ok(())
    })
}

/// Says how a statement would run, as EXPLAIN does: rows of one text. With `analyze` the
/// query runs, and the rows say what it did. Free the result with kalam_result_free().
///
/// KALAM_STATUS_NOT_IMPLEMENTED: `analyze` of a statement that writes, or another statement
/// than a query, INSERT, UPDATE or DELETE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_explain(
    connection: *const KalamConnection,
    sql: *const c_char,
    sql_len: usize,
    analyze: bool,
    out_result: *mut *mut KalamResult,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_result, std::ptr::null_mut(), "out_result") }?;
        let session = session(connection)?;
        // SAFETY: the caller passes a text of this length.
        let sql = unsafe { required(sql, sql_len, "sql") }?;
        *place = handle::give(KalamResult::new(session.explain(sql, &Params::None, analyze)?))?;
        Ok(())
    })
}

/// Goes to the next row, the first one at first. `*out_row` says whether there is one.
/// Pointers that were read of the row before are no longer valid.
///
/// What the query raises while it runs; there are no more rows then. KALAM_STATUS_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_next(
    result: *mut KalamResult,
    out_row: *mut bool,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_row, false, "out_row") }?;
        let result = handle::get(result, "result")?;
        *place = exclusive(&result.rows, "result")?.advance()?;
        Ok(())
    })
}

/// Stops the query, from any thread: whoever waits for its next row gets KALAM_STATUS_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_cancel(
    result: *const KalamResult,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        if let Some(cancel) = &handle::get(result, "result")?.cancel {
            cancel.cancel();
        }
        Ok(())
    })
}

/// The number of columns; 0 for a statement without rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_columns(
    result: *const KalamResult,
    out_columns: *mut usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_columns, 0, "out_columns") }?;
        *place = handle::get(result, "result")?.schema.fields().len();
        Ok(())
    })
}

/// The name of a column. The text lives as long as the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_column_name(
    result: *const KalamResult,
    column: usize,
    out_name: *mut *const c_char,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_name, std::ptr::null(), "out_name") }?;
        let result = handle::get(result, "result")?;
        *place = result.column(column)?.name.as_ptr();
        Ok(())
    })
}

/// The SQL type of a column, such as "BIGINT" or "EMBEDDING(384)". The text lives as long
/// as the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_column_type(
    result: *const KalamResult,
    column: usize,
    out_type: *mut *const c_char,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_type, std::ptr::null(), "out_type") }?;
        let result = handle::get(result, "result")?;
        *place = result.column(column)?.type_name.as_ptr();
        Ok(())
    })
}

/// The rows that an INSERT, UPDATE, DELETE or MERGE changed; -1 for everything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_rows_affected(
    result: *const KalamResult,
    out_rows: *mut i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_rows, -1, "out_rows") }?;
        *place = signed(handle::get(result, "result")?.rows_affected);
        Ok(())
    })
}

/// Reads a value of the row that the result is at; `empty` if it is NULL.
unsafe fn read<T>(
    result: *const KalamResult,
    column: usize,
    place: (*mut T, T, &'static str),
    err: *mut *mut KalamError,
    read: impl FnOnce(&dyn Array, usize) -> Result<T>,
) -> KalamStatus {
    call(err, || {
        let (place, empty, name) = place;
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(place, empty, name) }?;
        let result = handle::get(result, "result")?;
        let rows = exclusive(&result.rows, "result")?;
        let (found, row) = rows.cell(column)?;
        if found.is_valid(row) {
            *place = read(found, row)?;
        }
        Ok(())
    })
}

/// Says whether a value is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_is_null(
    result: *const KalamResult,
    column: usize,
    out_null: *mut bool,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable.
    unsafe { read(result, column, (out_null, true, "out_null"), err, |_, _| Ok(false)) }
}

/// Reads a BOOLEAN.
///
/// KALAM_STATUS_INVALID_ARGUMENT: the result is at no row, or has no such column, or the column is
/// of another type. So with all that read a value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_bool(
    result: *const KalamResult,
    column: usize,
    out_value: *mut bool,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable.
    unsafe { read(result, column, (out_value, false, "out_value"), err, value::boolean) }
}

/// Reads a SMALLINT, INT, BIGINT or BOOLEAN; a DATE as days since 1970-01-01; a TIME as
/// microseconds since midnight; a TIMESTAMP or DATETIME as microseconds since 1970-01-01.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_int64(
    result: *const KalamResult,
    column: usize,
    out_value: *mut i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable.
    unsafe { read(result, column, (out_value, 0, "out_value"), err, value::integer) }
}

/// Reads a number of any type as the nearest double.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_double(
    result: *const KalamResult,
    column: usize,
    out_value: *mut f64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable.
    unsafe { read(result, column, (out_value, 0.0, "out_value"), err, value::double) }
}

/// Reads a value of any type but BYTES as text: UTF-8 of `*out_len` bytes, with a NUL byte
/// behind it, and possibly more of them inside. `out_len` may be NULL. The text lives until
/// the next row, the next call for this column, or the end of the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_text(
    result: *const KalamResult,
    column: usize,
    out_text: *mut *const c_char,
    out_len: *mut usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or variables.
        let (place, length) = unsafe {
            (
                out(out_text, std::ptr::null(), "out_text")?,
                crate::argument::optional_out(out_len, 0),
            )
        };
        let result = handle::get(result, "result")?;
        let (text, len) = exclusive(&result.rows, "result")?.text(column)?;
        *place = text;
        if let Some(length) = length {
            *length = len;
        }
        Ok(())
    })
}

/// Reads BYTES, a UUID or the bytes of a text, which are not copied. They live until the
/// next row or the end of the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_blob(
    result: *const KalamResult,
    column: usize,
    out_bytes: *mut *const u8,
    out_len: *mut usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or variables.
    unsafe { read_slice(result, column, (out_bytes, "out_bytes"), out_len, err, value::bytes) }
}

/// Reads the elements of an EMBEDDING, which are not copied. They live until the next row
/// or the end of the result. `*out_len` is the number of elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_f32_vector(
    result: *const KalamResult,
    column: usize,
    out_items: *mut *const f32,
    out_len: *mut usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or variables.
    unsafe { read_slice(result, column, (out_items, "out_items"), out_len, err, value::vector) }
}

unsafe fn read_slice<T>(
    result: *const KalamResult,
    column: usize,
    place: (*mut *const T, &'static str),
    out_len: *mut usize,
    err: *mut *mut KalamError,
    read: impl FnOnce(&dyn Array, usize) -> Result<&[T]>,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or variables.
        let (place, length) =
            unsafe { (out(place.0, std::ptr::null(), place.1)?, out(out_len, 0, "out_len")?) };
        let result = handle::get(result, "result")?;
        let rows = exclusive(&result.rows, "result")?;
        let (found, row) = rows.cell(column)?;
        if found.is_valid(row) {
            let items = read(found, row)?;
            (*place, *length) = (items.as_ptr(), items.len());
        }
        Ok(())
    })
}

/// Frees a result, stops its query, and makes `*result` NULL. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_result_free(
    result: *mut *mut KalamResult,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable that holds a result.
    call(err, || unsafe { end(result, "result") })
}

/// The error of a statement that takes one set of values and got several.
pub fn several_sets(sets: usize) -> Failure {
    let what = format!("a query takes one set of parameters, and {sets} are bound");
    Error::new(SqlState::INVALID_PARAMETER_VALUE, what)
        .with_hint("run it for each set, or join it with the rows in a table")
        .into()
}
