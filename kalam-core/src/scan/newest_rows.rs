//! The newest rows first: `ORDER BY key DESC LIMIT n` reads n hot rows from their end.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::sorts::sort::SortExec;

use super::hot_exec::HotExec;

/// Nodes that hand on every row and change none.
const TRANSPARENT: [&str; 4] =
    ["CoalescePartitionsExec", "CooperativeExec", "RepartitionExec", "UnionExec"];

/// A rule: below a sort that keeps n rows in the reverse order of the key, the hot tier is
/// read from its end and stops after n rows. The sort stays: it merges them with those
/// of segments, which it leaves out by their statistics as soon as it holds n rows.
#[derive(Debug)]
pub(crate) struct NewestRows;

impl PhysicalOptimizerRule for NewestRows {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            let Some((sort, rows)) =
                plan.downcast_ref::<SortExec>().and_then(|sort| Some((sort, sort.fetch()?)))
            else {
                return Ok(Transformed::no(plan));
            };
            match newest(sort.input(), sort.expr(), rows)? {
                // The sort's own properties do not depend on its input's order, and its
                // filter is one that scans below hold already.
                Some(input) => plan
                    .clone()
                    .replace_children(
                        vec![input],
                        ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep),
                    )
                    .map(Transformed::yes),
                None => Ok(Transformed::no(plan)),
            }
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "newest_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with its hot rows read from the end; `None` if nothing changes.
fn newest(
    plan: &Arc<dyn ExecutionPlan>,
    order: &[PhysicalSortExpr],
    rows: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(hot) = plan.downcast_ref::<HotExec>() {
        return Ok(hot.newest(order, rows).map(|hot| Arc::new(hot) as Arc<dyn ExecutionPlan>));
    }
    if !TRANSPARENT.contains(&plan.name()) {
        return Ok(None);
    }
    let mut changed = false;
    let mut children = Vec::new();
    for child in plan.children() {
        let newest = newest(child, order, rows)?;
        changed |= newest.is_some();
        children.push(newest.unwrap_or_else(|| child.clone()));
    }
    if !changed {
        return Ok(None);
    }
    let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    plan.clone().replace_children(children, recompute).map(Some)
}
