//! `ON CONFLICT`: what becomes of new rows whose key is taken.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::FieldRef;
use datafusion::common::{ScalarValue, TableReference};
use datafusion::sql::sqlparser::ast::Expr;

use super::assignment::{Assignments, RowChange};
use super::evaluator::Evaluator;
use super::new_rows::{InsertTarget, undefined_column};
use super::plain_value::PlainRows;
use super::returning::AffectedRows;
use super::target::{TargetRows, TargetTable};
use super::update::finish_moves;
use crate::catalog::{Table, seq_field};
use crate::executor::built_query::value_items;
use crate::executor::given_rows::GivenRows;
use crate::executor::modify_statement::{ConflictTarget, OnConflict};
use crate::executor::row_writer::{Arbiters, Conflicting, RowWriter, Taken, changed_twice};
use crate::executor::stored_rows::StoredRow;
use crate::store::{SCOPE_PREFIX_LEN, View, damaged};
use crate::{Error, Result, SqlState};

/// The name of the new row in DO UPDATE.
const EXCLUDED: &str = "excluded";

/// New rows: what they are of, their columns, and how many.
pub(super) type NewRows<'a> = (&'a InsertTarget<'a>, &'a [ArrayRef], usize);

/// Decides for each new row of one run of a statement.
pub(super) struct ConflictResolution<'a> {
    target: &'a TargetTable,
    /// DO UPDATE; `None`: DO NOTHING.
    update: Option<(Assignments<'a>, Option<&'a Expr>)>,
    arbiters: Arbiters,
    /// Keys of rows that the statement inserted, and of their entries.
    inserted: HashSet<Vec<u8>>,
    /// Keys of rows that it updated.
    updated: HashSet<Vec<u8>>,
    moved: Vec<RowChange>,
}

impl<'a> ConflictResolution<'a> {
    /// # Errors
    /// `42P10` if the conflict target is no unique key, `42704` for an unknown
    /// constraint, `42703`, `0A000` for DO UPDATE of a STREAM table.
    pub(super) fn new(
        target: &'a TargetTable,
        clause: &'a OnConflict,
    ) -> Result<ConflictResolution<'a>> {
        let arbiters = check_conflict_target(&target.table, clause)?;
        let update = match &clause.update {
            None => None,
            Some(update) => {
                target.check_changeable()?;
                if target.name == EXCLUDED {
                    return Err(Error::new(
                        SqlState::AMBIGUOUS_COLUMN,
                        "table name \"excluded\" is that of the new row in ON CONFLICT",
                    )
                    .with_hint("give the table another alias"));
                }
                let assignments = Assignments::new(&target.table, &update.assignments)?;
                Some((assignments, update.selection.as_ref()))
            }
        };
        Ok(ConflictResolution {
            target,
            update,
            arbiters,
            inserted: HashSet::new(),
            updated: HashSet::new(),
            moved: Vec::new(),
        })
    }

    /// Inserts the rows whose key is free, and updates or leaves the rows that have the
    /// others' keys. Returns how many rows are inserted or really change, and all of
    /// those that were inserted or matched, in the order of the new rows.
    ///
    /// # Errors
    /// `21000` if DO UPDATE finds a row a second time, `23505` if it gives a row a key
    /// that is taken, `53200`, and what its expressions get wrong.
    pub(super) fn write(
        &mut self,
        evaluator: &Evaluator<'_>,
        view: &Arc<View>,
        writer: &mut RowWriter<'_>,
        (new, columns, rows): NewRows<'_>,
    ) -> Result<(u64, Vec<AffectedRows>)> {
        if self.arbiters.is_empty() {
            new.write(writer, columns, rows, Taken::Refuse)?;
            return Ok((rows as u64, vec![AffectedRows::written(columns.to_vec(), rows)]));
        }
        let (mut fresh, mut taken, mut stored) = (Vec::new(), Vec::new(), Vec::new());
        let found = writer.find_conflicts(columns, rows, &self.arbiters)?;
        for (row, Conflicting { keys, row: existing }) in (0u32..).zip(found) {
            match existing {
                _ if keys.iter().any(|key| self.inserted.contains(key)) => {
                    if self.update.is_some() {
                        return Err(changed_twice(&self.target.table));
                    }
                }
                None => {
                    self.inserted.extend(keys);
                    fresh.push(row);
                }
                Some(existing) if self.update.is_some() => {
                    taken.push(row);
                    stored.push(existing);
                }
                Some(_) => {}
            }
        }
        let mut changed = fresh.len() as u64;
        let mut parts = Vec::new();
        if !fresh.is_empty() {
            let columns = take_all(columns, &fresh)?;
            new.write(writer, &columns, fresh.len(), Taken::Refuse)?;
            parts.push((AffectedRows::written(columns, fresh.len()), fresh));
        }
        if !stored.is_empty() {
            let excluded = take_all(columns, &taken)?;
            if let Some((change, kept)) =
                self.change(evaluator, view, writer, (stored, excluded))?
            {
                changed += change.count();
                let rows = kept.iter().map(|index| taken[*index]).collect();
                let (columns, seqs) = (change.all.clone(), change.seqs.clone());
                parts.push((AffectedRows { columns, seqs, sources: Vec::new() }, rows));
                self.put(writer, change)?;
            }
        }
        writer.remember(self.inserted.len() + self.updated.len())?;
        Ok((changed, in_order(parts)?))
    }

    /// What DO UPDATE makes of rows, and which of them WHERE keeps; `None`: none.
    fn change(
        &mut self,
        evaluator: &Evaluator<'_>,
        view: &Arc<View>,
        writer: &RowWriter<'_>,
        (stored, excluded): (Vec<StoredRow>, Vec<ArrayRef>),
    ) -> Result<Option<(RowChange, Vec<usize>)>> {
        let Some((assignments, selection)) = &self.update else { return Ok(None) };
        let table = &self.target.table;
        let existing = writer.read(&stored)?;
        let conflict = Conflict { target: self.target, existing: &existing, excluded: &excluded };
        let (kept, values) = match conflict.plain_values(assignments, *selection, evaluator)? {
            Some(values) => ((0..stored.len()).collect(), values),
            None => conflict.values(assignments, *selection, evaluator, view)?,
        };
        for index in &kept {
            if !self.updated.insert(stored[*index].key.clone()) {
                return Err(changed_twice(table));
            }
        }
        if kept.is_empty() {
            return Ok(None);
        }
        let seqs = existing.last().cloned().unwrap_or_else(|| existing[0].clone());
        let rows = TargetRows {
            columns: existing[..existing.len() - 1].to_vec(),
            seqs,
            places: stored.iter().map(|row| row.place).collect(),
            hidden: hidden_keys(table, &stored)?,
            sources: Vec::new(),
            values: Vec::new(),
            held: None,
        };
        let places: Vec<u32> =
            kept.iter().map(|index| u32::try_from(*index).unwrap_or(u32::MAX)).collect();
        let rows = TargetRows { values, ..rows.take(&places)? };
        Ok(Some((assignments.apply(evaluator, table, &rows)?, kept)))
    }

    fn put(&mut self, writer: &mut RowWriter<'_>, change: RowChange) -> Result<()> {
        let moves = self.update.as_ref().is_some_and(|(assignments, _)| assignments.moves_keys());
        if !moves {
            return change.replace(writer);
        }
        change.vacate(writer)?;
        self.moved.push(change);
        Ok(())
    }

    /// Call it after the last rows.
    ///
    /// # Errors
    /// `23505` for a new key that is taken.
    pub(super) fn finish(self, writer: &mut RowWriter<'_>) -> Result<()> {
        finish_moves(writer, &self.moved)
    }
}

/// Rows that are there, with their `_seq`, and the new ones of the same keys.
struct Conflict<'a> {
    target: &'a TargetTable,
    existing: &'a [ArrayRef],
    excluded: &'a [ArrayRef],
}

impl Conflict<'_> {
    /// The new values, if there is no WHERE and none of them needs a planner.
    fn plain_values(
        &self,
        assignments: &Assignments<'_>,
        selection: Option<&Expr>,
        evaluator: &Evaluator<'_>,
    ) -> Result<Option<Vec<ArrayRef>>> {
        if selection.is_some() {
            return Ok(None);
        }
        let rows = PlainRows {
            table: &self.target.table,
            relations: vec![(&self.target.name, self.existing), (EXCLUDED, self.excluded)],
            params: evaluator.params,
            rows: self.excluded.first().map_or(0, |column| column.len()),
        };
        rows.values(assignments)
    }

    /// The rows that WHERE keeps, and their new values.
    fn values(
        &self,
        assignments: &Assignments<'_>,
        selection: Option<&Expr>,
        evaluator: &Evaluator<'_>,
        view: &Arc<View>,
    ) -> Result<(Vec<usize>, Vec<ArrayRef>)> {
        let (existing, excluded) = (self.existing.to_vec(), self.excluded.to_vec());
        let given = conflict_rows(&self.target.table, &self.target.name, existing, excluded);
        let items = value_items(assignments.expressions());
        let evaluated = evaluator.over(view, &given, items, selection)?;
        Ok((evaluated.indices, evaluated.columns))
    }
}

/// The relation that DO UPDATE reads: the rows that are there, with their `_seq`, and
/// the new ones.
pub(crate) fn conflict_rows(
    table: &Table,
    name: &str,
    existing: Vec<ArrayRef>,
    excluded: Vec<ArrayRef>,
) -> GivenRows {
    let seq: FieldRef = Arc::new(seq_field());
    let stored = table.schema.fields().iter().chain([&seq]);
    GivenRows::new(excluded.first().map_or(0, |column| column.len()))
        .with(Some(&TableReference::bare(name)), stored, existing)
        .with(Some(&TableReference::bare(EXCLUDED)), table.schema.fields(), excluded)
}

/// The hidden keys of rows where these are their keys.
fn hidden_keys(table: &Table, rows: &[StoredRow]) -> Result<Option<ArrayRef>> {
    if !table.definition.has_hidden_key() {
        return Ok(None);
    }
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        match table.key_codec.decode(&row.key[SCOPE_PREFIX_LEN..])?.as_slice() {
            [ScalarValue::Int64(Some(key))] => keys.push(*key),
            _ => return Err(damaged("the key of a row")),
        }
    }
    Ok(Some(Arc::new(Int64Array::from(keys))))
}

/// The unique keys that a conflict target is about.
///
/// # Errors
/// `42P10` if it is none, `42704`, `42703`.
pub(crate) fn check_conflict_target(table: &Table, clause: &OnConflict) -> Result<Arbiters> {
    let name = &table.definition.name;
    let has_key = !table.definition.has_hidden_key();
    let uniques = table.uniques.iter();
    match &clause.target {
        ConflictTarget::Any => Ok(Arbiters {
            primary_key: has_key,
            uniques: uniques.map(|unique| unique.id).collect(),
        }),
        ConflictTarget::Constraint(constraint) => {
            let mut named = uniques.filter(|unique| unique.name.as_str() == constraint);
            let arbiters = Arbiters {
                primary_key: has_key && *constraint == format!("{}_pkey", name.table),
                uniques: named.next().map(|unique| unique.id).into_iter().collect(),
            };
            if !arbiters.is_empty() {
                return Ok(arbiters);
            }
            Err(Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!("constraint \"{constraint}\" of table \"{name}\" does not exist"),
            )
            .with_position(clause.position))
        }
        ConflictTarget::Columns(columns) => {
            let known =
                |column: &str| table.definition.columns.iter().any(|c| c.name.as_str() == column);
            if let Some((column, position)) = columns.iter().find(|(column, _)| !known(column)) {
                return Err(undefined_column(table, column).with_position(*position));
            }
            let mut given: Vec<&str> = columns.iter().map(|(column, _)| column.as_str()).collect();
            given.sort_unstable();
            given.dedup();
            let is_given = |positions: &[usize]| {
                let columns = positions.iter().map(|i| table.definition.columns[*i].name.as_str());
                let mut columns: Vec<&str> = columns.collect();
                columns.sort_unstable();
                columns == given
            };
            let arbiters = Arbiters {
                primary_key: has_key && is_given(&table.key_positions),
                uniques: uniques.filter(|u| is_given(&u.positions)).map(|u| u.id).collect(),
            };
            if !arbiters.is_empty() {
                return Ok(arbiters);
            }
            Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("no unique key of table \"{name}\" is over these columns"),
            )
            .with_hint("name all columns of the primary key or of a UNIQUE constraint")
            .with_position(clause.position))
        }
    }
}

fn take_all(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>> {
    let indices = UInt32Array::from(rows.to_vec());
    let taken = columns.iter().map(|column| take(column, &indices, None));
    taken.collect::<Result<_, _>>().map_err(internal)
}

/// Rows of several kinds, each with its number, as one.
fn in_order(mut parts: Vec<(AffectedRows, Vec<u32>)>) -> Result<Vec<AffectedRows>> {
    if parts.len() < 2 {
        return Ok(parts.pop().map(|(rows, _)| rows).into_iter().collect());
    }
    let numbers: Vec<u32> = parts.iter().flat_map(|(_, numbers)| numbers).copied().collect();
    let mut order: Vec<u32> = (0u32..).take(numbers.len()).collect();
    order.sort_by_key(|index| numbers[*index as usize]);
    let order = UInt32Array::from(order);
    let join = |arrays: Vec<&ArrayRef>| -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array.as_ref()).collect();
        concat(&arrays).and_then(|all| take(&all, &order, None)).map_err(internal)
    };
    let width = parts[0].0.columns.len();
    let columns =
        (0..width).map(|i| join(parts.iter().map(|(rows, _)| &rows.columns[i]).collect()));
    Ok(vec![AffectedRows {
        columns: columns.collect::<Result<_>>()?,
        seqs: join(parts.iter().map(|(rows, _)| &rows.seqs).collect())?,
        sources: Vec::new(),
    }])
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "new and old rows do not fit together").with_source(error)
}
