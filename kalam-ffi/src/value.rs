//! Single values of a column, for C.

use arrow::array::{Array, AsArray, FixedSizeBinaryArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use kalam_core::model::KalamDataType;
use kalam_core::{Error, SqlState};

use crate::failure::Result;

/// Text of timestamps and times as SQL writes them.
const FORMAT: FormatOptions<'static> = FormatOptions::new()
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.fZ"))
    .with_time_format(Some("%H:%M:%S%.f"));

fn refused(column: &dyn Array, wanted: &str, hint: &'static str) -> crate::failure::Failure {
    let name = KalamDataType::name_of_arrow_type(column.data_type());
    Error::new(SqlState::DATATYPE_MISMATCH, format!("a value of {name} is no {wanted}"))
        .with_hint(hint)
        .into()
}

/// # Errors
/// `42804` for a column that is not BOOLEAN.
pub fn boolean(column: &dyn Array, row: usize) -> Result<bool> {
    match column.as_boolean_opt() {
        Some(column) => Ok(column.value(row)),
        None => Err(refused(column, "boolean", "read it by kalam_result_text()")),
    }
}

/// Integers, dates and times as numbers.
///
/// # Errors
/// `42804` for a column of another type, `22003` beyond 64 bits.
pub fn integer(column: &dyn Array, row: usize) -> Result<i64> {
    use DataType as T;
    Ok(match column.data_type() {
        T::Int64 => column.as_primitive::<Int64Type>().value(row),
        T::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        T::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
        T::Int8 => column.as_primitive::<Int8Type>().value(row).into(),
        T::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
        T::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        T::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        T::UInt64 => {
            let value = column.as_primitive::<UInt64Type>().value(row);
            i64::try_from(value).map_err(|_| {
                let what = format!("{value} has more than 64 bits with its sign");
                Error::new(SqlState::NUMERIC_OUT_OF_RANGE, what)
                    .with_hint("read it by kalam_result_text()")
            })?
        }
        T::Boolean => column.as_boolean().value(row).into(),
        T::Date32 => column.as_primitive::<Date32Type>().value(row).into(),
        T::Time64(TimeUnit::Microsecond) => {
            column.as_primitive::<Time64MicrosecondType>().value(row)
        }
        T::Timestamp(TimeUnit::Microsecond, _) => {
            column.as_primitive::<TimestampMicrosecondType>().value(row)
        }
        _ => {
            let hint = "read it by kalam_result_double() or kalam_result_text()";
            return Err(refused(column, "integer", hint));
        }
    })
}

/// Numbers as the nearest double.
///
/// # Errors
/// `42804` for a column of another type.
pub fn double(column: &dyn Array, row: usize) -> Result<f64> {
    Ok(match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row),
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).into(),
        DataType::Decimal128(_, scale) => {
            // The nearest double of the digits, which a division would round twice.
            let value = column.as_primitive::<Decimal128Type>().value(row);
            format!("{value}e{}", -i32::from(*scale)).parse().unwrap_or(f64::NAN)
        }
        other if other.is_integer() => integer(column, row)? as f64,
        _ => return Err(refused(column, "number", "read it by kalam_result_text()")),
    })
}

/// The bytes of a text, a blob or a UUID, where they are.
///
/// # Errors
/// `42804` for a column of another type.
pub fn bytes(column: &dyn Array, row: usize) -> Result<&[u8]> {
    Ok(match column.data_type() {
        DataType::Binary => column.as_binary::<i32>().value(row),
        DataType::LargeBinary => column.as_binary::<i64>().value(row),
        DataType::BinaryView => column.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => column.as_fixed_size_binary().value(row),
        _ => match borrowed_text(column, row) {
            Some(text) => text.as_bytes(),
            None => return Err(refused(column, "blob", "read it by kalam_result_text()")),
        },
    })
}

/// The elements of an EMBEDDING, where they are.
///
/// # Errors
/// `42804` for a column of another type.
pub fn vector(column: &dyn Array, row: usize) -> Result<&[f32]> {
    let wrong = || refused(column, "vector", "only an EMBEDDING is");
    let list = column.as_fixed_size_list_opt().ok_or_else(wrong)?;
    let items = list.values().as_primitive_opt::<Float32Type>().ok_or_else(wrong)?;
    let start = usize::try_from(list.value_offset(row)).map_err(|_| wrong())?;
    let length = usize::try_from(list.value_length()).map_err(|_| wrong())?;
    items.values().get(start..start + length).ok_or_else(wrong)
}

fn borrowed_text(column: &dyn Array, row: usize) -> Option<&str> {
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row),
        DataType::Utf8View => column.as_string_view().value(row),
        _ => return None,
    })
}

/// Writes a value as text, of whatever type.
///
/// # Errors
/// `42804` for bytes.
pub fn write_text(column: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<()> {
    use std::io::Write;
    if let Some(text) = borrowed_text(column, row) {
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    match column.data_type() {
        DataType::FixedSizeBinary(16) => write_uuid(column.as_fixed_size_binary(), row, out),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => {
            return Err(refused(column, "text", "read it by kalam_result_blob()"));
        }
        _ => {
            let formatter = ArrayFormatter::try_new(column, &FORMAT)
                .map_err(|e| Error::new(SqlState::FEATURE_NOT_SUPPORTED, e.to_string()))?;
            write!(out, "{}", formatter.value(row))
                .map_err(|e| Error::new(SqlState::DATETIME_OUT_OF_RANGE, e.to_string()))?;
        }
    }
    Ok(())
}

fn write_uuid(column: &FixedSizeBinaryArray, row: usize, out: &mut Vec<u8>) {
    for (index, byte) in column.value(row).iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
}
