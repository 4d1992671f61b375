//! Arrow data that a caller binds: parameters, or rows to ingest.

use arrow::array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, Params, Result, SqlState};

use crate::failure;
use crate::import;
use crate::parameter::sets_of;

/// Most sets of parameters that are in memory at once.
const SETS_MAX: usize = 4096;

/// Bound data, which is read when the statement runs.
pub(super) struct Bound {
    batches: Box<dyn RecordBatchReader + Send>,
    /// What is left of the last batch.
    rest: Option<RecordBatch>,
}

impl Bound {
    /// Takes a struct array over, whose fields are the columns.
    ///
    /// # Errors
    /// `22023` if it was released, or is not what its schema says.
    ///
    /// # Safety
    /// Each is NULL or such a structure.
    pub(super) unsafe fn array(
        values: *mut FFI_ArrowArray,
        schema: *mut FFI_ArrowSchema,
    ) -> failure::Result<Bound> {
        // SAFETY: as this function demands.
        let batch = unsafe { import::batch(values, schema, "values") }?;
        let schema = batch.schema();
        let batches = Box::new(RecordBatchIterator::new([Ok(batch)], schema));
        Ok(Bound { batches, rest: None })
    }

    /// Takes a stream over.
    ///
    /// # Errors
    /// `22023` if it was released, or gives no columns.
    ///
    /// # Safety
    /// `stream` is NULL or a stream.
    pub(super) unsafe fn stream(stream: *mut FFI_ArrowArrayStream) -> failure::Result<Bound> {
        // SAFETY: as this function demands.
        let batches = Box::new(unsafe { import::reader(stream, "stream") }?);
        Ok(Bound { batches, rest: None })
    }

    /// The columns.
    pub(super) fn schema(&self) -> SchemaRef {
        self.batches.schema()
    }

    /// The rows.
    pub(super) fn into_reader(self) -> Box<dyn RecordBatchReader + Send> {
        self.batches
    }

    /// A set of parameters for each of the next rows, which are at least one; none at the
    /// end.
    ///
    /// # Errors
    /// What the stream says; `0A000` for a value of a type that no parameter has.
    pub(super) fn next_sets(&mut self, by_name: bool) -> Result<Vec<Params>> {
        let batch = loop {
            match self.rest.take().map(Ok).or_else(|| self.batches.next()) {
                None => return Ok(Vec::new()),
                Some(batch) => match batch.map_err(from_arrow)? {
                    batch if batch.num_rows() == 0 => {}
                    batch => break batch,
                },
            }
        };
        let rows = batch.num_rows().min(SETS_MAX);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let batch = batch.slice(0, rows);
        let schema = batch.schema();
        let name = |name: &String| name.trim_start_matches([':', '$', '@']).to_owned();
        let names: Option<Vec<String>> =
            by_name.then(|| schema.fields().iter().map(|field| name(field.name())).collect());
        sets_of(batch.columns(), rows, names.as_deref())
    }
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

fn invalid(message: String) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
