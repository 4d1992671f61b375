//! `kalam_flush`: recent rows become segments.

use std::ffi::c_char;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::argument::{name, optional_out};
use crate::connection::{KalamConnection, session};
use crate::entry::call;
use crate::error::KalamError;
use crate::status::KalamStatus;

/// Moves the recent rows of a table, of all its users, to Parquet segments, as STORAGE FLUSH
/// does; no answer changes. `table` is `table` or `namespace.table`; NULL: every table.
/// `out_rows` is set to the number of rows that were moved; NULL is fine.
///
/// KALAM_STATUS_NOT_FOUND: there is no such table. KALAM_STATUS_NOT_IMPLEMENTED: it is a STREAM
/// table, or a transaction is open. KALAM_STATUS_UNAUTHORIZED: the role is below "service".
/// KALAM_STATUS_IO: a file cannot be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_flush(
    connection: *const KalamConnection,
    table: *const c_char,
    table_len: usize,
    out_rows: *mut i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let rows = unsafe { optional_out(out_rows, 0) };
        let session = session(connection)?;
        let table = if table.is_null() {
            None
        } else {
            // SAFETY: the caller passes a text of this length.
            Some(unsafe { name(table, table_len, "table") }?)
        };
        let report = session.flush(table)?.collect()?;
        if let Some(rows) = rows {
            let moved = report.iter().filter_map(|batch| batch.column_by_name("rows"));
            *rows =
                moved.flat_map(|column| column.as_primitive::<Int64Type>().values().iter()).sum();
        }
        Ok(())
    })
}
