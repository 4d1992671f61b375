//! `SELECT columns FROM table WHERE primary key = value`, without a planner: one key
//! lookup in the hot tier, then one in the cold tier.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, LimitClause, Query};

use super::caller::Caller;
use super::engine::Engine;
use super::gateway::{TableAction, authorize_table};
use super::plain_query::{
    Comparison, column_name, comparisons, named_table, plain_select, projection, relation_name,
    result_schema,
};
use super::recent_read::rows_wanted;
use super::resolve::read_scope;
use super::same_value::same_value;
use crate::catalog::Table;
use crate::flush::{KeyLookup, ScopeId, read_columns_at};
use crate::model::{TableKind, UserKey};
use crate::scan::note_read_without_scope;
use crate::store::{RowDecoder, RowHeader, View};
use crate::{Error, Result, SqlState};

/// A key lookup: what a query of this form comes to.
pub(crate) struct Point {
    pub(crate) table: Arc<Table>,
    /// The encoded key.
    pub(crate) key: Vec<u8>,
    /// Positions and output names of the columns.
    columns: Vec<(usize, String)>,
}

/// Where a row was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Hot,
    Cold,
}

impl Tier {
    /// The words for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Tier::Hot => "in the hot tier",
            Tier::Cold => "in a segment",
        }
    }
}

/// The lookup that a query is; `None` if it is of another form and has to be planned.
///
/// # Errors
/// `42501`, `XX001`.
pub(crate) fn find(
    engine: &Engine,
    caller: &Caller,
    query: &Query,
    params: &[ScalarValue],
) -> Result<Option<Point>> {
    let Some((select, name, alias)) = plain_select(query) else { return Ok(None) };
    if query.order_by.is_some() || !keeps_a_row(query.limit_clause.as_ref(), params) {
        return Ok(None);
    }
    let Some(conditions) = select.selection.as_ref().and_then(|e| comparisons(e, params)) else {
        return Ok(None);
    };
    let Some(table) = named_table(engine, caller, name) else { return Ok(None) };
    let Some(relation) = relation_name(name, alias) else { return Ok(None) };
    let Some(key) = key(&table, &relation, &conditions)? else { return Ok(None) };
    let Some(columns) = projection(&select.projection, &table, &relation) else { return Ok(None) };
    if table.definition.kind == TableKind::Stream {
        return Ok(None);
    }
    authorize_table(TableAction::Read, &table.definition, caller.role)?;
    Ok(Some(Point { table, key, columns }))
}

/// Whether LIMIT and OFFSET leave one row as it is.
fn keeps_a_row(clause: Option<&LimitClause>, params: &[ScalarValue]) -> bool {
    clause.is_none()
        || rows_wanted(clause, params).is_some_and(|(offset, limit)| offset == 0 && limit > 0)
}

impl Point {
    /// The caller's row with the key, or none.
    ///
    /// # Errors
    /// As [`Point::find_row`].
    pub(crate) fn read(
        &self,
        engine: &Engine,
        caller: &Caller,
        view: &Arc<View>,
    ) -> Result<RecordBatch> {
        Ok(match self.find_row(engine, caller, view)? {
            Some((batch, _)) => batch,
            None => RecordBatch::new_empty(result_schema(&self.table, &self.columns)),
        })
    }

    /// The caller's row with the key, and where it was.
    ///
    /// # Errors
    /// `XX001`, `40001` if the view is older than what the table promises.
    pub(crate) fn find_row(
        &self,
        engine: &Engine,
        caller: &Caller,
        view: &Arc<View>,
    ) -> Result<Option<(RecordBatch, Tier)>> {
        let Point { table, key, columns } = self;
        table.check_view(view)?;
        let read = PointRead { engine, table, view: view.clone(), columns };
        match read_scope(engine, caller, table)? {
            Some(user) => read.row(user, key),
            None => {
                note_read_without_scope(table, &read.view);
                Ok(None)
            }
        }
    }
}

/// The encoded key of a condition that is nothing but a value for each column of the
/// primary key of a relation.
///
/// # Errors
/// `XX000` if a value does not encode.
pub(crate) fn whole_key(
    table: &Table,
    relation: &str,
    selection: &Expr,
    params: &[ScalarValue],
) -> Result<Option<Vec<u8>>> {
    match comparisons(selection, params) {
        Some(conditions) => key(table, relation, &conditions),
        None => Ok(None),
    }
}

/// The encoded key, if the conditions name each key column once and nothing else,
/// with values that mean the same in the column's type.
fn key(table: &Table, relation: &str, conditions: &[Comparison<'_>]) -> Result<Option<Vec<u8>>> {
    let names = table.key_names();
    if names.is_empty() || names.len() != conditions.len() {
        return Ok(None);
    }
    let mut values = vec![None; names.len()];
    for (column, operator, value) in conditions {
        if **operator != BinaryOperator::Eq {
            return Ok(None);
        }
        let Some(name) = column_name(column, relation) else { return Ok(None) };
        let Some(place) = names.iter().position(|n| *n == name) else { return Ok(None) };
        let data_type = table.schema.field(table.key_positions[place]).data_type();
        values[place] = same_value(value, data_type);
    }
    let Some(values) = values.into_iter().collect::<Option<Vec<ScalarValue>>>() else {
        return Ok(None);
    };
    let mut key = Vec::with_capacity(24);
    table.key_codec.encode_scalars(&values, &mut key)?;
    Ok(Some(key))
}

struct PointRead<'a> {
    engine: &'a Engine,
    table: &'a Arc<Table>,
    view: Arc<View>,
    columns: &'a [(usize, String)],
}

impl PointRead<'_> {
    fn row(&self, user: UserKey, key: &[u8]) -> Result<Option<(RecordBatch, Tier)>> {
        let prefix = self.table.scope_prefix(user);
        let hot_key = [prefix.as_slice(), key].concat();
        let found = self.view.hot(&hot_key, |record| {
            if RowHeader::read(record)?.is_deleted() {
                return Ok(None);
            }
            self.decode(key, record).map(Some)
        })?;
        let (columns, tier) = match found {
            Some(Some(columns)) => (columns, Tier::Hot),
            // A deleted hot row says that no segment has a live one.
            Some(None) => return Ok(None),
            None => match self.cold(user, key)? {
                Some(columns) => (columns, Tier::Cold),
                None => return Ok(None),
            },
        };
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        RecordBatch::try_new_with_options(
            result_schema(self.table, self.columns),
            columns,
            &options,
        )
        .map(|batch| Some((batch, tier)))
        .map_err(|e| Error::new(SqlState::INTERNAL_ERROR, e.to_string()))
    }

    fn decode(&self, key: &[u8], record: &[u8]) -> Result<Vec<ArrayRef>> {
        let targets = self.columns.iter().map(|(position, _)| self.table.target(*position));
        let targets = targets.collect();
        let mut decoder = RowDecoder::new(targets, self.table.layouts.clone(), 1)?;
        decoder.push(key, record)?;
        decoder.finish_last()
    }

    fn cold(&self, user: UserKey, key: &[u8]) -> Result<Option<Vec<ArrayRef>>> {
        let scope = ScopeId { table: self.table.definition.id, user };
        let tier = &self.engine.tier;
        let manifest = tier.manifest.scope(scope, &self.view)?;
        let lookup = KeyLookup { tier, table: self.table, manifest: &manifest };
        let Some(found) = lookup.find(key)?.filter(|found| !found.deleted) else {
            return Ok(None);
        };
        let Some(state) = manifest.segment(found.segment) else { return Ok(None) };
        let segment = tier.open(&state.meta)?;
        let positions: Vec<usize> = self.columns.iter().map(|(position, _)| *position).collect();
        read_columns_at(&tier.cache, &segment, self.table, &positions, &[found.row]).map(Some)
    }
}
