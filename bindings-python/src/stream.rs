//! Arrow out: what is left of a result, as batches and as a C stream.

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, RecordBatchOptions, StructArray};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, ErrorKind, QueryResult, Result, SqlState};

use crate::error::{guarded, text};
use crate::process::ProcessLocal;

// errno values; the same on Linux, macOS and Windows.
const EIO: c_int = 5;
const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;

/// The batches of a result that nobody has fetched: those taken from the query
/// and put back, then the query itself.
pub struct Batches {
    ahead: VecDeque<RecordBatch>,
    query: Option<QueryResult>,
}

impl Batches {
    /// All batches of a query.
    pub fn new(query: QueryResult) -> Self {
        Batches { ahead: VecDeque::new(), query: Some(query) }
    }

    /// The next batch of at least one row, and `None` at the end.
    pub fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.ahead.pop_front() {
            return Ok(Some(batch));
        }
        let Some(query) = &mut self.query else { return Ok(None) };
        loop {
            match query.next_batch()? {
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => return Ok(Some(batch)),
                None => {
                    // The end frees the snapshot and the database handle at once.
                    self.query = None;
                    return Ok(None);
                }
            }
        }
    }

    /// As [`next`](Self::next), but at most `rows` rows; the rest stays.
    pub fn next_up_to(&mut self, rows: usize) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.next()? else { return Ok(None) };
        if batch.num_rows() <= rows {
            return Ok(Some(batch));
        }
        self.ahead.push_front(batch.slice(rows, batch.num_rows() - rows));
        Ok(Some(batch.slice(0, rows)))
    }

    /// Puts batches that were taken in this order back in front.
    pub fn put_back(&mut self, batches: Vec<RecordBatch>) {
        for batch in batches.into_iter().rev() {
            self.ahead.push_front(batch);
        }
    }
}

/// The schema that the consumer asked for, if it has our columns and each can be
/// cast; a producer may answer with its own schema otherwise.
///
/// Source: Arrow PyCapsule Interface, "Schema Requests".
pub fn negotiate(own: &SchemaRef, requested: &Schema) -> SchemaRef {
    let fits = own.fields().len() == requested.fields().len()
        && own.fields().iter().zip(requested.fields()).all(|(ours, theirs)| {
            ours.name() == theirs.name() && can_cast_types(ours.data_type(), theirs.data_type())
        });
    if !fits {
        return own.clone();
    }
    let fields = own.fields().iter().zip(requested.fields()).map(|(ours, theirs)| {
        if ours.data_type() == theirs.data_type() {
            return ours.clone();
        }
        let field = Field::new(ours.name(), theirs.data_type().clone(), ours.is_nullable());
        Arc::new(field.with_metadata(theirs.metadata().clone()))
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), own.metadata().clone()))
}

/// Hands the batches out as a C stream with the columns of `schema`.
///
/// The stream owns what it needs, needs no interpreter lock, and may be read and
/// released in any thread. arrow-rs has an export too; it aborts the process when
/// an error's text holds a NUL byte or when the reader panics.
pub fn export(batches: Batches, schema: SchemaRef) -> FFI_ArrowArrayStream {
    let state = StreamState { batches: Some(ProcessLocal::new(batches)), schema, failure: None };
    FFI_ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release),
        private_data: Box::into_raw(Box::new(state)).cast::<c_void>(),
    }
}

struct StreamState {
    /// `None` after a failure: a stream that failed does not go on.
    batches: Option<ProcessLocal<Batches>>,
    schema: SchemaRef,
    failure: Option<(c_int, CString)>,
}

impl StreamState {
    fn next(&mut self) -> Result<FFI_ArrowArray> {
        let Some(batches) = &mut self.batches else { return Ok(FFI_ArrowArray::empty()) };
        match batches.get_mut()?.next()? {
            Some(batch) => {
                let rows = StructArray::from(conform(batch, &self.schema)?);
                Ok(FFI_ArrowArray::new(&rows.into_data()))
            }
            None => Ok(FFI_ArrowArray::empty()),
        }
    }

    fn fail(&mut self, error: &Error) -> c_int {
        let errno = match error.kind() {
            ErrorKind::LimitExceeded => ENOMEM,
            ErrorKind::InvalidStatement
            | ErrorKind::InvalidArgument
            | ErrorKind::Unsupported
            | ErrorKind::Closed => EINVAL,
            _ => EIO,
        };
        let mut message = format!("[{}] {}", error.sqlstate(), text(error)).into_bytes();
        message.retain(|byte| *byte != 0);
        let message = CString::new(message).expect("every NUL byte was removed above");
        self.batches = None;
        self.failure = Some((errno, message));
        errno
    }
}

/// The batch with the columns of `schema`, cast where the consumer asked for it.
fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(column.clone());
        }
        cast_with_options(column, field.data_type(), &strict)
    });
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .collect::<std::result::Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new_with_options(schema.clone(), columns, &rows))
        .map_err(|error| {
            Error::new(SqlState::INVALID_PARAMETER_VALUE, error.to_string())
                .with_hint("the consumer asked for another schema; ask for the result's own")
        })
}

/// # Safety
/// `stream` is one that [`export`] made and nobody released.
unsafe fn state<'a>(stream: *mut FFI_ArrowArrayStream) -> &'a mut StreamState {
    // SAFETY: `export` put a StreamState there, and `release` alone takes it. The
    // interface forbids concurrent calls on one stream, so it is not aliased.
    unsafe { &mut *(*stream).private_data.cast::<StreamState>() }
}

unsafe extern "C" fn get_schema(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowSchema,
) -> c_int {
    // SAFETY: the consumer passes the stream that it got.
    let state = unsafe { state(stream) };
    let exported = guarded(|| {
        FFI_ArrowSchema::try_from(state.schema.as_ref())
            .map_err(|e| Error::new(SqlState::FEATURE_NOT_SUPPORTED, e.to_string()))
    });
    match exported {
        Ok(schema) => {
            // SAFETY: the consumer passes room for a schema, whose content is
            // undefined and must not be dropped.
            unsafe { ptr::write_unaligned(out, schema) };
            0
        }
        Err(error) => state.fail(&error),
    }
}

unsafe extern "C" fn get_next(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowArray,
) -> c_int {
    // SAFETY: the consumer passes the stream that it got.
    let state = unsafe { state(stream) };
    if let Some((errno, _)) = state.failure {
        return errno;
    }
    match guarded(|| state.next()) {
        Ok(array) => {
            // SAFETY: the consumer passes room for an array, whose content is
            // undefined and must not be dropped.
            unsafe { ptr::write_unaligned(out, array) };
            0
        }
        Err(error) => state.fail(&error),
    }
}

unsafe extern "C" fn get_last_error(stream: *mut FFI_ArrowArrayStream) -> *const c_char {
    // SAFETY: the consumer passes the stream that it got; the text lives in it
    // until the next failure or the release, as the interface demands.
    let state = unsafe { state(stream) };
    state.failure.as_ref().map_or(ptr::null(), |(_, message)| message.as_ptr())
}

unsafe extern "C" fn release(stream: *mut FFI_ArrowArrayStream) {
    // SAFETY: the consumer passes the stream that it got, once. No interpreter
    // lock is taken: a consumer may hold locks of its own here.
    unsafe {
        let state = Box::from_raw((*stream).private_data.cast::<StreamState>());
        let _ = guarded(|| {
            drop(state);
            Ok(())
        });
        (*stream).private_data = ptr::null_mut();
        (*stream).release = None;
    }
}
