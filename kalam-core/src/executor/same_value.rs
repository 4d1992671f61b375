//! A value in the type of the column that it is compared with.

use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, DecimalType};
use datafusion::common::ScalarValue;

use super::literal_type::text_value;

/// Whole numbers up to here are the same in DOUBLE.
const DOUBLE_EXACT_MAX: u64 = 1 << 53;

/// The value in another type, if no comparison with a value of that type could tell
/// the difference; never for NULL.
pub(crate) fn same_value(value: &ScalarValue, data_type: &DataType) -> Option<ScalarValue> {
    if value.is_null() {
        return None;
    }
    if value.data_type() == *data_type {
        return Some(value.clone());
    }
    match value {
        ScalarValue::Int64(Some(number)) => whole_number(*number, data_type),
        ScalarValue::Int32(Some(number)) => whole_number(i64::from(*number), data_type),
        ScalarValue::Int16(Some(number)) => whole_number(i64::from(*number), data_type),
        ScalarValue::Decimal128(Some(number), precision, scale) => {
            double(&Decimal128Type::format_decimal(*number, *precision, *scale), data_type)
        }
        ScalarValue::Decimal256(Some(number), precision, scale) => {
            double(&Decimal256Type::format_decimal(*number, *precision, *scale), data_type)
        }
        ScalarValue::Utf8(Some(text)) => text_value(text, data_type),
        _ => None,
    }
}

/// A decimal beside a DOUBLE is compared as one.
fn double(digits: &str, data_type: &DataType) -> Option<ScalarValue> {
    match data_type {
        DataType::Float64 => Some(ScalarValue::Float64(Some(digits.parse().ok()?))),
        _ => None,
    }
}

fn whole_number(number: i64, data_type: &DataType) -> Option<ScalarValue> {
    match data_type {
        DataType::Int64 => Some(ScalarValue::Int64(Some(number))),
        DataType::Int32 => i32::try_from(number).ok().map(|n| ScalarValue::Int32(Some(n))),
        DataType::Int16 => i16::try_from(number).ok().map(|n| ScalarValue::Int16(Some(n))),
        DataType::Float64 if number.unsigned_abs() <= DOUBLE_EXACT_MAX => {
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
            let double = number as f64;
            Some(ScalarValue::Float64(Some(double)))
        }
        _ => None,
    }
}
