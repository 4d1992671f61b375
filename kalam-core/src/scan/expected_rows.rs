//! How many rows a scan may give, for those who wait for it.

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::hot_exec::HotExec;

/// How many rows a scan may give, before its filters; `None` if it cannot tell. Hot rows
/// are counted one by one, up to a million.
pub(crate) fn expected_rows(scan: &dyn ExecutionPlan) -> Option<u64> {
    if let Some(hot) = scan.downcast_ref::<HotExec>() {
        return hot.count_rows().ok().flatten();
    }
    let statistics = StatisticsContext::new().compute(scan, &StatisticsArgs::new()).ok()?;
    statistics.num_rows.get_value().map(|rows| *rows as u64)
}
