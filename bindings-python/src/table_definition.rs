//! CREATE TABLE for data that is at hand.

use arrow::datatypes::Schema;
use kalam_core::model::{KalamDataType, TableKind};
use kalam_core::{Error, Result, SqlState};

/// The kind of a table by its word.
///
/// # Errors
/// `22023`.
pub fn kind(word: &str) -> Result<TableKind> {
    [TableKind::Shared, TableKind::User, TableKind::Stream]
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(word))
        .ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("table type \"{word}\" is unknown"),
            )
            .with_hint("the type is 'shared', 'user' or 'stream'")
        })
}

/// A name of a table that goes into the text of a statement: nothing but a name is in it.
///
/// # Errors
/// `42602`.
pub fn checked_name(table: &str) -> Result<&str> {
    if table.is_empty() || !table.chars().all(|c| c.is_alphanumeric() || "_.\"".contains(c)) {
        return Err(Error::new(SqlState::INVALID_NAME, format!("{table:?} is not a table name"))
            .with_hint("write it as in SQL: table or namespace.table"));
    }
    Ok(table)
}

/// CREATE TABLE with a column for each field. All may be NULL but those of the key.
///
/// # Errors
/// `42602` for the name, `0A000` for a column of a type that no table has.
pub fn create_table(
    table: &str,
    kind: TableKind,
    schema: &Schema,
    primary_key: &[String],
) -> Result<String> {
    let table = checked_name(table)?;
    let column = |field: &arrow::datatypes::FieldRef| {
        Ok(format!("{} {}", quoted(field.name()), KalamDataType::from_arrow_field(field)?))
    };
    let mut parts: Vec<String> = schema.fields().iter().map(column).collect::<Result<_>>()?;
    if !primary_key.is_empty() {
        let names: Vec<String> = primary_key.iter().map(|name| quoted(name)).collect();
        parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
    }
    Ok(format!("CREATE {} TABLE {table} ({})", kind.as_str(), parts.join(", ")))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
