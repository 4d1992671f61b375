//! `STORAGE FLUSH TABLE` and `STORAGE FLUSH ALL`.

use std::sync::Arc;

use super::tables_with_segments;
use crate::Result;
use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::resolve_table;
use crate::executor::retry::retrying;
use crate::executor::statement::TableRef;
use crate::executor::text_table::TextTable;
use crate::flush::{FlushReport, refuse_stream};
use crate::jobs::{JobId, JobKind, JobReport, NewJob};

/// Flushes one table, every user's rows included, as a job. If a flush of the table runs
/// already, this waits for it and returns its result: rows that were written after that
/// one began to read their owner's rows stay hot.
///
/// Returns one row: `table` TEXT, `rows` BIGINT, `segments` BIGINT, `job_id` TEXT.
///
/// # Errors
/// `0A000` for STREAM tables, `53100` or `58030` if a file cannot be written, `57014` if
/// the job is killed.
pub(crate) fn run(engine: &Engine, caller: &Caller, table: &TableRef) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    refuse_stream(&table.definition)?;
    let name = table.definition.name.to_string();
    engine.audit.write(caller.did("STORAGE FLUSH TABLE", Some(name)))?;
    let key = format!("flush:{}", table.definition.id);
    let new = NewJob::of_statement(JobKind::Flush, &table.definition.name).with_key(key);
    let (id, done) = engine.jobs.run(&new, |_| {
        let report = flush(engine, &table)?;
        Ok(JobReport { rows: report.rows, segments: report.segments, ..JobReport::default() })
    })?;
    Ok(report(id, &[(table, FlushReport { rows: done.rows, segments: done.segments })]))
}

/// Flushes every table that can be, of one namespace or of all, in one job.
///
/// Returns a row for each table, as [`run`].
///
/// # Errors
/// As [`run`]; tables before the failing one stay flushed.
pub(crate) fn run_all(
    engine: &Engine,
    caller: &Caller,
    namespace: Option<&str>,
) -> Result<QueryResult> {
    let tables = tables_with_segments(engine, namespace)?;
    engine.audit.write(caller.did("STORAGE FLUSH ALL", namespace.map(str::to_owned)))?;
    let new = NewJob::of_statement(JobKind::Flush, namespace.unwrap_or("all tables"));
    let mut reports = Vec::new();
    let (id, _) = engine.jobs.run(&new, |_| {
        let mut total = JobReport::default();
        for table in &tables {
            let done = flush(engine, table)?;
            total.rows += done.rows;
            total.segments += done.segments;
            reports.push((table.clone(), done));
        }
        Ok(total)
    })?;
    Ok(report(id, &reports))
}

fn flush(engine: &Engine, table: &Arc<Table>) -> Result<FlushReport> {
    let tiers = engine.tiers();
    let report = retrying(|| tiers.flush_table(table))?;
    engine.tier.collect_garbage(&engine.store)?;
    Ok(report)
}

fn report(id: JobId, reports: &[(Arc<Table>, FlushReport)]) -> QueryResult {
    QueryResult::ready(
        TextTable::default()
            .texts("table", reports.iter().map(|(table, _)| &table.definition.name))
            .numbers("rows", reports.iter().map(|(_, report)| report.rows))
            .numbers("segments", reports.iter().map(|(_, report)| report.segments))
            .texts("job_id", reports.iter().map(|_| id))
            .finish(),
    )
}
