//! Rows out: Arrow values as Python values.

use std::vec;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowTemporalType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type,
    Decimal128Type, Decimal256Type, DecimalType, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime};
use kalam_core::{Error, SqlState};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple, PyType};

use crate::error::exception;

type Values<'py> = Vec<Bound<'py, PyAny>>;

/// The rows of a batch as tuples.
pub fn rows<'py>(
    py: Python<'py>,
    batch: &RecordBatch,
) -> PyResult<vec::IntoIter<Bound<'py, PyTuple>>> {
    let mut columns = Vec::with_capacity(batch.num_columns());
    for array in batch.columns() {
        columns.push(values(py, array)?.into_iter());
    }
    let row = |_| {
        let items = columns.iter_mut().map(|column| column.next().expect("a column has every row"));
        PyTuple::new(py, items)
    };
    Ok((0..batch.num_rows()).map(row).collect::<PyResult<Vec<_>>>()?.into_iter())
}

/// The values of an array.
fn values<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Values<'py>> {
    match array.data_type() {
        DataType::Null => Ok(vec![py.None().into_bound(py); array.len()]),
        DataType::Boolean => each(py, array.as_boolean().iter(), |v| v.into_bound_py_any(py)),
        DataType::Int8 => plain::<Int8Type>(py, array),
        DataType::Int16 => plain::<Int16Type>(py, array),
        DataType::Int32 => plain::<Int32Type>(py, array),
        DataType::Int64 => plain::<Int64Type>(py, array),
        DataType::UInt8 => plain::<UInt8Type>(py, array),
        DataType::UInt16 => plain::<UInt16Type>(py, array),
        DataType::UInt32 => plain::<UInt32Type>(py, array),
        DataType::UInt64 => plain::<UInt64Type>(py, array),
        DataType::Float16 => {
            primitive::<Float16Type>(py, array, |v| v.to_f64().into_bound_py_any(py))
        }
        DataType::Float32 => plain::<Float32Type>(py, array),
        DataType::Float64 => plain::<Float64Type>(py, array),
        DataType::Utf8 => each(py, array.as_string::<i32>().iter(), |v| v.into_bound_py_any(py)),
        DataType::LargeUtf8 => {
            each(py, array.as_string::<i64>().iter(), |v| v.into_bound_py_any(py))
        }
        DataType::Utf8View => each(py, array.as_string_view().iter(), |v| v.into_bound_py_any(py)),
        DataType::Binary => each(py, array.as_binary::<i32>().iter(), |v| bytes(py, v)),
        DataType::LargeBinary => each(py, array.as_binary::<i64>().iter(), |v| bytes(py, v)),
        DataType::BinaryView => each(py, array.as_binary_view().iter(), |v| bytes(py, v)),
        // UUID is the only SQL type of this form.
        DataType::FixedSizeBinary(16) => {
            each(py, array.as_fixed_size_binary().iter(), |v| uuid(py, v))
        }
        DataType::FixedSizeBinary(_) => {
            each(py, array.as_fixed_size_binary().iter(), |v| bytes(py, v))
        }
        DataType::Decimal32(..) => decimals::<Decimal32Type>(py, array),
        DataType::Decimal64(..) => decimals::<Decimal64Type>(py, array),
        DataType::Decimal128(..) => decimals::<Decimal128Type>(py, array),
        DataType::Decimal256(..) => decimals::<Decimal256Type>(py, array),
        data_type if data_type.is_temporal() => temporal(py, array),
        _ => nested(py, array),
    }
}

fn each<'py, T>(
    py: Python<'py>,
    items: impl Iterator<Item = Option<T>>,
    convert: impl Fn(T) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Values<'py>> {
    items.map(|item| item.map_or_else(|| Ok(py.None().into_bound(py)), &convert)).collect()
}

fn primitive<'py, T: ArrowPrimitiveType>(
    py: Python<'py>,
    array: &ArrayRef,
    convert: impl Fn(T::Native) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Values<'py>> {
    each(py, array.as_primitive::<T>().iter(), convert)
}

fn plain<'py, T>(py: Python<'py>, array: &ArrayRef) -> PyResult<Values<'py>>
where
    T: ArrowPrimitiveType,
    T::Native: IntoPyObject<'py>,
{
    primitive::<T>(py, array, |v| v.into_bound_py_any(py))
}

fn bytes<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyBytes::new(py, value).into_any())
}

fn uuid<'py>(py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    UUID.import(py, "uuid", "UUID")?.call1((py.None(), PyBytes::new(py, value)))
}

fn decimals<'py, T: DecimalType>(py: Python<'py>, array: &ArrayRef) -> PyResult<Values<'py>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = DECIMAL.import(py, "decimal", "Decimal")?;
    let array: &PrimitiveArray<T> = array.as_primitive();
    let (precision, scale) = (array.precision(), array.scale());
    each(py, array.iter(), |v| class.call1((T::format_decimal(v, precision, scale),)))
}

fn temporal<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Values<'py>> {
    match array.data_type() {
        DataType::Date32 => primitive::<Date32Type>(py, array, |days| date(py, days.into())),
        DataType::Date64 => {
            primitive::<Date64Type>(py, array, |ms| date(py, ms.div_euclid(86_400_000)))
        }
        DataType::Time32(TimeUnit::Second) => times::<Time32SecondType>(py, array, 1_000_000_000),
        DataType::Time32(_) => times::<Time32MillisecondType>(py, array, 1_000_000),
        DataType::Time64(TimeUnit::Microsecond) => times::<Time64MicrosecondType>(py, array, 1_000),
        DataType::Time64(_) => times::<Time64NanosecondType>(py, array, 1),
        DataType::Timestamp(unit, zone) => {
            let zoned = zone.is_some();
            match unit {
                TimeUnit::Second => timestamps::<TimestampSecondType>(py, array, *unit, zoned),
                TimeUnit::Millisecond => {
                    timestamps::<TimestampMillisecondType>(py, array, *unit, zoned)
                }
                TimeUnit::Microsecond => {
                    timestamps::<TimestampMicrosecondType>(py, array, *unit, zoned)
                }
                TimeUnit::Nanosecond => {
                    timestamps::<TimestampNanosecondType>(py, array, *unit, zoned)
                }
            }
        }
        DataType::Duration(unit) => match unit {
            TimeUnit::Second => durations::<DurationSecondType>(py, array, *unit),
            TimeUnit::Millisecond => durations::<DurationMillisecondType>(py, array, *unit),
            TimeUnit::Microsecond => durations::<DurationMicrosecondType>(py, array, *unit),
            TimeUnit::Nanosecond => durations::<DurationNanosecondType>(py, array, *unit),
        },
        DataType::Interval(unit) => intervals(py, array, *unit),
        other => Err(no_python_form(py, other)),
    }
}

fn date(py: Python<'_>, days: i64) -> PyResult<Bound<'_, PyAny>> {
    i32::try_from(days)
        .ok()
        .and_then(NaiveDate::from_epoch_days)
        .and_then(|date| date.into_bound_py_any(py).ok())
        .ok_or_else(|| out_of_range(py, "DATE", days, "days since 1970-01-01"))
}

fn times<'py, T>(py: Python<'py>, array: &ArrayRef, nanos: i64) -> PyResult<Values<'py>>
where
    T: ArrowTemporalType,
    T::Native: Into<i64>,
{
    primitive::<T>(py, array, |value| {
        let value: i64 = value.into();
        let of_day = value.checked_mul(nanos).and_then(|total| {
            let seconds = u32::try_from(total.div_euclid(1_000_000_000)).ok()?;
            let rest = u32::try_from(total.rem_euclid(1_000_000_000)).ok()?;
            NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest)
        });
        match of_day {
            Some(time) => time.into_bound_py_any(py),
            None => Err(out_of_range(py, "TIME", value, "units since midnight")),
        }
    })
}

/// Python counts microseconds; what is finer is cut off towards the past.
fn micros(value: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => value.checked_mul(1_000_000),
        TimeUnit::Millisecond => value.checked_mul(1_000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => Some(value.div_euclid(1_000)),
    }
}

/// A zone other than UTC changes how an instant is shown, not which it is: all
/// zoned values come as UTC.
fn timestamps<'py, T>(
    py: Python<'py>,
    array: &ArrayRef,
    unit: TimeUnit,
    zoned: bool,
) -> PyResult<Values<'py>>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    primitive::<T>(py, array, |value| {
        micros(value, unit)
            .and_then(DateTime::from_timestamp_micros)
            .and_then(|instant| {
                let object = if zoned {
                    instant.into_bound_py_any(py)
                } else {
                    instant.naive_utc().into_bound_py_any(py)
                };
                object.ok()
            })
            .ok_or_else(|| out_of_range(py, "TIMESTAMP", value, "units since 1970-01-01"))
    })
}

fn durations<'py, T>(py: Python<'py>, array: &ArrayRef, unit: TimeUnit) -> PyResult<Values<'py>>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    primitive::<T>(py, array, |value| {
        micros(value, unit)
            .and_then(|micros| Duration::microseconds(micros).into_bound_py_any(py).ok())
            .ok_or_else(|| out_of_range(py, "duration", value, "units"))
    })
}

/// Intervals come as (months, days, nanoseconds): a month has no fixed length, so
/// no timedelta says the same.
fn intervals<'py>(py: Python<'py>, array: &ArrayRef, unit: IntervalUnit) -> PyResult<Values<'py>> {
    match unit {
        IntervalUnit::YearMonth => primitive::<IntervalYearMonthType>(py, array, |months| {
            (months, 0, 0).into_bound_py_any(py)
        }),
        IntervalUnit::DayTime => primitive::<IntervalDayTimeType>(py, array, |v| {
            (0, v.days, i64::from(v.milliseconds) * 1_000_000).into_bound_py_any(py)
        }),
        IntervalUnit::MonthDayNano => primitive::<IntervalMonthDayNanoType>(py, array, |v| {
            (v.months, v.days, v.nanoseconds).into_bound_py_any(py)
        }),
    }
}

fn nested<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Values<'py>> {
    let list = |items: ArrayRef| Ok(PyList::new(py, values(py, &items)?)?.into_any());
    match array.data_type() {
        DataType::List(_) => each(py, array.as_list::<i32>().iter(), list),
        DataType::LargeList(_) => each(py, array.as_list::<i64>().iter(), list),
        DataType::FixedSizeList(..) => each(py, array.as_fixed_size_list().iter(), list),
        DataType::Struct(_) => structs(py, array.as_struct()),
        DataType::Map(..) => each(py, array.as_map().iter(), |entries: StructArray| {
            let dict = PyDict::new(py);
            let keys = values(py, entries.column(0))?;
            for (key, value) in keys.into_iter().zip(values(py, entries.column(1))?) {
                dict.set_item(key, value)?;
            }
            Ok(dict.into_any())
        }),
        DataType::Dictionary(_, value_type) => {
            let unpacked =
                cast(array, value_type).map_err(|_| no_python_form(py, array.data_type()))?;
            values(py, &unpacked)
        }
        other => Err(no_python_form(py, other)),
    }
}

fn structs<'py>(py: Python<'py>, array: &StructArray) -> PyResult<Values<'py>> {
    let columns =
        array.columns().iter().map(|column| values(py, column)).collect::<PyResult<Vec<_>>>()?;
    (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return Ok(py.None().into_bound(py));
            }
            let dict = PyDict::new(py);
            for (field, column) in array.fields().iter().zip(&columns) {
                dict.set_item(field.name(), &column[row])?;
            }
            Ok(dict.into_any())
        })
        .collect()
}

fn out_of_range(py: Python<'_>, sql_type: &str, value: i64, unit: &str) -> PyErr {
    let error = Error::new(
        SqlState::DATETIME_OUT_OF_RANGE,
        format!("{sql_type} value of {value} {unit} is outside the range of Python's datetime"),
    )
    .with_hint("read it with arrow(), or cast it to TEXT in the query");
    exception(py, &error)
}

fn no_python_form(py: Python<'_>, data_type: &DataType) -> PyErr {
    let error = Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("values of Arrow type {data_type} have no Python form"),
    )
    .with_hint("read them with arrow(), or cast them in the query");
    exception(py, &error)
}
