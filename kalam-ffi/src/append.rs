//! Many rows into a table: an Arrow stream, or an appender that is fed value by value.

use std::ffi::c_char;
use std::sync::{Arc, Mutex};

use arrow::array::{RecordBatch, RecordBatchIterator};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::AppendMode;

use crate::argument::{bytes, end, exclusive, name, optional_out, out, text};
use crate::column::{Appended, Columns};
use crate::connection::{KalamConnection, session};
use crate::entry::call;
use crate::error::KalamError;
use crate::failure::{Failure, Result};
use crate::handle::{self, Handled, Kind};
use crate::import;
use crate::query::signed;
use crate::status::KalamStatus;
use crate::vector::floats;

/// Mode of kalam_ingest() and kalam_appender_new(): a row whose key exists refuses all rows.
pub const KALAM_APPEND: i32 = 0;
/// A row whose key exists is replaced.
pub const KALAM_UPSERT: i32 = 1;

fn append_mode(mode: i32) -> Result<AppendMode> {
    match mode {
        KALAM_APPEND => Ok(AppendMode::Append),
        KALAM_UPSERT => Ok(AppendMode::Upsert),
        _ => Err(Failure::argument("mode", format_args!("is {mode}, which is none"))
            .with_hint("the mode is KALAM_APPEND or KALAM_UPSERT")),
    }
}

/// Appends the rows of an Arrow stream to a table, in one commit or in the open transaction.
/// Columns match by name; those that are missing take their default. Takes the stream over:
/// it is released when this returns, whatever it returns.
///
/// `table` is `table` or `namespace.table`. `out_rows` is set to the number of rows; NULL
/// is fine.
///
/// KALAM_STATUS_NOT_FOUND: there is no such table, or no such column. KALAM_STATUS_INTEGRITY: a key exists,
/// or a value breaks a constraint; no row is kept. KALAM_STATUS_INVALID_ARGUMENT: the stream is
/// released, or its data is not what its schema says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_ingest(
    connection: *const KalamConnection,
    table: *const c_char,
    table_len: usize,
    mode: i32,
    stream: *mut FFI_ArrowArrayStream,
    out_rows: *mut i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let rows = unsafe { optional_out(out_rows, 0) };
        // SAFETY: the caller hands over a stream, or NULL.
        let batches = unsafe { import::reader(stream, "stream") }?;
        let session = session(connection)?;
        // SAFETY: the caller passes a text of this length.
        let table = unsafe { name(table, table_len, "table") }?;
        let done = session.append(table, Box::new(batches), append_mode(mode)?)?;
        if let Some(rows) = rows {
            *rows = signed(Some(done));
        }
        Ok(())
    })
}

/// Collects rows value by value and writes them in one commit, far faster than a statement
/// for each. One thread uses it at a time.
///
///     const char *columns[] = {"id", "body"};
///     kalam_appender_new(connection, "chat", KALAM_NTS, columns, 2, KALAM_APPEND, &rows, &err);
///     for (int64_t id = 0; id < 1000; id++) {
///         kalam_appender_int64(rows, id, &err);
///         kalam_appender_text(rows, "hello", KALAM_NTS, &err);
///         kalam_appender_end_row(rows, &err);
///     }
///     kalam_appender_flush(rows, NULL, &err);
///     kalam_appender_free(&rows, &err);
///
/// The rows are held in memory until they are flushed; a program that has many flushes every
/// 100,000 or so. The values of a column are of one kind: integers, doubles, texts ..; they
/// become values of the column's type as with INSERT.
pub struct KalamAppender {
    connection: Arc<KalamConnection>,
    table: String,
    mode: AppendMode,
    columns: Mutex<Columns>,
}

impl Handled for KalamAppender {
    const KIND: Kind = Kind::Appender;
}

/// Makes an appender for `column_count` columns of a table; the others take their default.
/// `columns` are texts that end with a NUL byte. Table and columns are looked up when rows
/// are flushed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_new(
    connection: *const KalamConnection,
    table: *const c_char,
    table_len: usize,
    columns: *const *const c_char,
    column_count: usize,
    mode: i32,
    out_appender: *mut *mut KalamAppender,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_appender, std::ptr::null_mut(), "out_appender") }?;
        let connection = handle::get(connection, "connection")?.share();
        connection.session()?;
        // SAFETY: the caller passes texts and an array of these lengths.
        let (table, columns) = unsafe {
            (name(table, table_len, "table")?.to_owned(), column_names(columns, column_count)?)
        };
        let (mode, columns) = (append_mode(mode)?, Mutex::new(Columns::new(columns)));
        *place = handle::give(KalamAppender { connection, table, mode, columns })?;
        Ok(())
    })
}

/// Most columns of an appender; a table has no more.
const COLUMNS_MAX: usize = 4096;

unsafe fn column_names(columns: *const *const c_char, count: usize) -> Result<Vec<String>> {
    if !(1..=COLUMNS_MAX).contains(&count) {
        let what = format_args!("is {count}");
        return Err(Failure::argument("column_count", what).with_hint("name 1 to 4096 columns"));
    }
    if columns.is_null() {
        return Err(Failure::argument("columns", "is NULL"));
    }
    // SAFETY: the caller passes an array of this length, of texts that end with a NUL byte.
    unsafe {
        let columns = std::slice::from_raw_parts(columns, count);
        let owned = |column: &*const c_char| {
            Ok(name(*column, crate::argument::KALAM_NTS, "columns")?.to_owned())
        };
        columns.iter().map(owned).collect()
    }
}

/// Puts what `value` makes of the caller's arguments into the next column.
fn append<'a>(
    appender: *mut KalamAppender,
    err: *mut *mut KalamError,
    value: impl FnOnce() -> Result<Appended<'a>>,
) -> KalamStatus {
    call(err, || {
        let appender = handle::get(appender, "appender")?;
        exclusive(&appender.columns, "appender")?.append(value()?)
    })
}

/// Appends NULL to the row, in its next column.
///
/// KALAM_STATUS_INVALID_STATE: the row has a value for each column. KALAM_STATUS_INVALID_ARGUMENT: the
/// column holds values of another kind. So with all that append one; the row goes on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_null(
    appender: *mut KalamAppender,
    err: *mut *mut KalamError,
) -> KalamStatus {
    append(appender, err, || Ok(Appended::Null))
}

/// Appends a BOOLEAN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_bool(
    appender: *mut KalamAppender,
    value: bool,
    err: *mut *mut KalamError,
) -> KalamStatus {
    append(appender, err, || Ok(Appended::Bool(value)))
}

/// Appends an integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_int64(
    appender: *mut KalamAppender,
    value: i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    append(appender, err, || Ok(Appended::Int64(value)))
}

/// Appends a double.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_double(
    appender: *mut KalamAppender,
    value: f64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    append(appender, err, || Ok(Appended::Double(value)))
}

/// Appends a text, which is copied; also a date, time, decimal, UUID or JSON.
///
/// KALAM_STATUS_INVALID_DATA: it is not valid UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_text(
    appender: *mut KalamAppender,
    value: *const c_char,
    value_len: usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes a text of this length.
    append(appender, err, || Ok(Appended::Text(unsafe { text(value, value_len, "value") }?)))
}

/// Appends bytes, which are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_blob(
    appender: *mut KalamAppender,
    value: *const u8,
    value_len: usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes this many bytes.
    append(appender, err, || Ok(Appended::Blob(unsafe { bytes(value, value_len, "value") }?)))
}

/// Appends an EMBEDDING of `value_len` floats, which are copied. All of a column have the
/// same length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_f32_vector(
    appender: *mut KalamAppender,
    value: *const f32,
    value_len: usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes this many floats.
    append(appender, err, || Ok(Appended::Vector(unsafe { floats(value, value_len, "value") }?)))
}

/// Ends the row.
///
/// KALAM_STATUS_INVALID_STATE: it has fewer values than there are columns; it goes on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_end_row(
    appender: *mut KalamAppender,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        let appender = handle::get(appender, "appender")?;
        exclusive(&appender.columns, "appender")?.end_row()
    })
}

/// Writes the rows that were ended, in one commit or in the open transaction. The appender is
/// empty afterwards, also if this fails: none of the rows is written then. `out_rows` is set
/// to the number of rows; NULL is fine.
///
/// KALAM_STATUS_INVALID_STATE: a row has begun; end it. Otherwise as kalam_ingest().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_flush(
    appender: *mut KalamAppender,
    out_rows: *mut i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let rows = unsafe { optional_out(out_rows, 0) };
        let appender = handle::get(appender, "appender")?;
        let mut columns = exclusive(&appender.columns, "appender")?;
        let batch: RecordBatch = columns.finish()?;
        let schema = batch.schema();
        let data = Box::new(RecordBatchIterator::new([Ok(batch)], schema));
        let session = appender.connection.session()?;
        let done = session.append(&appender.table, data, appender.mode)?;
        if let Some(rows) = rows {
            *rows = signed(Some(done));
        }
        Ok(())
    })
}

/// Frees an appender and makes `*appender` NULL. NULL is fine. Rows that were not flushed are
/// forgotten.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_appender_free(
    appender: *mut *mut KalamAppender,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable that holds an appender.
    call(err, || unsafe { end(appender, "appender") })
}
