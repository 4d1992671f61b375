//! CREATE TABLE to a table definition: every rule that needs no catalog.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::Expr;

use super::constraint::{Constraints, define_constraints};
use super::statement::{ColumnSpec, CreateTable};
use super::table_options::table_options;
use super::type_name::{is_serial, kalam_type};
use crate::catalog::{ColumnDefault, ColumnDefinition, DefaultValue, TableDefinition};
use crate::model::{ColumnId, KalamDataType, Name, SchemaVersion, TableId, TableName};
use crate::{Error, Position, Result, SqlState};

/// Names of the columns that every table has.
pub(crate) const SYSTEM_COLUMNS: [&str; 2] = ["_seq", "_deleted"];

/// The definition of a new table, at version 1.
///
/// # Errors
/// `42602` for column names, `42701` for duplicate columns, `42P16` for tables
/// without columns and for keys that cannot be, `42703` for unknown key columns,
/// `42704` for types, `22023` for options, `42883`, `42804` and the codes of values
/// for defaults, and what constraints get wrong.
pub(crate) fn define_table(
    spec: &CreateTable,
    name: TableName,
    id: TableId,
    now_ms: i64,
) -> Result<TableDefinition> {
    if spec.columns.is_empty() {
        return Err(Error::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("table \"{name}\" has no columns"),
        )
        .with_position(spec.table.position));
    }
    let (kind, options) = table_options(spec)?;
    refuse_duplicates(&spec.columns)?;
    let mut columns = Vec::with_capacity(spec.columns.len());
    for (ordinal, column) in (1u32..).zip(&spec.columns) {
        columns.push(define_column(column, ordinal)?);
    }
    let primary_key = primary_key(spec, &mut columns)?;
    let of_columns = || spec.columns.iter();
    let checks: Vec<_> =
        of_columns().flat_map(|column| &column.checks).chain(&spec.checks).cloned().collect();
    let uniques: Vec<_> =
        of_columns().flat_map(|column| &column.uniques).chain(&spec.uniques).cloned().collect();
    let none = Constraints::default();
    let constraints = define_constraints((&name, kind), &columns, &checks, &uniques, none)?;
    let next = u32::try_from(columns.len()).unwrap_or(u32::MAX).saturating_add(1);
    let mut definition = TableDefinition {
        id,
        name,
        kind,
        version: SchemaVersion(1),
        columns,
        primary_key,
        checks: constraints.checks,
        uniques: constraints.uniques,
        last_constraint_id: constraints.last_id,
        next_column_id: ColumnId(next),
        options,
        history: Vec::new(),
        comment: spec.comment.clone(),
        created_at_ms: now_ms,
    };
    definition.note_version("create table".to_owned(), now_ms);
    Ok(definition)
}

fn refuse_duplicates(columns: &[ColumnSpec]) -> Result<()> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for column in columns {
        if let Some(first) = seen.insert(column.name.to_lowercase(), &column.name) {
            let message = if first == column.name {
                format!("column \"{first}\" is defined twice")
            } else {
                format!("columns \"{first}\" and \"{}\" differ only in case", column.name)
            };
            return Err(
                Error::new(SqlState::DUPLICATE_COLUMN, message).with_position(column.position)
            );
        }
    }
    Ok(())
}

/// A column from its definition, with this ordinal as id.
///
/// # Errors
/// As [`define_table`].
pub(crate) fn define_column(spec: &ColumnSpec, ordinal: u32) -> Result<ColumnDefinition> {
    if SYSTEM_COLUMNS.contains(&spec.name.to_lowercase().as_str()) {
        return Err(Error::new(
            SqlState::INVALID_NAME,
            format!("column name \"{}\" is a system column", spec.name),
        )
        .with_hint("every table has _seq and _deleted")
        .with_position(spec.position));
    }
    let name = Name::new("column", &spec.name).map_err(|e| e.with_position(spec.position))?;
    let at_type = |e: Error| {
        e.with_detail(format!("in the definition of column \"{name}\""))
            .with_position(spec.type_position)
    };
    let (data_type, chars_max) = kalam_type(&spec.data_type).map_err(at_type)?;
    let generated = spec.identity || is_serial(&spec.data_type);
    if spec.identity && data_type != KalamDataType::BigInt {
        return Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!("column \"{name}\" is of type {data_type}, generated ids are BIGINT"),
        )
        .with_hint("use BIGINT or SERIAL")
        .with_position(spec.type_position));
    }
    let mut column = ColumnDefinition {
        chars_max,
        nullable: !generated && spec.not_null != Some(true) && !spec.primary_key,
        comment: spec.comment.clone(),
        ..ColumnDefinition::new(ColumnId(ordinal), name, data_type)
    };
    if generated && spec.not_null == Some(false) || spec.primary_key && spec.not_null == Some(false)
    {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("column \"{}\" is both NULL and NOT NULL", spec.name),
        )
        .with_position(spec.position));
    }
    column.default = define_default(spec, &column, generated)?;
    Ok(column)
}

fn define_default(
    spec: &ColumnSpec,
    column: &ColumnDefinition,
    generated: bool,
) -> Result<Option<ColumnDefault>> {
    let Some((expr, place)) = &spec.default else {
        let expression = DefaultValue::SnowflakeId.expression();
        return Ok(generated.then_some(ColumnDefault { expression }));
    };
    if generated {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("column \"{}\" has a default and generated ids", spec.name),
        )
        .with_position(*place));
    }
    column_default(expr, *place, column).map(Some)
}

/// The default of a column from its expression, which stands at `place`.
///
/// # Errors
/// `42883`, `42804`, `0A000` and the codes of values.
pub(crate) fn column_default(
    expr: &Expr,
    place: Position,
    column: &ColumnDefinition,
) -> Result<ColumnDefault> {
    let value = DefaultValue::from_expr(expr)
        .and_then(|value| {
            // Checked as it is, kept as it is written: `1.50` stays `1.50`.
            value.clone().fit(column).map(|_| value)
        })
        .map_err(|e| if e.position().is_none() { e.with_position(place) } else { e })?;
    let expression = match value {
        DefaultValue::Constant(_) => expr.to_string(),
        function => function.expression(),
    };
    Ok(ColumnDefault { expression })
}

/// The ids of the key columns in key order; makes the columns NOT NULL.
fn primary_key(spec: &CreateTable, columns: &mut [ColumnDefinition]) -> Result<Vec<ColumnId>> {
    let mut beside = spec.columns.iter().filter(|column| column.primary_key);
    let first_beside = beside.next();
    let second = beside
        .next()
        .map(|column| column.position)
        .or_else(|| spec.primary_keys.get(1).map(|clause| clause.position))
        .or_else(|| {
            first_beside.and_then(|_| spec.primary_keys.first().map(|clause| clause.position))
        });
    if let Some(place) = second {
        return Err(invalid_key("table has two primary keys".to_owned(), place)
            .with_hint("write PRIMARY KEY (a, b) once for a key of several columns"));
    }
    let named: Vec<(&str, Position)> = match (first_beside, spec.primary_keys.first()) {
        (Some(column), _) => vec![(&column.name, column.position)],
        (None, Some(clause)) => clause.columns.iter().map(|(n, p)| (n.as_str(), *p)).collect(),
        (None, None) => Vec::new(),
    };
    let mut key = Vec::with_capacity(named.len());
    for (name, place) in named {
        let index = columns.iter().position(|column| column.name.as_str() == name);
        let Some((index, column)) = index.map(|index| (index, &mut columns[index])) else {
            return Err(Error::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" of the primary key does not exist"),
            )
            .with_position(place));
        };
        if key.contains(&column.id) {
            return Err(invalid_key(format!("column \"{name}\" is in the key twice"), place));
        }
        if !can_be_key(&column.data_type) {
            return Err(invalid_key(
                format!(
                    "column \"{name}\" of type {} cannot be in a primary key",
                    column.data_type
                ),
                place,
            )
            .with_hint("keys are numbers, texts, bytes, dates, times, BOOLEAN or UUID"));
        }
        if spec.columns[index].not_null == Some(false) {
            return Err(invalid_key(format!("key column \"{name}\" is declared NULL"), place));
        }
        column.nullable = false;
        key.push(column.id);
    }
    Ok(key)
}

/// Whether values of a type can be in keys.
pub(crate) fn can_be_key(data_type: &KalamDataType) -> bool {
    !matches!(
        data_type,
        KalamDataType::Embedding(_)
            | KalamDataType::List(_)
            | KalamDataType::Json
            | KalamDataType::File
    )
}

fn invalid_key(message: String, place: Position) -> Error {
    Error::new(SqlState::INVALID_TABLE_DEFINITION, message).with_position(place)
}

#[cfg(test)]
#[path = "define_table_tests.rs"]
pub(crate) mod tests;
