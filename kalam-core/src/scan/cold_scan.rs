//! The segments of one scope as an execution plan.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result as DataFusionResult, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::ExecutionPlan;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use roaring::RoaringBitmap;

use super::file_mapping::{FileMapping, read_schema};
use super::key_order::{Grouped, grouped};
use super::segment_reader::{FileSegment, SegmentReaderFactory};
use super::shape::{key_ordering, row_field, segment_field};
use crate::activity::check_stop;
use crate::catalog::{ColumnDefinition, DELETED_COLUMN, Table, initial_value};
use crate::flush::{
    ColdTier, FileColumn, OpenSegment, ScopeStatistics, SegmentMeta, SegmentState,
    StoredStatistics, segment_schema,
};
use crate::model::{KalamDataType, Seq};
use crate::store::KeyCodec;
use crate::{Result, SqlState};

/// Name of the column with the `_seq` of the mark that deleted a row.
pub(super) const MARK_SEQ_COLUMN: &str = "_mark_seq";

/// Rows of one segment that a scan reads.
pub(super) struct SegmentRows<'a> {
    pub(super) state: &'a Arc<SegmentState>,
    pub(super) rows: RowSet,
}

/// Which rows of a segment.
pub(super) enum RowSet {
    /// Those that are live.
    Live,
    /// These, which a commit deleted.
    Deleted(RoaringBitmap, Seq),
}

/// What a scan reads of a scope's segments.
pub(super) struct ColdRows<'a> {
    pub(super) segments: Vec<SegmentRows<'a>>,
    /// What is known of the values of the scope's columns.
    pub(super) analyzed: Option<&'a ScopeStatistics>,
}

/// The plan over the given rows, showing `columns` of the table as `fields` has them,
/// `_segment`, `_row`, `_deleted` and the mark's `_seq` by name.
///
/// # Errors
/// `XX001` if a segment is damaged.
pub(super) fn cold_scan(
    tier: &ColdTier,
    table: &Arc<Table>,
    rows: &ColdRows<'_>,
    (columns, fields): (&[&str], &Schema),
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let file_schema = scan_schema(table, fields);
    let schema = TableSchema::builder(file_schema.clone())
        .with_table_partition_cols(vec![
            segment_field(),
            Arc::new(Field::new(DELETED_COLUMN, DataType::Boolean, true)),
            Arc::new(Field::new(MARK_SEQ_COLUMN, DataType::Int64, false)),
        ])
        .with_virtual_columns(vec![row_field()])
        .build();
    let projection = columns
        .iter()
        .map(|name| schema.table_schema().index_of(name))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| crate::Error::new(SqlState::INTERNAL_ERROR, e.to_string()))?;
    // A file cannot count rows for a column that nobody asks for.
    let schema = if projection.iter().any(|i| *i + 1 == schema.table_schema().fields().len()) {
        schema
    } else {
        TableSchema::builder(file_schema.clone())
            .with_table_partition_cols(schema.table_partition_cols().to_vec())
            .build()
    };
    let mut files = Vec::with_capacity(rows.segments.len());
    for segment in &rows.segments {
        // The first use of a segment reads all of it.
        check_stop()?;
        let open = tier.open(&segment.state.meta)?;
        let of_file = file_statistics(table, &open, segment);
        let schema = read_schema(table, &open, segment.state.meta.seq());
        let mut file = partitioned_file(open, segment, of_file);
        file.arrow_schema = schema;
        files.push((&*segment.state.meta, file));
    }
    let mut statistics = total(&schema, &files);
    add_distinct_counts(&mut statistics, table, rows.analyzed);
    let Grouped { groups, in_key_order } = grouped(files, partitions);
    let ordering = key_ordering(table, schema.table_schema()).filter(|_| in_key_order);
    let mapping = Arc::new(FileMapping(table.clone()));
    let files = Files { groups, mapping, statistics };
    build(schema, files, ordering, projection).map_err(|e| {
        crate::Error::new(SqlState::INTERNAL_ERROR, "the cold scan cannot be planned")
            .with_source(e)
    })
}

struct Files {
    groups: Vec<FileGroup>,
    mapping: Arc<FileMapping>,
    statistics: Statistics,
}

fn build(
    schema: TableSchema,
    files: Files,
    ordering: Option<LexOrdering>,
    projection: Vec<usize>,
) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    let source = ParquetSource::new(schema)
        .with_parquet_file_reader_factory(Arc::new(SegmentReaderFactory))
        .with_enable_page_index(true)
        .with_bloom_filter_on_read(true);
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(files.groups)
        .with_expr_adapter(Some(files.mapping))
        .with_statistics(files.statistics)
        .with_output_ordering(ordering.into_iter().collect())
        .with_projection_indices(Some(projection))?
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// What all files are read as: the columns of a segment, with the fields that the scan
/// shows. Hot rows and segments have to agree in them, metadata included.
fn scan_schema(table: &Table, fields: &Schema) -> SchemaRef {
    let of_file = segment_schema(table);
    let fields: Vec<FieldRef> = of_file
        .fields()
        .iter()
        .map(|field| match fields.fields().find(field.name()) {
            Some((_, shown)) => shown.clone(),
            None => field.clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn partitioned_file(
    open: Arc<OpenSegment>,
    segment: &SegmentRows<'_>,
    statistics: Statistics,
) -> PartitionedFile {
    let meta = &segment.state.meta;
    let id = i64::try_from(meta.id.get()).unwrap_or(i64::MAX);
    let (deleted, mark_seq) = match &segment.rows {
        RowSet::Live => (false, 0),
        RowSet::Deleted(_, seq) => (true, i64::try_from(seq.get()).unwrap_or(i64::MAX)),
    };
    let mut file = PartitionedFile::new(meta.path.clone(), meta.bytes).with_partition_values(vec![
        ScalarValue::Int64(Some(id)),
        ScalarValue::Boolean(Some(deleted)),
        ScalarValue::Int64(Some(mark_seq)),
    ]);
    let plan = match &segment.rows {
        RowSet::Live if segment.state.dead.is_empty() => None,
        RowSet::Live => Some(access_plan(&open, &segment.state.dead, false)),
        RowSet::Deleted(rows, _) => Some(access_plan(&open, rows, true)),
    };
    if let Some(plan) = plan {
        file = file.with_extension(plan);
    }
    file.with_extension(FileSegment(open)).with_statistics(Arc::new(statistics))
}

/// A plan that reads the `listed` rows, or all others.
fn access_plan(open: &OpenSegment, listed: &RoaringBitmap, select: bool) -> ParquetAccessPlan {
    let groups = open.footer.metadata().row_groups();
    let mut plan = ParquetAccessPlan::new_all(groups.len());
    let mut first = 0u32;
    for (index, group) in groups.iter().enumerate() {
        let rows = u32::try_from(group.num_rows()).unwrap_or(u32::MAX);
        let end = first.saturating_add(rows);
        let count = listed.range_cardinality(first..end);
        let all = count == u64::from(rows);
        match (count == 0, all, select) {
            (true, _, true) | (_, true, false) => plan.skip(index),
            (true, _, false) | (_, true, true) => {}
            _ => plan.scan_selection(index, selection(listed, first, end, select)),
        }
        first = end;
    }
    plan
}

fn selection(listed: &RoaringBitmap, first: u32, end: u32, select: bool) -> RowSelection {
    let selector = |rows: u32, listed: bool| {
        if listed == select {
            RowSelector::select(rows as usize)
        } else {
            RowSelector::skip(rows as usize)
        }
    };
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut at = first;
    let mut run: Option<(u32, u32)> = None;
    let close = |run: (u32, u32), at: &mut u32, selectors: &mut Vec<RowSelector>| {
        if run.0 > *at {
            selectors.push(selector(run.0 - *at, false));
        }
        selectors.push(selector(run.1 - run.0, true));
        *at = run.1;
    };
    for row in listed.range(first..end) {
        run = match run {
            Some((from, to)) if to == row => Some((from, row + 1)),
            Some(done) => {
                close(done, &mut at, &mut selectors);
                Some((row, row + 1))
            }
            None => Some((row, row + 1)),
        };
    }
    if let Some(done) = run {
        close(done, &mut at, &mut selectors);
    }
    if at < end {
        selectors.push(selector(end - at, false));
    }
    RowSelection::from(selectors)
}

/// What the manifest knows of a file, for the table's columns as they are now. Bounds
/// and NULL counts include deleted rows, so they are exact only while there are none.
fn file_statistics(table: &Table, open: &OpenSegment, segment: &SegmentRows<'_>) -> Statistics {
    let state = segment.state;
    let rows = match &segment.rows {
        RowSet::Live => state.live_rows(),
        RowSet::Deleted(rows, _) => rows.len(),
    };
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let exact = state.dead.is_empty();
    let of_column = |column: &ColumnDefinition| match open.column(column.id) {
        Some(of_file) => {
            let known = state.meta.columns.iter().find(|known| known.column == column.id);
            known.map(|known| stored_statistics(column, of_file, known, exact))
        }
        None => initial_statistics(column, rows),
    };
    // The engine's own columns follow those of the table.
    let own = 1 + usize::from(table.definition.has_hidden_key());
    let columns = table
        .definition
        .columns
        .iter()
        .map(|column| of_column(column).unwrap_or_default())
        .chain(std::iter::repeat_with(ColumnStatistics::new_unknown).take(own));
    Statistics {
        num_rows: Precision::Exact(rows),
        total_byte_size: Precision::Inexact(usize::try_from(state.meta.bytes).unwrap_or(0) * 4),
        column_statistics: columns.collect(),
    }
}

/// What is known of a column that the file has, in the type that it has now.
fn stored_statistics(
    column: &ColumnDefinition,
    of_file: &FileColumn,
    known: &StoredStatistics,
    exact: bool,
) -> ColumnStatistics {
    let bound = |bytes: &Option<Vec<u8>>| -> Option<ScalarValue> {
        let codec = KeyCodec::new(vec![of_file.data_type.clone()]).ok()?;
        let value = codec.decode(bytes.as_ref()?).ok()?.pop()?;
        if of_file.data_type == column.data_type {
            return Some(value);
        }
        // Numbers keep their order in a wider type, but not as text.
        let is_text = column.data_type == KalamDataType::Text;
        if is_text { None } else { value.cast_to(&column.data_type.arrow_type()).ok() }
    };
    let precise = |found: Option<ScalarValue>| match found {
        Some(value) if exact => Precision::Exact(value),
        Some(value) => Precision::Inexact(value),
        None => Precision::Absent,
    };
    let nulls = usize::try_from(known.nulls).unwrap_or(usize::MAX);
    ColumnStatistics {
        min_value: precise(bound(&known.min)),
        max_value: precise(bound(&known.max)),
        null_count: if exact { Precision::Exact(nulls) } else { Precision::Inexact(nulls) },
        ..ColumnStatistics::new_unknown()
    }
}

/// What is known of a column that the file lacks: all of its rows show one value.
fn initial_statistics(column: &ColumnDefinition, rows: usize) -> Option<ColumnStatistics> {
    let unknown = ColumnStatistics::new_unknown();
    if column.initial.is_none() {
        return Some(ColumnStatistics { null_count: Precision::Exact(rows), ..unknown });
    }
    // A float may be NaN, which statistics do not order; others have no order at all.
    let ordered = KeyCodec::new(vec![column.data_type.clone()]).is_ok()
        && !matches!(column.data_type, KalamDataType::Float | KalamDataType::Double);
    let null_count = Precision::Exact(0);
    if !ordered {
        return Some(ColumnStatistics { null_count, ..unknown });
    }
    let value = ScalarValue::try_from_array(&initial_value(column).ok()?, 0).ok()?;
    let (min_value, max_value) = (Precision::Exact(value.clone()), Precision::Exact(value));
    Some(ColumnStatistics { null_count, min_value, max_value, ..unknown })
}

/// Adds how many values the columns have, as far as ANALYZE counted them.
fn add_distinct_counts(
    statistics: &mut Statistics,
    table: &Table,
    analyzed: Option<&ScopeStatistics>,
) {
    let (Some(analyzed), Some(rows)) = (analyzed, statistics.num_rows.get_value().copied()) else {
        return;
    };
    for (column, known) in table.definition.columns.iter().zip(&mut statistics.column_statistics) {
        let distinct = analyzed.distinct(column.id, rows as u64);
        if let Some(distinct) = distinct.and_then(|distinct| usize::try_from(distinct).ok()) {
            known.distinct_count = Precision::Inexact(distinct);
        }
    }
}

/// The statistics of all files together, for the columns of the table schema.
fn total(schema: &TableSchema, files: &[(&SegmentMeta, PartitionedFile)]) -> Statistics {
    let columns = schema.table_schema();
    let mut total: Option<Statistics> = None;
    for (_, file) in files {
        let Some(of_file) = &file.statistics else {
            return Statistics::new_unknown(columns);
        };
        let mut of_file = of_file.as_ref().clone();
        of_file.column_statistics.resize(columns.fields().len(), ColumnStatistics::new_unknown());
        total = Some(match total {
            None => of_file,
            Some(total) => match Statistics::try_merge_iter([&total, &of_file], columns) {
                Ok(merged) => merged,
                Err(_) => return Statistics::new_unknown(columns),
            },
        });
    }
    total.unwrap_or_else(|| Statistics::new_unknown(columns))
}
