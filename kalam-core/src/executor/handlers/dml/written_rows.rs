//! INSERT whose VALUES are its parameters: columns that are at hand.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::sql::sqlparser::ast::{Expr, Value};

use crate::catalog::Table;
use crate::executor::modify_statement::{Insert, InsertSource, InsertValue};
use crate::executor::params::BoundColumns;
use crate::{Error, Result, SqlState};

/// The rows that an INSERT writes, under the names of their columns, if the statement does
/// nothing but write each parameter to a column: then they are appended as they are. `None`
/// for any other, and for one that an append would refuse with other words.
///
/// # Errors
/// `XX000`.
pub(crate) fn written_rows(
    statement: &Insert,
    table: &Table,
    sets: &[BoundColumns],
) -> Result<Option<Vec<RecordBatch>>> {
    let (None, true) = (&statement.on_conflict, statement.returning.is_empty()) else {
        return Ok(None);
    };
    let InsertSource::Values(rows) = &statement.source else { return Ok(None) };
    let ([row], Some(names)) = (rows.as_slice(), names(statement, table)) else { return Ok(None) };
    let places: Option<Vec<usize>> = row.iter().map(place).collect();
    let Some(places) = places.filter(|places| places.len() == names.len()) else {
        return Ok(None);
    };
    let batch = |set: &BoundColumns| {
        let columns: Option<Vec<_>> = places.iter().map(|p| set.columns.get(*p).cloned()).collect();
        let Some(columns) = columns else { return Ok(None) };
        let field = |(name, column): (&&str, &arrow::array::ArrayRef)| -> FieldRef {
            Arc::new(Field::new(*name, column.data_type().clone(), true))
        };
        let fields: Vec<FieldRef> = names.iter().zip(&columns).map(field).collect();
        let count = RecordBatchOptions::new().with_row_count(Some(set.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &count)
            .map(Some)
            .map_err(|e| {
                Error::new(SqlState::INTERNAL_ERROR, "columns make no batch").with_source(e)
            })
    };
    sets.iter().map(batch).collect()
}

/// The columns that the values go to; `None` if they are not distinct columns of the table.
fn names<'a>(statement: &'a Insert, table: &'a Table) -> Option<Vec<&'a str>> {
    let columns = &table.definition.columns;
    if statement.columns.is_empty() {
        return Some(columns.iter().map(|column| column.name.as_str()).collect());
    }
    let names: Vec<&str> = statement.columns.iter().map(|(name, _)| name.as_str()).collect();
    let is_column = |name: &&str| columns.iter().any(|column| column.name.as_str() == *name);
    let is_first = |(place, name): (usize, &&str)| !names[..place].contains(name);
    let are_distinct = names.iter().enumerate().all(is_first);
    (are_distinct && names.iter().all(is_column)).then_some(names)
}

/// The place of the parameter that a value is, from 0.
fn place(value: &InsertValue) -> Option<usize> {
    let InsertValue::Expr(Expr::Value(value)) = value else { return None };
    let Value::Placeholder(name) = &value.value else { return None };
    name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}
