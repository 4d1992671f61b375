//! `system.jobs`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::executor::job_table::job_table;

/// The jobs at work and the newest 1,000 that are over, newest first. Jobs are as they are
/// now, also within a transaction.
///
/// Shape: that of [`job_table`].
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    Ok(job_table(&moment.engine.jobs.all()))
}
