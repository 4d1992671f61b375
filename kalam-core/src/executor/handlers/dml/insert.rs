//! `INSERT`.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Value, ValueWithSpan, Visit, Visitor};

use super::evaluator::Evaluator;
use super::new_rows::InsertTarget;
use super::on_conflict::ConflictResolution;
use super::plain_write;
use super::returning::{AffectedRows, Returning, result};
use super::row_values::{BoundRow, values};
use super::target::TargetTable;
use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::built_query::has_query;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::modify_statement::{Insert, InsertSource, InsertValue, OnConflict};
use crate::executor::named_relations::authorize_expression;
use crate::executor::row_writer::{RowWriter, Taken};
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
    match plain_write::insert(engine, caller, work, statement, params)? {
        Some(done) => Ok(done),
        None => run_many(engine, caller, work, statement, &[params]),
    }
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
    let returns = returning.is_some();
    let ((changed, returned), seq) =
        work.write_numbered(engine, table, target.user, |view, writer| {
            let resolution = on_conflict.map(|clause| ConflictResolution::new(&target, clause));
            let mut run = Run {
                new: &new,
                evaluator: &evaluator,
                view,
                writer,
                resolution: resolution.transpose()?,
                changed: 0,
                affected: returns.then(Vec::new),
            };
            run.insert(&names, statement, sets)?;
            let (changed, affected) = run.finish()?;
            let affected = returning.as_ref().zip(affected);
            let returned = affected
                .map(|(list, affected)| list.rows(&evaluator, view, &affected, &Vec::new()));
            Ok((changed, returned.transpose()?))
        })?;
    result(changed, returned, seq)
}

/// One run of the statement.
struct Run<'r, 'w, 'a> {
    new: &'r InsertTarget<'r>,
    evaluator: &'r Evaluator<'r>,
    view: &'r Arc<View>,
    writer: &'r mut RowWriter<'w>,
    resolution: Option<ConflictResolution<'a>>,
    /// Rows that are inserted or really change.
    changed: u64,
    /// What RETURNING may show.
    affected: Option<Vec<AffectedRows>>,
}

impl Run<'_, '_, '_> {
    /// Inserts the rows of each set of parameters, a batch of a query as it comes.
    fn insert<P: AsRef<[ScalarValue]>>(
        &mut self,
        names: &[&str],
        statement: &Insert,
        sets: &[P],
    ) -> Result<()> {
        match &statement.source {
            InsertSource::DefaultValues => self.add(&[], sets.len()),
            InsertSource::Values(rows) => {
                for row in rows {
                    check_width(names.len(), row.len(), statement)?;
                }
                let bound: Vec<BoundRow<'_>> = sets
                    .iter()
                    .flat_map(|params| rows.iter().map(|row| (row.as_slice(), params.as_ref())))
                    .collect();
                if bound.is_empty() {
                    return Ok(());
                }
                let (values, rows) = values(self.new, self.evaluator, &bound, self.view)?;
                self.add(&values, rows)
            }
            InsertSource::Query(query) => {
                if let [params] = sets
                    && self.resolution.is_none()
                    && self.affected.is_none()
                {
                    let evaluator = Evaluator { params: params.as_ref(), ..*self.evaluator };
                    let mut batches = evaluator.batches(query, self.view)?;
                    check_width(names.len(), batches.columns(), statement)?;
                    let next = &mut || batches.next();
                    self.changed += self.new.insert_all(self.view, self.writer, next)?;
                    return Ok(());
                }
                for params in sets {
                    let evaluator = Evaluator { params: params.as_ref(), ..*self.evaluator };
                    let mut batches = evaluator.batches(query, self.view)?;
                    check_width(names.len(), batches.columns(), statement)?;
                    while let Some(batch) = batches.next()? {
                        self.add(batch.columns(), batch.num_rows())?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Inserts rows, given the values of the columns that the statement names.
    fn add(&mut self, values: &[ArrayRef], rows: usize) -> Result<()> {
        let columns = self.new.complete(values, rows)?;
        let Some(resolution) = &mut self.resolution else {
            self.new.write(self.writer, &columns, rows, Taken::Refuse)?;
            self.changed += rows as u64;
            if let Some(affected) = &mut self.affected {
                let rows = AffectedRows::written(columns, rows);
                self.writer.hold(rows.bytes())?;
                affected.push(rows);
            }
            return Ok(());
        };
        let new = (self.new, columns.as_slice(), rows);
        let (count, rows) = resolution.write(self.evaluator, self.view, self.writer, new)?;
        self.changed += count;
        if let Some(affected) = &mut self.affected {
            self.writer.hold(rows.iter().map(AffectedRows::bytes).sum())?;
            affected.extend(rows);
        }
        Ok(())
    }

    fn finish(self) -> Result<(u64, Option<Vec<AffectedRows>>)> {
        if let Some(resolution) = self.resolution {
            resolution.finish(self.writer)?;
        }
        Ok((self.changed, self.affected))
    }
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

fn check_width(expected: usize, found: usize, statement: &Insert) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::new(
        SqlState::SYNTAX_ERROR,
        format!("INSERT has {found} values for {expected} columns"),
    )
    .with_position(statement.table.position))
}
