//! Statements about copies of the whole database.

pub(crate) mod backup_database;
pub(crate) mod restore_database;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};

use crate::executor::QueryResult;
use crate::{Error, Result, SqlState};

/// One row of numbers with these names.
fn report(columns: &[(&str, u64)]) -> Result<QueryResult> {
    let column = |count: u64| -> ArrayRef {
        Arc::new(Int64Array::from(vec![i64::try_from(count).unwrap_or(i64::MAX)]))
    };
    RecordBatch::try_from_iter(columns.iter().map(|(name, count)| (*name, column(*count))))
        .map(QueryResult::ready)
        .map_err(|e| {
            Error::new(SqlState::INTERNAL_ERROR, "the report cannot be made").with_source(e)
        })
}
