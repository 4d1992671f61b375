//! What a scan will read, for EXPLAIN.

use std::sync::Arc;

use datafusion::datasource::physical_plan::{FileScanConfig, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use parking_lot::Mutex;

use super::hot_exec::HotExec;
use super::segment_reader::FileSegment;
use crate::model::{TableId, TableName};

/// Hot rows that a report counts; more are "more than" so many.
pub(crate) const HOT_ROWS_COUNTED_MAX: usize = 10_000;

/// What one scan of a plan will read, of the caller's own scope.
#[derive(Clone, Debug)]
pub(crate) struct ScanReport {
    pub(crate) table: TableName,
    /// Live hot rows in the key range, counted up to one more than
    /// [`HOT_ROWS_COUNTED_MAX`].
    pub(crate) hot_rows: usize,
    /// Segments that are read.
    pub(crate) segments: usize,
    /// Segments whose keys are outside of the range.
    pub(crate) out_of_range: usize,
    /// Segments in the range of which no row is live.
    pub(crate) dead: usize,
    /// Rows of the segments that are read that marks hide.
    pub(crate) hidden_rows: u64,
    /// Whether the filters bound the key.
    pub(crate) is_bounded: bool,
}

/// Where scans leave their reports, in the order in which they are planned.
pub(crate) type ScanReports = Arc<Mutex<Vec<ScanReport>>>;

/// What a node of a physical plan reads, if it is one of ours.
pub(crate) enum ScanNode {
    /// Hot rows of a table.
    Hot { table: TableName, columns: Vec<String>, limit: Option<usize>, newest_first: bool },
    /// Segments of a table.
    Segments { table: TableId, files: usize, columns: Vec<String>, predicate: Option<String> },
}

impl ScanNode {
    /// What a node reads.
    pub(crate) fn of(plan: &dyn ExecutionPlan) -> Option<ScanNode> {
        let columns = || plan.schema().fields().iter().map(|f| f.name().clone()).collect();
        if let Some(hot) = plan.downcast_ref::<HotExec>() {
            let (table, limit, newest_first) = hot.explain();
            return Some(ScanNode::Hot { table, columns: columns(), limit, newest_first });
        }
        let scan = plan.downcast_ref::<DataSourceExec>()?;
        let config = scan.data_source().downcast_ref::<FileScanConfig>()?;
        let files = || config.file_groups.iter().flat_map(|group| group.iter());
        let first = files().next()?.extension::<FileSegment>()?;
        let source = config.file_source().downcast_ref::<ParquetSource>();
        Some(ScanNode::Segments {
            table: first.0.meta.scope.table,
            files: files().count(),
            columns: columns(),
            predicate: source.and_then(FileSource::filter).map(|filter| filter.to_string()),
        })
    }
}
