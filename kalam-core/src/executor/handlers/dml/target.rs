//! The table that a statement changes, and the rows that it is about, with their places.
//!
//! The rows come from an ordinary SELECT over the target, so WHERE means what it
//! means in a query, subqueries included. DataFusion's own delete and update hooks
//! are never used: they drop conditions that they cannot push down.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, make_comparator, new_empty_array};
use arrow::compute::{SortOptions, concat_batches, take};
use arrow::datatypes::FieldRef;
use datafusion::common::TableReference;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, SetExpr, TableWithJoins};

use super::assignment::{Assignments, differs};
use super::evaluator::{Evaluator, with_ctes};
use super::plain_value::PlainRows;
use crate::catalog::Table;
use crate::executor::built_query::{all_of, query_of, relation_of, select_of, value_items};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::handlers::query::select::prepare;
use crate::executor::modify_statement::Ctes;
use crate::executor::planner::{Planner, TARGET_RELATION};
use crate::executor::point_read::whole_key;
use crate::executor::resolve::{read_scope, resolve_table, write_scope};
use crate::executor::row_writer::{RowPlace, RowWriter, changed_twice, row_places};
use crate::executor::statement::TableRef;
use crate::model::{TableKind, UserKey};
use crate::scan::Shape;
use crate::store::{View, batch_bytes};
use crate::{Error, Result, SqlState};

/// Columns of the relations beside the target, each with its relation.
pub(crate) type SourceColumns = Vec<(Option<TableReference>, FieldRef)>;

/// The table that a statement changes, and whose rows of it.
pub(crate) struct TargetTable {
    pub(super) table: Arc<Table>,
    pub(super) user: UserKey,
    /// The name by which the statement's expressions call the table.
    pub(super) name: String,
}

impl TargetTable {
    /// The target of a statement that changes rows which are there.
    ///
    /// # Errors
    /// `42P01`, `42501`.
    pub(super) fn existing(
        engine: &Engine,
        caller: &Caller,
        name: &TableRef,
        alias: Option<&str>,
    ) -> Result<TargetTable> {
        let table = resolve_table(engine, caller, name, TableAction::Write)?;
        let user = read_scope(engine, caller, &table)?.unwrap_or(UserKey::NOBODY);
        Ok(TargetTable { table, user, name: alias.unwrap_or(&name.table).to_owned() })
    }

    /// The target of a statement that adds rows.
    ///
    /// # Errors
    /// `42P01`, `42501`.
    pub(super) fn growing(
        engine: &Engine,
        caller: &Caller,
        name: &TableRef,
        alias: Option<&str>,
    ) -> Result<TargetTable> {
        let table = resolve_table(engine, caller, name, TableAction::Write)?;
        let user = write_scope(engine, caller, &table)?;
        Ok(TargetTable { table, user, name: alias.unwrap_or(&name.table).to_owned() })
    }

    /// Refuses STREAM tables, whose rows never change.
    ///
    /// # Errors
    /// `0A000`.
    pub(super) fn check_changeable(&self) -> Result<()> {
        if self.table.definition.kind != TableKind::Stream {
            return Ok(());
        }
        Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("rows of STREAM table \"{}\" cannot be updated", self.table.definition.name),
        )
        .with_hint("insert a new row"))
    }

    /// How planning calls the columns of the target.
    pub(super) fn reference(&self) -> TableReference {
        TableReference::bare(self.name.as_str())
    }
}

/// What selects the rows.
pub(super) struct Target<'a> {
    pub(super) target: &'a TargetTable,
    /// FROM, the target included.
    pub(super) from: Vec<TableWithJoins>,
    pub(super) selection: Option<&'a Expr>,
    /// New values, each under a name of its own.
    pub(super) values: Vec<Expr>,
    /// Whether the columns of other relations of FROM are wanted.
    pub(super) shows_sources: bool,
}

/// Which rows of the target an UPDATE or a DELETE is about.
pub(super) struct TargetSelection<'a> {
    pub(super) target: &'a TargetTable,
    /// What stands beside the target: FROM of an UPDATE, USING of a DELETE.
    pub(super) beside: &'a [TableWithJoins],
    pub(super) selection: Option<&'a Expr>,
    /// What the new values are of; `None`: there are none.
    pub(super) assignments: Option<&'a Assignments<'a>>,
    /// Whether the statement has RETURNING, which may name columns of what stands beside.
    pub(super) returns: bool,
}

/// Rows of the target: all columns, `_seq`, places, hidden keys, what stands beside
/// them in FROM, and new values.
pub(super) struct TargetRows {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) seqs: ArrayRef,
    pub(super) places: Vec<RowPlace>,
    pub(super) hidden: Option<ArrayRef>,
    pub(super) sources: Vec<ArrayRef>,
    pub(super) values: Vec<ArrayRef>,
    /// The memory that they take of what all statements share, where it is much.
    pub(super) held: Option<MemoryReservation>,
}

/// What the SELECT found.
pub(super) struct Found {
    pub(super) rows: Vec<TargetRows>,
    pub(super) sources: SourceColumns,
}

/// The target and what stands beside it in FROM.
pub(crate) fn target_and(name: &str, others: &[TableWithJoins]) -> Vec<TableWithJoins> {
    let relation = relation_of(TARGET_RELATION, Some(name));
    let mut from = vec![TableWithJoins { relation, joins: Vec::new() }];
    from.extend(others.iter().cloned());
    from
}

/// `SELECT target.*, values FROM .. WHERE ..`, or `*` for all of FROM.
pub(crate) fn target_query(
    ctes: &Ctes,
    name: &str,
    from: Vec<TableWithJoins>,
    selection: Option<&Expr>,
    (values, shows_sources): (&[Expr], bool),
) -> Query {
    let first = match shows_sources {
        true => SelectItem::Wildcard(Default::default()),
        false => all_of(name),
    };
    let values = value_items(values.iter().cloned());
    let projection = std::iter::once(first).chain(values).collect();
    let select = select_of(projection, from, selection.cloned());
    with_ctes(ctes, query_of(SetExpr::Select(Box::new(select))))
}

/// The columns of a target query that are of other relations than the target.
pub(crate) fn source_columns(table: &Table, plan: &LogicalPlan, values: usize) -> SourceColumns {
    let first = Shape::Target.schema(table).fields().len();
    let count = plan.schema().fields().len().saturating_sub(first + values);
    let columns = plan.schema().iter().skip(first).take(count);
    columns.map(|(relation, field)| (relation.cloned(), field.clone())).collect()
}

impl Target<'_> {
    /// Plans the SELECT.
    ///
    /// # Errors
    /// What the expressions get wrong.
    pub(super) fn plan<'e>(
        &self,
        evaluator: &Evaluator<'e>,
        view: &Arc<View>,
    ) -> Result<(Planner<'e>, LogicalPlan)> {
        let Evaluator { engine, caller, params, ctes } = *evaluator;
        let TargetTable { table, user, name } = self.target;
        let what = (self.values.as_slice(), self.shows_sources);
        let mut query = target_query(ctes, name, self.from.clone(), self.selection, what);
        let planner =
            prepare(engine, caller, &mut query, view.clone())?.with_target(table, *user)?;
        let plan = planner.logical(query, params)?;
        Ok((planner, plan))
    }

    /// Runs the SELECT.
    ///
    /// # Errors
    /// What the expressions get wrong.
    pub(super) fn rows(&self, evaluator: &Evaluator<'_>, view: &Arc<View>) -> Result<Found> {
        let (planner, plan) = self.plan(evaluator, view)?;
        let sources = source_columns(&self.target.table, &plan, self.values.len());
        let stream = planner.stream(&plan)?;
        let schema = stream.schema();
        let (mut batches, held) = evaluator.engine.collect_held(stream)?;
        if (self.from.len() > 1 || !self.from[0].joins.is_empty()) && batches.len() > 1 {
            // A row of the target may be in several.
            batches = vec![concat_batches(&schema, &batches).map_err(internal)?];
        }
        batches.retain(|batch| batch.num_rows() > 0);
        let rows = batches.iter().map(|batch| -> Result<TargetRows> {
            let held = held.split(batch_bytes(batch).min(held.size()));
            Ok(TargetRows { held: Some(held), ..self.split(batch, sources.len())? })
        });
        Ok(Found { rows: rows.collect::<Result<_>>()?, sources })
    }

    fn split(&self, batch: &RecordBatch, sources: usize) -> Result<TargetRows> {
        let definition = &self.target.table.definition;
        let columns = definition.columns.len();
        // `_seq`, `_deleted`, `_segment`, `_row`.
        let end = columns + 4 + usize::from(definition.has_hidden_key());
        if batch.num_columns() != end + sources + self.values.len() {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "a target scan has another shape"));
        }
        let at = |index: usize| batch.column(index).clone();
        Ok(TargetRows {
            columns: batch.columns()[..columns].to_vec(),
            seqs: at(columns),
            places: row_places(&at(columns), &at(columns + 2), &at(columns + 3)),
            hidden: definition.has_hidden_key().then(|| at(columns + 4)),
            sources: batch.columns()[end..end + sources].to_vec(),
            values: batch.columns()[end + sources..].to_vec(),
            held: None,
        })
    }
}

impl TargetSelection<'_> {
    /// The rows, each once.
    ///
    /// # Errors
    /// `21000` if what stands beside a row gives it several values, and what the expressions
    /// get wrong.
    pub(super) fn rows(
        &self,
        evaluator: &Evaluator<'_>,
        view: &Arc<View>,
        writer: &RowWriter<'_>,
    ) -> Result<Found> {
        if let Some(found) = self.point(evaluator, writer)? {
            return Ok(found);
        }
        let mut found = self.query().rows(evaluator, view)?;
        if !self.beside.is_empty() {
            let rows = found.rows.into_iter().map(|rows| rows.distinct(&self.target.table));
            found.rows = rows.collect::<Result<_>>()?;
        }
        Ok(found)
    }

    /// The SELECT that finds them.
    pub(super) fn query(&self) -> Target<'_> {
        Target {
            target: self.target,
            from: target_and(&self.target.name, self.beside),
            selection: self.selection,
            values: self.assignments.map_or_else(Vec::new, Assignments::expressions),
            shows_sources: self.returns && !self.beside.is_empty(),
        }
    }

    /// The row of a WHERE that names the whole primary key, without a planner; `None` if
    /// the statement is another, or a value needs one.
    ///
    /// # Errors
    /// `XX001`, and what the values raise.
    fn point(&self, evaluator: &Evaluator<'_>, writer: &RowWriter<'_>) -> Result<Option<Found>> {
        let TargetTable { table, name, .. } = self.target;
        if table.definition.kind == TableKind::Stream || !self.beside.is_empty() {
            return Ok(None);
        }
        let Some(selection) = self.selection else { return Ok(None) };
        let Some(key) = whole_key(table, name, selection, evaluator.params)? else {
            return Ok(None);
        };
        // A value that needs a planner is checked by it, whether there is a row or not.
        if !self.has_plain_values(evaluator)? {
            return Ok(None);
        }
        let Some((place, mut columns)) = writer.find_row(&key)? else {
            return Ok(Some(Found { rows: Vec::new(), sources: Vec::new() }));
        };
        let seqs = columns.pop().expect("it comes after the columns");
        let Some(values) = self.values(evaluator, &columns, 1)? else { return Ok(None) };
        let (places, hidden, sources) = (vec![place], None, Vec::new());
        let row = TargetRows { columns, seqs, places, hidden, sources, values, held: None };
        Ok(Some(Found { rows: vec![row], sources: Vec::new() }))
    }

    fn has_plain_values(&self, evaluator: &Evaluator<'_>) -> Result<bool> {
        let fields = self.target.table.schema.fields().iter();
        let none: Vec<ArrayRef> = fields.map(|field| new_empty_array(field.data_type())).collect();
        Ok(self.values(evaluator, &none, 0)?.is_some())
    }

    /// The new values of rows; `None` if one needs a planner.
    fn values(
        &self,
        evaluator: &Evaluator<'_>,
        columns: &[ArrayRef],
        rows: usize,
    ) -> Result<Option<Vec<ArrayRef>>> {
        let Some(assignments) = self.assignments else { return Ok(Some(Vec::new())) };
        let TargetTable { table, name, .. } = self.target;
        let relations = vec![(name.as_str(), columns)];
        PlainRows { table, relations, params: evaluator.params, rows }.values(assignments)
    }
}

impl TargetRows {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The rows at these places.
    ///
    /// # Errors
    /// `XX000`.
    pub(super) fn take(&self, rows: &[u32]) -> Result<TargetRows> {
        let indices = UInt32Array::from(rows.to_vec());
        let one = |array: &ArrayRef| take(array, &indices, None).map_err(internal);
        let all = |arrays: &[ArrayRef]| arrays.iter().map(one).collect::<Result<Vec<_>>>();
        Ok(TargetRows {
            columns: all(&self.columns)?,
            seqs: one(&self.seqs)?,
            places: rows.iter().map(|row| self.places[*row as usize]).collect(),
            hidden: self.hidden.as_ref().map(one).transpose()?,
            sources: all(&self.sources)?,
            values: all(&self.values)?,
            held: None,
        })
    }

    /// The keys of the rows, without scope.
    ///
    /// # Errors
    /// `XX000`.
    pub(super) fn keys(&self, table: &Table) -> Result<Vec<Vec<u8>>> {
        let keys = match &self.hidden {
            Some(hidden) => table.key_codec.encoder(std::slice::from_ref(hidden))?,
            None => {
                let keys = table.key_positions.iter().map(|i| self.columns[*i].clone());
                table.key_codec.encoder(&keys.collect::<Vec<_>>())?
            }
        };
        let key = |row| {
            let mut key = Vec::new();
            keys.encode(row, &mut key);
            key
        };
        Ok((0..self.len()).map(key).collect())
    }

    /// Each row of the target once. Of several that FROM puts beside it, the one with
    /// the smallest columns is kept, so that RETURNING depends on no order.
    ///
    /// # Errors
    /// `21000` if they would give the row different values.
    pub(super) fn distinct(self, table: &Table) -> Result<TargetRows> {
        let mut first: HashMap<Vec<u8>, usize> = HashMap::with_capacity(self.len());
        let mut kept: Vec<u32> = Vec::with_capacity(self.len());
        let (mut again, mut pairs) = (Vec::new(), Vec::new());
        for (number, key) in (0u32..).zip(self.keys(table)?) {
            match first.entry(key) {
                Entry::Vacant(free) => {
                    free.insert(kept.len());
                    kept.push(number);
                }
                Entry::Occupied(known) => {
                    again.push(number);
                    pairs.push(*known.get());
                }
            }
        }
        if again.is_empty() {
            return Ok(self);
        }
        for (other, index) in again.into_iter().zip(pairs) {
            if self.has_other_values(kept[index], other)? {
                return Err(changed_twice(table));
            }
            if self.compare_sources(other, kept[index]) == Ordering::Less {
                kept[index] = other;
            }
        }
        let rows = self.take(&kept)?;
        Ok(TargetRows { held: self.held, ..rows })
    }

    fn has_other_values(&self, one: u32, other: u32) -> Result<bool> {
        for value in &self.values {
            let differs = differs(&value.slice(one as usize, 1), &value.slice(other as usize, 1))?;
            if differs.true_count() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn compare_sources(&self, one: u32, other: u32) -> Ordering {
        let orders = self.sources.iter().map(|column| {
            make_comparator(column, column, SortOptions::default())
                .map_or(Ordering::Equal, |compare| compare(one as usize, other as usize))
        });
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "rows of the target do not fit together")
        .with_source(error)
}
