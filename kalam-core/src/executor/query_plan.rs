//! The plan of a query: made once, run for any user of the role it was made for.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::sql::sqlparser::ast::Query;

use super::caller::Caller;
use super::engine::Engine;
use super::handlers::query::select::prepare;
use super::plan_binding::ScanScope;
use super::plan_cache::PlanLookup;
use super::plan_error::from_datafusion;
use super::planner::Planner;
use super::query_result::QueryResult;
use super::query_shape::{QueryShape, deep_stack};
use super::same_value::same_value;
use crate::Result;
use crate::scan::UnboundTable;
use crate::store::View;

/// A logical plan over tables without scope.
///
/// INVARIANT: it holds no user, no view, and no value but those of the parameters
/// that the cache finds it by.
pub(crate) struct QueryPlan {
    plan: LogicalPlan,
    /// For each parameter that is left in the plan, the type that its value must have.
    types: Vec<Option<DataType>>,
}

/// How a plan can be used again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    /// As it is optimized now.
    Optimized,
    /// Not at all: it holds something of this session or of this moment.
    Never,
}

/// Starts a query on a view: with the plan of an earlier one if there is one.
///
/// # Errors
/// What the query gets wrong.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    shape: &Arc<QueryShape>,
    params: &[ScalarValue],
    view: Arc<View>,
) -> Result<QueryResult> {
    let values = shape.values(params);
    let lookup =
        PlanLookup { shape, namespace: &caller.namespace, role: caller.role, values: &values };
    // After the view: a table that is newer than the view reads it, an older one may not.
    let version = engine.registry.version();
    let scope = ScanScope { engine, caller, view: &view, target: None, reports: None };
    // A plan that is kept reads tables, whatever the names stand for now.
    if caller.data.is_empty()
        && let Some(plan) = engine.plans.find(lookup, version)
        && let Some(values) = plan.typed(&values)
    {
        let stream = Planner::stream_optimized(&scope, &plan.plan, &values)?;
        return Ok(QueryResult::running(stream, engine, view));
    }
    let query = deep_stack(|| shape.query.clone());
    let (planner, made) = deep_stack(|| plan(engine, caller, lookup, query, &view))?;
    let typed = made.plan.typed(&values).unwrap_or_default();
    let stream = match made.reuse {
        Reuse::Never => planner.stream(&scope.bind(made.plan.plan, &typed)?)?,
        Reuse::Optimized => {
            let plan = planner.optimize(&made.plan.plan)?;
            let plan = Arc::new(QueryPlan { plan, types: made.plan.types });
            engine.plans.keep(lookup, &made.by_value, version, &plan);
            Planner::stream_optimized(&scope, &plan.plan, &typed)?
        }
    };
    Ok(QueryResult::running(stream, engine, view))
}

/// A plan that was made now.
struct Made {
    plan: QueryPlan,
    reuse: Reuse,
    /// Parameters that are compared with a column of another type: their values are in
    /// the plan.
    by_value: Vec<usize>,
}

fn plan<'a>(
    engine: &'a Engine,
    caller: &'a Caller,
    lookup: PlanLookup<'_>,
    mut query: Query,
    view: &Arc<View>,
) -> Result<(Planner<'a>, Made)> {
    let planner = prepare(engine, caller, &mut query, view.clone())?;
    let by_value = RefCell::new(Vec::new());
    let types = RefCell::new(vec![None; lookup.values.len()]);
    let plan = planner.logical_of_shape(query, &|index, data_type| {
        let value = lookup.values.get(index)?;
        if lookup.shape.is_compared(index) {
            match data_type.filter(|t| same_value(value, t).is_some()) {
                Some(data_type) => {
                    types.borrow_mut()[index] = Some(data_type.clone());
                    return None;
                }
                None => by_value.borrow_mut().push(index),
            }
        }
        Some(value.clone())
    })?;
    let reuse = reuse(&planner, &plan)?;
    let mut by_value = by_value.into_inner();
    by_value.sort_unstable();
    by_value.dedup();
    let plan = QueryPlan { plan, types: types.into_inner() };
    Ok((planner, Made { plan, reuse, by_value }))
}

impl QueryPlan {
    /// The values in the types that the plan has for them; `None` if one has no such
    /// value.
    fn typed(&self, values: &[ScalarValue]) -> Option<Vec<ScalarValue>> {
        if self.types.iter().all(Option::is_none) {
            return Some(Vec::new());
        }
        let typed = |(value, data_type): (&ScalarValue, &Option<DataType>)| match data_type {
            Some(data_type) => same_value(value, data_type),
            None => Some(ScalarValue::Null),
        };
        values.iter().zip(&self.types).map(typed).collect()
    }
}

/// Whether a plan holds nothing of its session and of now: its tables are unbound, its
/// functions are the engine's, and optimizing folds none of them whose value changes
/// from one statement to the next, as NOW() does.
fn reuse(planner: &Planner<'_>, plan: &LogicalPlan) -> Result<Reuse> {
    let mut reuse = Reuse::Optimized;
    plan.apply_with_subqueries(|node| {
        let is_shared = match node {
            LogicalPlan::TableScan(scan) => scan.source.downcast_ref::<UnboundTable>().is_some(),
            LogicalPlan::RecursiveQuery(_) | LogicalPlan::Extension(_) => false,
            _ => true,
        };
        if !is_shared {
            reuse = Reuse::Never;
            return Ok(TreeNodeRecursion::Stop);
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                let Expr::ScalarFunction(call) = expr else {
                    return Ok(TreeNodeRecursion::Continue);
                };
                let is_stable = call.func.signature().volatility == Volatility::Stable;
                let known = planner.shared_function(call.func.name());
                if is_stable || known.is_none_or(|known| *known != call.func) {
                    reuse = Reuse::Never;
                    return Ok(TreeNodeRecursion::Stop);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(reuse)
}
