//! `Stream`: a result whose query runs while it is read.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use kalam_core::{CancelHandle, QueryResult};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::batches::Batches;
use crate::call::{self, Call, drop_detached, promise};
use crate::schema::{names, types};

/// A result that is read batch by batch. At most two batches are made before they are asked
/// for.
#[napi]
pub struct Stream {
    result: Arc<Mutex<Option<QueryResult>>>,
    cancel: CancelHandle,
    schema: SchemaRef,
}

impl Stream {
    /// Of a statement that was executed.
    pub fn new(result: QueryResult) -> Self {
        Stream {
            cancel: result.cancel_handle(),
            schema: result.schema(),
            result: Arc::new(Mutex::new(Some(result))),
        }
    }
}

#[napi]
impl Stream {
    /// The next batch that has rows, or null at the end.
    #[napi]
    pub fn next<'env>(&self, env: &'env Env, call: Option<&Call>) -> napi::Result<Object<'env>> {
        let next = |result: &Arc<Mutex<Option<QueryResult>>>| {
            let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(open) = result.as_mut() else { return Ok(None) };
            call::reads(&open.cancel_handle());
            while let Some(batch) = open.next_batch()? {
                if batch.num_rows() > 0 {
                    return Ok(Some(Batches::new(batch.schema(), None, vec![batch])));
                }
            }
            *result = None;
            Ok(None)
        };
        promise(env, call, self.result.clone(), next, |js, batch| match batch {
            Some(batch) => js.instance(batch),
            None => js.null(),
        })
    }

    /// The names of the columns.
    #[napi(getter)]
    pub fn names(&self) -> Vec<String> {
        names(&self.schema)
    }

    /// The SQL types of the columns.
    #[napi(getter)]
    pub fn types(&self) -> Vec<String> {
        types(&self.schema)
    }

    /// Stops the query and lets go of it.
    #[napi]
    pub fn close(&self) {
        self.cancel.cancel();
        let result = self.result.clone();
        drop_detached(Closing(result));
    }
}

/// A result that nobody reads any more; a call that waits for a batch ends first.
struct Closing(Arc<Mutex<Option<QueryResult>>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}
