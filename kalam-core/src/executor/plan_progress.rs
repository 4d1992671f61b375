//! How far a running query is: rows that its scans gave, of those that they may give.

use std::sync::{Arc, OnceLock};

use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::long_batches::long_batches;
use crate::activity::{Activity, Measured};
use crate::scan::expected_rows;

/// Starts a plan, and lets the statement of this thread tell how far it is.
///
/// # Errors
/// What operators raise before their first row.
pub(super) fn start(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> DataFusionResult<SendableRecordBatchStream> {
    let context = long_batches(&*plan, context);
    let stream = execute_stream(plan.clone(), context)?;
    let Some(activity) = Activity::current() else { return Ok(stream) };
    let progress = Arc::new(PlanProgress { plan, scans: OnceLock::new() });
    let part: Arc<dyn Measured> = progress.clone();
    activity.progress().follow(Arc::downgrade(&part));
    let schema = stream.schema();
    // The stream keeps what it is measured by, and so the plan, for as long as it lives.
    let batches = stream.map(move |batch| {
        let _ = &progress;
        batch
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

struct PlanProgress {
    plan: Arc<dyn ExecutionPlan>,
    /// The scans and the rows that they may give, once somebody asked: `None` if one
    /// cannot tell.
    scans: OnceLock<Vec<Scan>>,
}

type Scan = (Arc<dyn ExecutionPlan>, Option<u64>);

impl Measured for PlanProgress {
    fn measure(&self) -> (u64, u64) {
        let scans = self.scans.get_or_init(|| {
            let mut scans = Vec::new();
            find_scans(&self.plan, &mut scans);
            scans
        });
        let (mut done, mut total) = (0, Some(0));
        for (scan, expected) in scans {
            let given = scan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0);
            // What a filter skipped counts for nothing, and an estimate may be low.
            done += expected.map_or(given as u64, |expected| expected.min(given as u64));
            total = total.zip(*expected).map(|(total, expected)| total + expected);
        }
        (done, total.unwrap_or(0))
    }
}

fn find_scans(plan: &Arc<dyn ExecutionPlan>, scans: &mut Vec<Scan>) {
    let children = plan.children();
    if children.is_empty() {
        scans.push((plan.clone(), expected_rows(&**plan)));
    }
    for child in children {
        find_scans(child, scans);
    }
}
