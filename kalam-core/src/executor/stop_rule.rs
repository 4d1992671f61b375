//! Planning that can be stopped: between any two of its rules, and left alone in the middle of
//! one.

use std::panic::resume_unwind;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use tokio::runtime::Runtime;

use super::plan_error::from_datafusion;
use crate::activity::{Activity, check_stop};
use crate::{Error, Result, SqlState};

/// Plans on another thread, for which the statement does not wait if it is to stop: one rule
/// may take long over many joins, and a function of constants, which is evaluated here, as
/// long as it likes. The thread ends at the next rule.
///
/// # Errors
/// What planning raises, `57014`.
pub(crate) fn plan_aside<T: Send + 'static>(
    runtime: &Runtime,
    plan: impl FnOnce() -> DataFusionResult<T> + Send + 'static,
) -> Result<T> {
    let activity = Activity::current().unwrap_or_default();
    let helped = activity.clone();
    let planning = runtime.spawn_blocking(move || {
        let _helping = helped.help();
        plan()
    });
    let planned = activity.wait(runtime, planning)?;
    match planned.map_err(|failed| failed.try_into_panic()) {
        Ok(planned) => planned.map_err(from_datafusion),
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(e)) => {
            Err(Error::new(SqlState::INTERNAL_ERROR, "planning was given up").with_source(e))
        }
    }
}

/// Changes nothing, and fails if the statement of the thread is to stop.
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
