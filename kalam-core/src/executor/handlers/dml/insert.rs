//! `INSERT`.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Value, ValueWithSpan, Visit, Visitor};

use super::evaluator::{Evaluator, with_ctes};
use super::new_rows::InsertTarget;
use super::on_conflict::ConflictResolution;
use super::returning::{AffectedRows, Returning, result};
use super::row_values::{BoundRow, Chunk, values};
use super::target::TargetTable;
use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::built_query::has_query;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::handlers::query::select;
use crate::executor::modify_statement::{Insert, InsertSource, InsertValue, OnConflict};
use crate::executor::named_relations::authorize_expression;
use crate::executor::row_writer::Taken;
use crate::executor::work::Work;
use crate::store::View;
use crate::{Error, Result, SqlState};

/// Inserts rows: all of them or none. With ON CONFLICT, rows whose key is taken change
/// the row that has it, or nothing.
///
/// # Errors
/// `23505`, `23502`, `42703`, `42804`, `42P10` and the others of values.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Insert,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    run_many(engine, caller, work, statement, &[params])
}

/// Inserts the rows of each set of parameters in one commit.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_many<P: AsRef<[ScalarValue]>>(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Insert,
    sets: &[P],
) -> Result<QueryResult> {
    let alias = statement.alias.as_deref();
    let target = TargetTable::growing(engine, caller, &statement.table, alias)?;
    let table = &target.table;
    let names = target_names(table, statement);
    let new = InsertTarget::new(engine, caller, table, names.iter().copied())
        .map_err(|e| e.with_position(statement.table.position))?;
    let returning = Returning::new(&statement.returning, table, &target.name, false)?;
    let none = [];
    let params = if let [set] = sets { set.as_ref() } else { &none };
    let evaluator = Evaluator::new(engine, caller, params, &statement.ctes);
    let on_conflict = statement.on_conflict.as_ref();
    for expr in on_conflict.into_iter().flat_map(OnConflict::expressions) {
        authorize_expression(engine, caller, statement.ctes.as_deref(), expr)?;
    }
    let ((changed, returned), seq) =
        work.write_numbered(engine, table, target.user, |view, writer| {
            let mut resolution = match on_conflict {
                Some(clause) => Some(ConflictResolution::new(&target, clause)?),
                None => None,
            };
            let (mut changed, mut affected) = (0, Vec::new());
            for (values, rows) in rows(&new, &evaluator, &names, statement, sets, view)? {
                let columns = new.complete(&values, rows)?;
                let Some(resolution) = &mut resolution else {
                    new.write(writer, &columns, rows, Taken::Refuse)?;
                    changed += rows as u64;
                    if returning.is_some() {
                        affected.push(AffectedRows::written(columns, rows));
                    }
                    continue;
                };
                let (count, rows) =
                    resolution.write(&evaluator, view, writer, (&new, &columns, rows))?;
                changed += count;
                affected.extend(rows);
            }
            if let Some(resolution) = resolution {
                resolution.finish(writer)?;
            }
            let returned =
                returning.as_ref().map(|list| list.rows(&evaluator, view, &affected, &Vec::new()));
            Ok((changed, returned.transpose()?))
        })?;
    result(changed, returned, seq)
}

/// Whether inserting the rows of all sets at once does what one set after another does,
/// but for keys that occur twice: no expression but those of VALUES reads a parameter,
/// and none reads a table.
pub(crate) fn is_batch(statement: &Insert) -> bool {
    let Some(clause) = &statement.on_conflict else { return true };
    if clause.update.is_none() {
        return true;
    }
    let InsertSource::Values(rows) = &statement.source else { return false };
    let has_parameter =
        |expr: &Expr| has_value(expr, |value| matches!(value, Value::Placeholder(_)));
    let rows = rows.iter().flatten().filter_map(InsertValue::expression);
    let of_update: Vec<&Expr> = clause.expressions().collect();
    statement.ctes.is_none()
        && !rows.chain(of_update.iter().copied()).any(has_query)
        && !of_update.into_iter().any(has_parameter)
}

/// Whether a value somewhere in an expression is such a one.
fn has_value(expr: &Expr, is_one: fn(&Value) -> bool) -> bool {
    struct Find(fn(&Value) -> bool);
    impl Visitor for Find {
        type Break = ();

        fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
            if (self.0)(&value.value) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    expr.visit(&mut Find(is_one)).is_break()
}

/// The columns that take the values: those named, or the first ones of the table.
fn target_names<'a>(table: &'a Table, statement: &'a Insert) -> Vec<&'a str> {
    if statement.columns.is_empty() {
        let width = match &statement.source {
            InsertSource::Values(rows) => rows.first().map_or(0, Vec::len),
            InsertSource::Query(_) => table.definition.columns.len(),
            InsertSource::DefaultValues => 0,
        };
        table.definition.columns.iter().map(|c| c.name.as_str()).take(width).collect()
    } else {
        statement.columns.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn rows<P: AsRef<[ScalarValue]>>(
    target: &InsertTarget<'_>,
    evaluator: &Evaluator<'_>,
    names: &[&str],
    statement: &Insert,
    sets: &[P],
    view: &Arc<View>,
) -> Result<Vec<Chunk>> {
    match &statement.source {
        InsertSource::DefaultValues => Ok(vec![(Vec::new(), sets.len())]),
        InsertSource::Values(rows) => {
            for row in rows {
                check_width(names.len(), row.len(), statement)?;
            }
            let bound: Vec<BoundRow<'_>> = sets
                .iter()
                .flat_map(|params| rows.iter().map(|row| (row.as_slice(), params.as_ref())))
                .collect();
            if bound.is_empty() {
                return Ok(Vec::new());
            }
            values(target, evaluator, &bound, view).map(|chunk| vec![chunk])
        }
        InsertSource::Query(query) => {
            let query = with_ctes(&statement.ctes, query.as_ref().clone());
            let mut batches = Vec::new();
            for params in sets {
                let (engine, caller) = (target.engine, target.caller);
                let params = params.as_ref();
                batches.extend(select::collect(engine, caller, &query, params, view.clone())?);
            }
            let Some(first) = batches.first() else { return Ok(Vec::new()) };
            if statement.columns.is_empty() && first.num_columns() < names.len() {
                return Err(width_error(names.len(), first.num_columns(), statement));
            }
            check_width(names.len(), first.num_columns(), statement)?;
            Ok(batches.iter().map(|b| (b.columns().to_vec(), b.num_rows())).collect())
        }
    }
}

fn check_width(expected: usize, found: usize, statement: &Insert) -> Result<()> {
    if expected == found { Ok(()) } else { Err(width_error(expected, found, statement)) }
}

fn width_error(expected: usize, found: usize, statement: &Insert) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, format!("INSERT has {found} values for {expected} columns"))
        .with_position(statement.table.position)
}
