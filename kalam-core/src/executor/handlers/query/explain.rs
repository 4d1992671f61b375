//! `EXPLAIN`.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{DescribeAlias, Query, Statement as SqlStatement};

use super::select::prepare;
use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::statement::Explain;
use crate::executor::work::Work;

/// Shows the plan of a query; with `analyze` runs it and shows what it did.
///
/// Columns: `plan_type` TEXT, `plan` TEXT.
///
/// # Errors
/// What the query gets wrong.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    explain: &Explain,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let view = work.view(engine)?;
    let mut query = Query::clone(&explain.query);
    let planner = prepare(engine, caller, &mut query, view.clone())?;
    let statement = SqlStatement::Explain {
        describe_alias: DescribeAlias::Explain,
        analyze: explain.analyze,
        verbose: explain.verbose,
        query_plan: false,
        estimate: false,
        statement: Box::new(SqlStatement::Query(Box::new(query))),
        format: None,
        options: None,
    };
    let plan = planner.logical_statement(statement, params)?;
    Ok(QueryResult::running(planner.stream(&plan)?, engine, view))
}
