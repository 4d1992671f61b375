//! Rows in key order into as many segments as they need.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::interleave;
use arrow::datatypes::{Int64Type, SchemaRef};
use roaring::RoaringBitmap;

use super::key_list::KeyList;
use super::replacement::Moved;
use super::segment::SegmentMeta;
use super::segment_file::SegmentPlace;
use super::segment_writer::{SegmentWriter, segment_schema};
use super::sorted_rows::{Block, Rows, SortedRows};
use super::tier::ColdTier;
use crate::activity::{advance, check_stop};
use crate::catalog::{Placement, Table};
use crate::env::fault_point;
use crate::model::{ScopeId, SegmentId, Seq};
use crate::{Error, Result, SqlState};

/// Rows written at a time.
const BATCH_ROWS: usize = 8192;

/// New segments of one scope, written as their rows come.
pub(super) struct SegmentsWriter<'a> {
    pub(super) tier: &'a ColdTier,
    pub(super) table: &'a Table,
    pub(super) place: &'a SegmentPlace,
    pub(super) placement: &'a Placement,
    pub(super) scope: ScopeId,
    pub(super) now_ms: i64,
    schema: SchemaRef,
    /// Finished ones, with their deleted rows.
    pub(super) finished: Vec<(SegmentMeta, RoaringBitmap)>,
    /// All that were begun.
    announced: Vec<(SegmentId, String)>,
    current: Option<Current<'a>>,
    pending: Pending,
}

struct Current<'a> {
    id: SegmentId,
    path: String,
    writer: SegmentWriter<'a>,
    rows: usize,
    deleted: RoaringBitmap,
    min_key: Vec<u8>,
    max_key: Vec<u8>,
    min_seq: Seq,
    max_seq: Seq,
}

/// Rows of the current segment that are not written yet.
#[derive(Default)]
struct Pending {
    blocks: Vec<Arc<Block>>,
    places: Vec<(usize, usize)>,
    keys: KeyList,
    deleted: Vec<u32>,
}

impl<'a> SegmentsWriter<'a> {
    pub(super) fn new(
        tier: &'a ColdTier,
        table: &'a Table,
        (place, placement): (&'a SegmentPlace, &'a Placement),
        scope: ScopeId,
        now_ms: i64,
    ) -> SegmentsWriter<'a> {
        SegmentsWriter {
            tier,
            table,
            place,
            placement,
            scope,
            now_ms,
            schema: segment_schema(table),
            finished: Vec::new(),
            announced: Vec::new(),
            current: None,
            pending: Pending::default(),
        }
    }

    /// Writes all rows, and notes for each source where its rows went.
    ///
    /// # Errors
    /// `XX001`, `53100`, `58030`, `57014`.
    pub(super) fn write_all(
        &mut self,
        rows: &mut SortedRows<'_>,
        moved: &mut [Moved],
    ) -> Result<()> {
        while let Some(run) = rows.next()? {
            self.push(&run, &mut moved[run.source])?;
        }
        self.finish()
    }

    fn push(&mut self, run: &Rows, moved: &mut Moved) -> Result<()> {
        let output = place_of(self.finished.len())?;
        self.push_block(&run.block);
        let mut output = output;
        for index in run.range.clone() {
            let block = self.pending.blocks.len() - 1;
            let row = self.written() + self.pending.places.len();
            let place = run.block.kept[index];
            self.pending.places.push((block, place as usize));
            self.pending.keys.push(run.block.keys.get(index));
            let row = place_of(row)?;
            if run.block.is_deleted[index] {
                self.pending.deleted.push(row);
            }
            moved.push(run.block.first_row + place, (output, row));
            if row as usize + 1 == self.tier.segment_rows_max {
                self.finish()?;
                output = place_of(self.finished.len())?;
                self.push_block(&run.block);
            } else if self.pending.places.len() == BATCH_ROWS {
                self.write_pending()?;
                self.push_block(&run.block);
            }
        }
        Ok(())
    }

    /// Makes a block the last one of those that pending rows come from.
    fn push_block(&mut self, block: &Arc<Block>) {
        let pending = &mut self.pending;
        if !pending.blocks.last().is_some_and(|last| Arc::ptr_eq(last, block)) {
            pending.blocks.push(block.clone());
        }
    }

    fn written(&self) -> usize {
        self.current.as_ref().map_or(0, |current| current.rows)
    }

    fn write_pending(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let rows = pending.places.len();
        if rows == 0 {
            return Ok(());
        }
        check_stop()?;
        let column = |column: usize| {
            let parts: Vec<&dyn Array> =
                pending.blocks.iter().map(|block| block.columns[column].as_ref()).collect();
            gather(&parts, &pending.places)
        };
        let columns: Result<Vec<ArrayRef>> = (0..self.schema.fields().len()).map(column).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), columns?).map_err(|e| {
            Error::new(SqlState::INTERNAL_ERROR, "rows of a segment do not fit the table")
                .with_source(e)
        })?;
        if self.current.is_none() {
            self.current = Some(self.begin(&batch, pending.keys.get(0))?);
        }
        let current = self.current.as_mut().expect("begun above");
        current.writer.write(&batch, |row| pending.keys.get(row))?;
        current.rows += rows;
        advance(rows as u64);
        current.deleted.extend(pending.deleted.iter().copied());
        current.max_key = pending.keys.get(rows - 1).to_vec();
        let seqs = batch.column(self.table.definition.columns.len());
        for seq in seqs.as_primitive::<Int64Type>().values() {
            let seq = Seq(seq.unsigned_abs());
            current.min_seq = current.min_seq.min(seq);
            current.max_seq = current.max_seq.max(seq);
        }
        Ok(())
    }

    fn begin(&mut self, sample: &RecordBatch, min_key: &[u8]) -> Result<Current<'a>> {
        let id = self.tier.new_segment_id();
        let path = format!("{}/{:016x}.parquet", self.placement.folder, id.get());
        self.announced.push((id, path.clone()));
        self.tier.announce(&self.placement.storage, id, &path)?;
        let is_all = sample.num_rows() < BATCH_ROWS;
        let writer = SegmentWriter::new(self.place, &path, self.table, (sample, is_all))?;
        Ok(Current {
            id,
            path,
            writer,
            rows: 0,
            deleted: RoaringBitmap::new(),
            min_key: min_key.to_vec(),
            max_key: Vec::new(),
            min_seq: Seq(u64::MAX),
            max_seq: Seq(0),
        })
    }

    /// Ends the current segment.
    fn finish(&mut self) -> Result<()> {
        self.write_pending()?;
        let Some(current) = self.current.take() else { return Ok(()) };
        fault_point("compact.before_sync")?;
        let file = current.writer.finish()?;
        let meta = SegmentMeta {
            id: current.id,
            scope: self.scope,
            storage: self.placement.storage.clone(),
            path: current.path,
            schema_version: self.table.definition.version,
            rows: place_of(file.rows)?,
            bytes: file.bytes,
            checksum: file.checksum,
            min_key: current.min_key,
            max_key: current.max_key,
            min_seq: current.min_seq,
            max_seq: current.max_seq,
            columns: file.columns.into_iter().map(|c| c.bounded()).collect(),
            created_at_ms: self.now_ms,
        };
        self.finished.push((meta, current.deleted));
        fault_point("compact.after_sync")
    }

    /// Stops writing. Returns the files of all segments that were begun.
    pub(super) fn abandon(self) -> Vec<(SegmentId, String)> {
        self.announced
    }
}

/// The values at these places, by part and row. One run of one part is not copied.
fn gather(parts: &[&dyn Array], places: &[(usize, usize)]) -> Result<ArrayRef> {
    let (first, last) = (places[0], places[places.len() - 1]);
    let is_run = first.0 == last.0 && last.1 - first.1 + 1 == places.len();
    if is_run && parts.len() == 1 {
        return Ok(parts[first.0].slice(first.1, places.len()));
    }
    interleave(parts, places).map_err(|e| {
        Error::new(SqlState::INTERNAL_ERROR, "rows of segments do not fit together").with_source(e)
    })
}

fn place_of(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|_| {
        Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a segment passes 4 billion rows")
    })
}
