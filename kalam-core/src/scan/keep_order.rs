//! Scans that promised key order keep it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// The last rule that knows scans: a scan of segments that declares an order reads each of its groups by
/// itself and from the front.
///
/// DataFusion's limit pushdown allows streams of a scan to take one another's files when
/// the limit is that of a merge and not of a limit node. `ORDER BY key LIMIT n` over two
/// groups then merges streams that are not in order, and gives wrong rows.
#[derive(Debug)]
pub(crate) struct KeepOrder;

impl PhysicalOptimizerRule for KeepOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            let config = plan
                .downcast_ref::<DataSourceExec>()
                .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
            match config {
                Some(config) if !config.preserve_order && !config.output_ordering.is_empty() => {
                    let mut config = config.clone();
                    config.preserve_order = true;
                    Ok(Transformed::yes(DataSourceExec::from_data_source(config)))
                }
                _ => Ok(Transformed::no(plan)),
            }
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "keep_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
