//! `UPDATE`.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;

use super::assignment::{Assignments, RowChange};
use super::evaluator::Evaluator;
use super::plain_write::PlainUpdate;
use super::returning::{AffectedRows, Returning, result};
use super::target::{TargetSelection, TargetTable};
use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::modify_statement::Update;
use crate::executor::planner::Planner;
use crate::executor::row_writer::RowWriter;
use crate::executor::work::Work;
use crate::store::View;

/// Updates rows; those that would stay as they are do not count, and are returned.
///
/// # Errors
/// `42703`, `42701`, `23505`, `23502`, `0A000` for STREAM tables, `21000` if FROM gives
/// a row several different values, and what the expressions get wrong.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Update,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let target =
        TargetTable::existing(engine, caller, &statement.table, statement.alias.as_deref())?;
    target.check_changeable()?;
    let table = &target.table;
    let assignments = Assignments::new(table, &statement.assignments)?;
    let returning = Returning::new(&statement.returning, table, &target.name, false)?;
    let evaluator = Evaluator::new(engine, caller, params, &statement.ctes);
    let selection = selection(&target, statement, &assignments, returning.is_some());
    let plain = PlainUpdate::of(&target, statement, &assignments.values, params)?;
    let ((updated, returned), seq) =
        work.write_numbered(engine, table, target.user, |view, writer| {
            if let Some(plain) = &plain
                && let Some(updated) = plain.write(table, writer)?
            {
                return Ok((updated, None));
            }
            let found = selection.rows(&evaluator, view, writer)?;
            let (mut updated, mut moved, mut affected) = (0, Vec::new(), Vec::new());
            for rows in found.rows {
                let change = assignments.apply(&evaluator, table, &rows)?;
                updated += change.count();
                if returning.is_some() {
                    let (columns, seqs) = (change.all.clone(), change.seqs.clone());
                    affected.push(AffectedRows { columns, seqs, sources: rows.sources });
                    writer.hold(affected.last().map_or(0, AffectedRows::bytes))?;
                }
                if assignments.moves_keys() {
                    change.vacate(writer)?;
                    moved.push(change);
                } else {
                    change.replace(writer)?;
                }
            }
            finish_moves(writer, &moved)?;
            let returned = returning
                .as_ref()
                .map(|list| list.rows(&evaluator, view, &affected, &found.sources));
            Ok((updated, returned.transpose()?))
        })?;
    result(updated, returned, seq)
}

/// The plan of what an UPDATE reads, for EXPLAIN.
///
/// # Errors
/// As [`run`].
pub(crate) fn plan<'a>(
    engine: &'a Arc<Engine>,
    caller: &'a Caller,
    statement: &'a Update,
    params: &'a [ScalarValue],
    view: &Arc<View>,
) -> Result<(Planner<'a>, LogicalPlan)> {
    let target =
        TargetTable::existing(engine, caller, &statement.table, statement.alias.as_deref())?;
    target.check_changeable()?;
    let assignments = Assignments::new(&target.table, &statement.assignments)?;
    let evaluator = Evaluator::new(engine, caller, params, &statement.ctes);
    selection(&target, statement, &assignments, false).query().plan(&evaluator, view)
}

fn selection<'a>(
    target: &'a TargetTable,
    statement: &'a Update,
    assignments: &'a Assignments<'a>,
    returns: bool,
) -> TargetSelection<'a> {
    TargetSelection {
        target,
        beside: &statement.from,
        selection: statement.selection.as_ref(),
        assignments: Some(assignments),
        returns,
    }
}

/// Gives rows that left their keys the new ones.
///
/// # Errors
/// `23505`.
pub(super) fn finish_moves(writer: &mut RowWriter<'_>, moved: &[RowChange]) -> Result<()> {
    moved.iter().try_for_each(|change| change.occupy(writer))?;
    writer.finish_moves()
}
