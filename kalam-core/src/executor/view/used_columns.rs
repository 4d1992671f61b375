//! What the query of a new view reads.

use std::collections::HashSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::body::Body;
use crate::Result;
use crate::catalog::{Relation, UsedColumn, ViewUse};
use crate::executor::plan_error::from_datafusion;
use crate::model::{ColumnId, TableName};

/// The relations that a new view's query named, each with the columns that its plan
/// mentions. A column counts by its name only: one too many is kept from being dropped,
/// none is missed.
///
/// # Errors
/// `XX000` if the plan cannot be walked.
pub(crate) fn uses(body: &Body, plan: &LogicalPlan) -> Result<Vec<ViewUse>> {
    let Body::New(found) = body else { return Ok(Vec::new()) };
    let names = mentioned(plan)?;
    let found = found.lock();
    Ok(found.iter().map(|(name, relation)| used(name, relation, &names)).collect())
}

fn used(name: &TableName, relation: &Relation, names: &HashSet<String>) -> ViewUse {
    let all: Vec<UsedColumn> = match relation {
        Relation::Table(table) => table
            .definition
            .columns
            .iter()
            .map(|c| UsedColumn { id: c.id, name: c.name.clone(), data_type: c.data_type.clone() })
            .collect(),
        Relation::View(view) => (1..)
            .zip(&view.columns)
            .map(|(place, c)| UsedColumn {
                id: ColumnId(place),
                name: c.name.clone(),
                data_type: c.data_type.clone(),
            })
            .collect(),
    };
    let mut columns: Vec<UsedColumn> =
        all.iter().filter(|c| names.contains(c.name.as_str())).cloned().collect();
    if columns.is_empty() {
        // A query that only counts rows still needs something to count.
        columns.extend(all.into_iter().next());
    }
    ViewUse { name: name.clone(), id: relation.id(), columns }
}

fn mentioned(plan: &LogicalPlan) -> Result<HashSet<String>> {
    let mut names = HashSet::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Column(column) | Expr::OuterReferenceColumn(_, column) = expr {
                    names.insert(column.name.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(names)
}
