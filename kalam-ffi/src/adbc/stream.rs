//! Results as Arrow C streams that own what they need.
//!
//! arrow-rs has an export too; it aborts the process when the text of an error holds a
//! NUL byte or when the reader panics, and loses the SQLSTATE.

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::process;
use std::ptr;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::FFI_AdbcError;
use arrow::array::{Array, RecordBatch, StructArray};
use arrow::datatypes::SchemaRef;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{CancelHandle, Error, ErrorKind, QueryResult, Result, SqlState};

use super::error::{exported, guarded, message, status};
use super::handle::forked;

// errno values; the same on Linux, macOS and Windows.
const EIO: c_int = 5;
const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;
const ECANCELED: c_int = 125;

/// The rows of a result.
pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    batches: Batches,
}

enum Batches {
    Query(QueryResult),
    Ready(VecDeque<RecordBatch>),
}

impl Rows {
    /// Rows that come as a query runs.
    pub(super) fn running(query: QueryResult) -> Rows {
        Rows { schema: query.schema(), batches: Batches::Query(query) }
    }

    /// Rows that are there.
    pub(super) fn ready(schema: SchemaRef, batches: impl Into<VecDeque<RecordBatch>>) -> Rows {
        Rows { schema, batches: Batches::Ready(batches.into()) }
    }

    /// One batch.
    pub(super) fn batch(batch: RecordBatch) -> Rows {
        Rows::ready(batch.schema(), [batch])
    }

    /// The next batch of at least one row.
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let batch = match &mut self.batches {
                Batches::Query(query) => query.next_batch()?,
                Batches::Ready(batches) => batches.pop_front(),
            };
            match batch {
                Some(batch) if batch.num_rows() == 0 => {}
                batch => return Ok(batch),
            }
        }
    }

    /// What stops the query.
    pub(super) fn cancel_handle(&self) -> Option<CancelHandle> {
        match &self.batches {
            Batches::Query(query) => Some(query.cancel_handle()),
            Batches::Ready(_) => None,
        }
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// What the query raises while it runs.
    pub(super) fn drain(mut self) -> Result<()> {
        while self.next()?.is_some() {}
        Ok(())
    }

    /// Hands the rows out. The stream may be read and released in any thread, also when
    /// statement, connection and database are gone.
    pub(super) fn export(self) -> FFI_ArrowArrayStream {
        let schema = self.schema.clone();
        let rows = ManuallyDrop::new(Some(self));
        let state = State { process: process::id(), rows, schema, failure: None };
        FFI_ArrowArrayStream {
            get_schema: Some(get_schema),
            get_next: Some(get_next),
            get_last_error: Some(get_last_error),
            release: Some(release),
            private_data: Box::into_raw(Box::new(state)).cast::<c_void>(),
        }
    }
}

struct State {
    /// After fork() the child leaks the rows: it has none of the engine's threads.
    process: u32,
    /// `None` at the end, and after a failure: a stream that failed does not go on.
    rows: ManuallyDrop<Option<Rows>>,
    schema: SchemaRef,
    failure: Option<Failure>,
}

struct Failure {
    errno: c_int,
    message: CString,
    status: AdbcStatusCode,
    error: FFI_AdbcError,
}

impl State {
    fn is_here(&self) -> bool {
        self.process == process::id()
    }

    fn next(&mut self) -> Result<FFI_ArrowArray> {
        if !self.is_here() {
            return Err(forked());
        }
        let Some(rows) = &mut *self.rows else { return Ok(FFI_ArrowArray::empty()) };
        match rows.next()? {
            Some(batch) => Ok(FFI_ArrowArray::new(&StructArray::from(batch).into_data())),
            None => {
                // The end frees the snapshot and the database at once.
                *self.rows = None;
                Ok(FFI_ArrowArray::empty())
            }
        }
    }

    fn fail(&mut self, error: &Error) -> c_int {
        let errno = match error.kind() {
            ErrorKind::Cancelled => ECANCELED,
            ErrorKind::LimitExceeded => ENOMEM,
            ErrorKind::InvalidStatement
            | ErrorKind::InvalidArgument
            | ErrorKind::Unsupported
            | ErrorKind::Closed => EINVAL,
            _ => EIO,
        };
        if self.is_here() {
            let _ = guarded(|| {
                *self.rows = None;
                Ok(())
            });
        }
        let message = message(error);
        self.failure =
            Some(Failure { errno, message, status: status(error), error: exported(error) });
        errno
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: this is the only place that takes the value, and a value is dropped
            // once.
            unsafe { ManuallyDrop::drop(&mut self.rows) }
        }
    }
}

/// # Safety
/// `stream` is one that [`Rows::export`] made and nobody released.
unsafe fn state<'a>(stream: *mut FFI_ArrowArrayStream) -> &'a mut State {
    // SAFETY: `export` put a State there, and `release` alone takes it. The interface
    // forbids concurrent calls on one stream, so it is not aliased.
    unsafe { &mut *(*stream).private_data.cast::<State>() }
}

unsafe extern "C" fn get_schema(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowSchema,
) -> c_int {
    // SAFETY: the consumer passes the stream that it got.
    let state = unsafe { state(stream) };
    let schema = guarded(|| exported_schema(&state.schema));
    match schema {
        Ok(schema) => {
            // SAFETY: the consumer passes room for a schema, whose content is undefined
            // and must not be dropped.
            unsafe { ptr::write_unaligned(out, schema) };
            0
        }
        Err(error) => state.fail(&error),
    }
}

/// A schema in its C form.
///
/// # Errors
/// `0A000` for a type that has none.
pub(super) fn exported_schema(schema: &SchemaRef) -> Result<FFI_ArrowSchema> {
    FFI_ArrowSchema::try_from(schema.as_ref())
        .map_err(|e| Error::new(SqlState::FEATURE_NOT_SUPPORTED, e.to_string()))
}

unsafe extern "C" fn get_next(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowArray,
) -> c_int {
    // SAFETY: the consumer passes the stream that it got.
    let state = unsafe { state(stream) };
    if let Some(failure) = &state.failure {
        return failure.errno;
    }
    match guarded(|| state.next()) {
        Ok(array) => {
            // SAFETY: the consumer passes room for an array, whose content is undefined
            // and must not be dropped.
            unsafe { ptr::write_unaligned(out, array) };
            0
        }
        Err(error) => state.fail(&error),
    }
}

unsafe extern "C" fn get_last_error(stream: *mut FFI_ArrowArrayStream) -> *const c_char {
    // SAFETY: the consumer passes the stream that it got; the text lives in it until the
    // next failure or the release, as the interface demands.
    let state = unsafe { state(stream) };
    state.failure.as_ref().map_or(ptr::null(), |failure| failure.message.as_ptr())
}

unsafe extern "C" fn release(stream: *mut FFI_ArrowArrayStream) {
    // SAFETY: the consumer passes the stream that it got, once.
    unsafe {
        let state = Box::from_raw((*stream).private_data.cast::<State>());
        let _ = guarded(|| {
            drop(state);
            Ok(())
        });
        (*stream).private_data = ptr::null_mut();
        (*stream).release = None;
    }
}

/// The error that a stream of this driver broke with, whole; NULL if it did not break or
/// belongs to someone else.
pub(super) unsafe extern "C" fn error_from_array_stream(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut AdbcStatusCode,
) -> *const FFI_AdbcError {
    if stream.is_null() {
        return ptr::null();
    }
    let ours: unsafe extern "C" fn(*mut FFI_ArrowArrayStream) = release;
    // SAFETY: the caller passes a stream, as the interface demands; it is ours if the
    // function that releases it is.
    let failure = unsafe {
        if !(*stream).release.is_some_and(|theirs| ptr::fn_addr_eq(theirs, ours)) {
            return ptr::null();
        }
        &state(stream).failure
    };
    let Some(failure) = failure else { return ptr::null() };
    if !out.is_null() {
        // SAFETY: the caller passes NULL or room for a status.
        unsafe { out.write(failure.status) };
    }
    &raw const failure.error
}
