//! `STORAGE COMPACT TABLE` and `STORAGE COMPACT ALL`.

use std::sync::Arc;

use crate::Result;
use crate::catalog::{Table, undefined_namespace};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::resolve_table;
use crate::executor::row_writer::retrying;
use crate::executor::statement::TableRef;
use crate::executor::text_table::TextTable;
use crate::flush::{Choice, CompactReport, Compactor};
use crate::model::TableKind;

/// Merges the small segments of one table, of every user, and drops rows that nobody can
/// see any more.
///
/// Returns one row: `table` TEXT, `rows` BIGINT (written), `segments` BIGINT (written),
/// `replaced` BIGINT (segments), `dropped` BIGINT (rows).
///
/// # Errors
/// `0A000` for STREAM tables, `53100` or `58030` if a file cannot be written.
pub(crate) fn run(engine: &Engine, caller: &Caller, table: &TableRef) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    let done = compact(engine, &table, Choice::All)?;
    Ok(report(&[(table, done)]))
}

/// Compacts every table that has segments, of one namespace or of all.
///
/// Returns a row for each table, as [`run`].
///
/// # Errors
/// As [`run`]; tables before the failing one stay compacted.
pub(crate) fn run_all(engine: &Engine, namespace: Option<&str>) -> Result<QueryResult> {
    if let Some(namespace) = namespace
        && !engine.registry.has_namespace(namespace)
    {
        return Err(undefined_namespace(namespace));
    }
    let mut reports = Vec::new();
    for table in engine.registry.tables()? {
        let definition = &table.definition;
        let wanted = namespace.is_none_or(|n| definition.name.namespace.as_str() == n);
        if wanted && definition.kind != TableKind::Stream {
            let done = compact(engine, &table, Choice::All)?;
            reports.push((table, done));
        }
    }
    Ok(report(&reports))
}

/// Compacts a table, and gives back the space of files that nobody reads.
///
/// # Errors
/// As [`run`].
fn compact(engine: &Engine, table: &Arc<Table>, choice: Choice) -> Result<CompactReport> {
    let compactor = compactor(engine);
    let report = retrying(|| compactor.compact_table(table, choice))?;
    engine.tier.collect_garbage(&engine.store)?;
    Ok(report)
}

/// What compacts the tables of the engine, as of now.
pub(super) fn compactor(engine: &Engine) -> Compactor<'_> {
    Compactor {
        store: &engine.store,
        registry: &engine.registry,
        users: &engine.users,
        tier: &engine.tier,
        now_ms: engine.clock.now_ms(),
    }
}

pub(super) fn report(reports: &[(Arc<Table>, CompactReport)]) -> QueryResult {
    let reported = || reports.iter().map(|(_, report)| report);
    let names: Vec<String> = reports.iter().map(|(t, _)| t.definition.name.to_string()).collect();
    let table = TextTable::default()
        .texts("table", names)
        .numbers("rows", reported().map(|r| r.rows))
        .numbers("segments", reported().map(|r| r.segments))
        .numbers("replaced", reported().map(|r| r.replaced))
        .numbers("dropped", reported().map(|r| r.dropped));
    QueryResult::ready(table.finish())
}
