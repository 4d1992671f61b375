//! Arrow in: whatever `append` takes, as batches.

use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, RecordBatch, RecordBatchIterator, RecordBatchOptions, RecordBatchReader,
    StructArray, make_array, new_empty_array,
};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::model::ValuePlace;
use kalam_core::{Error, ScalarValue, SqlState};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyMapping, PyString, PyTuple};

use crate::array::{array, unite};
use crate::error::exception;
use crate::parameter::{scalar, type_name};
use crate::schema::SCHEMA_CAPSULE;

const ARRAY_CAPSULE: &CStr = c"arrow_array";
const STREAM_CAPSULE: &CStr = c"arrow_array_stream";

/// Batches of rows.
pub type Reader = Box<dyn RecordBatchReader + Send>;

/// Whether a value hands out Arrow data.
pub fn is_arrow(data: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(data.hasattr("__arrow_c_stream__")? || data.hasattr("__arrow_c_array__")?)
}

/// The names of the columns that rows without names are of.
pub type ColumnNames<'a> = &'a dyn Fn() -> PyResult<Vec<String>>;

/// The batches of data whose columns have names. Arrow data is not copied.
pub fn reader(data: &Bound<'_, PyAny>) -> PyResult<Reader> {
    reader_for(data, None)
}

/// The same, of rows without names too where a table has them.
pub fn reader_for(data: &Bound<'_, PyAny>, names: Option<ColumnNames<'_>>) -> PyResult<Reader> {
    let py = data.py();
    if data.hasattr("__arrow_c_stream__")? {
        let arrays = ForeignStream::import(data)?;
        let schema = table_schema(py, &arrays.field)?;
        return Ok(Box::new(ForeignBatches { arrays, schema }));
    }
    if data.hasattr("__arrow_c_array__")? {
        let (field, array) = foreign_array(data)?;
        let schema = table_schema(py, &field)?;
        return Ok(one_batch(batch(&schema, &array).map_err(|error| refused(py, &error))?));
    }
    if let Ok(columns) = data.cast::<PyMapping>() {
        return columns_of_dict(columns).map(one_batch);
    }
    if data.is_instance_of::<PyString>() || data.try_iter().is_err() {
        let error = Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("data of Python type \"{}\" cannot be appended", type_name(data)),
        )
        .with_hint("pass Arrow data, a DataFrame, an iterable of dicts, or a dict of columns");
        return Err(exception(py, &error));
    }
    rows(data, names).map(one_batch)
}

fn one_batch(batch: RecordBatch) -> Reader {
    let schema = batch.schema();
    Box::new(RecordBatchIterator::new([Ok(batch)], schema))
}

/// The error of Arrow data that cannot be read.
pub fn refused(py: Python<'_>, error: &ArrowError) -> PyErr {
    exception(py, &Error::new(SqlState::INVALID_PARAMETER_VALUE, error.to_string()))
}

/// The columns of a stream of rows; a single column (a Series) has none.
fn table_schema(py: Python<'_>, field: &Field) -> PyResult<SchemaRef> {
    match field.data_type() {
        DataType::Struct(fields) => {
            Ok(Arc::new(Schema::new_with_metadata(fields.clone(), field.metadata().clone())))
        }
        other => {
            let error = Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("data is a single array of {other}, not a table"),
            )
            .with_hint("pass a table, or {\"column\": array}");
            Err(exception(py, &error))
        }
    }
}

/// A dict of columns. Arrow arrays and numpy arrays of numbers are taken as they are.
fn columns_of_dict(columns: &Bound<'_, PyMapping>) -> PyResult<RecordBatch> {
    let py = columns.py();
    let mut fields: Vec<FieldRef> = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for item in columns.items()?.iter() {
        let (name, values): (String, Bound<'_, PyAny>) = item.extract()?;
        let (field, array) = column(&name, &values)?;
        if let Some(first) = arrays.first()
            && first.len() != array.len()
        {
            let error = Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!(
                    "column \"{name}\" has {} values and column \"{}\" has {}",
                    array.len(),
                    fields[0].name(),
                    first.len()
                ),
            )
            .with_hint("every column needs a value for every row; use None where there is none");
            return Err(exception(py, &error));
        }
        fields.push(Arc::new(field.with_name(name)));
        arrays.push(array);
    }
    assemble(py, fields, arrays)
}

fn column(name: &str, values: &Bound<'_, PyAny>) -> PyResult<(Field, ArrayRef)> {
    let py = values.py();
    if values.hasattr("__arrow_c_array__")? {
        return foreign_array(values);
    }
    if values.hasattr("__arrow_c_stream__")? {
        let stream = ForeignStream::import(values)?;
        let field = stream.field.clone();
        // The producer may be Python code in another thread.
        let chunks = py.detach(|| stream.collect::<Result<Vec<_>, _>>());
        let chunks = chunks.map_err(|error| refused(py, &error))?;
        let parts: Vec<&dyn Array> = chunks.iter().map(|chunk| chunk.as_ref()).collect();
        let array = if parts.is_empty() {
            new_empty_array(field.data_type())
        } else {
            concat(&parts).map_err(|error| refused(py, &error))?
        };
        return Ok((field, array));
    }
    let array = array(values, ValuePlace::Column(name))?;
    Ok((Field::new(name, array.data_type().clone(), true), array))
}

/// An iterable of dicts. Columns come in the order in which their keys appear
/// first; a row without a key has NULL there. With `names`, rows may be the values of all
/// columns instead.
fn rows(rows: &Bound<'_, PyAny>, names: Option<ColumnNames<'_>>) -> PyResult<RecordBatch> {
    let mut columns = Columns::default();
    let mut known: Option<Vec<String>> = None;
    for row in rows.try_iter()? {
        let row = row?;
        if let Ok(row) = row.cast::<PyMapping>() {
            for item in row.items()?.iter() {
                let (name, value): (String, Bound<'_, PyAny>) = item.extract()?;
                columns.put(&name, &value)?;
            }
        } else if let Some(names) = names
            && (row.is_instance_of::<PyTuple>() || row.is_instance_of::<PyList>())
        {
            if known.is_none() {
                known = Some(names()?);
            }
            columns.put_all(known.as_deref().unwrap_or_default(), &row)?;
        } else {
            return Err(no_row(&row, columns.count));
        }
        columns.count += 1;
    }
    columns.finish(rows.py())
}

/// Columns that grow row by row.
#[derive(Default)]
struct Columns {
    places: HashMap<String, usize>,
    columns: Vec<(String, Vec<ScalarValue>)>,
    /// Rows that are complete.
    count: usize,
}

impl Columns {
    fn put(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = scalar(value, ValuePlace::Column(name))?;
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.columns.push((name.to_owned(), Vec::new()));
                self.places.insert(name.to_owned(), self.columns.len() - 1);
                self.columns.len() - 1
            }
        };
        let values = &mut self.columns[place].1;
        values.resize(self.count, ScalarValue::Null);
        values.push(value);
        Ok(())
    }

    fn put_all(&mut self, names: &[String], row: &Bound<'_, PyAny>) -> PyResult<()> {
        if row.len()? != names.len() {
            let error = Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!(
                    "row {} has {} values, and the table has {} columns",
                    self.count + 1,
                    row.len()?,
                    names.len()
                ),
            )
            .with_hint("pass a value for each column, or dicts with the column names as keys");
            return Err(exception(row.py(), &error));
        }
        for (name, value) in names.iter().zip(row.try_iter()?) {
            self.put(name, &value?)?;
        }
        Ok(())
    }

    fn finish(self, py: Python<'_>) -> PyResult<RecordBatch> {
        let Columns { columns, count, .. } = self;
        let mut fields: Vec<FieldRef> = Vec::with_capacity(columns.len());
        let mut arrays = Vec::with_capacity(columns.len());
        for (name, mut values) in columns {
            values.resize(count, ScalarValue::Null);
            let array = unite(py, values, ValuePlace::Column(&name))?;
            fields.push(Arc::new(Field::new(name, array.data_type().clone(), true)));
            arrays.push(array);
        }
        assemble(py, fields, arrays)
    }
}

fn no_row(row: &Bound<'_, PyAny>, before: usize) -> PyErr {
    let error = Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("row {} is of Python type \"{}\", not a dict", before + 1, type_name(row)),
    )
    .with_hint("pass dicts with the column names as keys");
    exception(row.py(), &error)
}

fn assemble(py: Python<'_>, fields: Vec<FieldRef>, arrays: Vec<ArrayRef>) -> PyResult<RecordBatch> {
    let rows =
        RecordBatchOptions::new().with_row_count(Some(arrays.first().map_or(0, |a| a.len())));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &rows)
        .map_err(|error| refused(py, &error))
}

/// The rows of a struct array.
fn batch(schema: &SchemaRef, array: &ArrayRef) -> Result<RecordBatch, ArrowError> {
    let rows: &StructArray = array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| ArrowError::CDataInterface("the stream changed its type".into()))?;
    if rows.null_count() > 0 {
        return Err(ArrowError::InvalidArgumentError(
            "a whole row is NULL; NULLs belong into columns".into(),
        ));
    }
    let count = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema.clone(), rows.columns().to_vec(), &count)
}

/// Calls `__arrow_c_array__`.
fn foreign_array(data: &Bound<'_, PyAny>) -> PyResult<(Field, ArrayRef)> {
    let py = data.py();
    let pair = data.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
    let schema = pair.get_item(0)?.cast_into::<PyCapsule>()?;
    let array = pair.get_item(1)?.cast_into::<PyCapsule>()?;
    let schema = schema.pointer_checked(Some(SCHEMA_CAPSULE))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(ARRAY_CAPSULE))?.cast::<FFI_ArrowArray>();
    // SAFETY: capsules of these names hold these structures. The array is moved out
    // and marked as released, so the capsule's destructor leaves it alone.
    let (field, array) =
        unsafe { (Field::try_from(schema.as_ref()), FFI_ArrowArray::from_raw(array.as_ptr())) };
    let field = field.map_err(|error| refused(py, &error))?;
    // SAFETY: the producer vouches that the array is of the schema's type.
    let data = unsafe { from_ffi_and_data_type(array, field.data_type().clone()) }
        .map_err(|error| refused(py, &error))?;
    Ok((field, make_array(data)))
}

/// A C stream of another library. Its callbacks take the interpreter lock if they
/// need it, so it is read without the lock.
struct ForeignStream {
    stream: FFI_ArrowArrayStream,
    field: Field,
}

impl ForeignStream {
    /// Calls `__arrow_c_stream__`.
    fn import(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = data.py();
        let capsule = data.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
        let pointer = capsule.pointer_checked(Some(STREAM_CAPSULE))?.cast::<FFI_ArrowArrayStream>();
        // SAFETY: a capsule of this name holds a stream. It is moved out and marked
        // as released, so the capsule's destructor leaves it alone.
        let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
        let mut schema = FFI_ArrowSchema::empty();
        let field = match stream.get_schema {
            None => Err(ArrowError::CDataInterface("the stream is released".into())),
            Some(get_schema) => {
                // SAFETY: the stream is not released, and `schema` has room.
                match py.detach(|| unsafe { get_schema(&raw mut stream, &raw mut schema) }) {
                    0 => Field::try_from(&schema),
                    errno => Err(stream_error(&mut stream, errno)),
                }
            }
        };
        let field = field.map_err(|error| refused(py, &error))?;
        Ok(ForeignStream { stream, field })
    }
}

/// What the producer says about the call that failed; it may say nothing.
fn stream_error(stream: &mut FFI_ArrowArrayStream, errno: c_int) -> ArrowError {
    let message = stream.get_last_error.and_then(|get_last_error| {
        // SAFETY: the stream is not released; the text lives until the next call.
        let text = unsafe { get_last_error(stream) };
        // SAFETY: the interface says that it ends in NUL.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    });
    ArrowError::CDataInterface(
        message.unwrap_or_else(|| format!("the stream failed with errno {errno}")),
    )
}

impl Iterator for ForeignStream {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let get_next = self.stream.get_next?;
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the stream is not released, and `array` has room.
        let errno = unsafe { get_next(&raw mut self.stream, &raw mut array) };
        if errno != 0 {
            return Some(Err(stream_error(&mut self.stream, errno)));
        }
        if array.is_released() {
            return None;
        }
        // SAFETY: the producer vouches that its arrays are of its schema's type.
        Some(
            unsafe { from_ffi_and_data_type(array, self.field.data_type().clone()) }
                .map(make_array),
        )
    }
}

/// The rows of a stream of struct arrays.
struct ForeignBatches {
    arrays: ForeignStream,
    schema: SchemaRef,
}

impl Iterator for ForeignBatches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.arrays.next()?.and_then(|array| batch(&self.schema, &array)))
    }
}

impl RecordBatchReader for ForeignBatches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
