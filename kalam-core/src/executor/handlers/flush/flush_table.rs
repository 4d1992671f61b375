//! `STORAGE FLUSH TABLE` and `STORAGE FLUSH ALL`.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use crate::catalog::Table;
use crate::catalog::undefined_namespace;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::resolve_table;
use crate::executor::row_writer::retrying;
use crate::executor::statement::TableRef;
use crate::flush::{FlushReport, Flusher};
use crate::model::TableKind;
use crate::{Error, Result, SqlState};

/// Flushes one table, every user's rows included.
///
/// Returns one row: `table` TEXT, `rows` BIGINT, `segments` BIGINT.
///
/// # Errors
/// `0A000` for STREAM tables, `53100` or `58030` if a file cannot be written.
pub(crate) fn run(engine: &Engine, caller: &Caller, table: &TableRef) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    report(&[(table.clone(), flush(engine, &table)?)])
}

/// Flushes every table that can be, of one namespace or of all.
///
/// Returns a row for each table, as [`run`].
///
/// # Errors
/// As [`run`]; tables before the failing one stay flushed.
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
            let done = flush(engine, &table)?;
            reports.push((table, done));
        }
    }
    report(&reports)
}

fn flush(engine: &Engine, table: &Arc<Table>) -> Result<FlushReport> {
    let flusher = Flusher {
        store: &engine.store,
        registry: &engine.registry,
        users: &engine.users,
        tier: &engine.tier,
        now_ms: engine.clock.now_ms(),
    };
    let report = retrying(|| flusher.flush_table(table))?;
    engine.tier.collect_garbage(&engine.store)?;
    Ok(report)
}

fn report(reports: &[(Arc<Table>, FlushReport)]) -> Result<QueryResult> {
    let schema = Schema::new(vec![
        Field::new("table", DataType::Utf8, false),
        Field::new("rows", DataType::Int64, false),
        Field::new("segments", DataType::Int64, false),
    ]);
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let names = reports.iter().map(|(t, _)| Some(t.definition.name.to_string()));
    let batch = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(names.collect::<StringArray>()),
            Arc::new(reports.iter().map(|(_, r)| Some(count(r.rows))).collect::<Int64Array>()),
            Arc::new(reports.iter().map(|(_, r)| Some(count(r.segments))).collect::<Int64Array>()),
        ],
    );
    batch.map(QueryResult::ready).map_err(|e| {
        Error::new(SqlState::INTERNAL_ERROR, "the report cannot be made").with_source(e)
    })
}
