//! `kalam_query`: SQL in, an Arrow stream out.

use std::ffi::c_char;

use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Params, QueryResult};

use crate::argument::{optional_out, required};
use crate::connection::{KalamConnection, session};
use crate::entry::call;
use crate::error::KalamError;
use crate::failure::Result;
use crate::status::KalamStatus;
use crate::stream;

/// Runs SQL and returns its rows as an Arrow C stream. Several statements are separated by
/// semicolons; they stop at the first failure, and the rows are those of the last one. For
/// parameters see kalam_prepare(); for rows without an Arrow library, kalam_query_rows().
///
/// A write is committed when this returns, unless a transaction is open. A query runs while
/// its stream is read, on a snapshot taken now.
///
/// `sql` is UTF-8 of `sql_len` bytes, or ends at its first NUL byte (KALAM_NTS).
///
/// `out_stream` is room for a stream, whose content is not looked at. The caller releases
/// it (`out_stream->release(out_stream)`), before or after statement, connection and
/// database are closed: it owns what it needs. It may be read in any thread, by one at a
/// time. A statement without rows gives a stream without columns. NULL: the rows are not
/// wanted; a query is checked, and not run.
///
/// `out_rows_affected` is set to the rows that an INSERT, UPDATE, DELETE or MERGE changed,
/// -1 for everything else. NULL is fine.
///
/// If the status is not KALAM_STATUS_OK, `*out_stream` is a released stream.
///
/// KALAM_STATUS_INVALID_ARGUMENT: the SQL is wrong; kalam_error_line() says where. Every other
/// status of a statement.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_query(
    connection: *const KalamConnection,
    sql: *const c_char,
    sql_len: usize,
    out_stream: *mut FFI_ArrowArrayStream,
    out_rows_affected: *mut i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or room.
        let outputs = unsafe { Outputs::new(out_stream, out_rows_affected) };
        let session = session(connection)?;
        // SAFETY: the caller passes a text of this length.
        let sql = unsafe { required(sql, sql_len, "sql") }?;
        outputs.put(session.execute(sql, &Params::None)?);
        Ok(())
    })
}

/// Where a statement's rows and the number of rows that it changed go.
pub struct Outputs {
    stream: *mut FFI_ArrowArrayStream,
    rows_affected: *mut i64,
}

impl Outputs {
    /// Both say that there is nothing until something is put.
    pub unsafe fn new(stream: *mut FFI_ArrowArrayStream, rows_affected: *mut i64) -> Outputs {
        // SAFETY: the caller passes NULL or room; what was there is not dropped.
        unsafe {
            optional_out(stream, FFI_ArrowArrayStream::empty());
            optional_out(rows_affected, -1);
        }
        Outputs { stream, rows_affected }
    }

    pub fn put(self, result: QueryResult) {
        self.put_rows_affected(result.rows_affected());
        self.put_stream(|| {
            let schema = result.schema();
            stream::export(result, schema)
        });
    }

    /// Of a statement without rows.
    pub fn put_affected(self, rows: u64) {
        self.put_rows_affected(Some(rows));
        self.put_stream(stream::nothing);
    }

    fn put_stream(&self, made: impl FnOnce() -> FFI_ArrowArrayStream) {
        if !self.stream.is_null() {
            // SAFETY: there is room; the empty stream there needs no drop.
            unsafe { self.stream.write(made()) };
        }
    }

    fn put_rows_affected(&self, rows: Option<u64>) {
        if !self.rows_affected.is_null() {
            // SAFETY: there is room.
            unsafe { self.rows_affected.write(signed(rows)) };
        }
    }
}

/// A number of rows, -1 for none.
pub fn signed(rows: Option<u64>) -> i64 {
    rows.map_or(-1, |rows| i64::try_from(rows).unwrap_or(i64::MAX))
}

/// Says what the last call of a stream of kalam_query() or kalam_stmt_execute() failed
/// with: `get_last_error` of the stream gives a text alone. Returns that status, KALAM_STATUS_OK
/// if it did not fail.
///
/// KALAM_STATUS_INVALID_ARGUMENT: the stream is released, or another library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stream_error(
    stream: *mut FFI_ArrowArrayStream,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || -> Result<()> {
        // SAFETY: the caller passes NULL or a stream that no thread reads now.
        match unsafe { stream::broken_by(stream, "stream") }? {
            Some(broken) => Err(broken.failure.copy()),
            None => Ok(()),
        }
    })
}
