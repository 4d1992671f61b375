//! What a statement returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;

use super::batch_stream::BatchStream;
use super::engine::Engine;
use super::plan_error::from_datafusion;
use crate::activity::Activity;
use crate::store::{View, batch_bytes};
use crate::{Error, Result, SqlState};

/// What a statement returns: a stream of Arrow batches, a number of affected rows,
/// or both. It owns what it needs and outlives session and database handle.
/// Dropping it stops the query.
pub struct QueryResult {
    schema: SchemaRef,
    rows_affected: Option<u64>,
    batches: Batches,
    /// Set when a batch fails: the transaction whose statement this is fails with it.
    failure: Option<Arc<AtomicBool>>,
    /// The statement, for as long as its result is read.
    activity: Arc<Activity>,
    /// Bytes that were handed out.
    bytes: usize,
}

/// Stops the statement of a result, from any thread. Cheap to clone.
#[derive(Clone)]
pub struct CancelHandle(Arc<Activity>);

impl CancelHandle {
    /// Stops the query: whoever waits for its next batch gets `57014` within 100 ms, and
    /// so does whoever asks later.
    pub fn cancel(&self) {
        self.0.interrupt();
    }
}

enum Batches {
    None,
    Ready(std::vec::IntoIter<RecordBatch>),
    // In this order: the stream lets go of the view before the engine may close.
    Running { stream: BatchStream, _view: Arc<View>, engine: Arc<Engine> },
}

impl QueryResult {
    /// The columns; empty for statements that return no rows.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Rows that an INSERT, UPDATE, DELETE or MERGE changed, those of RETURNING that stayed
    /// as they were left out; `None` for everything else.
    #[must_use]
    pub fn rows_affected(&self) -> Option<u64> {
        self.rows_affected
    }

    /// Whether every batch is there already, so that [`next_batch`](Self::next_batch) and
    /// dropping the result wait for nothing.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !matches!(self.batches, Batches::Running { .. })
    }

    /// The next batch, or `None` at the end. Blocks until it is there; do not call
    /// it from a thread that runs an async executor.
    ///
    /// # Errors
    /// What the query raises while it runs, `57014` if it was stopped or took too long,
    /// `54000` beyond `max_result_bytes`; the result is at its end afterwards.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let activity = self.activity.clone();
        let _entered = activity.enter();
        let batch = self.read_batch().and_then(|batch| self.count(batch));
        if let (Err(_), Some(failure)) = (&batch, &self.failure) {
            failure.store(true, Ordering::Release);
        }
        batch
    }

    fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        match &mut self.batches {
            Batches::None => {
                self.activity.end();
                Ok(None)
            }
            Batches::Ready(batches) => match batches.next() {
                Some(batch) => without_null_items(batch).map(Some),
                None => {
                    self.end();
                    Ok(None)
                }
            },
            Batches::Running { stream, engine, .. } => {
                match stream.next(engine.runtime(), &self.activity) {
                    Ok(Some(batch)) => without_null_items(batch).map(Some),
                    end => {
                        self.end();
                        end
                    }
                }
            }
        }
    }

    /// Lets go of the query: nothing of it is left to do, however long the result is kept.
    fn end(&mut self) {
        self.batches = Batches::None;
        self.activity.end();
    }

    /// Counts a batch against the limit on results.
    fn count(&mut self, batch: Option<RecordBatch>) -> Result<Option<RecordBatch>> {
        let limit = self.activity.settings().max_result_bytes;
        self.bytes = match &batch {
            Some(batch) if limit > 0 => self.bytes.saturating_add(batch_bytes(batch)),
            _ => return Ok(batch),
        };
        if self.bytes <= limit {
            return Ok(batch);
        }
        self.end();
        Err(Error::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("the result has more than {limit} bytes"),
        )
        .with_hint("ask for less, or raise max_result_bytes"))
    }

    /// Stops the query, as [`CancelHandle::cancel`] does from another thread.
    pub fn cancel(&self) {
        self.cancel_handle().cancel();
    }

    /// What stops the query from another thread while this one waits for a batch.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.activity.clone())
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
            failure: None,
            activity: Activity::current().unwrap_or_default(),
            bytes: 0,
        }
    }

    /// The same result, which sets `failure` if one of its batches fails.
    pub(crate) fn failing(self, failure: Arc<AtomicBool>) -> QueryResult {
        QueryResult { failure: Some(failure), ..self }
    }

    /// Rows that a statement changed.
    pub(crate) fn affected(rows: u64) -> QueryResult {
        QueryResult { rows_affected: Some(rows), ..QueryResult::empty() }
    }

    /// Rows that are there already.
    pub(crate) fn ready(batch: RecordBatch) -> QueryResult {
        QueryResult {
            schema: batch.schema(),
            batches: Batches::Ready(vec![batch].into_iter()),
            ..QueryResult::empty()
        }
    }

    /// Rows that a statement changed, and how many.
    pub(crate) fn returned(rows: u64, batch: RecordBatch) -> QueryResult {
        QueryResult { rows_affected: Some(rows), ..QueryResult::ready(batch) }
    }

    /// Rows that come as the query runs.
    pub(crate) fn running(
        stream: SendableRecordBatchStream,
        engine: &Arc<Engine>,
        view: Arc<View>,
    ) -> QueryResult {
        let stream = BatchStream::new(stream);
        QueryResult {
            schema: stream.schema().clone(),
            batches: Batches::Running { stream, _view: view, engine: engine.clone() },
            ..QueryResult::empty()
        }
    }
}

/// An EMBEDDING that is NULL has no items, but Parquet readers give it NULL ones,
/// which its type forbids and other Arrow implementations refuse.
fn without_null_items(batch: RecordBatch) -> Result<RecordBatch> {
    let broken = |column: &ArrayRef| {
        column.as_fixed_size_list_opt().filter(|list| list.values().null_count() > 0).is_some()
    };
    if !batch.columns().iter().any(broken) {
        return Ok(batch);
    }
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let DataType::FixedSizeList(item, size) = field.data_type() else {
            return Ok(column.clone());
        };
        let list = column.as_fixed_size_list();
        match list.values().as_primitive_opt::<Float32Type>() {
            Some(values) if !item.is_nullable() && values.null_count() > 0 => {
                let values = Float32Array::new(values.values().clone(), None);
                let list = FixedSizeListArray::try_new(
                    item.clone(),
                    *size,
                    Arc::new(values),
                    list.nulls().cloned(),
                )?;
                Ok(Arc::new(list) as ArrayRef)
            }
            _ => Ok(column.clone()),
        }
    });
    columns
        .collect::<Result<Vec<ArrayRef>, ArrowError>>()
        .and_then(|columns| RecordBatch::try_new(schema.clone(), columns))
        .map_err(|e| from_datafusion(e.into()))
}
