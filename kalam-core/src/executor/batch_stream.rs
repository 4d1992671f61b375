//! The batches of a running query, made on the threads of queries.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::plan_error::from_datafusion;
use crate::activity::Activity;
use crate::store::batch_bytes;
use crate::{Error, Result, SqlState};

/// Batches that are made before anyone asks for them, beside the one that is in work.
const BATCHES_AHEAD: usize = 1;

/// The stream of a plan, which a task drives from the first batch that is asked for.
///
/// Whoever waits for a batch does not poll the stream: an operator that works for long
/// between two batches cannot keep a caller who wants to stop. What it holds is released
/// when this is dropped, or as soon as the operator looks up.
pub(crate) struct BatchStream {
    stream: Arc<Shared>,
    driver: Option<Driver>,
    is_over: bool,
    schema: SchemaRef,
}

/// The stream, for the task that drives it and for whoever drops it.
type Shared = Mutex<Option<SendableRecordBatchStream>>;

struct Driver {
    batches: Receiver<DataFusionResult<RecordBatch>>,
    task: JoinHandle<()>,
}

impl BatchStream {
    pub(crate) fn new(stream: SendableRecordBatchStream) -> BatchStream {
        BatchStream {
            schema: stream.schema(),
            stream: Arc::new(Mutex::new(Some(stream))),
            driver: None,
            is_over: false,
        }
    }

    /// The columns.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch, or `None` at the end, which an error is too.
    ///
    /// # Errors
    /// What the query raises, `57014` if `activity` is to stop.
    pub(crate) fn next(
        &mut self,
        runtime: &Runtime,
        activity: &Activity,
    ) -> Result<Option<RecordBatch>> {
        if self.is_over {
            return Ok(None);
        }
        let driver = self.driver.get_or_insert_with(|| Driver::start(runtime, &self.stream));
        let received = activity.wait(runtime, driver.batches.recv());
        self.is_over = !matches!(received, Ok(Some(Ok(_))));
        match received? {
            Some(batch) => batch.map(Some).map_err(from_datafusion),
            None => match activity.wait(runtime, &mut driver.task)? {
                Ok(()) => Ok(None),
                Err(_) => Err(Error::new(SqlState::INTERNAL_ERROR, "the query panicked")),
            },
        }
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.task.abort();
        }
        // At once if the task is not in it; if it is, when the task lets go.
        if let Some(mut stream) = self.stream.try_lock() {
            drop(stream.take());
        }
    }
}

impl Driver {
    fn start(runtime: &Runtime, stream: &Arc<Shared>) -> Driver {
        let (sender, batches) = channel(BATCHES_AHEAD);
        Driver { batches, task: runtime.spawn(drive(Polled(stream.clone()), sender)) }
    }
}

async fn drive(mut stream: Polled, batches: Sender<DataFusionResult<RecordBatch>>) {
    while let Some(batch) = stream.next().await {
        let failed = batch.is_err();
        if batches.send(batch).await.is_err() || failed {
            break;
        }
    }
    // The end frees what the query holds at once.
    stream.0.lock().take();
}

/// The shared stream, locked while it is polled.
struct Polled(Arc<Shared>);

impl Stream for Polled {
    type Item = DataFusionResult<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0.lock().as_mut() {
            Some(stream) => stream.poll_next_unpin(context),
            None => Poll::Ready(None),
        }
    }
}

/// Every batch of a query whose rows a statement needs together, and the memory that they take
/// of what all statements share.
///
/// # Errors
/// What the query raises, `53200` if the rows pass the memory limit, `57014`.
pub(crate) fn collect(
    stream: SendableRecordBatchStream,
    runtime: &Runtime,
    pool: &Arc<dyn MemoryPool>,
    activity: &Activity,
) -> Result<(Vec<RecordBatch>, MemoryReservation)> {
    let mut stream = BatchStream::new(stream);
    let held = MemoryConsumer::new("the rows of a statement").register(pool);
    let mut batches = Vec::new();
    while let Some(batch) = stream.next(runtime, activity)? {
        held.try_grow(batch_bytes(&batch)).map_err(from_datafusion)?;
        batches.push(batch);
    }
    Ok((batches, held))
}
