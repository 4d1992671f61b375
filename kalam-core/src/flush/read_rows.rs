//! A few rows of a segment, in the columns and types that the table has now.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow::compute::interleave;
use datafusion::common::ScalarValue;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection, RowSelector};

use super::segment_cache::{OpenSegment, SegmentCache};
use super::segment_pages::SegmentPages;
use super::segment_writer::KEY_BLOCK_ROWS;
use crate::Result;
use crate::catalog::{SEQ_COLUMN, Table, initial_value};
use crate::vector::unpack_vectors;

/// Columns of the table, by their positions in it, of the rows at these places, which are
/// sorted and distinct.
///
/// # Errors
/// `XX001` if they cannot be decoded.
pub(crate) fn read_columns_at(
    cache: &SegmentCache,
    segment: &OpenSegment,
    table: &Table,
    positions: &[usize],
    places: &[u32],
) -> Result<Vec<ArrayRef>> {
    let found = InFile::new(segment, table, positions, &[]);
    let arrays = found.read_at(cache, segment, places)?;
    found.columns(segment, &arrays, places.len())
}

/// As [`read_columns_at`], of rows in any order, which the columns have too; `None` if they
/// lie in too many blocks.
///
/// # Errors
/// `XX001` if they cannot be decoded.
pub(crate) fn read_columns_in_order(
    cache: &SegmentCache,
    segment: &OpenSegment,
    table: &Table,
    positions: &[usize],
    places: &[u32],
) -> Result<Option<Vec<ArrayRef>>> {
    let found = InFile::new(segment, table, positions, &[]);
    let Some(blocks) = Blocks::of(places).filter(|_| !found.roots.is_empty()) else {
        return Ok(None);
    };
    let arrays = blocks.read(cache, segment, &found.roots)?;
    found.columns(segment, &arrays, places.len()).map(Some)
}

/// All columns of the table, then `_seq`, of the rows at these places, which are sorted
/// and distinct.
///
/// # Errors
/// `XX001` if they cannot be decoded.
pub(crate) fn read_rows_with_seq(
    cache: &SegmentCache,
    segment: &OpenSegment,
    table: &Table,
    places: &[u32],
) -> Result<Vec<ArrayRef>> {
    let positions: Vec<usize> = (0..table.definition.columns.len()).collect();
    if let Some(seq) = segment.meta.seq() {
        let mut columns = read_columns_at(cache, segment, table, &positions, places)?;
        let seq = i64::try_from(seq.get()).unwrap_or(i64::MAX);
        columns.push(Arc::new(Int64Array::from(vec![seq; places.len()])));
        return Ok(columns);
    }
    let seq = segment.footer.schema().index_of(SEQ_COLUMN).map_err(|e| segment.undecodable(e))?;
    let own = [seq];
    let found = InFile::new(segment, table, &positions, &own);
    let arrays = found.read_at(cache, segment, places)?;
    found.columns(segment, &arrays, places.len())
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

    /// The columns of `rows` rows from `first_row` on, which lie in one row group.
    ///
    /// # Errors
    /// `XX001` if they cannot be decoded.
    pub(super) fn read(
        &self,
        segment: &OpenSegment,
        first_row: u32,
        rows: usize,
    ) -> Result<Vec<ArrayRef>> {
        if self.roots.is_empty() {
            return self.columns(segment, &[], rows);
        }
        let batch = read_rows(segment, &self.roots, first_row, rows)?;
        self.columns(segment, batch.columns(), rows)
    }

    /// The columns of all rows of a block, which stay decoded in the cache.
    ///
    /// # Errors
    /// `XX001` if they cannot be decoded.
    pub(super) fn read_block(
        &self,
        cache: &SegmentCache,
        segment: &OpenSegment,
        number: u32,
    ) -> Result<Vec<ArrayRef>> {
        let arrays = decoded_block(cache, segment, &self.roots, number)?;
        self.columns(segment, &arrays, rows_of_block(segment, number).len())
    }

    /// What the file has of the rows at these places, which are sorted and distinct: few of
    /// them out of blocks that stay decoded in the cache.
    fn read_at(
        &self,
        cache: &SegmentCache,
        segment: &OpenSegment,
        places: &[u32],
    ) -> Result<Vec<ArrayRef>> {
        if self.roots.is_empty() {
            return Ok(Vec::new());
        }
        match Blocks::of(places) {
            Some(blocks) => blocks.read(cache, segment, &self.roots),
            None => {
                let mask = self.mask(segment).unwrap_or_else(ProjectionMask::all);
                Ok(read_rows_at(segment, mask, places)?.columns().to_vec())
            }
        }
    }

    /// The columns of `rows` rows, of which `arrays` are what the file has.
    pub(super) fn columns(
        &self,
        segment: &OpenSegment,
        arrays: &[ArrayRef],
        rows: usize,
    ) -> Result<Vec<ArrayRef>> {
        let read = |root: usize| arrays.get(self.roots.binary_search(&root).ok()?);
        let of_table = self.positions.iter().map(|position| {
            let column = &self.table.definition.columns[*position];
            let of_file = segment.column(column.id);
            match of_file.and_then(|of_file| Some((read(of_file.root)?, &of_file.data_type))) {
                Some((array, data_type)) => {
                    let array = unpack_vectors(array, &data_type.arrow_type());
                    column.widen(&array.map_err(|e| segment.undecodable(e))?, data_type)
                }
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

/// Blocks that are decoded for one read at most. What reads more of them reads much of each,
/// and would push out what point reads have use for.
const BLOCKS_MAX: usize = 16;

/// Rows by the blocks that they lie in.
struct Blocks {
    /// The numbers of the blocks.
    numbers: Vec<u32>,
    /// For each row: which of the blocks, and its place in that.
    rows: Vec<(usize, usize)>,
}

impl Blocks {
    /// `None`: too many.
    fn of(places: &[u32]) -> Option<Blocks> {
        let length = u32::try_from(KEY_BLOCK_ROWS).expect("a block has few rows");
        let mut blocks = Blocks { numbers: Vec::new(), rows: Vec::with_capacity(places.len()) };
        for place in places {
            let number = place / length;
            if blocks.numbers.last() != Some(&number) {
                if blocks.numbers.len() == BLOCKS_MAX {
                    return None;
                }
                blocks.numbers.push(number);
            }
            blocks.rows.push((blocks.numbers.len() - 1, (place % length) as usize));
        }
        Some(blocks)
    }

    /// The rows, copied: a result of one row must not hold a thousand.
    fn read(
        &self,
        cache: &SegmentCache,
        segment: &OpenSegment,
        roots: &[usize],
    ) -> Result<Vec<ArrayRef>> {
        let blocks: Vec<Vec<ArrayRef>> = self
            .numbers
            .iter()
            .map(|number| decoded_block(cache, segment, roots, *number))
            .collect::<Result<_>>()?;
        let copied = |column: usize| {
            let pieces: Vec<&dyn Array> = blocks.iter().map(|b| b[column].as_ref()).collect();
            interleave(&pieces, &self.rows).map_err(|e| segment.undecodable(e))
        };
        (0..roots.len()).map(copied).collect()
    }
}

/// Columns of the file of all rows of a block. Each is decoded once and kept: to open a
/// column costs more than to decode a page of it.
fn decoded_block(
    cache: &SegmentCache,
    segment: &OpenSegment,
    roots: &[usize],
    number: u32,
) -> Result<Vec<ArrayRef>> {
    let id = segment.meta.id;
    let known: Vec<Option<ArrayRef>> =
        roots.iter().map(|root| cache.column(id, *root, number)).collect();
    let missing: Vec<usize> =
        roots.iter().zip(&known).filter(|(_, k)| k.is_none()).map(|(root, _)| *root).collect();
    let mut read = Vec::new();
    if !missing.is_empty() {
        let rows = rows_of_block(segment, number);
        read = read_rows(segment, &missing, rows.start, rows.len())?.columns().to_vec();
        for (root, array) in missing.iter().zip(&read) {
            cache.keep_column(id, *root, number, array);
        }
    }
    let mut read = read.into_iter();
    let all: Option<Vec<ArrayRef>> =
        known.into_iter().map(|known| known.or_else(|| read.next())).collect();
    all.ok_or_else(|| segment.undecodable("it has fewer columns than it should"))
}

/// The rows of a block.
fn rows_of_block(segment: &OpenSegment, number: u32) -> Range<u32> {
    let length = u32::try_from(KEY_BLOCK_ROWS).expect("a block has few rows");
    let first = number * length;
    first..segment.meta.rows.min(first + length).max(first)
}

/// Reads `rows` rows from `first_row` on, which lie in one row group, of columns of the file
/// that are sorted by their numbers.
pub(super) fn read_rows(
    segment: &OpenSegment,
    roots: &[usize],
    first_row: u32,
    rows: usize,
) -> Result<RecordBatch> {
    let (group, within) = segment
        .row_group_of(first_row)
        .ok_or_else(|| segment.undecodable("a row lies past its end"))?;
    let metadata = segment.footer.metadata();
    let levels = segment.schema.levels(metadata.file_metadata().schema_descr(), roots);
    let is_whole = usize::try_from(metadata.row_group(group).num_rows()) == Ok(rows);
    let selection = (!is_whole)
        .then(|| RowSelection::from(vec![RowSelector::skip(within), RowSelector::select(rows)]));
    let pages = SegmentPages::new(segment, group);
    let mut reader = levels
        .and_then(|levels| {
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &pages, rows, selection)
        })
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
