//! Assignment: fitting a value to the column it is written to.
//!
//! Source: PostgreSQL, "10.4. Value Storage": an assignment converts where a cast
//! would, but never drops what the value says.

mod nested;
mod number;
mod temporal;
mod text;

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, FixedSizeBinaryArray, new_null_array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

pub(crate) use text::{to_text, to_widened_text};

use super::ColumnDefinition;
use super::KalamDataType;
use crate::{Error, Result, SqlState};

/// Converts `array` to the column's Arrow type, as an assignment in PostgreSQL
/// would, and checks every value. NULLs stay NULL; [`check_not_null`] is separate,
/// because defaults come between the two.
///
/// Numbers widen and narrow with a range check; floats and decimals round; text
/// parses; anything becomes text; lists become embeddings. An array that already
/// has the column's Arrow type is returned as it is, uncopied.
///
/// # Errors
/// Each names the column, the value's problem and what is allowed: `22003` number
/// out of range, `22008` date or time out of range, `22P02` text that is no such
/// value, `22001` text too long, `22023` wrong dimension of a vector, `42804` a type
/// from which there is no assignment.
pub fn assign(column: &ColumnDefinition, array: &ArrayRef) -> Result<ArrayRef> {
    let target = Target {
        column: column.name.as_str(),
        data_type: &column.data_type,
        column_type: &column.data_type,
    };
    let array = target.convert(array)?;
    if let Some(chars_max) = column.chars_max {
        check_length(target.column, chars_max as usize, &array)?;
    }
    Ok(array)
}

/// Refuses NULL in a NOT NULL column; `table` is the name for the message.
///
/// # Errors
/// `23502` naming column and table.
pub fn check_not_null(column: &ColumnDefinition, table: &str, array: &ArrayRef) -> Result<()> {
    if column.nullable || array.logical_null_count() == 0 {
        return Ok(());
    }
    Err(Error::new(
        SqlState::NOT_NULL_VIOLATION,
        format!("column \"{}\" of table \"{table}\" may not be NULL", column.name),
    ))
}

/// What values are fitted to: a column, or the elements of a list column.
#[derive(Clone, Copy)]
struct Target<'a> {
    column: &'a str,
    /// The type to convert to.
    data_type: &'a KalamDataType,
    /// The type of the whole column, for messages.
    column_type: &'a KalamDataType,
}

impl<'a> Target<'a> {
    fn element(self, data_type: &'a KalamDataType) -> Self {
        Target { data_type, ..self }
    }

    fn convert(self, array: &ArrayRef) -> Result<ArrayRef> {
        let array = self.unpack(array)?;
        if array.data_type() == &DataType::Null {
            return Ok(new_null_array(&self.data_type.arrow_type(), array.len()));
        }
        match self.data_type {
            KalamDataType::Boolean => self.boolean(&array),
            KalamDataType::SmallInt
            | KalamDataType::Int
            | KalamDataType::BigInt
            | KalamDataType::Float
            | KalamDataType::Double
            | KalamDataType::Decimal { .. } => self.number(&array),
            KalamDataType::Text => Ok(Arc::new(to_text(&array).map_err(|e| self.located(&e))?)),
            KalamDataType::Json | KalamDataType::File => self.json(&array),
            KalamDataType::Bytes => self.bytes(&array),
            KalamDataType::Uuid => self.uuid(&array),
            KalamDataType::Date
            | KalamDataType::Time
            | KalamDataType::Timestamp
            | KalamDataType::DateTime => self.temporal(&array),
            KalamDataType::Embedding(dimensions) => self.embedding(*dimensions, &array),
            KalamDataType::List(element) => self.list(element, &array),
        }
    }

    /// Brings an array to the plain layout of its values: no dictionaries, runs,
    /// views or 64-bit offsets.
    fn unpack(self, array: &ArrayRef) -> Result<ArrayRef> {
        let plain = match array.data_type() {
            DataType::Dictionary(_, values) => values.as_ref().clone(),
            DataType::RunEndEncoded(_, values) => values.data_type().clone(),
            DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
            DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
            DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item) => DataType::List(item.clone()),
            _ => return Ok(array.clone()),
        };
        let array = cast(array, &plain).map_err(|e| self.unfit(&e))?;
        self.unpack(&array)
    }

    fn boolean(self, array: &ArrayRef) -> Result<ArrayRef> {
        match array.data_type() {
            DataType::Boolean => Ok(array.clone()),
            DataType::Utf8 => self.parse(array.as_string()),
            _ => Err(self.mismatch(array)),
        }
    }

    fn json(self, array: &ArrayRef) -> Result<ArrayRef> {
        match array.data_type() {
            DataType::Utf8 => {
                self.check_json(array.as_string())?;
                Ok(array.clone())
            }
            _ => Err(self.mismatch(array)),
        }
    }

    fn bytes(self, array: &ArrayRef) -> Result<ArrayRef> {
        match array.data_type() {
            DataType::Binary => Ok(array.clone()),
            DataType::FixedSizeBinary(_) => {
                Ok(Arc::new(array.as_fixed_size_binary().iter().collect::<BinaryArray>()))
            }
            DataType::Utf8 => self.parse(array.as_string()),
            _ => Err(self.mismatch(array)),
        }
    }

    fn uuid(self, array: &ArrayRef) -> Result<ArrayRef> {
        match array.data_type() {
            DataType::FixedSizeBinary(16) => Ok(array.clone()),
            DataType::Binary => {
                let values = array.as_binary::<i32>();
                if let Some(value) = values.iter().flatten().find(|v| v.len() != 16) {
                    return Err(Error::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "column \"{}\" of type {} takes values of 16 bytes, got {}",
                            self.column,
                            self.column_type,
                            value.len()
                        ),
                    ));
                }
                let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.iter(), 16)
                    .map_err(|e| self.unfit(&e))?;
                Ok(Arc::new(array))
            }
            DataType::Utf8 => self.parse(array.as_string()),
            _ => Err(self.mismatch(array)),
        }
    }

    /// `42804`: there is no assignment from the array's type.
    fn mismatch(self, array: &ArrayRef) -> Error {
        let from = array.data_type();
        let from = KalamDataType::from_arrow_type(from)
            .map_or_else(|_| from.to_string(), |known| known.to_string());
        Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "column \"{}\" is of type {} but the expression is of type {from}",
                self.column, self.column_type
            ),
        )
        .with_hint("rewrite the expression, or CAST it")
    }

    /// `22003`: a number that the type cannot hold.
    fn out_of_range(self, value: impl fmt::Display) -> Error {
        self.refused(SqlState::NUMERIC_OUT_OF_RANGE, value)
    }

    /// `22008`: a date or time that the type cannot hold.
    fn datetime_out_of_range(self, value: impl fmt::Display) -> Error {
        self.refused(SqlState::DATETIME_OUT_OF_RANGE, value)
    }

    fn refused(self, state: SqlState, value: impl fmt::Display) -> Error {
        Error::new(
            state,
            format!(
                "value {value} is out of range for column \"{}\" of type {}",
                self.column, self.column_type
            ),
        )
    }

    /// `22P02`: text that does not read as a value of the type.
    fn invalid(self, text: &str) -> Error {
        const CHARS_SHOWN: usize = 64;
        let shown: String = match text.char_indices().nth(CHARS_SHOWN) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text.to_owned(),
        };
        Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!(
                "invalid value \"{shown}\" for column \"{}\" of type {}",
                self.column, self.column_type
            ),
        )
    }

    /// The error of an Arrow kernel about one of the values.
    fn unfit(self, error: &ArrowError) -> Error {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("value does not fit column \"{}\" of type {}", self.column, self.column_type),
        )
        .with_detail(error.to_string())
    }

    /// An error that does not know its column, with the column.
    fn located(self, error: &Error) -> Error {
        Error::new(error.sqlstate(), format!("{} in column \"{}\"", error.message(), self.column))
    }
}

/// Casts without turning what does not fit into NULL.
fn cast_exact(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}

/// Refuses text of more than `chars_max` characters; trailing spaces count.
fn check_length(column: &str, chars_max: usize, array: &ArrayRef) -> Result<()> {
    let Some(array) = array.as_string_opt::<i32>() else { return Ok(()) };
    for value in array.iter().flatten() {
        // A text has at most as many characters as bytes.
        if value.len() > chars_max {
            let chars = value.chars().count();
            if chars > chars_max {
                return Err(Error::new(
                    SqlState::STRING_TOO_LONG,
                    format!(
                        "value of {chars} characters is too long for column \"{column}\" \
                         of at most {chars_max}"
                    ),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
