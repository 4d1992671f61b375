//! `DELETE`.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;

use super::evaluator::Evaluator;
use super::returning::{AffectedRows, Returning, result};
use super::target::{PointTarget, Target, TargetTable, target_and};
use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::modify_statement::Delete;
use crate::executor::planner::Planner;
use crate::executor::work::Work;
use crate::store::View;

/// Deletes rows, and returns them as they were. In USER and SHARED tables they stay
/// visible under `_deleted`.
///
/// # Errors
/// What the expressions get wrong.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Delete,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let target =
        TargetTable::existing(engine, caller, &statement.table, statement.alias.as_deref())?;
    let table = &target.table;
    let returning = Returning::new(&statement.returning, table, &target.name, true)?;
    let evaluator = Evaluator::new(engine, caller, params, &statement.ctes);
    let shows_sources = returning.is_some() && !statement.using.is_empty();
    let alone = statement.selection.as_ref().filter(|_| statement.using.is_empty());
    let point =
        alone.map(|selection| PointTarget { target: &target, selection, assignments: None });
    let ((deleted, returned), seq) =
        work.write_numbered(engine, table, target.user, |view, writer| {
            let found = match &point {
                Some(point) => point.row(&evaluator, writer)?,
                None => None,
            };
            let found = match found {
                Some(found) => found,
                None => selected(&target, statement, shows_sources).rows(&evaluator, view)?,
            };
            let (mut deleted, mut affected) = (0, Vec::new());
            for mut rows in found.rows {
                if !statement.using.is_empty() {
                    rows = rows.distinct(table)?;
                }
                deleted += writer.delete(&rows.columns, rows.hidden.as_ref(), &rows.places)?;
                if returning.is_some() {
                    let (columns, seqs, sources) = (rows.columns, rows.seqs, rows.sources);
                    affected.push(AffectedRows { columns, seqs, sources });
                }
            }
            let returned = returning
                .as_ref()
                .map(|list| list.rows(&evaluator, view, &affected, &found.sources));
            Ok((deleted, returned.transpose()?))
        })?;
    result(deleted, returned, seq)
}

/// The plan of what a DELETE reads, for EXPLAIN.
///
/// # Errors
/// As [`run`].
pub(crate) fn plan<'a>(
    engine: &'a Arc<Engine>,
    caller: &'a Caller,
    statement: &'a Delete,
    params: &'a [ScalarValue],
    view: &Arc<View>,
) -> Result<(Planner<'a>, LogicalPlan)> {
    let target =
        TargetTable::existing(engine, caller, &statement.table, statement.alias.as_deref())?;
    let evaluator = Evaluator::new(engine, caller, params, &statement.ctes);
    selected(&target, statement, false).plan(&evaluator, view)
}

fn selected<'a>(target: &'a TargetTable, statement: &'a Delete, shows_sources: bool) -> Target<'a> {
    Target {
        target,
        from: target_and(&target.name, &statement.using),
        selection: statement.selection.as_ref(),
        values: Vec::new(),
        shows_sources,
    }
}
