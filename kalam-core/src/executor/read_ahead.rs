//! Rows that nothing works on are read by all threads, and come in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use futures::{StreamExt, TryStreamExt};

use crate::scan::in_row_groups;

/// Batches of a row group that are made before anyone asks for them. Long ones have some
/// megabytes, and a row group has a few.
const BATCHES_AHEAD: usize = 4;

/// A plan that was started, and its rows.
type Started = (Arc<dyn ExecutionPlan>, SendableRecordBatchStream);

/// Starts a plan that hands stored rows on, if it has row groups to read side by side: a scan
/// alone is one partition, because DataFusion splits what operators gain from only.
///
/// # Errors
/// What operators raise before their first row.
pub(super) fn read_ahead(
    plan: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
) -> Result<Option<Started>> {
    let threads = context.session_config().target_partitions();
    if threads < 2 {
        return Ok(None);
    }
    let plan = in_row_groups(plan)?;
    let partitions = plan.properties().output_partitioning().partition_count();
    if partitions < 2 {
        return Ok(None);
    }
    let mut ahead =
        Ahead { plan, context: context.clone(), next: 0, partitions, running: VecDeque::new() };
    ahead.fill(threads)?;
    let (plan, schema) = (ahead.plan.clone(), ahead.plan.schema());
    let streams = futures::stream::try_unfold(ahead, move |mut ahead| async move {
        let Some(first) = ahead.running.pop_front() else {
            return Ok::<_, DataFusionError>(None);
        };
        // While this one is handed on, the next ones are read.
        ahead.fill(threads)?;
        Ok(Some((first, ahead)))
    });
    let batches = streams.try_flatten();
    Ok(Some((plan, Box::pin(RecordBatchStreamAdapter::new(schema, batches.boxed())))))
}

/// Partitions that are read, in their order.
struct Ahead {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    next: usize,
    partitions: usize,
    running: VecDeque<SendableRecordBatchStream>,
}

impl Ahead {
    fn fill(&mut self, threads: usize) -> Result<()> {
        while self.running.len() < threads && self.next < self.partitions {
            let mut input = self.plan.execute(self.next, self.context.clone())?;
            self.next += 1;
            let mut stream =
                RecordBatchReceiverStreamBuilder::new(self.plan.schema(), BATCHES_AHEAD);
            let sender = stream.tx();
            stream.spawn(async move {
                while let Some(batch) = input.next().await {
                    let failed = batch.is_err();
                    // Nobody waits for it if the caller has gone.
                    if sender.send(batch).await.is_err() || failed {
                        break;
                    }
                }
                Ok(())
            });
            self.running.push_back(stream.build());
        }
        Ok(())
    }
}
