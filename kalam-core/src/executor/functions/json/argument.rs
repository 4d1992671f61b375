//! Arguments of JSON functions, row by row.

use std::cell::OnceCell;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::logical_expr::ColumnarValue;
use serde_json::Value;

use super::operation::parsed;
use super::text;
use crate::model::{KalamDataType, to_text};
use crate::{Error, Result, SqlState};

/// What a function takes at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// JSON, or text that is JSON.
    Json,
    /// Text that need not be JSON.
    Text,
    /// A key or a position.
    Step,
    /// A list of texts.
    Path,
    /// true or false.
    Boolean,
    /// Any value, to become JSON.
    Any,
}

impl Takes {
    /// Whether values of the field can stand here.
    pub(super) fn fits(self, field: &Field) -> bool {
        let is_text = |data_type: &DataType| data_type.is_string() || data_type.is_null();
        let data_type = field.data_type();
        match self {
            Takes::Json | Takes::Text => is_text(data_type),
            Takes::Step => is_text(data_type) || data_type.is_integer(),
            Takes::Path => match data_type {
                DataType::List(item) => is_text(item.data_type()) || item.data_type().is_integer(),
                _ => is_text(data_type),
            },
            Takes::Boolean => matches!(data_type, DataType::Boolean | DataType::Null),
            Takes::Any => KalamDataType::from_arrow_type(data_type).is_ok(),
        }
    }
}

/// Whether a column holds JSON, which was checked when it was written.
pub(in crate::executor) fn is_json(field: &Field) -> bool {
    matches!(KalamDataType::from_arrow_field(field), Ok(KalamDataType::Json | KalamDataType::File))
}

/// The values of one argument.
pub(super) struct Argument {
    values: Values,
    is_constant: bool,
    /// The one value of a constant, parsed.
    parsed: OnceCell<Value>,
}

enum Values {
    Text(StringArray),
    Index(Int64Array),
    Boolean(BooleanArray),
    Paths(Vec<Option<Vec<String>>>),
}

impl Argument {
    /// # Errors
    /// `22P02` for text that is no JSON or no path where one belongs.
    pub(super) fn read(takes: Takes, value: &ColumnarValue, field: &Field) -> Result<Argument> {
        let (array, is_constant) = match value {
            ColumnarValue::Array(array) => (array.clone(), false),
            ColumnarValue::Scalar(value) => {
                (value.to_array().map_err(super::super::unexpected)?, true)
            }
        };
        let values = match takes {
            Takes::Json => {
                let texts = plain_text(&array)?;
                if !is_json(field) {
                    texts.iter().flatten().try_for_each(text::check)?;
                }
                Values::Text(texts)
            }
            Takes::Step if array.data_type().is_integer() => {
                let array = cast(&array, &DataType::Int64).map_err(|e| unfit(&e))?;
                Values::Index(array.as_primitive::<Int64Type>().clone())
            }
            Takes::Text | Takes::Step => Values::Text(plain_text(&array)?),
            Takes::Path => Values::Paths(paths(&array)?),
            Takes::Boolean => {
                let array = cast(&array, &DataType::Boolean).map_err(|e| unfit(&e))?;
                Values::Boolean(array.as_boolean().clone())
            }
            Takes::Any => Values::Text(json_texts(&array, field)?),
        };
        Ok(Argument { values, is_constant, parsed: OnceCell::new() })
    }

    fn place(&self, row: usize) -> usize {
        if self.is_constant { 0 } else { row }
    }

    /// The text of a row; `None` for NULL.
    pub(super) fn text(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Text(texts) => {
                let row = self.place(row);
                texts.is_valid(row).then(|| texts.value(row))
            }
            _ => None,
        }
    }

    pub(super) fn index(&self, row: usize) -> Option<i64> {
        match &self.values {
            Values::Index(numbers) => {
                let row = self.place(row);
                numbers.is_valid(row).then(|| numbers.value(row))
            }
            _ => None,
        }
    }

    pub(super) fn boolean(&self, row: usize) -> Option<bool> {
        match &self.values {
            Values::Boolean(values) => {
                let row = self.place(row);
                values.is_valid(row).then(|| values.value(row))
            }
            _ => None,
        }
    }

    pub(super) fn path(&self, row: usize) -> Option<&[String]> {
        match &self.values {
            Values::Paths(paths) => paths[self.place(row)].as_deref(),
            _ => None,
        }
    }

    /// Calls `read` with the parsed value of a row; a constant is parsed once.
    pub(super) fn with_parsed<T>(
        &self,
        row: usize,
        read: impl FnOnce(&Value) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.text(row) else { return Ok(None) };
        if !self.is_constant {
            return read(&parsed(text)?).map(Some);
        }
        let value = match self.parsed.get() {
            Some(value) => value,
            None => {
                let value = parsed(text)?;
                self.parsed.get_or_init(|| value)
            }
        };
        read(value).map(Some)
    }
}

fn plain_text(array: &ArrayRef) -> Result<StringArray> {
    let array = cast(array, &DataType::Utf8).map_err(|e| unfit(&e))?;
    Ok(array.as_string::<i32>().clone())
}

/// Lists of texts, or their text as PostgreSQL or JSON writes it.
fn paths(array: &ArrayRef) -> Result<Vec<Option<Vec<String>>>> {
    if let DataType::List(_) = array.data_type() {
        let list = array.as_list::<i32>();
        return (0..list.len())
            .map(|row| {
                if list.is_null(row) {
                    return Ok(None);
                }
                let steps = plain_text(&list.value(row))?;
                Ok(Some(steps.iter().flatten().map(str::to_owned).collect()))
            })
            .collect();
    }
    plain_text(array)?.iter().map(|text| text.map(path).transpose()).collect()
}

/// `{a,b,0}` or `["a", "b", 0]`.
fn path(text: &str) -> Result<Vec<String>> {
    let invalid = || {
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid list of keys")
            .with_hint("write ARRAY['a', 'b'], '{a,b}' or '[\"a\", \"b\"]'")
    };
    if text.trim_start().starts_with('[') {
        let steps: Vec<Value> = serde_json::from_str(text).map_err(|_| invalid())?;
        return steps
            .into_iter()
            .map(|step| match step {
                Value::String(name) => Ok(name),
                Value::Number(number) => Ok(number.to_string()),
                _ => Err(invalid()),
            })
            .collect();
    }
    let inside = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inside = inside.filter(|t| !t.contains(['{', '}', '"', '\\'])).ok_or_else(invalid)?;
    if inside.trim().is_empty() {
        return Ok(Vec::new());
    }
    inside
        .split(',')
        .map(|step| match step.trim() {
            "" => Err(invalid()),
            step => Ok(step.to_owned()),
        })
        .collect()
}

/// Values as JSON: numbers and booleans as they are, JSON and lists as JSON, everything
/// else as strings.
fn json_texts(array: &ArrayRef, field: &Field) -> Result<StringArray> {
    use KalamDataType::{
        BigInt, Boolean, Decimal, Double, Embedding, File, Float, Int, Json, List, SmallInt,
    };
    let data_type = KalamDataType::from_arrow_field(field)?;
    let array = match array.data_type() {
        DataType::LargeUtf8 | DataType::Utf8View => Arc::new(plain_text(array)?) as ArrayRef,
        _ => array.clone(),
    };
    let texts = to_text(&array)?;
    Ok(match data_type {
        Boolean
        | SmallInt
        | Int
        | BigInt
        | Decimal { .. }
        | Json
        | File
        | List(_)
        | Embedding(_) => texts,
        // NaN and the infinities are no JSON numbers.
        Float | Double => texts
            .iter()
            .map(|text| {
                text.map(|t| if text::check(t).is_ok() { t.to_owned() } else { text::quoted(t) })
            })
            .collect(),
        _ => texts.iter().map(|text| text.map(text::quoted)).collect(),
    })
}

fn unfit(error: &arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, "value does not fit a JSON function")
        .with_detail(error.to_string())
}
