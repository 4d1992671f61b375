//! Values in: Python values as parameters and as Arrow arrays.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, IntervalMonthDayNano};
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use kalam_core::model::{KalamDataType, ValuePlace};
use kalam_core::{Error, Params, ScalarValue, SqlState};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyOverflowError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateTime, PyDelta, PyFloat, PyInt, PyList, PyMapping,
    PyMemoryView, PySequence, PyString, PyTime, PyTuple, PyType, PyTzInfo,
};

use crate::array::{array, numbers};
use crate::error::exception;

/// The parameters of one statement: None, a sequence or a mapping.
pub fn params(py: Python<'_>, params: Option<&Bound<'_, PyAny>>) -> PyResult<Params> {
    let Some(params) = params.filter(|params| !params.is_none()) else {
        return Ok(Params::None);
    };
    // What is a mapping or a sequence by its class is asked of Python, which takes its time.
    let is_plain = params.is_instance_of::<PyTuple>() || params.is_instance_of::<PyList>();
    if !is_plain && let Ok(mapping) = params.cast::<PyMapping>() {
        return named(mapping).map(Params::Named);
    }
    if !is_plain && (is_text(params) || !params.is_instance_of::<PySequence>()) {
        let error = Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!(
                "parameters of Python type \"{}\" are neither sequence nor mapping",
                type_name(params)
            ),
        )
        .with_hint("pass a list or tuple for ? and $1, a dict for :name");
        return Err(exception(py, &error));
    }
    params
        .try_iter()?
        .enumerate()
        .map(|(i, value)| scalar(&value?, ValuePlace::Position(i + 1)))
        .collect::<PyResult<Vec<_>>>()
        .map(Params::Positional)
}

fn named(mapping: &Bound<'_, PyMapping>) -> PyResult<Vec<(String, ScalarValue)>> {
    let mut named = Vec::with_capacity(mapping.len()?);
    for item in mapping.items()?.iter() {
        let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let Ok(key) = key.cast::<PyString>() else {
            let error = Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("a parameter name is of Python type \"{}\"", type_name(&key)),
            )
            .with_hint("the keys are the names without the colon, as str");
            return Err(exception(mapping.py(), &error));
        };
        let key = key.to_str()?.to_owned();
        let value = scalar(&value, ValuePlace::Name(&key))?;
        named.push((key, value));
    }
    Ok(named)
}

/// A Python value as an SQL value.
pub fn scalar(value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<ScalarValue> {
    if value.is_none() {
        return Ok(ScalarValue::Null);
    }
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(ScalarValue::Boolean(Some(value.is_true())));
    }
    if value.is_instance_of::<PyInt>() {
        return integer(value, place);
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(ScalarValue::Float64(Some(value.extract()?)));
    }
    if let Ok(value) = value.cast::<PyString>() {
        return text(value, place);
    }
    if let Some(bytes) = bytes(value)? {
        return Ok(ScalarValue::Binary(Some(bytes)));
    }
    if let Some(value) = temporal(value, place)? {
        return Ok(value);
    }
    if value.is_instance(class_decimal(value.py())?)? {
        return decimal(value, place);
    }
    if value.is_instance(class_uuid(value.py())?)? {
        let bytes: Vec<u8> = value.getattr("bytes")?.extract()?;
        return Ok(ScalarValue::FixedSizeBinary(16, Some(bytes)));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        return list(array(value, place)?, value, place);
    }
    if value.hasattr("dtype")? {
        return array_scalar(value, place);
    }
    if value.hasattr("__index__")? {
        return integer(&value.call_method0("__index__")?, place);
    }
    match PyUntypedBuffer::get(value).ok().and_then(|buffer| numbers(value.py(), &buffer)) {
        Some(numbers) => list(numbers?, value, place),
        None => Err(no_sql_form(value, place)),
    }
}

fn integer(value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<ScalarValue> {
    let py = value.py();
    match value.extract::<i64>() {
        Ok(value) => Ok(ScalarValue::Int64(Some(value))),
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => {
            let error = Error::new(
                SqlState::NUMERIC_OUT_OF_RANGE,
                format!("{place} is an int outside the range of BIGINT"),
            )
            .with_hint(
                "BIGINT goes from -2^63 to 2^63 - 1; pass a larger number as decimal.Decimal",
            );
            Err(exception(py, &error))
        }
        Err(error) => Err(error),
    }
}

fn text(value: &Bound<'_, PyString>, place: ValuePlace<'_>) -> PyResult<ScalarValue> {
    let py = value.py();
    match value.to_str() {
        Ok(text) => Ok(ScalarValue::Utf8(Some(text.to_owned()))),
        Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(py) => {
            let error = Error::new(
                SqlState::INVALID_ENCODING,
                format!("{place} holds a lone surrogate, which UTF-8 cannot carry"),
            )
            .with_hint("decode with errors='replace', or pass bytes");
            Err(exception(py, &error))
        }
        Err(error) => Err(error),
    }
}

fn bytes(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    Ok(if let Ok(value) = value.cast::<PyBytes>() {
        Some(value.as_bytes().to_vec())
    } else if let Ok(value) = value.cast::<PyByteArray>() {
        Some(value.to_vec())
    } else if value.is_instance_of::<PyMemoryView>() {
        Some(value.call_method0("tobytes")?.extract()?)
    } else {
        None
    })
}

fn temporal(value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<Option<ScalarValue>> {
    let py = value.py();
    // A datetime is also a date: the narrower class first.
    if value.is_instance_of::<PyDateTime>() {
        return datetime(value, place).map(Some);
    }
    if value.is_instance_of::<PyDate>() {
        let date: NaiveDate = value.extract()?;
        return Ok(Some(ScalarValue::Date32(Some(date.to_epoch_days()))));
    }
    if value.is_instance_of::<PyTime>() {
        if !value.getattr("tzinfo")?.is_none() {
            let error = Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("{place} is a time with a time zone, which TIME does not have"),
            )
            .with_hint("pass a datetime, or the time without tzinfo");
            return Err(exception(py, &error));
        }
        let time: NaiveTime = value.extract()?;
        let micros = i64::from(time.num_seconds_from_midnight()) * 1_000_000
            + i64::from(time.nanosecond() / 1_000);
        return Ok(Some(ScalarValue::Time64Microsecond(Some(micros))));
    }
    if value.is_instance_of::<PyDelta>() {
        let delta: Duration = value.extract()?;
        let days = delta.num_days();
        let rest = delta - Duration::days(days);
        let interval = IntervalMonthDayNano::new(
            0,
            i32::try_from(days).expect("a timedelta has at most 999,999,999 days"),
            rest.num_nanoseconds().expect("less than a day fits"),
        );
        return Ok(Some(ScalarValue::IntervalMonthDayNano(Some(interval))));
    }
    Ok(None)
}

fn datetime(value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<ScalarValue> {
    let py = value.py();
    // pandas.NaT is a datetime that is not equal to itself.
    if value.ne(value)? {
        return Ok(ScalarValue::Null);
    }
    if value.getattr("tzinfo")?.is_none() {
        let naive: NaiveDateTime = value.extract()?;
        let micros = naive.and_utc().timestamp_micros();
        return Ok(ScalarValue::TimestampMicrosecond(Some(micros), None));
    }
    // The zone itself says its offset at that moment, whichever library it is from.
    let instant = value.call_method1("astimezone", (PyTzInfo::utc(py)?,)).map_err(|error| {
        if !error.is_instance_of::<PyOverflowError>(py) {
            return error;
        }
        let error = Error::new(
            SqlState::DATETIME_OUT_OF_RANGE,
            format!("{place} is outside the years 1 to 9999 when it is brought to UTC"),
        );
        exception(py, &error)
    })?;
    let instant: DateTime<Utc> = instant.extract()?;
    Ok(ScalarValue::TimestampMicrosecond(Some(instant.timestamp_micros()), Some("UTC".into())))
}

fn decimal(value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<ScalarValue> {
    let py = value.py();
    let parts = value.call_method0("as_tuple")?;
    let digits: Vec<u8> = parts.getattr("digits")?.extract()?;
    // Infinity and NaN have a letter for an exponent.
    let Ok(exponent) = parts.getattr("exponent")?.extract::<i64>() else {
        let error = Error::new(
            SqlState::NUMERIC_OUT_OF_RANGE,
            format!("{place} is Decimal(\"{value}\"), which DECIMAL cannot hold"),
        )
        .with_hint("DECIMAL holds finite numbers; pass a float for NaN and infinities");
        return Err(exception(py, &error));
    };
    let unscaled = digits
        .iter()
        .chain(std::iter::repeat_n(&0, usize::try_from(exponent.clamp(0, 40)).unwrap_or(0)))
        .try_fold(0i128, |sum, digit| sum.checked_mul(10)?.checked_add(i128::from(*digit)));
    let scale = u8::try_from(exponent.min(0).unsigned_abs()).ok();
    let fitting = unscaled.zip(scale).and_then(|(unscaled, scale)| {
        let precision = digit_count(unscaled).max(scale).max(1);
        (precision <= KalamDataType::DECIMAL_PRECISION_MAX).then_some((
            unscaled,
            precision,
            scale.cast_signed(),
        ))
    });
    let Some((unscaled, precision, scale)) = fitting else {
        return Err(too_many_digits(py, place));
    };
    let sign: u8 = parts.getattr("sign")?.extract()?;
    let unscaled = if sign == 0 { unscaled } else { -unscaled };
    Ok(ScalarValue::Decimal128(Some(unscaled), precision, scale))
}

pub fn digit_count(number: i128) -> u8 {
    number.unsigned_abs().checked_ilog10().map_or(0, |log| u8::try_from(log + 1).unwrap_or(u8::MAX))
}

/// A value of numpy or of a library that imitates it: a scalar, or one dimension.
fn array_scalar(value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<ScalarValue> {
    let value = in_microseconds(value)?;
    if dimensions(&value)? > 0 {
        return list(array(&value, place)?, &value, place);
    }
    let item = value.call_method0("item")?;
    if item.hasattr("dtype")? {
        return Err(no_sql_form(&item, place));
    }
    scalar(&item, place)
}

/// numpy's nanoseconds become plain ints in Python, its microseconds datetimes.
pub fn in_microseconds<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let kind = value.getattr("dtype")?.getattr_opt("kind")?;
    match kind.and_then(|kind| kind.extract::<String>().ok()).as_deref() {
        Some("M") => value.call_method1("astype", ("datetime64[us]",)),
        Some("m") => value.call_method1("astype", ("timedelta64[us]",)),
        _ => Ok(value.clone()),
    }
}

fn dimensions(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    match value.getattr_opt("ndim")? {
        Some(dimensions) => dimensions.extract(),
        None => Ok(0),
    }
}

/// A list of scalars as one value; lists in lists have no SQL form.
fn list(items: ArrayRef, value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<ScalarValue> {
    if items.data_type().is_nested() {
        let error = Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("{place} is a list of lists (Python type \"{}\")", type_name(value)),
        )
        .with_hint("lists hold scalars; pass a nested structure as JSON text");
        return Err(exception(value.py(), &error));
    }
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    Ok(ScalarValue::List(Arc::new(ListArray::new(field, offsets, items, None))))
}

fn class_decimal(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")
}

fn class_uuid(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    UUID.import(py, "uuid", "UUID")
}

/// Whether iterating would give characters or bytes.
pub fn is_text(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
        || value.is_instance_of::<PyMemoryView>()
}

/// The name of the value's class, with its module where that helps.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "object".into(), |name| name.to_string())
}

fn no_sql_form(value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyErr {
    let error = Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("{place} is of Python type \"{}\", which has no SQL form", type_name(value)),
    )
    .with_hint(
        "use None, bool, int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID \
         or a list of them; JSON goes as text: json.dumps(value)",
    );
    exception(value.py(), &error)
}

pub fn too_many_digits(py: Python<'_>, place: ValuePlace<'_>) -> PyErr {
    let error = Error::new(
        SqlState::NUMERIC_OUT_OF_RANGE,
        format!("{place} has more digits than DECIMAL holds"),
    )
    .with_hint("DECIMAL holds 38 digits; round with Decimal.quantize()");
    exception(py, &error)
}
