//! Arrow data that a caller binds: parameters, or rows to ingest.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, RecordBatch, RecordBatchIterator, RecordBatchOptions, RecordBatchReader,
    StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, Params, Result, ScalarValue, SqlState};

use super::error::guarded;

/// Bound data.
pub(super) struct Bound {
    schema: SchemaRef,
    batches: Box<dyn RecordBatchReader + Send>,
}

impl Bound {
    /// Takes a struct array, whose fields are the columns.
    ///
    /// # Errors
    /// `22023` if it was released, or is not what its schema says.
    pub(super) fn array(array: FFI_ArrowArray, schema: &FFI_ArrowSchema) -> Result<Bound> {
        let schema = imported_schema(schema)?;
        let batch = imported(array, &schema)?;
        let batches = RecordBatchIterator::new([Ok(batch)], schema.clone());
        Ok(Bound { schema, batches: Box::new(batches) })
    }

    /// Takes a stream. It is read when the statement runs.
    ///
    /// # Errors
    /// `22023` if it was released; what the stream says.
    pub(super) fn stream(mut stream: FFI_ArrowArrayStream) -> Result<Bound> {
        let released = || invalid("the bound stream was released");
        stream.release.ok_or_else(released)?;
        let get_schema = stream.get_schema.ok_or_else(released)?;
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: the stream is alive, and has the function.
        let errno = unsafe { get_schema(&raw mut stream, &raw mut schema) };
        if errno != 0 {
            return Err(broken(&mut stream, errno));
        }
        let schema = imported_schema(&schema)?;
        let batches = Box::new(Foreign { stream: Some(stream), schema: schema.clone() });
        Ok(Bound { schema, batches })
    }

    /// The columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows.
    pub(super) fn into_reader(self) -> Box<dyn RecordBatchReader + Send> {
        self.batches
    }

    /// A set of parameters for each row.
    ///
    /// # Errors
    /// What the stream says; `0A000` for a value of a type that no parameter has.
    pub(super) fn into_sets(self, by_name: bool) -> Result<Vec<Params>> {
        let mut sets = Vec::new();
        for batch in self.batches {
            let batch = batch.map_err(from_arrow)?;
            let columns = batch.columns().iter().map(plain).collect::<Result<Vec<ArrayRef>>>()?;
            for row in 0..batch.num_rows() {
                let values = columns
                    .iter()
                    .map(|column| ScalarValue::try_from_array(column, row))
                    .collect::<std::result::Result<Vec<ScalarValue>, _>>()
                    .map_err(|e| Error::new(SqlState::FEATURE_NOT_SUPPORTED, e.to_string()))?;
                sets.push(if by_name {
                    let names =
                        self.schema.fields().iter().map(|field| {
                            field.name().trim_start_matches([':', '$', '@']).to_owned()
                        });
                    Params::Named(names.zip(values).collect())
                } else if values.is_empty() {
                    Params::None
                } else {
                    Params::Positional(values)
                });
            }
        }
        Ok(sets)
    }
}

/// The column without a dictionary.
fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Dictionary(_, value) => cast(column, value).map_err(from_arrow),
        _ => Ok(column.clone()),
    }
}

/// The batches of a stream that somebody else made.
struct Foreign {
    /// `None` at the end.
    stream: Option<FFI_ArrowArrayStream>,
    schema: SchemaRef,
}

impl Foreign {
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let get_next =
            stream.get_next.ok_or_else(|| invalid("the bound stream has no get_next"))?;
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the stream is alive, and has the function.
        let errno = unsafe { get_next(&raw mut *stream, &raw mut array) };
        if errno != 0 {
            return Err(broken(stream, errno));
        }
        if array.is_released() {
            return Ok(None);
        }
        imported(array, &self.schema).map(Some)
    }
}

impl Iterator for Foreign {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = guarded(|| self.read());
        if !matches!(read, Ok(Some(_))) {
            self.stream = None;
        }
        read.map_err(|error| ArrowError::ExternalError(Box::new(error))).transpose()
    }
}

impl RecordBatchReader for Foreign {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// The error that a stream tells.
fn broken(stream: &mut FFI_ArrowArrayStream, errno: i32) -> Error {
    let text = stream.get_last_error.and_then(|get_last_error| {
        // SAFETY: the stream is alive, and failed; its text lives until the next call.
        unsafe {
            let text = get_last_error(&raw mut *stream);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    });
    let text = text.unwrap_or_else(|| format!("error {errno} without a message"));
    invalid(format!("the bound stream failed: {text}"))
}

/// Whether a schema was released. arrow-rs does not tell, and reads it all the same.
fn is_released(schema: &FFI_ArrowSchema) -> bool {
    /// `struct ArrowSchema`.
    #[repr(C)]
    struct Members {
        texts: [*const c_char; 3],
        numbers: [i64; 2],
        nested: [*const c_void; 2],
        release: Option<unsafe extern "C" fn(*mut FFI_ArrowSchema)>,
        private_data: *const c_void,
    }
    const { assert!(size_of::<Members>() == size_of::<FFI_ArrowSchema>()) };
    // SAFETY: both are `struct ArrowSchema`.
    unsafe { (*(&raw const *schema).cast::<Members>()).release.is_none() }
}

fn imported_schema(schema: &FFI_ArrowSchema) -> Result<SchemaRef> {
    if is_released(schema) {
        return Err(invalid("the bound schema was released"));
    }
    let schema = Schema::try_from(schema).map_err(|e| invalid(format!("the bound schema: {e}")))?;
    Ok(Arc::new(schema))
}

/// A batch of somebody else's array: aligned, and checked, because the engine trusts
/// what an array says of itself.
fn imported(array: FFI_ArrowArray, schema: &SchemaRef) -> Result<RecordBatch> {
    if array.is_released() {
        return Err(invalid("the bound array was released"));
    }
    let invalid_array = |e: ArrowError| invalid(format!("the bound array: {e}"));
    let fields = DataType::Struct(schema.fields().clone());
    // SAFETY: the array is alive, and its maker promises that it follows the interface;
    // what it says of itself is checked below.
    let mut data = unsafe { from_ffi_and_data_type(array, fields) }.map_err(invalid_array)?;
    data.align_buffers();
    data.validate_full().map_err(invalid_array)?;
    let rows = StructArray::from(data);
    if rows.null_count() > 0 {
        return Err(invalid("a row of the bound array is NULL"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let (_, columns, _) = rows.into_parts();
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(invalid_array)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message.into())
}

fn from_arrow(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
            Ok(error) => *error,
            Err(other) => invalid(other.to_string()),
        },
        other => invalid(other.to_string()),
    }
}
