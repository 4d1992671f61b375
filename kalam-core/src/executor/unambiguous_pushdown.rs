//! The pushdown of filters where every column has a name of its own.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result as DataFusionResult;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;

/// DataFusion's rule that pushes filters down, for plans in which that is right.
///
/// On its way down a filter finds its columns by their names (DataFusion 55): below a join of
/// two tables with a column of one name, `FilterRemapper` and the aliases of `ProjectionExec`
/// may take the other table's, and the answer is wrong. Such a plan keeps its filters where
/// they are.
#[derive(Debug)]
struct UnambiguousPushdown(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

/// DataFusion's physical rules, with its two pushdowns of filters where they are right.
pub(super) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let wrap = |rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>| {
        let pushes_filters = rule.name().starts_with("FilterPushdown");
        if pushes_filters { Arc::new(UnambiguousPushdown(rule)) } else { rule }
    };
    PhysicalOptimizer::new().rules.into_iter().map(wrap).collect()
}

impl PhysicalOptimizerRule for UnambiguousPushdown {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if is_ambiguous(&plan, None) { Ok(plan) } else { self.0.optimize(plan, config) }
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether a name in the plan, below this parent, may be taken for another column's.
fn is_ambiguous(plan: &Arc<dyn ExecutionPlan>, parent: Option<&Arc<dyn ExecutionPlan>>) -> bool {
    let below_projection = parent.is_none_or(|p| p.downcast_ref::<ProjectionExec>().is_some());
    let takes_positions = below_projection && plan.downcast_ref::<HashJoinExec>().is_some();
    (!takes_positions && repeats_a_name(plan))
        || plan.children().into_iter().any(|child| is_ambiguous(child, Some(plan)))
}

fn repeats_a_name(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let schema = plan.schema();
    let mut seen = HashSet::new();
    schema.fields().iter().any(|field| !seen.insert(field.name()))
}
