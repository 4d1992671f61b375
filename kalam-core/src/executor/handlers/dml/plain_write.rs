//! INSERT of one row, and UPDATE of the hot row of a key, by values that their columns take
//! as they are: the record is written from them, without arrays and expressions.
//!
//! Making, checking and comparing arrays of one value each costs as much as the commit does.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::Expr;

use super::row_values::literal;
use super::target::TargetTable;
use crate::Result;
use crate::catalog::{ColumnDefinition, DefaultValue, Table};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::functions::table_defaults;
use crate::executor::modify_statement::{Insert, InsertSource, InsertValue, Update};
use crate::executor::point_read::whole_key;
use crate::executor::query_shape::parameter_index;
use crate::executor::row_writer::RowWriter;
use crate::executor::work::Work;
use crate::model::KalamDataType;
use crate::store::StoredValue;

/// Bytes of one value that are written this way: far from what a record holds, whatever
/// the number of columns.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// Inserts the row of a statement, if it is of this form. Whatever is to be refused is left
/// to the general way, which knows the words.
///
/// # Errors
/// `42P01`, `42501`, `23505`, and what a commit raises.
pub(super) fn insert(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    statement: &Insert,
    params: &[ScalarValue],
) -> Result<Option<QueryResult>> {
    let InsertSource::Values(rows) = &statement.source else { return Ok(None) };
    let [row] = rows.as_slice() else { return Ok(None) };
    if statement.on_conflict.is_some() || !statement.returning.is_empty() {
        return Ok(None);
    }
    let alias = statement.alias.as_deref();
    let target = TargetTable::growing(engine, caller, &statement.table, alias)?;
    let table = &target.table;
    let is_bound = !table.definition.checks.is_empty() || !table.uniques.is_empty();
    let Some(sources) = sources(table, statement, row.len()).filter(|_| !is_bound) else {
        return Ok(None);
    };
    let columns = &table.definition.columns;
    let defaults = table_defaults(table)?;
    let mut values: Vec<Cow<'_, ScalarValue>> = Vec::with_capacity(columns.len());
    for (position, column) in columns.iter().enumerate() {
        let value = match (sources[position].map(|source| &row[source]), &defaults[position]) {
            (Some(InsertValue::Expr(expr)), _) => plain(expr, params, column)?,
            (_, None) => Some(Cow::Owned(ScalarValue::Null)),
            (_, Some(DefaultValue::Constant(value))) => Some(Cow::Borrowed(value)),
            (_, Some(DefaultValue::SnowflakeId)) => {
                Some(Cow::Owned(ScalarValue::Int64(Some(engine.ids.snowflake()))))
            }
            (_, Some(_)) => None,
        };
        match value {
            Some(value) => values.push(value),
            None => return Ok(None),
        }
    }
    let stored = |(column, value)| stored(column, value);
    let stored: Option<Vec<_>> =
        columns.iter().zip(values.iter().map(|value| &**value)).map(stored).collect();
    let Some(stored) = stored else { return Ok(None) };
    let mut key = Vec::with_capacity(24);
    if table.definition.has_hidden_key() {
        let id = ScalarValue::Int64(Some(engine.ids.snowflake()));
        table.key_codec.encode_scalars(&[id], &mut key)?;
    } else {
        let of_key = table.key_positions.iter().map(|position| stored[*position]);
        table.key_codec.encode_stored(of_key, &mut key)?;
    }
    work.write(engine, table, target.user, |_, writer| writer.insert_plain(&key, &stored))?;
    Ok(Some(QueryResult::affected(1)))
}

/// For each column of a table, the position of its value; `None`: some are refused.
fn sources(table: &Table, statement: &Insert, width: usize) -> Option<Vec<Option<usize>>> {
    let columns = &table.definition.columns;
    let mut sources = vec![None; columns.len()];
    if statement.columns.is_empty() {
        for (source, place) in sources.get_mut(..width)?.iter_mut().enumerate() {
            *place = Some(source);
        }
        return Some(sources);
    }
    if statement.columns.len() != width {
        return None;
    }
    for (source, (name, _)) in statement.columns.iter().enumerate() {
        let position = columns.iter().position(|column| column.name.as_str() == name)?;
        if sources[position].replace(source).is_some() {
            return None;
        }
    }
    Some(sources)
}

/// A literal or a parameter.
fn plain<'a>(
    expr: &Expr,
    params: &'a [ScalarValue],
    column: &ColumnDefinition,
) -> Result<Option<Cow<'a, ScalarValue>>> {
    if let Expr::Value(value) = expr
        && let Some(value) = parameter_index(&value.value).and_then(|index| params.get(index))
    {
        return Ok(Some(Cow::Borrowed(value)));
    }
    Ok(literal(expr, params, column)?.map(Cow::Owned))
}

/// A value as records have it, if its column takes it as it is.
fn stored<'a>(column: &ColumnDefinition, value: &'a ScalarValue) -> Option<StoredValue<'a>> {
    let stored = StoredValue::of(&column.data_type, value)?;
    let is_taken = match stored {
        StoredValue::Null => column.nullable,
        StoredValue::Number(_) => true,
        StoredValue::Bytes(bytes) => {
            // A text has at most as many characters as bytes.
            let most = column.chars_max.filter(|_| column.data_type == KalamDataType::Text);
            bytes.len() <= most.map_or(VALUE_BYTES_MAX, |chars| VALUE_BYTES_MAX.min(chars as usize))
        }
    };
    is_taken.then_some(stored)
}

/// The row of a key and the values that some of its columns get.
pub(super) struct PlainUpdate<'a> {
    /// Without scope.
    key: Vec<u8>,
    /// By the positions of the columns.
    values: Vec<(usize, Cow<'a, ScalarValue>)>,
}

impl<'a> PlainUpdate<'a> {
    /// What an UPDATE comes to, if it is of this form.
    ///
    /// # Errors
    /// `42P02`, `XX000`.
    pub(super) fn of(
        target: &TargetTable,
        statement: &Update,
        assignments: &[(usize, &InsertValue)],
        params: &'a [ScalarValue],
    ) -> Result<Option<PlainUpdate<'a>>> {
        let table = &target.table;
        let is_bound = !table.definition.checks.is_empty() || !table.uniques.is_empty();
        if is_bound || !statement.from.is_empty() || !statement.returning.is_empty() {
            return Ok(None);
        }
        let mut values = Vec::with_capacity(assignments.len());
        for (position, value) in assignments {
            let InsertValue::Expr(expr) = value else { return Ok(None) };
            let column = &table.definition.columns[*position];
            let value = plain(expr, params, column)?;
            let is_moved = table.key_positions.contains(position);
            match value.filter(|value| !is_moved && stored(column, value).is_some()) {
                Some(value) => values.push((*position, value)),
                None => return Ok(None),
            }
        }
        let Some(selection) = &statement.selection else { return Ok(None) };
        let key = whole_key(table, &target.name, selection, params)?;
        Ok(key.map(|key| PlainUpdate { key, values }))
    }

    /// Writes the row and returns how many rows change; `None` if it is not a hot one, or is
    /// of another version of the table.
    ///
    /// # Errors
    /// `XX001`.
    pub(super) fn write(&self, table: &Table, writer: &mut RowWriter<'_>) -> Result<Option<u64>> {
        let columns = &table.definition.columns;
        let changes: Vec<(usize, StoredValue<'_>)> = self
            .values
            .iter()
            .map(|(position, value)| {
                let stored = stored(&columns[*position], value).expect("found when it was made");
                (*position, stored)
            })
            .collect();
        writer.patch(&self.key, &changes)
    }
}
