//! All rows of a segment, in the columns and types that the table has now.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::read_rows::InFile;
use super::segment_cache::OpenSegment;
use crate::Result;
use crate::catalog::{HIDDEN_KEY_COLUMN, SEQ_COLUMN, Table};

/// Reads a segment from its first row to its last.
pub(super) struct SegmentBatches<'a> {
    segment: Arc<OpenSegment>,
    table: &'a Table,
    positions: Vec<usize>,
    own: Vec<usize>,
    reader: ParquetRecordBatchReader,
}

impl<'a> SegmentBatches<'a> {
    /// # Errors
    /// `XX001` if the file lacks a column that every file has.
    pub(super) fn new(
        segment: Arc<OpenSegment>,
        table: &'a Table,
        batch_rows: usize,
    ) -> Result<SegmentBatches<'a>> {
        let names = [SEQ_COLUMN]
            .into_iter()
            .chain(table.definition.has_hidden_key().then_some(HIDDEN_KEY_COLUMN));
        let file = segment.footer.schema();
        let own = names
            .map(|name| file.index_of(name).map_err(|e| segment.undecodable(e)))
            .collect::<Result<Vec<usize>>>()?;
        let positions: Vec<usize> = (0..table.definition.columns.len()).collect();
        let mask = InFile::new(&segment, table, &positions, &own)
            .mask(&segment)
            .unwrap_or_else(ProjectionMask::all);
        let reader = segment
            .reader()
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map_err(|e| segment.undecodable(e))?;
        Ok(SegmentBatches { segment, table, positions, own, reader })
    }

    /// The next rows: the table's columns, `_seq`, the hidden key where that is the key.
    ///
    /// # Errors
    /// `XX001` if they cannot be decoded.
    pub(super) fn next(&mut self) -> Result<Option<Vec<ArrayRef>>> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.map_err(|e| self.segment.undecodable(e))?;
        let found = InFile::new(&self.segment, self.table, &self.positions, &self.own);
        let mut columns = found.columns(&self.segment, batch.columns(), batch.num_rows())?;
        if let Some(seq) = self.segment.meta.seq() {
            let seq = i64::try_from(seq.get()).unwrap_or(i64::MAX);
            let all = Int64Array::from(vec![seq; batch.num_rows()]);
            columns[self.positions.len()] = Arc::new(all);
        }
        Ok(Some(columns))
    }
}
