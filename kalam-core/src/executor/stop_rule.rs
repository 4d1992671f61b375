//! A rule between all others that lets planning be stopped.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::activity::check_stop;

/// Changes nothing, and fails if the statement of the thread is to stop. Planning runs on
/// the statement's own thread.
#[derive(Debug)]
struct StopRule;

/// DataFusion's logical rules, which stop between one another.
pub(crate) fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let stop: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(StopRule);
    Optimizer::new().rules.into_iter().flat_map(|rule| [rule, stop.clone()]).collect()
}

/// These physical rules, which stop between one another.
pub(crate) fn stopping(
    rules: impl IntoIterator<Item = Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let stop: Arc<dyn PhysicalOptimizerRule + Send + Sync> = Arc::new(StopRule);
    rules.into_iter().flat_map(|rule| [rule, stop.clone()]).collect()
}

fn check() -> DataFusionResult<()> {
    check_stop().map_err(|e| DataFusionError::External(Box::new(e)))
}

impl OptimizerRule for StopRule {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> DataFusionResult<Transformed<LogicalPlan>> {
        check()?;
        Ok(Transformed::no(plan))
    }
}

impl PhysicalOptimizerRule for StopRule {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        check()?;
        Ok(plan)
    }

    fn schema_check(&self) -> bool {
        true
    }
}
