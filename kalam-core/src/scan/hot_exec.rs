//! The hot rows of one scope as an execution plan.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DataFusionResult, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};

use super::hot_statistics::HotStatistics;
use super::shape::{hot_target, key_ordering};
use crate::activity::Activity;
use crate::catalog::Table;
use crate::model::{Seq, TableName};
use crate::store::{Family, HotCursor, RowDecoder, RowHeader, SCOPE_PREFIX_LEN, View};
use crate::{Error, Result};

/// Which of the stored rows a scan shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Live ones.
    Live,
    /// Deleted ones too.
    LiveAndDeleted,
}

/// Which hot rows of one scope a scan reads.
#[derive(Clone)]
pub(super) struct HotRange {
    pub(super) table: Arc<Table>,
    pub(super) view: Arc<View>,
    /// Lower and upper hot key.
    pub(super) range: (Vec<u8>, Vec<u8>),
    /// What planning may expect, if the scope was analyzed.
    pub(super) expected: Option<HotStatistics>,
    /// Rows with a smaller `_seq` have outlived their time.
    pub(super) expiry: Seq,
    pub(super) rows: Rows,
    pub(super) limit: Option<usize>,
    /// Whether it goes from the largest key to the smallest.
    pub(super) newest_first: bool,
    /// The statement, which may be to stop.
    pub(super) activity: Option<Arc<Activity>>,
}

/// Stored rows between two looks at whether the statement is to stop: some milliseconds.
const ROWS_UNCHECKED: u32 = 4096;

/// Bytes of records after which a batch ends, however few rows it has.
const BATCH_BYTES: usize = 4 << 20;

/// Scans a range of hot keys of one scope, decoding only the columns asked for.
pub(super) struct HotExec {
    read: HotRange,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl HotExec {
    /// The table, the limit, and whether the newest rows are first, for EXPLAIN.
    pub(super) fn explain(&self) -> (TableName, Option<usize>, bool) {
        (self.read.table.definition.name.clone(), self.read.limit, self.read.newest_first)
    }

    /// How many rows there are, without a look at what they hold; `None`: too many to count.
    ///
    /// # Errors
    /// `XX001`, `58030`.
    pub(super) fn count_rows(&self) -> Result<Option<u64>> {
        const ROWS_COUNTED_MAX: u64 = 1_000_000;
        let read = &self.read;
        let most = read.limit.map_or(ROWS_COUNTED_MAX, |limit| limit as u64);
        let mut cursor = read.view.snapshot.cursor(Family::Hot, &read.range.0, &read.range.1);
        let mut rows = 0;
        while rows < most.min(ROWS_COUNTED_MAX) && cursor.entry()?.is_some() {
            rows += 1;
            cursor.advance();
        }
        Ok((rows < ROWS_COUNTED_MAX).then_some(rows))
    }

    /// The first `rows` rows in this order, if it is the reverse of the key's.
    pub(super) fn newest(&self, order: &[PhysicalSortExpr], rows: usize) -> Option<HotExec> {
        let of_key = key_ordering(&self.read.table, &self.schema)?;
        let is_reverse = order.len() <= of_key.len()
            && order.iter().zip(of_key.iter()).all(|(wanted, key)| {
                // Columns of a key are never NULL: where those stand says nothing.
                wanted.options.descending && wanted.expr.eq(&key.expr)
            });
        if !is_reverse || self.read.view.is_of_transaction() || self.read.newest_first {
            return None;
        }
        let limit = Some(self.read.limit.map_or(rows, |limit| limit.min(rows)));
        let read = HotRange { limit, newest_first: true, ..self.read.clone() };
        Some(HotExec::new(read, self.schema.clone()))
    }

    pub(super) fn new(read: HotRange, schema: SchemaRef) -> HotExec {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new_with_orderings(
                schema.clone(),
                key_ordering(&read.table, &schema).filter(|_| !read.newest_first),
            ),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        HotExec { read, schema, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    fn scanner(&self, batch_rows: usize) -> Result<HotScanner> {
        let read = &self.read;
        let targets = self
            .schema
            .fields()
            .iter()
            .map(|field| hot_target(&read.table, field.name()))
            .collect();
        let layouts = read.table.layouts.clone();
        let left = read.limit.unwrap_or(usize::MAX);
        Ok(HotScanner {
            cursor: match read.newest_first {
                true => read.view.hot_cursor_from_end(&read.range.0, &read.range.1),
                false => read.view.hot_cursor(&read.range.0, &read.range.1),
            },
            decoder: RowDecoder::new(targets, layouts, batch_rows.min(left))?,
            expiry: read.expiry,
            rows: read.rows,
            left,
            batch_rows,
            schema: self.schema.clone(),
            activity: read.activity.clone(),
            unchecked: 0,
            _view: read.view.clone(),
        })
    }
}

struct HotScanner {
    cursor: HotCursor,
    decoder: RowDecoder,
    expiry: Seq,
    rows: Rows,
    left: usize,
    batch_rows: usize,
    schema: SchemaRef,
    activity: Option<Arc<Activity>>,
    unchecked: u32,
    _view: Arc<View>,
}

impl HotScanner {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut bytes = 0;
        while self.decoder.len() < self.batch_rows.min(self.left) && bytes < BATCH_BYTES {
            let Some((key, record)) = self.cursor.entry()? else { break };
            bytes += record.len();
            let header = RowHeader::read(record)?;
            let shown = self.rows == Rows::LiveAndDeleted || !header.is_deleted();
            if shown && header.seq >= self.expiry {
                self.decoder.push(&key[SCOPE_PREFIX_LEN..], record)?;
            }
            self.cursor.advance();
            self.unchecked += 1;
            if self.unchecked == ROWS_UNCHECKED {
                self.unchecked = 0;
                self.activity.as_ref().map_or(Ok(()), |activity| activity.check())?;
            }
        }
        let rows = self.decoder.len();
        if rows == 0 {
            return Ok(None);
        }
        self.left -= rows;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), self.decoder.finish()?, &options)
            .map(Some)
            .map_err(|e| Error::new(crate::SqlState::INTERNAL_ERROR, e.to_string()))
    }
}

impl fmt::Debug for HotExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HotExec").field("table", &self.read.table.definition.name).finish()
    }
}

impl DisplayAs for HotExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        write!(
            f,
            "HotExec: table={}, columns=[{}]",
            self.read.table.definition.name,
            names.join(", ")
        )?;
        if let Some(limit) = self.read.limit {
            write!(f, ", limit={limit}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for HotExec {
    fn name(&self) -> &'static str {
        "HotExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        let mut scanner = self
            .scanner(context.session_config().batch_size())
            .map_err(|e| DataFusionError::External(Box::new(e)))?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batches = std::iter::from_fn(move || {
            let timer = metrics.elapsed_compute().timer();
            let batch = scanner.next_batch().map_err(|e| DataFusionError::External(Box::new(e)));
            timer.done();
            if let Ok(Some(batch)) = &batch {
                metrics.record_output(batch.num_rows());
            }
            batch.transpose()
        });
        let stream = futures::stream::iter(batches);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream)))
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> DataFusionResult<Arc<Statistics>> {
        Ok(Arc::new(match &self.read.expected {
            Some(expected) => expected.of(&self.read.table, &self.schema, self.read.limit),
            None => Statistics::new_unknown(&self.schema),
        }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let read = HotRange { limit, ..self.read.clone() };
        Some(Arc::new(HotExec::new(read, self.schema.clone())))
    }

    fn fetch(&self) -> Option<usize> {
        self.read.limit
    }
}
