//! Many sets of parameters in: tuples as columns, Arrow data as it is, anything else one by one.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, NullArray, RecordBatch,
    StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use kalam_core::model::ValuePlace;
use kalam_core::{Error, ParamColumns, Params, Result, ScalarValue, SqlState};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::error::exception;
use crate::input::{is_arrow, reader, refused};
use crate::parameter::{params, scalar};

/// The parameters of executemany.
pub enum ParamSets {
    /// Sets in columns.
    Columns(ParamColumns),
    /// Sets of any form.
    Each(Vec<Params>),
}

impl ParamSets {
    /// Reads an iterable of sequences or mappings, or Arrow data of which each row is a set;
    /// `names` tells the names that the statement has for its parameters. All is read before
    /// anything is written, so an exception of the iterable writes nothing.
    pub fn read(
        sets: &Bound<'_, PyAny>,
        names: impl FnOnce() -> PyResult<Vec<String>>,
    ) -> PyResult<ParamSets> {
        let py = sets.py();
        if is_arrow(sets)? {
            let reader = reader(sets)?;
            // The producer may be Python code in another thread.
            let batches = py.detach(|| reader.collect::<Result<Vec<_>, ArrowError>>());
            let batches = batches.map_err(|error| refused(py, &error))?;
            return Ok(ParamSets::Columns(if names()?.is_empty() {
                ParamColumns::Positional(batches)
            } else {
                ParamColumns::Named(batches)
            }));
        }
        let sets = sets.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        if let Some(columns) = columns(py, &sets)? {
            return Ok(ParamSets::Columns(ParamColumns::Positional(vec![columns])));
        }
        let each = sets.iter().map(|set| params(py, Some(set)));
        each.collect::<PyResult<_>>().map(ParamSets::Each)
    }
}

/// Tuples or lists of one length whose values are of one type in each column; `None` for
/// any others, which are read one by one.
fn columns(py: Python<'_>, sets: &[Bound<'_, PyAny>]) -> PyResult<Option<RecordBatch>> {
    let Some(width) = sets.first().and_then(width).filter(|width| *width > 0) else {
        return Ok(None);
    };
    let mut columns: Vec<Column> = (0..width).map(|_| Column::Nulls(0)).collect();
    for set in sets {
        if self::width(set) != Some(width) {
            return Ok(None);
        }
        for (index, column) in columns.iter_mut().enumerate() {
            let value = match set.cast::<PyTuple>() {
                Ok(tuple) => tuple.get_item(index)?,
                Err(_) => set.cast::<PyList>()?.get_item(index)?,
            };
            if !column.push(&value, ValuePlace::Position(index + 1))? {
                return Ok(None);
            }
        }
    }
    let arrays = columns.into_iter().map(Column::finish).collect::<Result<Vec<_>>>();
    let arrays = arrays.map_err(|error| exception(py, &error))?;
    let fields = arrays.iter().enumerate().map(|(index, array)| {
        Field::new(format!("${}", index + 1), array.data_type().clone(), true)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, arrays).map(Some).map_err(|error| refused(py, &error))
}

fn width(set: &Bound<'_, PyAny>) -> Option<usize> {
    match set.cast::<PyTuple>() {
        Ok(tuple) => Some(tuple.len()),
        Err(_) => set.cast::<PyList>().ok().map(|list| list.len()),
    }
}

/// The values of one parameter, set by set.
enum Column {
    Nulls(usize),
    Booleans(BooleanBuilder),
    Integers(Int64Builder),
    Floats(Float64Builder),
    Texts(StringBuilder),
    Bytes(BinaryBuilder),
    /// Anything else: the type of all, and the values.
    Others(DataType, Vec<ScalarValue>),
}

impl Column {
    /// Adds a value; false if it is of another type than those before it.
    fn push(&mut self, value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<bool> {
        if value.is_none() {
            self.push_null();
            return Ok(true);
        }
        if let Column::Nulls(nulls) = *self {
            *self = Column::of(value, place)?;
            (0..nulls).for_each(|_| self.push_null());
        }
        match self {
            Column::Booleans(values) => match value.cast::<PyBool>() {
                Ok(value) => values.append_value(value.is_true()),
                Err(_) => return Ok(false),
            },
            Column::Integers(values) => {
                if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
                    return Ok(false);
                }
                // What does not fit is refused as it is among single values.
                let ScalarValue::Int64(value) = scalar(value, place)? else { return Ok(false) };
                values.append_option(value);
            }
            Column::Floats(values) => match value.cast::<PyFloat>() {
                Ok(value) => values.append_value(value.value()),
                Err(_) => return Ok(false),
            },
            Column::Texts(values) => match value.cast::<PyString>().map(|value| value.to_str()) {
                Ok(Ok(value)) => values.append_value(value),
                Ok(Err(_)) => return scalar(value, place).map(|_| false),
                Err(_) => return Ok(false),
            },
            Column::Bytes(values) => match value.cast::<PyBytes>() {
                Ok(value) => values.append_value(value.as_bytes()),
                Err(_) => return Ok(false),
            },
            Column::Nulls(_) => {}
            Column::Others(data_type, values) => {
                let value = scalar(value, place)?;
                if value.data_type() != *data_type {
                    return Ok(false);
                }
                values.push(value);
            }
        }
        Ok(true)
    }

    /// The column that a first value begins.
    fn of(value: &Bound<'_, PyAny>, place: ValuePlace<'_>) -> PyResult<Column> {
        Ok(if value.is_instance_of::<PyBool>() {
            Column::Booleans(BooleanBuilder::new())
        } else if value.is_instance_of::<PyInt>() {
            Column::Integers(Int64Builder::new())
        } else if value.is_instance_of::<PyFloat>() {
            Column::Floats(Float64Builder::new())
        } else if value.is_instance_of::<PyString>() {
            Column::Texts(StringBuilder::new())
        } else if value.is_instance_of::<PyBytes>() {
            Column::Bytes(BinaryBuilder::new())
        } else {
            Column::Others(scalar(value, place)?.data_type(), Vec::new())
        })
    }

    fn push_null(&mut self) {
        match self {
            Column::Nulls(nulls) => *nulls += 1,
            Column::Booleans(values) => values.append_null(),
            Column::Integers(values) => values.append_null(),
            Column::Floats(values) => values.append_null(),
            Column::Texts(values) => values.append_null(),
            Column::Bytes(values) => values.append_null(),
            Column::Others(_, values) => values.push(ScalarValue::Null),
        }
    }

    fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Column::Nulls(nulls) => Arc::new(NullArray::new(nulls)),
            Column::Booleans(mut values) => Arc::new(values.finish()),
            Column::Integers(mut values) => Arc::new(values.finish()),
            Column::Floats(mut values) => Arc::new(values.finish()),
            Column::Texts(mut values) => Arc::new(values.finish()),
            Column::Bytes(mut values) => Arc::new(values.finish()),
            Column::Others(data_type, values) => {
                let typed = values.into_iter().map(|value| value.cast_to(&data_type));
                let array =
                    typed.collect::<Result<Vec<_>, _>>().and_then(ScalarValue::iter_to_array);
                array.map_err(|e| {
                    Error::new(SqlState::INVALID_PARAMETER_VALUE, e.to_string()).with_source(e)
                })?
            }
        })
    }
}
