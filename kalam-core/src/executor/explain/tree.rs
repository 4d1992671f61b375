//! A physical plan as an indented tree.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};
use datafusion::physical_plan::{ExecutionPlan, displayable};

use crate::Result;
use crate::executor::engine::Engine;
use crate::executor::plan_error::from_datafusion;
use crate::scan::ScanNode;

/// Nodes that move rows and leave them in their order.
const ORDER_KEEPING: [&str; 11] = [
    "CoalesceBatchesExec",
    "CooperativeExec",
    "DataSourceExec",
    "EmptyExec",
    "FilterExec",
    "GlobalLimitExec",
    "HotExec",
    "LocalLimitExec",
    "ProjectionExec",
    "RepartitionExec",
    "UnionExec",
];

/// What of a scan's metrics tells of rows that were left out.
const PRUNED: [(&str, &str); 4] = [
    ("files_ranges_pruned_statistics", "files by statistics"),
    ("row_groups_pruned_statistics", "row groups by statistics"),
    ("row_groups_pruned_bloom_filter", "row groups by bloom filter"),
    ("page_index_rows_pruned", "rows by page statistics"),
];

/// The lines of a plan, each node below the one that reads it.
///
/// # Errors
/// `XX001` if the definition of a table does not decode.
pub(super) fn tree(
    engine: &Engine,
    plan: &Arc<dyn ExecutionPlan>,
    analyzed: bool,
) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    add(engine, plan, 0, analyzed, &mut lines)?;
    Ok(lines)
}

fn add(
    engine: &Engine,
    plan: &Arc<dyn ExecutionPlan>,
    depth: usize,
    analyzed: bool,
    lines: &mut Vec<String>,
) -> Result<()> {
    let mut below = depth;
    // It only lets other tasks run.
    if plan.name() != "CooperativeExec" {
        let mut line = match depth {
            0 => String::new(),
            _ => format!("{}-> ", "  ".repeat(depth)),
        };
        line += &node(engine, plan)?;
        if let Some(metrics) = plan.metrics().filter(|_| analyzed) {
            line += &measured(&metrics);
        }
        lines.push(line);
        below += 1;
    }
    plan.children().into_iter().try_for_each(|child| add(engine, child, below, analyzed, lines))
}

fn node(engine: &Engine, plan: &Arc<dyn ExecutionPlan>) -> Result<String> {
    Ok(match ScanNode::of(plan.as_ref()) {
        Some(ScanNode::Hot { table, columns, limit, newest_first }) => {
            let limit = limit.map_or(String::new(), |rows| format!(", limit {rows}"));
            let order = if newest_first { ", newest first" } else { "" };
            format!("Hot rows of {table}: columns ({}){order}{limit}", columns.join(", "))
        }
        Some(ScanNode::Segments { table, files, columns, predicate }) => {
            let name = match engine.registry.table_by_id(table)? {
                Some(table) => table.definition.name.to_string(),
                None => "a dropped table".to_owned(),
            };
            let predicate = predicate.map_or(String::new(), |text| format!(", where {text}"));
            format!(
                "Segments of {name}: {files} files, columns ({}){predicate}",
                columns.join(", ")
            )
        }
        None => {
            let text = displayable(plan.as_ref()).one_line().to_string();
            text.trim().replacen("Exec", "", 1)
        }
    })
}

/// Rows, time, and what was left out.
fn measured(metrics: &MetricsSet) -> String {
    let mut parts = Vec::new();
    if let Some(rows) = metrics.output_rows() {
        parts.push(format!("rows {rows}"));
    }
    if let Some(nanos) = metrics.elapsed_compute() {
        parts.push(format!("time {:.3} ms", nanos as f64 / 1e6));
    }
    if let Some(bytes) = metrics.spilled_bytes().filter(|bytes| *bytes > 0) {
        parts.push(format!("spilled {bytes} bytes"));
    }
    for (name, what) in PRUNED {
        let pruned = match metrics.sum_by_name(name) {
            Some(MetricValue::PruningMetrics { pruning_metrics, .. }) => pruning_metrics.pruned(),
            Some(value) => value.as_usize(),
            None => 0,
        };
        if pruned > 0 {
            parts.push(format!("pruned {pruned} {what}"));
        }
    }
    if parts.is_empty() { String::new() } else { format!(" [{}]", parts.join(", ")) }
}

/// Whether a plan has a node, subqueries included.
pub(super) fn has_node(plan: &LogicalPlan, is_it: impl Fn(&LogicalPlan) -> bool) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        found |= is_it(node);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found && walked.is_ok()
}

/// Whether a plan gives its rows in the order in which the tiers have them.
pub(super) fn is_key_ordered(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let keeps = plan.exists(|node| {
        let name = node.name();
        Ok(!ORDER_KEEPING.contains(&name) && name != "SortPreservingMergeExec")
    });
    keeps.map_err(from_datafusion).is_ok_and(|other| !other)
}

/// Whether hot rows are read from the newest on.
pub(super) fn reads_newest(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let newest = |node: &Arc<dyn ExecutionPlan>| {
        let scan = ScanNode::of(node.as_ref());
        Ok(matches!(scan, Some(ScanNode::Hot { newest_first: true, .. })))
    };
    plan.exists(newest).map_err(from_datafusion).unwrap_or(false)
}
