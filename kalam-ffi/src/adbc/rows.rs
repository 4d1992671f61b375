//! Rows that a call returns.

use std::collections::VecDeque;
use std::ptr;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::FFI_AdbcError;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{CancelHandle, QueryResult, Result, guarded};

use super::error::{exported, status};
use crate::stream::{self, Source, broken_by};

/// The rows of a result.
pub(super) struct Rows {
    schema: SchemaRef,
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
        stream::export(self, schema)
    }
}

impl Source for Rows {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        match &mut self.batches {
            Batches::Query(query) => query.next_batch(),
            Batches::Ready(batches) => Ok(batches.pop_front()),
        }
    }
}

/// The error that a stream of this library broke with, whole; NULL if it did not break or
/// belongs to someone else.
pub(super) unsafe extern "C" fn error_from_array_stream(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut AdbcStatusCode,
) -> *const FFI_AdbcError {
    let found = guarded(|| {
        // SAFETY: the caller passes NULL or a stream, as the interface demands.
        let broken = unsafe { broken_by(stream, "stream") }?;
        Ok::<_, crate::failure::Failure>(broken.map(|broken| {
            let error = broken.adbc.get_or_init(|| exported(&broken.failure));
            (&raw const *error, status(&broken.failure))
        }))
    });
    let Ok(Some((error, status))) = found else { return ptr::null() };
    if !out.is_null() {
        // SAFETY: the caller passes NULL or room for a status.
        unsafe { out.write(status) };
    }
    error
}
