//! Rows that nothing works on come in long batches.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

/// Nodes that hand on every batch as it is, and scans.
const TRANSPARENT: [&str; 5] =
    ["CoalescePartitionsExec", "CooperativeExec", "DataSourceExec", "HotExec", "UnionExec"];

/// About as many bytes as a batch may have.
const BATCH_BYTES: usize = 4 << 20;

/// The most rows of a batch.
const BATCH_ROWS: usize = 64 << 10;

/// What to execute a plan with: one that only hands stored rows to whoever asked gives them
/// in longer batches than operators work on. Those fit a core's cache, which is nothing to
/// rows that go elsewhere; and a batch costs those who take it tens of microseconds.
pub(super) fn long_batches(
    plan: &dyn ExecutionPlan,
    context: Arc<TaskContext>,
) -> Arc<TaskContext> {
    if !hands_on(plan) {
        return context;
    }
    let rows = (BATCH_BYTES / row_bytes(&plan.schema())).min(BATCH_ROWS);
    let config = context.session_config();
    if rows <= config.batch_size() {
        return context;
    }
    // The functions of a plan are in it.
    Arc::new(TaskContext::new(
        context.task_id(),
        context.session_id(),
        config.clone().with_batch_size(rows),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        context.runtime_env(),
    ))
}

/// Whether a plan does nothing but choose columns.
fn hands_on(plan: &dyn ExecutionPlan) -> bool {
    let chooses = plan.downcast_ref::<ProjectionExec>().is_some_and(|projection| {
        projection.expr().iter().all(|column| column.expr.downcast_ref::<Column>().is_some())
    });
    (chooses || TRANSPARENT.contains(&plan.name()))
        && plan.children().into_iter().all(|child| hands_on(&**child))
}

/// About as many bytes as a row has in memory.
fn row_bytes(schema: &Schema) -> usize {
    schema.fields().iter().map(|field| value_bytes(field.data_type())).sum::<usize>().max(1)
}

fn value_bytes(data_type: &DataType) -> usize {
    /// A guess for values that differ in length.
    const VARIABLE: usize = 32;
    match data_type {
        DataType::FixedSizeList(item, length) => {
            value_bytes(item.data_type()) * usize::try_from(*length).unwrap_or(0)
        }
        other => other.primitive_width().unwrap_or(VARIABLE),
    }
}
