//! `SELECT`, `VALUES`, `WITH`.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Query;

use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::planner::Planner;
use crate::executor::query_plan;
use crate::executor::query_shape::ParsedQuery;
use crate::executor::system_columns::{hide_in_wildcards, mentions_system_columns};
use crate::executor::unplanned_read::UnplannedRead;
use crate::executor::work::Work;
use crate::store::View;

/// Starts a query.
///
/// # Errors
/// What the query gets wrong.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    query: &ParsedQuery,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    // Before any table is looked up: a definition that is older than the view does not
    // know all of its rows.
    let view = work.view(engine)?;
    match UnplannedRead::find(engine, caller, query, params, &view)? {
        Some(read) => read.read(engine, caller, &view).map(QueryResult::ready),
        None => query_plan::run(engine, caller, query.shape(), params, view),
    }
}

/// Runs a query to its end.
///
/// # Errors
/// What the query gets wrong.
pub(crate) fn collect(
    engine: &Arc<Engine>,
    caller: &Caller,
    query: &Query,
    params: &[ScalarValue],
    view: Arc<View>,
) -> Result<Vec<RecordBatch>> {
    let (planner, plan) = plan(engine, caller, query, params, view)?;
    engine.collect(planner.stream(&plan)?)
}

fn plan<'a>(
    engine: &'a Engine,
    caller: &'a Caller,
    query: &Query,
    params: &[ScalarValue],
    view: Arc<View>,
) -> Result<(Planner<'a>, LogicalPlan)> {
    let mut query = query.clone();
    let planner = prepare(engine, caller, &mut query, view)?;
    let plan = planner.logical(query, params)?;
    Ok((planner, plan))
}

/// A planner for a query, which shows system columns only where they are named.
///
/// # Errors
/// `0A000` for wildcards beside system columns that cannot be told apart.
pub(crate) fn prepare<'a>(
    engine: &'a Engine,
    caller: &'a Caller,
    query: &mut Query,
    view: Arc<View>,
) -> Result<Planner<'a>> {
    let planner = Planner::new(engine, caller, view);
    if !mentions_system_columns(query) {
        return Ok(planner);
    }
    hide_in_wildcards(query, &|namespace, table| {
        if caller.data.has(namespace, table) {
            return false;
        }
        let namespace = namespace.unwrap_or(&caller.namespace);
        engine.registry.table(namespace, table).is_ok()
    })?;
    Ok(planner.with_system_columns())
}
