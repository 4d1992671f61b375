//! The columns of a query as a table or a view has them.

use arrow::datatypes::{DataType, Schema};

use super::column_names::{NO_NAME, twice};
use crate::model::{KalamDataType, Name};
use crate::{Error, Position, Result, SqlState};

/// Names and types of a query's columns, the first ones under the names that are given.
///
/// # Errors
/// `42601` for more names than columns, `42602` and `42701` for names that cannot be,
/// `0A000` for values that no column holds.
pub(crate) fn result_columns(
    schema: &Schema,
    names: &[(String, Position)],
) -> Result<Vec<(Name, KalamDataType)>> {
    if let Some((_, place)) = names.get(schema.fields().len()) {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("{} names are given for {} columns", names.len(), schema.fields().len()),
        )
        .with_position(*place));
    }
    let mut columns: Vec<(Name, KalamDataType)> = Vec::with_capacity(schema.fields().len());
    for (index, field) in schema.fields().iter().enumerate() {
        let given = names.get(index);
        let at = |e: Error| match given {
            Some((_, place)) => e.with_position(*place),
            None => e,
        };
        let name = given.map_or(field.name().as_str(), |(name, _)| name);
        if name == NO_NAME {
            return Err(Error::new(
                SqlState::INVALID_NAME,
                format!("column {} of the query has no name", index + 1),
            )
            .with_hint("give it one with AS"));
        }
        let name = Name::new("column", name).map_err(at)?;
        let is_taken =
            |(known, _): &(Name, _)| known.as_str().to_lowercase() == name.as_str().to_lowercase();
        if columns.iter().any(is_taken) {
            return Err(at(twice(name.as_str())));
        }
        columns.push((name, column_type(field)?));
    }
    Ok(columns)
}

/// The type that holds a column's values.
fn column_type(field: &arrow::datatypes::Field) -> Result<KalamDataType> {
    match field.data_type() {
        // Counts and ranks: they never need the last bit.
        DataType::UInt64 => Ok(KalamDataType::BigInt),
        _ => KalamDataType::from_arrow_field(field).map_err(|e| {
            Error::new(e.sqlstate(), e.message().to_owned()).with_hint(format!(
                "cast column \"{}\" to a type that a column can have",
                field.name()
            ))
        }),
    }
}
