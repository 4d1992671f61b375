//! Rows out: Arrow values as JavaScript values.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use kalam_core::{Error, SqlState};
use napi::Result;
use napi::sys::{TypedarrayType as T, napi_typedarray_type};

use crate::error::exception;
use crate::js::{Js, Raw};

/// Integers up to this are the same as doubles.
const SAFE_MAX: u64 = (1 << 53) - 1;

/// From this many rows on a typed array is cheaper than its values one by one.
const TYPED_ROWS_MIN: usize = 16;

/// What becomes of integers of 64 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Int64 {
    /// BigInt, exact.
    BigInt,
    /// A number; one that is not exact is an error.
    Number,
    /// Text, exact.
    Text,
}

impl Int64 {
    /// By the number that the JavaScript half gives it.
    pub fn of(form: u32) -> Int64 {
        match form {
            1 => Int64::Number,
            2 => Int64::Text,
            _ => Int64::BigInt,
        }
    }
}

/// The values of a column: a typed array where its items are the values, else an array.
pub fn column(js: Js, array: &ArrayRef, int64: Int64) -> Result<Raw> {
    if array.len() >= TYPED_ROWS_MIN && array.null_count() == 0 {
        let typed = match array.data_type() {
            DataType::Int8 => typed::<Int8Type>(js, array, T::int8_array),
            DataType::Int16 => typed::<Int16Type>(js, array, T::int16_array),
            DataType::Int32 => typed::<Int32Type>(js, array, T::int32_array),
            DataType::UInt8 => typed::<UInt8Type>(js, array, T::uint8_array),
            DataType::UInt16 => typed::<UInt16Type>(js, array, T::uint16_array),
            DataType::UInt32 => typed::<UInt32Type>(js, array, T::uint32_array),
            DataType::Float32 => typed::<Float32Type>(js, array, T::float32_array),
            DataType::Float64 => typed::<Float64Type>(js, array, T::float64_array),
            DataType::Int64 if int64 == Int64::BigInt => {
                typed::<Int64Type>(js, array, T::bigint64_array)
            }
            DataType::UInt64 if int64 == Int64::BigInt => {
                typed::<UInt64Type>(js, array, T::biguint64_array)
            }
            _ => return each(js, array, int64),
        };
        return typed;
    }
    each(js, array, int64)
}

fn typed<P: ArrowPrimitiveType>(
    js: Js,
    array: &ArrayRef,
    kind: napi_typedarray_type,
) -> Result<Raw> {
    let values = array.as_primitive::<P>().values();
    let buffer = js.copied(values.inner().as_slice())?;
    js.typed(kind, values.len(), buffer)
}

fn each(js: Js, array: &ArrayRef, int64: Int64) -> Result<Raw> {
    let values = js.array(array.len())?;
    let array = plain(js, array)?;
    js.scoped(|| {
        (0..array.len()).try_for_each(|row| js.put(values, row, value(js, &array, row, int64)?))
    })?;
    Ok(values)
}

/// A dictionary as its values.
fn plain(js: Js, array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, values) => {
            cast(array, values).map_err(|_| no_form(js, array.data_type()))
        }
        _ => Ok(array.clone()),
    }
}

/// One value of a column.
pub fn value(js: Js, array: &ArrayRef, row: usize, int64: Int64) -> Result<Raw> {
    if array.is_null(row) {
        return js.null();
    }
    match array.data_type() {
        DataType::Null => js.null(),
        DataType::Boolean => js.boolean(array.as_boolean().value(row)),
        DataType::Int8 => js.small(get::<Int8Type>(array, row).into()),
        DataType::Int16 => js.small(get::<Int16Type>(array, row).into()),
        DataType::Int32 => js.small(get::<Int32Type>(array, row)),
        DataType::Int64 => integer(js, get::<Int64Type>(array, row), int64),
        DataType::UInt8 => js.small(get::<UInt8Type>(array, row).into()),
        DataType::UInt16 => js.small(get::<UInt16Type>(array, row).into()),
        DataType::UInt32 => js.number(get::<UInt32Type>(array, row).into()),
        DataType::UInt64 => unsigned(js, get::<UInt64Type>(array, row), int64),
        DataType::Float16 => js.number(get::<Float16Type>(array, row).to_f64()),
        DataType::Float32 => js.number(get::<Float32Type>(array, row).into()),
        DataType::Float64 => js.number(get::<Float64Type>(array, row)),
        DataType::Utf8 => js.text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => js.text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => js.text(array.as_string_view().value(row)),
        DataType::Binary => js.bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => js.bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => js.bytes(array.as_binary_view().value(row)),
        // UUID is the only SQL type of this form.
        DataType::FixedSizeBinary(16) => js.text(&uuid(array.as_fixed_size_binary().value(row))),
        DataType::FixedSizeBinary(_) => js.bytes(array.as_fixed_size_binary().value(row)),
        DataType::Timestamp(unit, _) => timestamp(js, array, row, *unit),
        DataType::Duration(_) | DataType::Interval(_) => interval(js, array, row),
        DataType::List(_) => list(js, &array.as_list::<i32>().value(row), int64),
        DataType::LargeList(_) => list(js, &array.as_list::<i64>().value(row), int64),
        DataType::FixedSizeList(..) => list(js, &array.as_fixed_size_list().value(row), int64),
        DataType::Struct(fields) => {
            let object = js.object()?;
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                js.define(object, field.name(), value(js, column, row, int64)?)?;
            }
            Ok(object)
        }
        DataType::Dictionary(..) => value(js, &plain(js, &array.slice(row, 1))?, 0, int64),
        _ => text_form(js, array, row),
    }
}

fn get<P: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> P::Native {
    let array: &PrimitiveArray<P> = array.as_primitive();
    array.value(row)
}

fn integer(js: Js, value: i64, int64: Int64) -> Result<Raw> {
    match int64 {
        Int64::BigInt => js.bigint(value),
        Int64::Text => js.text(&value.to_string()),
        #[expect(clippy::cast_precision_loss, reason = "it is exact: it was compared")]
        Int64::Number if value.unsigned_abs() <= SAFE_MAX => js.number(value as f64),
        Int64::Number => Err(unsafe_integer(js, &value.to_string())),
    }
}

fn unsigned(js: Js, value: u64, int64: Int64) -> Result<Raw> {
    match int64 {
        Int64::BigInt => js.unsigned_bigint(value),
        Int64::Text => js.text(&value.to_string()),
        #[expect(clippy::cast_precision_loss, reason = "it is exact: it was compared")]
        Int64::Number if value <= SAFE_MAX => js.number(value as f64),
        Int64::Number => Err(unsafe_integer(js, &value.to_string())),
    }
}

fn unsafe_integer(js: Js, value: &str) -> napi::Error {
    let error = Error::new(
        SqlState::NUMERIC_OUT_OF_RANGE,
        format!("{value} is beyond what a number of JavaScript holds exactly"),
    )
    .with_hint("read it with int64: 'bigint' or 'string'");
    exception(js, &error)
}

/// `a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11`.
fn uuid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    text
}

/// A Date counts milliseconds; what is finer is cut off towards the past.
fn timestamp(js: Js, array: &ArrayRef, row: usize, unit: TimeUnit) -> Result<Raw> {
    #[expect(clippy::cast_precision_loss, reason = "a Date has 8.64e15 milliseconds")]
    let milliseconds = match unit {
        TimeUnit::Second => get::<TimestampSecondType>(array, row) as f64 * 1_000.0,
        TimeUnit::Millisecond => get::<TimestampMillisecondType>(array, row) as f64,
        TimeUnit::Microsecond => {
            get::<TimestampMicrosecondType>(array, row).div_euclid(1_000) as f64
        }
        TimeUnit::Nanosecond => {
            get::<TimestampNanosecondType>(array, row).div_euclid(1_000_000) as f64
        }
    };
    // The years -271821 to 275760.
    if milliseconds.abs() > 8.64e15 {
        let error = Error::new(
            SqlState::DATETIME_OUT_OF_RANGE,
            "a timestamp is outside the range of JavaScript's Date",
        )
        .with_hint("read it with arrow() or columns(), or cast it to TEXT in the query");
        return Err(exception(js, &error));
    }
    js.date(milliseconds)
}

/// Months, days and nanoseconds: a month has no fixed length.
fn interval(js: Js, array: &ArrayRef, row: usize) -> Result<Raw> {
    let (months, days, nanoseconds) = match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            (get::<IntervalYearMonthType>(array, row), 0, 0)
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let value = get::<IntervalDayTimeType>(array, row);
            (0, value.days, i64::from(value.milliseconds) * 1_000_000)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = get::<IntervalMonthDayNanoType>(array, row);
            (value.months, value.days, value.nanoseconds)
        }
        DataType::Duration(unit) => {
            let nanoseconds =
                duration(array, row, *unit).ok_or_else(|| no_form(js, array.data_type()))?;
            (0, 0, nanoseconds)
        }
        other => return Err(no_form(js, other)),
    };
    let object = js.object()?;
    js.set(object, c"months", js.small(months)?)?;
    js.set(object, c"days", js.small(days)?)?;
    js.set(object, c"nanoseconds", js.bigint(nanoseconds)?)?;
    Ok(object)
}

fn duration(array: &ArrayRef, row: usize, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => get::<DurationSecondType>(array, row).checked_mul(1_000_000_000),
        TimeUnit::Millisecond => get::<DurationMillisecondType>(array, row).checked_mul(1_000_000),
        TimeUnit::Microsecond => get::<DurationMicrosecondType>(array, row).checked_mul(1_000),
        TimeUnit::Nanosecond => Some(get::<DurationNanosecondType>(array, row)),
    }
}

/// An EMBEDDING is a Float32Array, any other list an array.
fn list(js: Js, items: &ArrayRef, int64: Int64) -> Result<Raw> {
    if items.data_type() == &DataType::Float32 && items.null_count() == 0 {
        return typed::<Float32Type>(js, items, T::float32_array);
    }
    each(js, items, int64)
}

/// The text that SQL writes: DATE, TIME, DECIMAL, and what else JavaScript has no type for.
fn text_form(js: Js, array: &ArrayRef, row: usize) -> Result<Raw> {
    let options = FormatOptions::default();
    let formatter =
        ArrayFormatter::try_new(array, &options).map_err(|_| no_form(js, array.data_type()))?;
    let text: Cow<'_, str> = formatter
        .value(row)
        .try_to_string()
        .map(Cow::Owned)
        .map_err(|_| no_form(js, array.data_type()))?;
    js.text(&text)
}

fn no_form(js: Js, data_type: &DataType) -> napi::Error {
    let error = Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("values of Arrow type {data_type} have no form in JavaScript"),
    )
    .with_hint("read them with arrow(), or cast them in the query");
    exception(js, &error)
}
