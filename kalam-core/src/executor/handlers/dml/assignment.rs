//! New values for rows that are there: what UPDATE, ON CONFLICT and MERGE share.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, make_comparator};
use arrow::compute::{SortOptions, filter};
use arrow::datatypes::Int64Type;
use datafusion::sql::sqlparser::ast::{Expr, Value};

use super::evaluator::Evaluator;
use super::new_rows::undefined_column;
use super::target::TargetRows;
use crate::catalog::Table;
use crate::executor::functions::{DefaultContext, table_defaults};
use crate::executor::modify_statement::{Assignment, InsertValue};
use crate::executor::row_writer::{RowPlace, RowWriter};
use crate::model::{assign, check_not_null};
use crate::store::column_bytes;
use crate::{Error, Result, SqlState};

/// The assignments of a SET.
pub(super) struct Assignments<'a> {
    /// Column position and new value, in the order of the statement.
    pub(super) values: Vec<(usize, &'a InsertValue)>,
    moves_keys: bool,
}

/// Rows as an assignment leaves them.
pub(super) struct RowChange {
    /// The columns of all rows.
    pub(super) all: Vec<ArrayRef>,
    /// Their `_seq`; NULL for those that change.
    pub(super) seqs: ArrayRef,
    /// Those that change, before and after. What they were is needed only for keys and
    /// UNIQUE constraints.
    old: Vec<ArrayRef>,
    new: Vec<ArrayRef>,
    hidden: Option<ArrayRef>,
    places: Vec<RowPlace>,
}

impl<'a> Assignments<'a> {
    /// # Errors
    /// `42703`, `42701`.
    pub(super) fn new(table: &Table, assignments: &'a [Assignment]) -> Result<Assignments<'a>> {
        let mut values: Vec<(usize, &InsertValue)> = Vec::with_capacity(assignments.len());
        for (name, position, value) in assignments {
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

    /// What has to be evaluated for each row; DEFAULT is filled in afterwards.
    pub(super) fn expressions(&self) -> Vec<Expr> {
        self.values
            .iter()
            .map(|(_, value)| match value {
                InsertValue::Expr(expr) => expr.clone(),
                InsertValue::Default => Expr::value(Value::Null),
            })
            .collect()
    }

    /// Fits the rows' values to their columns, and finds the rows that really change.
    ///
    /// # Errors
    /// `23502` and what [`assign`] raises.
    pub(super) fn apply(
        &self,
        evaluator: &Evaluator<'_>,
        table: &Table,
        rows: &TargetRows,
    ) -> Result<RowChange> {
        let name = table.definition.name.to_string();
        let defaults = table_defaults(table)?;
        let mut all = rows.columns.clone();
        let mut changed = BooleanArray::from(vec![false; rows.len()]);
        for ((position, value), array) in self.values.iter().zip(&rows.values) {
            let column = &table.definition.columns[*position];
            let array = match (value, &defaults[*position]) {
                (InsertValue::Default, Some(default)) => {
                    let context = DefaultContext {
                        now_us: evaluator.engine.clock.now_us(),
                        user: evaluator.caller.user.as_str(),
                        role: evaluator.caller.role.as_str(),
                        ids: &evaluator.engine.ids,
                    };
                    default.array(rows.len(), &context)?
                }
                _ => array.clone(),
            };
            let array = assign(column, &array)?;
            check_not_null(column, &name, &array)?;
            let differs = differs(&rows.columns[*position], &array)?;
            changed = arrow::compute::or(&changed, &differs).map_err(internal)?;
            all[*position] = array;
        }
        let seqs = rows.seqs.as_primitive::<Int64Type>().values().iter().zip(changed.values());
        let seqs = seqs.map(|(seq, changed)| (!changed).then_some(*seq));
        let seqs = std::sync::Arc::new(seqs.collect::<Int64Array>());
        let keep = |arrays: &[ArrayRef]| -> Result<Vec<ArrayRef>> {
            if changed.true_count() == changed.len() {
                return Ok(arrays.to_vec());
            }
            arrays.iter().map(|a| filter(a, &changed).map_err(internal)).collect()
        };
        let places = rows.places.iter().zip(changed.values());
        let hidden = match &rows.hidden {
            Some(hidden) => Some(filter(hidden, &changed).map_err(internal)?),
            None => None,
        };
        Ok(RowChange {
            old: if self.moves_keys || !table.uniques.is_empty() {
                keep(&rows.columns)?
            } else {
                Vec::new()
            },
            new: keep(&all)?,
            hidden,
            places: places.filter(|(_, changed)| *changed).map(|(place, _)| *place).collect(),
            all,
            seqs,
        })
    }

    /// Whether a column of the primary key is assigned.
    pub(super) fn moves_keys(&self) -> bool {
        self.moves_keys
    }
}

impl RowChange {
    /// How many rows change.
    pub(super) fn count(&self) -> u64 {
        self.places.len() as u64
    }

    /// Writes rows that keep their keys.
    ///
    /// # Errors
    /// `21000` for a row that the statement changed already.
    pub(super) fn replace(&self, writer: &mut RowWriter<'_>) -> Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        writer.replace(&self.old, &self.new, self.hidden.as_ref(), &self.places)
    }

    /// Takes rows away from their keys, before any row gets a new one.
    ///
    /// # Errors
    /// As [`RowChange::replace`].
    pub(super) fn vacate(&self, writer: &mut RowWriter<'_>) -> Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        writer.vacate(&self.old, &self.places)?;
        writer.hold(column_bytes(&self.all))
    }

    /// Puts rows under their new keys.
    ///
    /// # Errors
    /// `23505`.
    pub(super) fn occupy(&self, writer: &mut RowWriter<'_>) -> Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        writer.occupy(&self.new)
    }
}

/// Row by row whether two columns of one type differ; NULL equals NULL, and NaN
/// equals NaN.
pub(super) fn differs(old: &ArrayRef, new: &ArrayRef) -> Result<BooleanArray> {
    match make_comparator(old, new, SortOptions::default()) {
        Ok(compare) => Ok((0..old.len()).map(|i| Some(compare(i, i).is_ne())).collect()),
        // Types without an order are compared as values.
        Err(_) => (0..old.len())
            .map(|i| Ok(Some(old.slice(i, 1).to_data() != new.slice(i, 1).to_data())))
            .collect(),
    }
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "changed columns do not fit").with_source(error)
}
