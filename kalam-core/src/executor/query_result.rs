//! What a statement returns.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::engine::Engine;
use super::plan_error::from_datafusion;
use crate::Result;
use crate::store::View;

/// What a statement returns: a stream of Arrow batches, a number of affected rows,
/// or both. It owns what it needs and outlives session and database handle.
/// Dropping it stops the query.
pub struct QueryResult {
    schema: SchemaRef,
    rows_affected: Option<u64>,
    batches: Batches,
}

enum Batches {
    None,
    Ready(std::vec::IntoIter<RecordBatch>),
    Running { stream: SendableRecordBatchStream, engine: Arc<Engine>, _view: Arc<View> },
}

impl QueryResult {
    /// The columns; empty for statements that return no rows.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Rows that an INSERT, UPDATE or DELETE changed; `None` for everything else.
    #[must_use]
    pub fn rows_affected(&self) -> Option<u64> {
        self.rows_affected
    }

    /// The next batch, or `None` at the end. Blocks until it is there; do not call
    /// it from a thread that runs an async executor.
    ///
    /// # Errors
    /// What the query raises while it runs; the result is at its end afterwards.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        match &mut self.batches {
            Batches::None => Ok(None),
            Batches::Ready(batches) => Ok(batches.next()),
            Batches::Running { stream, engine, .. } => {
                let engine = engine.clone();
                match engine.runtime().block_on(stream.next()) {
                    Some(Ok(batch)) => Ok(Some(batch)),
                    end => {
                        self.batches = Batches::None;
                        end.transpose().map_err(from_datafusion)
                    }
                }
            }
        }
    }

    /// Every remaining batch.
    ///
    /// # Errors
    /// What the query raises while it runs.
    pub fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_batch()? {
            batches.push(batch);
        }
        Ok(batches)
    }

    /// Nothing to say.
    pub(crate) fn empty() -> QueryResult {
        QueryResult {
            schema: Arc::new(Schema::empty()),
            rows_affected: None,
            batches: Batches::None,
        }
    }

    /// Rows that a statement changed.
    pub(crate) fn affected(rows: u64) -> QueryResult {
        QueryResult { rows_affected: Some(rows), ..QueryResult::empty() }
    }

    /// Rows that are there already.
    pub(crate) fn ready(batch: RecordBatch) -> QueryResult {
        QueryResult {
            schema: batch.schema(),
            rows_affected: None,
            batches: Batches::Ready(vec![batch].into_iter()),
        }
    }

    /// Rows that come as the query runs.
    pub(crate) fn running(
        stream: SendableRecordBatchStream,
        engine: &Arc<Engine>,
        view: Arc<View>,
    ) -> QueryResult {
        QueryResult {
            schema: stream.schema(),
            rows_affected: None,
            batches: Batches::Running { stream, engine: engine.clone(), _view: view },
        }
    }
}
