//! `SHOW JOBS`.

use crate::executor::QueryResult;
use crate::executor::engine::Engine;
use crate::executor::job_table::job_table;

/// The jobs at work and the newest that are over, newest first: the rows of `system.jobs`,
/// as [`job_table`] has them.
pub(crate) fn run(engine: &Engine) -> QueryResult {
    QueryResult::ready(job_table(&engine.jobs.all()))
}
