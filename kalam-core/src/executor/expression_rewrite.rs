//! Rewriting the expressions of a plan's node without renaming its columns.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeIterator};
use datafusion::common::{DFSchema, Result as DataFusionResult};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlan};

/// Rewrites every expression of a node and all that is inside it, innermost first,
/// with the columns that it may use. What it computes keeps its name.
///
/// # Errors
/// Those of `rewrite`.
pub(crate) fn rewrite_expressions(
    node: LogicalPlan,
    rewrite: impl Fn(Expr, &DFSchema) -> DataFusionResult<Transformed<Expr>>,
) -> DataFusionResult<Transformed<LogicalPlan>> {
    let schema = merge_schema(&node.inputs());
    let names = NamePreserver::new(&node);
    let under_its_name = |expr: Expr| {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| rewrite(expr, &schema))?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    };
    let each = |exprs: Vec<Expr>| exprs.into_iter().map_until_stop_and_collect(under_its_name);
    node.map_expressions(|expr| match expr {
        // Each of its expressions is a column that the nodes above name.
        Expr::GroupingSet(set) => Ok(match set {
            GroupingSet::Rollup(exprs) => each(exprs)?.update_data(GroupingSet::Rollup),
            GroupingSet::Cube(exprs) => each(exprs)?.update_data(GroupingSet::Cube),
            GroupingSet::GroupingSets(sets) => sets
                .into_iter()
                .map_until_stop_and_collect(each)?
                .update_data(GroupingSet::GroupingSets),
        }
        .update_data(Expr::GroupingSet)),
        expr => under_its_name(expr),
    })
}
