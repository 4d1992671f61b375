//! `STORAGE COMPACT TABLE` and `STORAGE COMPACT ALL`.

use std::sync::Arc;

use super::tables_with_segments;
use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::resolve_table;
use crate::executor::retry::retrying;
use crate::executor::statement::TableRef;
use crate::executor::text_table::TextTable;
use crate::flush::Choice;
use crate::jobs::{JobKind, JobReport, NewJob};
use crate::model::TableKind;
use crate::{Error, Result, SqlState};

/// Merges the small segments of one table, of every user, and drops rows that nobody can
/// see any more.
///
/// Returns one row: `table` TEXT, `rows` BIGINT (written), `segments` BIGINT (written),
/// `replaced` BIGINT (segments), `dropped` BIGINT (rows), `job_id` TEXT.
///
/// # Errors
/// `0A000` for STREAM tables, `53100` or `58030` if a file cannot be written, `57014` if
/// the job is killed.
pub(crate) fn run(engine: &Engine, caller: &Caller, table: &TableRef) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    if table.definition.kind == TableKind::Stream {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("STREAM table \"{}\" has no segments", table.definition.name),
        )
        .with_hint("VACUUM removes rows of STREAM tables whose time is over"));
    }
    let name = table.definition.name.clone();
    engine.audit.write(caller.did("STORAGE COMPACT TABLE", Some(name.to_string())))?;
    maintain(engine, JobKind::Compact, &name, &[table], Choice::All)
}

/// Compacts every table that has segments, of one namespace or of all.
///
/// Returns a row for each table, as [`run`].
///
/// # Errors
/// As [`run`]; tables before the failing one stay compacted.
pub(crate) fn run_all(
    engine: &Engine,
    caller: &Caller,
    namespace: Option<&str>,
) -> Result<QueryResult> {
    let tables = tables_with_segments(engine, namespace)?;
    let subject = namespace.unwrap_or("all tables");
    engine.audit.write(caller.did("STORAGE COMPACT ALL", namespace.map(str::to_owned)))?;
    maintain(engine, JobKind::Compact, subject, &tables, Choice::All)
}

/// Removes what tables need not keep, in one job, and gives back the space of files that
/// nobody reads.
///
/// Returns a row for each table, as [`run`].
///
/// # Errors
/// As [`run`].
pub(super) fn maintain(
    engine: &Engine,
    kind: JobKind,
    subject: &(impl ToString + ?Sized),
    tables: &[Arc<Table>],
    choice: Choice,
) -> Result<QueryResult> {
    let tiers = engine.tiers();
    let mut reports = Vec::with_capacity(tables.len());
    let (id, _) = engine.jobs.run(&NewJob::of_statement(kind, subject), |_| {
        let mut total = JobReport::default();
        for table in tables {
            let done = retrying(|| tiers.maintain(table, choice))?;
            total.rows += done.rows + done.dropped;
            total.segments += done.segments;
            reports.push(done);
        }
        engine.tier.collect_garbage(&engine.store)?;
        Ok(total)
    })?;
    Ok(QueryResult::ready(
        TextTable::default()
            .texts("table", tables.iter().map(|table| &table.definition.name))
            .numbers("rows", reports.iter().map(|r| r.rows))
            .numbers("segments", reports.iter().map(|r| r.segments))
            .numbers("replaced", reports.iter().map(|r| r.replaced))
            .numbers("dropped", reports.iter().map(|r| r.dropped))
            .texts("job_id", tables.iter().map(|_| id))
            .finish(),
    ))
}
