//! Statements about copies of the whole database.

pub(crate) mod backup_database;
pub(crate) mod restore_database;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use crate::executor::QueryResult;
use crate::jobs::JobId;
use crate::{Error, Result, SqlState};

/// One row: numbers with these names, and the job.
fn report(id: JobId, columns: &[(&str, u64)]) -> Result<QueryResult> {
    let column = |count: u64| -> ArrayRef {
        Arc::new(Int64Array::from(vec![i64::try_from(count).unwrap_or(i64::MAX)]))
    };
    let id: ArrayRef = Arc::new(StringArray::from(vec![id.to_string()]));
    let numbers = columns.iter().map(|(name, count)| (*name, column(*count)));
    RecordBatch::try_from_iter(numbers.chain([("job_id", id)])).map(QueryResult::ready).map_err(
        |e| Error::new(SqlState::INTERNAL_ERROR, "the report cannot be made").with_source(e),
    )
}
