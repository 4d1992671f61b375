//! A few rows of a segment, in the columns and types that the table has now.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::common::ScalarValue;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use super::segment_cache::OpenSegment;
use crate::Result;
use crate::catalog::{SEQ_COLUMN, Table, initial_value};

/// Columns of the table, by their positions in it, of `rows` rows from `first_row` on,
/// which lie in one row group.
///
/// # Errors
/// `XX001` if they cannot be decoded.
pub(crate) fn read_columns(
    segment: &OpenSegment,
    table: &Table,
    positions: &[usize],
    first_row: u32,
    rows: usize,
) -> Result<Vec<ArrayRef>> {
    let found = InFile::new(segment, table, positions, &[]);
    let batch = match found.mask(segment) {
        Some(mask) => Some(read_rows(segment, mask, first_row, rows)?),
        None => None,
    };
    found.columns(segment, batch.as_ref(), rows)
}

/// All columns of the table, then `_seq`, of the rows at these places, which are sorted
/// and distinct.
///
/// # Errors
/// `XX001` if they cannot be decoded.
pub(crate) fn read_rows_with_seq(
    segment: &OpenSegment,
    table: &Table,
    places: &[u32],
) -> Result<Vec<ArrayRef>> {
    let positions: Vec<usize> = (0..table.definition.columns.len()).collect();
    if let Some(seq) = segment.meta.seq() {
        let found = InFile::new(segment, table, &positions, &[]);
        let batch = match found.mask(segment) {
            Some(mask) => Some(read_rows_at(segment, mask, places)?),
            None => None,
        };
        let mut columns = found.columns(segment, batch.as_ref(), places.len())?;
        let seq = i64::try_from(seq.get()).unwrap_or(i64::MAX);
        columns.push(Arc::new(Int64Array::from(vec![seq; places.len()])));
        return Ok(columns);
    }
    let seq = segment.footer.schema().index_of(SEQ_COLUMN).map_err(|e| segment.undecodable(e))?;
    let own = [seq];
    let found = InFile::new(segment, table, &positions, &own);
    let mask = found.mask(segment).unwrap_or_else(ProjectionMask::all);
    let batch = read_rows_at(segment, mask, places)?;
    found.columns(segment, Some(&batch), places.len())
}

/// Where the wanted columns are in a file.
pub(super) struct InFile<'a> {
    table: &'a Table,
    positions: &'a [usize],
    /// Columns of the file that are shown behind those of the table, as they are.
    own: &'a [usize],
    /// All columns of the file that are read, in its order: a mask keeps that.
    roots: Vec<usize>,
}

impl<'a> InFile<'a> {
    pub(super) fn new(
        segment: &OpenSegment,
        table: &'a Table,
        positions: &'a [usize],
        own: &'a [usize],
    ) -> InFile<'a> {
        let columns = positions.iter().map(|position| &table.definition.columns[*position]);
        let roots = columns.filter_map(|column| Some(segment.column(column.id)?.root));
        let mut roots: Vec<usize> = roots.chain(own.iter().copied()).collect();
        roots.sort_unstable();
        roots.dedup();
        InFile { table, positions, own, roots }
    }

    /// What has to be read; `None`: nothing.
    pub(super) fn mask(&self, segment: &OpenSegment) -> Option<ProjectionMask> {
        let file = segment.footer.metadata().file_metadata().schema_descr();
        let roots = self.roots.iter().copied();
        (!self.roots.is_empty()).then(|| ProjectionMask::roots(file, roots))
    }

    /// The columns of `rows` rows, of which `batch` is what the file has.
    pub(super) fn columns(
        &self,
        segment: &OpenSegment,
        batch: Option<&RecordBatch>,
        rows: usize,
    ) -> Result<Vec<ArrayRef>> {
        let read = |root: usize| {
            let index = self.roots.binary_search(&root).ok()?;
            batch.and_then(|batch| batch.columns().get(index))
        };
        let of_table = self.positions.iter().map(|position| {
            let column = &self.table.definition.columns[*position];
            let of_file = segment.column(column.id);
            match of_file.and_then(|of_file| Some((read(of_file.root)?, &of_file.data_type))) {
                Some((array, data_type)) => column.widen(array, data_type),
                None => {
                    let value = ScalarValue::try_from_array(&initial_value(column)?, 0);
                    let repeated = value.and_then(|value| value.to_array_of_size(rows));
                    repeated.map_err(|e| segment.undecodable(e))
                }
            }
        });
        let own = self.own.iter().map(|root| {
            read(*root).cloned().ok_or_else(|| segment.undecodable("a column of it is missing"))
        });
        of_table.chain(own).collect()
    }
}

/// Reads `rows` rows from `first_row` on, which lie in one row group.
pub(super) fn read_rows(
    segment: &OpenSegment,
    mask: ProjectionMask,
    first_row: u32,
    rows: usize,
) -> Result<RecordBatch> {
    let (group, within) = segment
        .row_group_of(first_row)
        .ok_or_else(|| segment.undecodable("a row lies past its end"))?;
    let selection = RowSelection::from(vec![RowSelector::skip(within), RowSelector::select(rows)]);
    let mut reader = segment
        .reader()
        .with_projection(mask)
        .with_row_groups(vec![group])
        .with_row_selection(selection)
        .with_batch_size(rows)
        .build()
        .map_err(|e| segment.undecodable(e))?;
    match reader.next() {
        Some(Ok(batch)) if batch.num_rows() == rows => Ok(batch),
        Some(Err(e)) => Err(segment.undecodable(e)),
        Some(Ok(_)) | None => Err(segment.undecodable("it has fewer rows than it should")),
    }
}

/// Reads the rows at these places, which are sorted and distinct.
fn read_rows_at(
    segment: &OpenSegment,
    mask: ProjectionMask,
    places: &[u32],
) -> Result<RecordBatch> {
    let mut groups: Vec<usize> = Vec::new();
    let mut selectors: Vec<RowSelector> = Vec::new();
    // Rows of the groups read so far, and how many of them the selection covers.
    let (mut length, mut covered) = (0, 0);
    for place in places {
        let (group, within) = segment
            .row_group_of(*place)
            .ok_or_else(|| segment.undecodable("a row lies past its end"))?;
        let metadata = segment.footer.metadata().row_group(group);
        if groups.last() != Some(&group) {
            groups.push(group);
            length += usize::try_from(metadata.num_rows()).unwrap_or(0);
        }
        let at = length - usize::try_from(metadata.num_rows()).unwrap_or(0) + within;
        selectors.push(RowSelector::skip(at - covered));
        selectors.push(RowSelector::select(1));
        covered = at + 1;
    }
    let mut reader = segment
        .reader()
        .with_projection(mask)
        .with_row_groups(groups)
        .with_row_selection(RowSelection::from(selectors))
        .with_batch_size(places.len())
        .build()
        .map_err(|e| segment.undecodable(e))?;
    match reader.next() {
        Some(Ok(batch)) if batch.num_rows() == places.len() => Ok(batch),
        Some(Err(e)) => Err(segment.undecodable(e)),
        Some(Ok(_)) | None => Err(segment.undecodable("it has fewer rows than it should")),
    }
}
