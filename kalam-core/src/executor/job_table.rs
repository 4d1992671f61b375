//! Jobs as rows.

use arrow::array::RecordBatch;

use super::text_table::{TextColumn, TextTable};
use crate::jobs::Job;

/// One row for each job.
///
/// Shape: job_id TEXT, kind TEXT, state TEXT, subject TEXT (table, namespace or path),
/// attempts BIGINT, done BIGINT, total BIGINT (units of work; 0: not known), rows BIGINT,
/// segments BIGINT, result TEXT or NULL, sqlstate TEXT or NULL, message TEXT or NULL,
/// created_at DATETIME, started_at DATETIME or NULL, finished_at DATETIME or NULL.
pub(super) fn job_table(jobs: &[Job]) -> RecordBatch {
    let texts = |text: &dyn Fn(&Job) -> &Option<String>| {
        TextColumn::TextOrNull(jobs.iter().map(|job| text(job).clone()).collect())
    };
    let moments = |moment: &dyn Fn(&Job) -> Option<i64>| {
        TextColumn::MomentOrNull(jobs.iter().map(moment).collect())
    };
    TextTable::default()
        .texts("job_id", jobs.iter().map(|job| job.id))
        .texts("kind", jobs.iter().map(|job| job.id.kind.as_str()))
        .texts("state", jobs.iter().map(|job| job.state.as_str()))
        .texts("subject", jobs.iter().map(|job| &job.subject))
        .numbers("attempts", jobs.iter().map(|job| job.attempts))
        .numbers("done", jobs.iter().map(|job| job.done))
        .numbers("total", jobs.iter().map(|job| job.total))
        .numbers("rows", jobs.iter().map(|job| job.rows))
        .numbers("segments", jobs.iter().map(|job| job.segments))
        .with("result", texts(&|job| &job.result))
        .with("sqlstate", texts(&|job| &job.sqlstate))
        .with("message", texts(&|job| &job.message))
        .moments("created_at", jobs.iter().map(|job| job.created_ms))
        .with("started_at", moments(&|job| job.started_ms))
        .with("finished_at", moments(&|job| job.finished_ms))
        .finish()
}
