//! Columns in: many Python values as one Arrow array.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array,
    NullArray,
};
use arrow::datatypes::{DataType, Field};
use kalam_core::model::{KalamDataType, ValuePlace};
use kalam_core::{Error, ScalarValue, SqlState};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use crate::error::exception;
use crate::parameter::{digit_count, in_microseconds, is_text, scalar, too_many_digits, type_name};

/// The items of a list, tuple, numpy array or other iterable as one Arrow array.
///
/// Numbers of different kinds become the wider kind; everything else must be of
/// one type. A two-dimensional float array becomes fixed-size lists.
pub fn array(values: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<ArrayRef> {
    let py = values.py();
    let mut items = values.clone();
    if values.hasattr("dtype")? {
        let values = in_microseconds(values)?;
        let buffer = PyUntypedBuffer::get(&values).ok();
        if let Some(numbers) = buffer.and_then(|buffer| numbers(py, &buffer)) {
            return numbers;
        }
        items = if values.hasattr("tolist")? { values.call_method0("tolist")? } else { values };
    }
    let is_list = !is_text(&items) && !items.is_instance_of::<PyMapping>();
    let Some(iterator) = is_list.then(|| items.try_iter().ok()).flatten() else {
        let error = Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("{place} is of Python type \"{}\", not a list of values", type_name(&items)),
        )
        .with_hint("pass a list, tuple, numpy array or Arrow array");
        return Err(exception(py, &error));
    };
    let scalars = iterator.map(|item| scalar(&item?, place)).collect::<PyResult<Vec<_>>>()?;
    unite(py, scalars, place)
}

/// Numbers straight from a buffer: one dimension, or two of floats.
pub fn numbers(py: Python<'_>, buffer: &PyUntypedBuffer) -> Option<PyResult<ArrayRef>> {
    let shape = buffer.shape();
    match shape.len() {
        1 => {
            let array: PyResult<ArrayRef> = if let Ok(buffer) = buffer.as_typed::<f32>() {
                buffer.to_vec(py).map(|v| Arc::new(Float32Array::from(v)) as _)
            } else if let Ok(buffer) = buffer.as_typed::<f64>() {
                buffer.to_vec(py).map(|v| Arc::new(Float64Array::from(v)) as _)
            } else if let Ok(buffer) = buffer.as_typed::<i64>() {
                buffer.to_vec(py).map(|v| Arc::new(Int64Array::from(v)) as _)
            } else if let Ok(buffer) = buffer.as_typed::<i32>() {
                buffer.to_vec(py).map(|v| Arc::new(Int32Array::from(v)) as _)
            } else {
                return None;
            };
            Some(array)
        }
        2 if shape[1] > 0 => {
            let items: PyResult<ArrayRef> = if let Ok(buffer) = buffer.as_typed::<f32>() {
                buffer.to_vec(py).map(|v| Arc::new(Float32Array::from(v)) as _)
            } else if let Ok(buffer) = buffer.as_typed::<f64>() {
                buffer.to_vec(py).map(|v| Arc::new(Float64Array::from(v)) as _)
            } else {
                return None;
            };
            let size = i32::try_from(shape[1]).ok()?;
            Some(items.map(|items| {
                let field = Arc::new(Field::new("item", items.data_type().clone(), false));
                Arc::new(FixedSizeListArray::new(field, size, items, None)) as _
            }))
        }
        _ => None,
    }
}

/// The scalars as one array of the type that holds them all.
pub fn unite(
    py: Python<'_>,
    mut scalars: Vec<ScalarValue>,
    place: ValuePlace<'_>,
) -> PyResult<ArrayRef> {
    if scalars.iter().any(|value| matches!(value, ScalarValue::Decimal128(..))) {
        scalars.iter_mut().for_each(integer_to_decimal);
    }
    let mut united = DataType::Null;
    for value in &scalars {
        let data_type = value.data_type();
        if data_type != united {
            united = wider(&united, &data_type).map_err(|problem| match problem {
                Misfit::Digits => too_many_digits(py, place),
                Misfit::Kinds => {
                    let error = Error::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "{place} mixes values of {} and {}",
                            KalamDataType::name_of_arrow_type(&united),
                            KalamDataType::name_of_arrow_type(&data_type)
                        ),
                    )
                    .with_hint("pass values of one type");
                    exception(py, &error)
                }
            })?;
        }
    }
    if united == DataType::Null {
        return Ok(Arc::new(NullArray::new(scalars.len())));
    }
    let typed = scalars.into_iter().map(|value| value.cast_to(&united));
    typed.collect::<Result<Vec<_>, _>>().and_then(ScalarValue::iter_to_array).map_err(|error| {
        exception(py, &Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("{place}: {error}")))
    })
}

/// Why two types have no common one.
enum Misfit {
    Kinds,
    Digits,
}

fn wider(a: &DataType, b: &DataType) -> Result<DataType, Misfit> {
    Ok(match (a, b) {
        (a, b) if a == b => a.clone(),
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        (DataType::Int32 | DataType::Int64, DataType::Int32 | DataType::Int64) => DataType::Int64,
        (a, b) if is_number(a) && is_number(b) => DataType::Float64,
        (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => {
            let scale = *s1.max(s2);
            let whole = (p1.cast_signed() - s1).max(p2.cast_signed() - s2);
            let precision = (whole + scale).cast_unsigned();
            if precision > KalamDataType::DECIMAL_PRECISION_MAX {
                return Err(Misfit::Digits);
            }
            DataType::Decimal128(precision, scale)
        }
        (DataType::List(a), DataType::List(b)) => {
            let item = wider(a.data_type(), b.data_type())?;
            DataType::List(Arc::new(Field::new("item", item, true)))
        }
        _ => return Err(Misfit::Kinds),
    })
}

fn is_number(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64)
}

fn integer_to_decimal(value: &mut ScalarValue) {
    if let ScalarValue::Int64(Some(number)) = *value {
        let number = i128::from(number);
        *value = ScalarValue::Decimal128(Some(number), digit_count(number).max(1), 0);
    }
}
