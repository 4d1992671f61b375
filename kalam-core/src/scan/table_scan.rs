//! The table provider.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CaseExpr, Column, binary};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;

use super::cold_scan::{ColdRows, MARK_SEQ_COLUMN, RowSet, SegmentRows, cold_scan};
use super::filled_columns::filled_columns;
use super::hot_exec::{HotExec, HotRange, Rows};
use super::hot_statistics::HotStatistics;
use super::key_range::KeyRange;
use super::pushdown::{chosen_by, projected};
use super::scan_report::{HOT_ROWS_COUNTED_MAX, ScanReport, ScanReports};
use super::shape::Shape;
use crate::Result;
use crate::activity::Activity;
use crate::catalog::{DELETED_COLUMN, SEQ_COLUMN, Table};
use crate::flush::{ColdTier, MarkKind, ScopeId, SegmentState, read_marks};
use crate::model::{ColumnId, Seq, UserKey};
use crate::store::{RowHeader, View, prefix_end, table_prefix};

/// The rows of one scope of a table at one view. The scope is part of the provider,
/// so no predicate, view or function can widen it.
#[derive(Clone)]
pub(crate) struct TableScan {
    pub(crate) table: Arc<Table>,
    /// `None`: a user who owns no rows.
    pub(crate) user: Option<UserKey>,
    pub(crate) view: Arc<View>,
    pub(crate) tier: Arc<ColdTier>,
    pub(crate) shape: Shape,
    /// Rows of STREAM tables that were written before have outlived their time and are not
    /// there.
    pub(crate) expiry: Seq,
    /// Where it tells what it will read, for EXPLAIN.
    pub(crate) reports: Option<ScanReports>,
}

/// Which rows of segments a scan reads.
struct Wanted<'a> {
    range: &'a KeyRange,
    /// Columns that are not NULL in them.
    filled: &'a [ColumnId],
    rows: Rows,
}

impl fmt::Debug for TableScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableScan").field("table", &self.table.definition.name).finish()
    }
}

#[async_trait]
impl TableProvider for TableScan {
    fn schema(&self) -> SchemaRef {
        self.shape.schema(&self.table)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(chosen_by(filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = projected(self.schema(), projection)?;
        let partitions = state.config().target_partitions();
        self.plan(&schema, filters, limit, partitions)
            .map_err(|e| DataFusionError::External(Box::new(e)))
    }
}

impl TableScan {
    /// The same table and moment for another user.
    pub(super) fn of_user(&self, user: UserKey) -> TableScan {
        TableScan { user: Some(user), ..self.clone() }
    }

    /// Tells a SERIALIZABLE transaction that it reads the rows of everybody.
    pub(super) fn note_read_of_all(&self) {
        note_read_without_scope(&self.table, &self.view);
    }

    pub(super) fn plan(
        &self,
        schema: &SchemaRef,
        filters: &[Expr],
        limit: Option<usize>,
        partitions: usize,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let empty = || Arc::new(EmptyExec::new(schema.clone())) as Arc<dyn ExecutionPlan>;
        let range = KeyRange::from_filters(&self.table, filters)?;
        if range.is_empty() {
            return Ok(empty());
        }
        let Some(user) = self.user else {
            note_read_without_scope(&self.table, &self.view);
            return Ok(empty());
        };
        let rows = if self.shape == Shape::System && filters.iter().any(names_deleted) {
            Rows::LiveAndDeleted
        } else {
            Rows::Live
        };
        if let Some(reports) = &self.reports {
            let report = self.report(user, &range)?;
            reports.lock().push(report);
        }
        let mut plans = Vec::with_capacity(2);
        if let Some(hot) = self.hot_plan(user, schema, &range, rows, limit)? {
            plans.push(hot);
        }
        let filled = filled_columns(&self.table, filters);
        let wanted = Wanted { range: &range, filled: &filled, rows };
        if let Some(cold) = self.cold_plan(user, schema, &wanted, partitions)? {
            plans.push(cold);
        }
        match plans.len() {
            0 => Ok(empty()),
            1 => Ok(plans.remove(0)),
            _ => UnionExec::try_new(plans).map_err(|e| {
                crate::Error::new(crate::SqlState::INTERNAL_ERROR, "the tiers do not fit together")
                    .with_source(e)
            }),
        }
    }

    /// What will be read. Counts hot rows one by one, which only EXPLAIN waits for.
    ///
    /// # Errors
    /// `XX001`, `58030`.
    pub(crate) fn report(&self, user: UserKey, range: &KeyRange) -> Result<ScanReport> {
        let scope = ScopeId { table: self.table.definition.id, user };
        let mut report = ScanReport {
            table: self.table.definition.name.clone(),
            hot_rows: 0,
            segments: 0,
            out_of_range: 0,
            dead: 0,
            hidden_rows: 0,
            is_bounded: range.is_bounded(),
        };
        let (lower, upper) = range.hot_bounds(&self.table, user);
        let mut cursor = self.view.hot_cursor(&lower, &upper);
        while report.hot_rows <= HOT_ROWS_COUNTED_MAX
            && let Some((_, record)) = cursor.entry()?
        {
            let header = RowHeader::read(record)?;
            let is_there = !header.is_deleted() && header.seq >= self.expiry;
            report.hot_rows += usize::from(is_there);
            cursor.advance();
        }
        for segment in &self.tier.manifest.scope(scope, &self.view)?.segments {
            if !range.overlaps(&segment.meta.min_key, &segment.meta.max_key) {
                report.out_of_range += 1;
            } else if segment.live_rows() == 0 {
                report.dead += 1;
            } else {
                report.segments += 1;
                report.hidden_rows += segment.dead.len();
            }
        }
        Ok(report)
    }

    fn hot_plan(
        &self,
        user: UserKey,
        schema: &SchemaRef,
        range: &KeyRange,
        rows: Rows,
        limit: Option<usize>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (lower, upper) = range.hot_bounds(&self.table, user);
        if self.view.hot_cursor(&lower, &upper).entry()?.is_none() {
            return Ok(None);
        }
        let scope = ScopeId { table: self.table.definition.id, user };
        let manifest = self.tier.manifest.scope(scope, &self.view)?;
        let range = (lower, upper);
        let expected = match &manifest.analyzed {
            Some(analyzed) => {
                Some(HotStatistics::estimate(&self.view, &manifest, analyzed, &range)?)
            }
            None => None,
        };
        let read = HotRange {
            table: self.table.clone(),
            view: self.view.clone(),
            range,
            expected,
            expiry: self.expiry,
            rows,
            limit,
            newest_first: false,
            activity: Activity::current(),
        };
        Ok(Some(Arc::new(HotExec::new(read, schema.clone()))))
    }

    fn cold_plan(
        &self,
        user: UserKey,
        schema: &SchemaRef,
        wanted: &Wanted<'_>,
        partitions: usize,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let rows = wanted.rows;
        let scope = ScopeId { table: self.table.definition.id, user };
        let manifest = self.tier.manifest.scope(scope, &self.view)?;
        let kept = manifest
            .segments
            .iter()
            .filter(|s| wanted.range.overlaps(&s.meta.min_key, &s.meta.max_key));
        let mut segments = Vec::new();
        for state in kept {
            if self.lacks_a_column(state, wanted.filled)? {
                continue;
            }
            if state.live_rows() > 0 {
                segments.push(SegmentRows { state, rows: RowSet::Live });
            }
            if rows == Rows::LiveAndDeleted && !state.deleted.is_empty() {
                self.add_deleted(scope, state, &mut segments)?;
            }
        }
        if segments.is_empty() {
            return Ok(None);
        }
        let mut columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        // A deletion is a write: it gives the row the `_seq` of its commit.
        let deletions = rows == Rows::LiveAndDeleted && columns.contains(&SEQ_COLUMN);
        if deletions {
            columns.push(MARK_SEQ_COLUMN);
        }
        let shown = (columns.as_slice(), &*self.schema());
        let rows = ColdRows { segments, analyzed: manifest.analyzed.as_deref() };
        let scan = cold_scan(&self.tier, &self.table, &rows, shown, partitions)?;
        if !deletions {
            return Ok(Some(scan));
        }
        newest_seq(scan, schema).map(Some).map_err(|e| {
            crate::Error::new(crate::SqlState::INTERNAL_ERROR, "the cold scan cannot be planned")
                .with_source(e)
        })
    }

    /// Whether a segment was written before one of these columns was added, so that all of
    /// its rows show NULL in it.
    fn lacks_a_column(&self, state: &SegmentState, columns: &[ColumnId]) -> Result<bool> {
        if columns.is_empty() || state.meta.schema_version == self.table.definition.version {
            return Ok(false);
        }
        let open = self.tier.open(&state.meta)?;
        Ok(columns.iter().any(|id| open.column(*id).is_none()))
    }

    fn add_deleted<'a>(
        &self,
        scope: ScopeId,
        state: &'a Arc<SegmentState>,
        segments: &mut Vec<SegmentRows<'a>>,
    ) -> Result<()> {
        let mut own = (*state.deleted).clone();
        for mark in read_marks(&self.view.snapshot, scope, state.meta.id)? {
            own -= &mark.rows;
            let rows = &mark.rows & &*state.deleted;
            if mark.kind == MarkKind::Deleted && !rows.is_empty() {
                segments.push(SegmentRows { state, rows: RowSet::Deleted(rows, mark.seq) });
            }
        }
        if !own.is_empty() {
            // What no commit deleted, the transaction that reads did.
            let seq = self.view.seq()?;
            segments.push(SegmentRows { state, rows: RowSet::Deleted(own, seq) });
        }
        Ok(())
    }
}

/// Tells a SERIALIZABLE transaction that it found nothing because the user owns no rows
/// yet. A scope that does not exist has no keys: any row of the table that is written
/// meanwhile counts.
pub(crate) fn note_read_without_scope(table: &Table, view: &View) {
    let prefix = table_prefix(table.definition.kind, table.definition.id);
    view.note_read(&prefix, &prefix_end(&prefix));
}

/// `_seq` as the larger of the row's and its mark's; the mark's column goes away.
fn newest_seq(
    scan: Arc<dyn ExecutionPlan>,
    schema: &SchemaRef,
) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    let input = scan.schema();
    let mark_index = input.index_of(MARK_SEQ_COLUMN)?;
    let mark: Arc<dyn PhysicalExpr> = Arc::new(Column::new(MARK_SEQ_COLUMN, mark_index));
    let mut expressions: Vec<(Arc<dyn PhysicalExpr>, String)> = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
        let expression = if field.name() == SEQ_COLUMN {
            let marked = binary(mark.clone(), Operator::Gt, column.clone(), &input)?;
            Arc::new(CaseExpr::try_new(None, vec![(marked, mark.clone())], Some(column))?)
        } else {
            column
        };
        expressions.push((expression, field.name().clone()));
    }
    Ok(Arc::new(ProjectionExec::try_new(expressions, scan)?))
}

fn names_deleted(filter: &Expr) -> bool {
    filter.column_refs().iter().any(|c| c.name == DELETED_COLUMN)
}
