//! `UPDATE`.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::filter;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Value};

use super::new_rows::undefined_column;
use super::target::{Target, TargetRows};
use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::functions::{DefaultContext, DefaultValue};
use crate::executor::gateway::TableAction;
use crate::executor::resolve::{read_scope, resolve_table};
use crate::executor::row_writer::RowPlace;
use crate::executor::statement::{InsertValue, Update};
use crate::executor::work::Work;
use crate::model::{TableKind, UserKey, assign, check_not_null};
use crate::{Error, Result, SqlState};

/// Updates rows; those that would stay as they are do not count.
///
/// # Errors
/// `42703`, `42701`, `23505`, `23502`, `0A000` for STREAM tables, and what the
/// expressions get wrong.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    work: &mut Work,
    statement: &Update,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, &statement.table, TableAction::Write)?;
    if table.definition.kind == TableKind::Stream {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("rows of STREAM table \"{}\" cannot be updated", table.definition.name),
        )
        .with_hint("insert a new row"));
    }
    let assignments = Assignments::new(&table, statement)?;
    let user = read_scope(engine, caller, &table)?.unwrap_or(UserKey::NOBODY);
    let target = Target {
        table: &table,
        user,
        name: statement.alias.as_deref().unwrap_or(&statement.table.table),
        selection: statement.selection.as_ref(),
        values: assignments.expressions(),
    };
    let updated = work.write(engine, &table, user, |view, writer| {
        let mut moved = Vec::new();
        let mut updated = 0;
        for rows in target.rows(engine, caller, params, view)? {
            let change = assignments.apply(engine, caller, &table, rows)?;
            updated += change.places.len() as u64;
            if change.places.is_empty() {
                continue;
            }
            if assignments.moves_keys {
                writer.vacate(&change.old, &change.places)?;
                moved.push(change);
            } else {
                let hidden = change.hidden.as_ref();
                writer.replace(&change.old, &change.new, hidden, &change.places)?;
            }
        }
        for change in &moved {
            writer.occupy(&change.new)?;
        }
        writer.finish_moves()?;
        Ok(updated)
    })?;
    Ok(QueryResult::affected(updated))
}

struct Assignments<'a> {
    /// Column position and new value, in the order of the statement.
    values: Vec<(usize, &'a InsertValue)>,
    moves_keys: bool,
}

/// Rows that really change.
struct RowChange {
    old: Vec<ArrayRef>,
    new: Vec<ArrayRef>,
    hidden: Option<ArrayRef>,
    places: Vec<RowPlace>,
}

impl<'a> Assignments<'a> {
    fn new(table: &Table, statement: &'a Update) -> Result<Assignments<'a>> {
        let mut values: Vec<(usize, &InsertValue)> = Vec::new();
        for (name, position, value) in &statement.assignments {
            let column = table
                .definition
                .columns
                .iter()
                .position(|c| c.name.as_str() == name)
                .ok_or_else(|| undefined_column(table, name).with_position(*position))?;
            if values.iter().any(|(c, _)| *c == column) {
                return Err(Error::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{name}\" is assigned twice"),
                )
                .with_position(*position));
            }
            values.push((column, value));
        }
        let moves_keys = values.iter().any(|(c, _)| table.key_positions.contains(c));
        Ok(Assignments { values, moves_keys })
    }

    /// What the SELECT computes; DEFAULT is filled in afterwards.
    fn expressions(&self) -> Vec<Expr> {
        self.values
            .iter()
            .map(|(_, value)| match value {
                InsertValue::Expr(expr) => expr.clone(),
                InsertValue::Default => Expr::value(Value::Null),
            })
            .collect()
    }

    fn apply(
        &self,
        engine: &Engine,
        caller: &Caller,
        table: &Table,
        rows: TargetRows,
    ) -> Result<RowChange> {
        let name = table.definition.name.to_string();
        let mut new = rows.columns.clone();
        let mut changed = BooleanArray::from(vec![false; rows.places.len()]);
        for ((position, value), array) in self.values.iter().zip(&rows.values) {
            let column = &table.definition.columns[*position];
            let array = match (value, &column.default) {
                (InsertValue::Default, Some(default)) => {
                    let context = DefaultContext {
                        now_us: engine.clock.now_us(),
                        user: caller.user.as_str(),
                        role: caller.role.as_str(),
                        ids: &engine.ids,
                    };
                    DefaultValue::parse(&default.expression)?.array(rows.places.len(), &context)?
                }
                _ => array.clone(),
            };
            let array = assign(column, &array)?;
            check_not_null(column, &name, &array)?;
            changed = or(&changed, &differs(&rows.columns[*position], &array)?)?;
            new[*position] = array;
        }
        if changed.true_count() == changed.len() {
            let TargetRows { columns: old, places, hidden, .. } = rows;
            return Ok(RowChange { old, new, hidden, places });
        }
        let keep = |arrays: &[ArrayRef]| -> Result<Vec<ArrayRef>> {
            arrays.iter().map(|a| filter(a, &changed).map_err(internal)).collect()
        };
        let places = rows.places.iter().zip(changed.values());
        Ok(RowChange {
            old: keep(&rows.columns)?,
            new: keep(&new)?,
            hidden: rows.hidden.map(|h| filter(&h, &changed)).transpose().map_err(internal)?,
            places: places.filter(|(_, changed)| *changed).map(|(place, _)| *place).collect(),
        })
    }
}

fn or(a: &BooleanArray, b: &BooleanArray) -> Result<BooleanArray> {
    arrow::compute::or(a, b).map_err(internal)
}

/// Row by row whether two columns of one type differ; NULL equals NULL, and NaN
/// equals NaN.
fn differs(old: &ArrayRef, new: &ArrayRef) -> Result<BooleanArray> {
    let compare = arrow::array::make_comparator(old, new, arrow::compute::SortOptions::default());
    match compare {
        Ok(compare) => Ok((0..old.len()).map(|i| Some(compare(i, i).is_ne())).collect()),
        // Types without an order are compared as values.
        Err(_) => (0..old.len())
            .map(|i| Ok(Some(old.slice(i, 1).to_data() != new.slice(i, 1).to_data())))
            .collect(),
    }
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "updated columns do not fit").with_source(error)
}
