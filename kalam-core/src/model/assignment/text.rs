//! Values from text and to text.

use std::num::IntErrorKind;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray,
    PrimitiveArray, StringArray,
};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime, string_to_time_nanoseconds};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type,
    Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use chrono::Utc;
use serde::de::IgnoredAny;
use uuid::Uuid;

use super::temporal::is_time_of_day;
use super::{KalamDataType, Target, cast_exact};
use crate::{Error, Result, SqlState};

impl Target<'_> {
    /// Reads each text as a value of the type. Surrounding white space is ignored,
    /// except by BYTES.
    pub(super) fn parse(self, array: &StringArray) -> Result<ArrayRef> {
        match self.data_type {
            KalamDataType::Boolean => Ok(Arc::new(
                array
                    .iter()
                    .map(|v| v.map(|text| self.text_to_boolean(text)).transpose())
                    .collect::<Result<BooleanArray>>()?,
            )),
            KalamDataType::SmallInt => self.each::<Int16Type>(array, |t| self.text_to_integer(t)),
            KalamDataType::Int => self.each::<Int32Type>(array, |t| self.text_to_integer(t)),
            KalamDataType::BigInt => self.each::<Int64Type>(array, |t| self.text_to_integer(t)),
            KalamDataType::Float => self.each::<Float32Type>(array, |t| {
                let value = t.parse::<f32>().map_err(|_| self.invalid(t))?;
                self.check_overflow(t, value.is_infinite()).map(|()| value)
            }),
            KalamDataType::Double => self.each::<Float64Type>(array, |t| {
                let value = t.parse::<f64>().map_err(|_| self.invalid(t))?;
                self.check_overflow(t, value.is_infinite()).map(|()| value)
            }),
            KalamDataType::Decimal { precision, scale } => {
                self.each::<Decimal128Type>(array, |t| self.text_to_decimal(t, *precision, *scale))
            }
            KalamDataType::Date => self.each::<Date32Type>(array, |t| {
                ascii(t).and_then(Date32Type::parse).ok_or_else(|| self.invalid(t))
            }),
            KalamDataType::Time => self.each::<Time64MicrosecondType>(array, |t| {
                ascii(t)
                    .and_then(|t| string_to_time_nanoseconds(t).ok())
                    .map(|nanos| nanos / 1_000)
                    .filter(|micros| is_time_of_day(*micros))
                    .ok_or_else(|| self.invalid(t))
            }),
            // A zone in the text is honoured for both: the value is UTC.
            KalamDataType::Timestamp | KalamDataType::DateTime => self
                .each::<TimestampMicrosecondType>(array, |t| {
                    ascii(t)
                        .and_then(|t| string_to_datetime(&Utc, t).ok())
                        .map(|instant| instant.timestamp_micros())
                        .ok_or_else(|| self.invalid(t))
                }),
            KalamDataType::Uuid => self.text_to_uuid(array),
            KalamDataType::Bytes => Ok(Arc::new(
                array
                    .iter()
                    .map(|v| v.map(|text| self.text_to_bytes(text)).transpose())
                    .collect::<Result<BinaryArray>>()?,
            )),
            KalamDataType::Text
            | KalamDataType::Json
            | KalamDataType::File
            | KalamDataType::Embedding(_)
            | KalamDataType::List(_) => self.convert(&(Arc::new(array.clone()) as ArrayRef)),
        }
    }

    fn each<T: ArrowPrimitiveType>(
        self,
        array: &StringArray,
        read: impl Fn(&str) -> Result<T::Native>,
    ) -> Result<ArrayRef> {
        let values = array
            .iter()
            .map(|v| v.map(|text| read(text.trim())).transpose())
            .collect::<Result<PrimitiveArray<T>>>()?;
        Ok(Arc::new(values.with_data_type(self.data_type.arrow_type())))
    }

    fn text_to_boolean(self, text: &str) -> Result<bool> {
        let word = text.trim();
        let is = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
        if is(&["true", "t", "yes", "y", "on", "1"]) {
            Ok(true)
        } else if is(&["false", "f", "no", "n", "off", "0"]) {
            Ok(false)
        } else {
            Err(self.invalid(text))
        }
    }

    fn text_to_integer<T: FromStr<Err = std::num::ParseIntError>>(self, text: &str) -> Result<T> {
        text.parse().map_err(|e: std::num::ParseIntError| match e.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => self.out_of_range(text),
            _ => self.invalid(text),
        })
    }

    /// Refuses a number that became infinite, as opposed to the word.
    fn check_overflow(self, text: &str, is_infinite: bool) -> Result<()> {
        if is_infinite && text.bytes().any(|b| b.is_ascii_digit()) {
            return Err(self.out_of_range(text));
        }
        Ok(())
    }

    fn text_to_uuid(self, array: &StringArray) -> Result<ArrayRef> {
        let values = array
            .iter()
            .map(|v| {
                v.map(|text| {
                    Uuid::try_parse(text.trim())
                        .map(Uuid::into_bytes)
                        .map_err(|_| self.invalid(text))
                })
                .transpose()
            })
            .collect::<Result<Vec<Option<[u8; 16]>>>>()?;
        let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), 16)
            .map_err(|e| self.unfit(&e))?;
        Ok(Arc::new(array))
    }

    /// `\x` and hexadecimal digits, as PostgreSQL writes bytes; any other text is
    /// its UTF-8 bytes.
    fn text_to_bytes(self, text: &str) -> Result<Vec<u8>> {
        let Some(digits) = text.strip_prefix("\\x") else {
            return Ok(text.as_bytes().to_vec());
        };
        let nibble = |digit: u8| (digit as char).to_digit(16).and_then(|v| u8::try_from(v).ok());
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.invalid(text));
        }
        pairs
            .iter()
            .map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?))
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| self.invalid(text))
    }

    /// Checks JSON text; a FILE is an object whose `path` is a string.
    pub(super) fn check_json(self, array: &StringArray) -> Result<()> {
        let is_file = self.data_type == &KalamDataType::File;
        for text in array.iter().flatten() {
            if is_file {
                let value: serde_json::Value = serde_json::from_str(text)
                    .map_err(|e| self.invalid(text).with_detail(e.to_string()))?;
                if !value.get("path").is_some_and(serde_json::Value::is_string) {
                    return Err(self
                        .invalid(text)
                        .with_hint("a FILE is a JSON object with a string \"path\""));
                }
            } else {
                serde_json::from_str::<IgnoredAny>(text)
                    .map_err(|e| self.invalid(text).with_detail(e.to_string()))?;
            }
        }
        Ok(())
    }
}

/// Arrow's date parsers count bytes as characters.
fn ascii(text: &str) -> Option<&str> {
    text.is_ascii().then_some(text)
}

/// What becomes of a value that has no text: bytes that are not UTF-8, dates past the
/// calendar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WithoutText {
    Refused,
    /// Bytes as `\x` and hexadecimal digits, dates as the stored number.
    AsStored,
}

/// Any array as text: what an assignment to TEXT shows. Lists and vectors become JSON
/// arrays, UUIDs are hyphenated.
///
/// # Errors
/// `22021` for bytes that are not UTF-8, `22008` for dates past the calendar,
/// `42804` for types without a text form.
pub(crate) fn to_text(array: &ArrayRef) -> Result<StringArray> {
    text_of(array, WithoutText::Refused)
}

/// The values of a column that was widened to TEXT, as text: [`to_text`] for every
/// value that has one. Rows that are stored must stay readable, so the others show what
/// is stored: bytes as `\x` and hexadecimal digits, dates and times as their number.
///
/// # Errors
/// `42804` for types without a text form, which no column has.
pub(crate) fn to_widened_text(array: &ArrayRef) -> Result<StringArray> {
    text_of(array, WithoutText::AsStored)
}

fn text_of(array: &ArrayRef, without: WithoutText) -> Result<StringArray> {
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string().clone()),
        DataType::FixedSizeBinary(16) => Ok(array
            .as_fixed_size_binary()
            .iter()
            .map(|v| v.and_then(|v| Uuid::from_slice(v).ok()).map(|uuid| uuid.to_string()))
            .collect()),
        DataType::Binary => bytes_to_text(array.as_binary::<i32>(), without),
        DataType::FixedSizeBinary(_) => {
            bytes_to_text(&array.as_fixed_size_binary().iter().collect::<BinaryArray>(), without)
        }
        DataType::FixedSizeList(item, _) => {
            let list =
                cast(array, &DataType::List(item.clone())).map_err(|e| no_text(array, &e))?;
            list_to_text(list.as_list(), without)
        }
        DataType::List(_) => list_to_text(array.as_list(), without),
        from if from.is_nested() => Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!("values of type {from} have no text form"),
        )),
        from => match cast_exact(array, &DataType::Utf8) {
            Ok(text) => Ok(text.as_string().clone()),
            Err(_) if without == WithoutText::AsStored && from.is_temporal() => {
                temporal_to_text(array)
            }
            Err(e) => Err(no_text(array, &e)),
        },
    }
}

/// Value by value, because one of them is past the calendar.
fn temporal_to_text(array: &ArrayRef) -> Result<StringArray> {
    let stored = if array.data_type() == &DataType::Date32 {
        cast(array, &DataType::Int32).and_then(|days| cast(&days, &DataType::Int64))
    } else {
        cast(array, &DataType::Int64)
    };
    let stored = stored.map_err(|e| no_text(array, &e))?;
    let stored = stored.as_primitive::<Int64Type>();
    let text = |row: usize| {
        array.is_valid(row).then(|| match cast_exact(&array.slice(row, 1), &DataType::Utf8) {
            Ok(text) => text.as_string::<i32>().value(0).to_owned(),
            Err(_) => stored.value(row).to_string(),
        })
    };
    Ok((0..array.len()).map(text).collect())
}

fn no_text(array: &ArrayRef, error: &arrow::error::ArrowError) -> Error {
    let state = match array.data_type() {
        from if from.is_temporal() => SqlState::DATETIME_OUT_OF_RANGE,
        _ => SqlState::INVALID_PARAMETER_VALUE,
    };
    Error::new(state, "value has no text form").with_detail(error.to_string())
}

fn bytes_to_text(array: &BinaryArray, without: WithoutText) -> Result<StringArray> {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) if without == WithoutText::AsStored => Ok(format!("\\x{}", hex::encode(bytes))),
        Err(_) => Err(Error::new(SqlState::INVALID_ENCODING, "bytes are not valid UTF-8")),
    };
    array.iter().map(|v| v.map(text).transpose()).collect()
}

fn list_to_text(array: &ListArray, without: WithoutText) -> Result<StringArray> {
    let element = array.value_type();
    let is_bare = element.is_numeric() || element == DataType::Boolean;
    (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return Ok(None);
            }
            let mut text = String::from("[");
            for (place, element) in text_of(&array.value(row), without)?.iter().enumerate() {
                if place > 0 {
                    text.push_str(", ");
                }
                match element {
                    None => text.push_str("null"),
                    // NaN and infinity are not JSON.
                    Some(v) if is_bare && !v.contains(['N', 'i']) => text.push_str(v),
                    Some(v) => text.push_str(&serde_json::Value::from(v).to_string()),
                }
            }
            text.push(']');
            Ok(Some(text))
        })
        .collect()
}
