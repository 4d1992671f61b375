//! `DELETE`.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;

use super::evaluator::Evaluator;
use super::returning::{AffectedRows, Returning, result};
use super::target::{TargetSelection, TargetTable};
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
    let selection = selection(&target, statement, returning.is_some());
    let ((deleted, returned), seq) =
        work.write_numbered(engine, table, target.user, |view, writer| {
            let found = selection.rows(&evaluator, view, writer)?;
            let (mut deleted, mut affected) = (0, Vec::new());
            for rows in found.rows {
                deleted += writer.delete(&rows.columns, rows.hidden.as_ref(), &rows.places)?;
                if returning.is_some() {
                    let (columns, seqs, sources) = (rows.columns, rows.seqs, rows.sources);
                    affected.push(AffectedRows { columns, seqs, sources });
                    writer.hold(affected.last().map_or(0, AffectedRows::bytes))?;
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
    selection(&target, statement, false).query().plan(&evaluator, view)
}

fn selection<'a>(
    target: &'a TargetTable,
    statement: &'a Delete,
    returns: bool,
) -> TargetSelection<'a> {
    TargetSelection {
        target,
        beside: &statement.using,
        selection: statement.selection.as_ref(),
        assignments: None,
        returns,
    }
}
