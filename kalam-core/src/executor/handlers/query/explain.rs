//! `EXPLAIN`.

use std::sync::Arc;
use std::time::Instant;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::Query;

use super::select::prepare;
use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::explain::{explain_plan, outcome, scan_line};
use crate::executor::gateway::TableAction;
use crate::executor::handlers::dml;
use crate::executor::modify_statement::InsertSource;
use crate::executor::query_shape::ParsedQuery;
use crate::executor::recent_read::RecentRead;
use crate::executor::resolve::{read_scope, resolve_table};
use crate::executor::row_writer::key_detail;
use crate::executor::statement::{Explain, Statement};
use crate::executor::text_table::TextTable;
use crate::executor::unplanned_read::UnplannedRead;
use crate::executor::work::Work;
use crate::flush::KeyOrder;
use crate::scan::{KeyRange, Shape, TableScan};
use crate::store::View;
use crate::{Error, Result, SqlState};

/// Shows how a statement gets at its rows; with `analyze` runs the query and shows what it
/// did. A write is never run.
///
/// Columns: `QUERY PLAN` TEXT, a row for each line.
///
/// # Errors
/// What the statement gets wrong, `0A000` for ANALYZE of a write.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    explain: &Explain,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let lines = match &*explain.statement {
        Statement::Query(query) => of_query(engine, caller, work, (explain, query), params)?,
        write if explain.analyze => {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("EXPLAIN ANALYZE of {} would run it", write.name()),
            )
            .with_hint("use EXPLAIN without ANALYZE"));
        }
        write => of_write(engine, caller, work, (explain, write), params)?,
    };
    Ok(QueryResult::ready(TextTable::default().texts("QUERY PLAN", lines).finish()))
}

fn of_query(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    (explain, query): (&Explain, &ParsedQuery),
    params: &[ScalarValue],
) -> Result<Vec<String>> {
    let view = work.view(engine)?;
    if let Some(read) = UnplannedRead::find(engine, caller, query, params, &view)? {
        return of_unplanned(engine, caller, &read, explain, &view);
    }
    let mut query = Query::clone(query);
    let planner = prepare(engine, caller, &mut query, view)?;
    let plan = planner.logical(query, params)?;
    explain_plan(engine, planner, &plan, explain)
}

/// A query that is read without a plan.
fn of_unplanned(
    engine: &Arc<Engine>,
    caller: &Caller,
    read: &UnplannedRead,
    explain: &Explain,
    view: &Arc<View>,
) -> Result<Vec<String>> {
    let mut lines = match read {
        UnplannedRead::Point(point) => {
            let key = key_detail(&point.table, &point.key).unwrap_or_default();
            let name = &point.table.definition.name;
            vec!["Access path: point".to_owned(), format!("Key lookup in {name}: {key}")]
        }
        UnplannedRead::KeyList(list) => {
            let (name, keys) = (&list.table.definition.name, list.keys.len());
            vec!["Access path: point".to_owned(), format!("Lookup of {keys} keys in {name}")]
        }
        UnplannedRead::Recent(recent) => of_recent(engine, caller, recent, view)?,
        UnplannedRead::Nearest(nearest) => {
            let mut lines = vec!["Access path: nearest".to_owned(), nearest.describe()];
            let all = KeyRange::from_filters(&nearest.table, &[])?;
            lines.extend(scan_of(engine, caller, &nearest.table, &all, view)?);
            lines
        }
    };
    if explain.analyze {
        let started = Instant::now();
        let rows = match read {
            UnplannedRead::Point(point) => {
                let found = point.find_row(engine, caller, view)?;
                let place = found.as_ref().map_or("nowhere", |(_, tier)| tier.as_str());
                lines.push(format!("Found: {place}"));
                u64::from(found.is_some())
            }
            several => several.read(engine, caller, view)?.num_rows() as u64,
        };
        lines.push(outcome(rows, started));
    }
    Ok(lines)
}

/// A read that stops at its limit.
fn of_recent(
    engine: &Arc<Engine>,
    caller: &Caller,
    recent: &RecentRead,
    view: &Arc<View>,
) -> Result<Vec<String>> {
    let path = match recent.order {
        KeyOrder::Ascending => "key order",
        KeyOrder::Descending => "recent",
    };
    let mut lines = vec![format!("Access path: {path}"), recent.describe()];
    lines.extend(scan_of(engine, caller, &recent.table, &recent.range, view)?);
    Ok(lines)
}

/// What is read of a range of keys, if the caller has rows.
fn scan_of(
    engine: &Arc<Engine>,
    caller: &Caller,
    table: &Arc<Table>,
    range: &KeyRange,
    view: &Arc<View>,
) -> Result<Option<String>> {
    let Some(user) = read_scope(engine, caller, table)? else { return Ok(None) };
    let scan = TableScan {
        table: table.clone(),
        user: Some(user),
        view: view.clone(),
        tier: engine.tier.clone(),
        shape: Shape::User,
        expiry: table.expiry(engine.store.clock()),
        reports: None,
    };
    Ok(Some(scan_line(&scan.report(user, range)?)))
}

/// The plan of what a write reads.
fn of_write(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    (explain, write): (&Explain, &Statement),
    params: &[ScalarValue],
) -> Result<Vec<String>> {
    let view = work.view(engine)?;
    let (name, planned) = match write {
        Statement::Update(update) => {
            (&update.table, dml::update::plan(engine, caller, update, params, &view)?)
        }
        Statement::Delete(delete) => {
            (&delete.table, dml::delete::plan(engine, caller, delete, params, &view)?)
        }
        Statement::Insert(insert) => {
            let table = resolve_table(engine, caller, &insert.table, TableAction::Write)?;
            let first = format!("INSERT on {}", table.definition.name);
            let query = match &insert.source {
                InsertSource::Values(rows) => {
                    return Ok(vec![first, format!("Values: {} rows", rows.len())]);
                }
                InsertSource::DefaultValues => return Ok(vec![first, "Values: 1 rows".to_owned()]),
                InsertSource::Query(query) => query,
            };
            let mut query = dml::with_ctes(&insert.ctes, Query::clone(query));
            let planner = prepare(engine, caller, &mut query, view)?;
            let plan = planner.logical(query, params)?;
            (&insert.table, (planner, plan))
        }
        other => {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("EXPLAIN of {} is not supported", other.name()),
            ));
        }
    };
    let (planner, plan) = planned;
    let namespace = name.namespace.as_deref().unwrap_or(&caller.namespace);
    let mut lines = vec![format!("{} on {namespace}.{}", write.name(), name.table)];
    lines.extend(explain_plan(engine, planner, &plan, explain)?);
    Ok(lines)
}
