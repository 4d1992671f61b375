//! What operators read that would otherwise keep it uncounted, or read it twice.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt};

use crate::store::batch_bytes;
use crate::{Error, SqlState};

/// Aggregates that keep every value, and count it when it is too late.
const KEEPING: [&str; 2] = ["array_agg", "string_agg"];

/// A constant of a projection that is larger is looked at,
const CONSTANT_BYTES: usize = 4 << 10;
/// and so much may its column hold.
const CONSTANTS_BYTES_MAX: usize = 8 << 20;

/// Guards the first input of operators that need it. Later rules would not know the node.
#[derive(Debug)]
pub(crate) struct GuardInputs;

impl PhysicalOptimizerRule for GuardInputs {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(guard) = Guard::of(plan.as_ref()) else { return Ok(Transformed::no(plan)) };
            let mut children: Vec<_> = plan.children().into_iter().cloned().collect();
            children[0] = Arc::new(GuardedInput::new(children[0].clone(), guard));
            let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            plan.replace_children(children, anew).map(Transformed::yes)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "guard_inputs"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// What was read counts until the operator lets go of the stream.
    Counted,
    /// It is read once. A nested loop join whose smaller side passes the memory limit runs it
    /// again to spill it: repartitioned input answers with a panic, and in several partitions
    /// outer, semi and anti joins then return rows that are none.
    Once,
    /// Its batches have so many rows at most: a constant becomes a column of as many, however
    /// large it is.
    Sliced(usize),
}

impl Guard {
    fn of(plan: &dyn ExecutionPlan) -> Option<Guard> {
        let rows = plan.downcast_ref::<ProjectionExec>().and_then(|projection| {
            let constants = projection.expr().iter().filter_map(|column| {
                column.expr.downcast_ref::<Literal>().map(|literal| literal.value().size())
            });
            let bytes = constants.max().filter(|bytes| *bytes > CONSTANT_BYTES)?;
            Some((CONSTANTS_BYTES_MAX / bytes).max(1))
        });
        if let Some(rows) = rows {
            return Some(Guard::Sliced(rows));
        }
        if plan.is::<NestedLoopJoinExec>() {
            return Some(Guard::Once);
        }
        let keeps = |aggregate: &AggregateExec| {
            aggregate.aggr_expr().iter().any(|call| KEEPING.contains(&call.fun().name()))
        };
        let is_counted =
            plan.is::<WindowAggExec>() || plan.downcast_ref::<AggregateExec>().is_some_and(keeps);
        is_counted.then_some(Guard::Counted)
    }
}

/// The input of an operator, as it is.
struct GuardedInput {
    input: Arc<dyn ExecutionPlan>,
    guard: Guard,
    is_read: AtomicBool,
}

impl GuardedInput {
    fn new(input: Arc<dyn ExecutionPlan>, guard: Guard) -> GuardedInput {
        GuardedInput { input, guard, is_read: AtomicBool::new(false) }
    }

    /// The same over another input, which nobody has read.
    fn over(
        &self,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[_; 1]>::try_from(children) else {
            return datafusion::common::internal_err!("a guarded input is one");
        };
        Ok(Arc::new(GuardedInput::new(input, self.guard)))
    }

    /// Batches of `rows` rows at most.
    fn sliced(input: SendableRecordBatchStream, rows: usize) -> SendableRecordBatchStream {
        let schema = input.schema();
        let parts = move |batch: DataFusionResult<RecordBatch>| {
            let batch = batch?;
            let parts = (0..batch.num_rows())
                .step_by(rows)
                .map(move |first| Ok(batch.slice(first, rows.min(batch.num_rows() - first))));
            Ok::<_, DataFusionError>(futures::stream::iter(parts))
        };
        let batches = input.map(parts).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }

    /// Counts batches as they come.
    fn counted(
        input: SendableRecordBatchStream,
        context: &TaskContext,
    ) -> SendableRecordBatchStream {
        let kept = MemoryConsumer::new("rows that are kept").register(context.memory_pool());
        let schema = input.schema();
        let batches = input.map(move |batch| {
            let batch = batch?;
            kept.try_grow(batch_bytes(&batch))?;
            Ok(batch)
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

impl fmt::Debug for GuardedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedInput").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl DisplayAs for GuardedInput {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.guard {
            Guard::Counted => f.write_str("CountedInput"),
            Guard::Once => f.write_str("InputOnce"),
            Guard::Sliced(rows) => write!(f, "SlicedInput: rows={rows}"),
        }
    }
}

impl ExecutionPlan for GuardedInput {
    fn name(&self) -> &'static str {
        "GuardedInput"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        match self.guard {
            Guard::Counted => {
                let input = self.input.execute(partition, context.clone())?;
                Ok(GuardedInput::counted(input, &context))
            }
            Guard::Once if self.is_read.swap(true, Ordering::AcqRel) => {
                let error = Error::new(
                    SqlState::OUT_OF_MEMORY,
                    "the smaller side of a join without equal keys passes the memory limit",
                );
                Err(DataFusionError::External(Box::new(error)))
            }
            Guard::Once => self.input.execute(partition, context),
            Guard::Sliced(rows) => {
                Ok(GuardedInput::sliced(self.input.execute(partition, context)?, rows))
            }
        }
    }
}
