//! Rows of several segments as one sequence in key order.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;

use super::key_list::KeyList;
use super::manifest::SegmentState;
use super::segment_batches::SegmentBatches;
use super::tier::ColdTier;
use crate::Result;
use crate::activity::{advance, check_stop};
use crate::catalog::Table;
use crate::env::has_bug;
use crate::model::Seq;

/// Memory for the rows that are read ahead, of all segments together.
const READ_AHEAD_BYTES: u64 = 64 << 20;
const BATCH_ROWS_MAX: u64 = 4096;
const BATCH_ROWS_MIN: u64 = 32;

/// A segment to read, and what is known of its deleted rows.
pub(super) struct Source {
    pub(super) state: Arc<SegmentState>,
    /// The deletions that its marks tell of.
    pub(super) deletions: HashMap<u32, Seq>,
}

impl Source {
    /// Whether its rows are all dead, and none is still to be seen as deleted: what tells
    /// that is in the manifest, so nothing of the file is read. Deletions before `limit`
    /// are not kept.
    fn keeps_nothing(&self, limit: Seq) -> bool {
        let SegmentState { meta, dead, deleted } = &*self.state;
        // What no mark tells of was deleted before it was flushed: its `_seq` in the file
        // is that of the deletion.
        let deleted_at = |row| self.deletions.get(&row).copied().unwrap_or(meta.max_seq);
        dead.len() == u64::from(meta.rows) && deleted.iter().all(|row| deleted_at(row) < limit)
    }
}

/// Rows decoded together.
pub(super) struct Block {
    /// The table's columns, `_seq`, the hidden key where that is the key. A row that is
    /// deleted has the `_seq` of its deletion.
    pub(super) columns: Vec<ArrayRef>,
    /// The rows that are kept, by their place in `columns`.
    pub(super) kept: Vec<u32>,
    /// Of those, the deleted ones.
    pub(super) is_deleted: Vec<bool>,
    pub(super) keys: KeyList,
    /// The first row's place in the segment.
    pub(super) first_row: u32,
}

/// Neighbouring rows of one block that follow each other in the result.
pub(super) struct Rows {
    /// The place of their segment among the sources.
    pub(super) source: usize,
    pub(super) block: Arc<Block>,
    /// Places among those that are kept.
    pub(super) range: std::ops::Range<usize>,
}

/// Merges segments by key. A segment is opened when its first key comes, so what is held
/// grows with the segments that overlap, not with all.
pub(super) struct SortedRows<'a> {
    tier: &'a ColdTier,
    table: &'a Table,
    /// Deletions before it are not kept.
    limit: Seq,
    inputs: Vec<Input<'a>>,
    /// Rows that were not kept.
    pub(super) dropped: u64,
}

struct Input<'a> {
    source: Source,
    reading: Reading<'a>,
    next_row: u32,
}

enum Reading<'a> {
    Unopened,
    Open { batches: Box<SegmentBatches<'a>>, block: Arc<Block>, at: usize },
    Done,
}

impl Input<'_> {
    /// A lower bound of its next key, the key itself once it is open.
    fn key(&self) -> Option<&[u8]> {
        match &self.reading {
            Reading::Unopened => Some(&self.source.state.meta.min_key),
            Reading::Open { block, at, .. } => Some(block.keys.get(*at)),
            Reading::Done => None,
        }
    }
}

impl<'a> SortedRows<'a> {
    pub(super) fn new(
        tier: &'a ColdTier,
        table: &'a Table,
        limit: Seq,
        sources: Vec<Source>,
    ) -> SortedRows<'a> {
        let input = |source| Input { source, reading: Reading::Unopened, next_row: 0 };
        let inputs = sources.into_iter().map(input).collect();
        SortedRows { tier, table, limit, inputs, dropped: 0 }
    }

    /// The next rows in key order.
    ///
    /// # Errors
    /// `XX001` if a segment is damaged, `57014`.
    pub(super) fn next(&mut self) -> Result<Option<Rows>> {
        loop {
            let by_key = |input: &(usize, &Input<'_>)| input.1.key().map(<[u8]>::to_vec);
            let open = self.inputs.iter().enumerate().filter(|(_, i)| i.key().is_some());
            let Some((source, _)) = open.min_by(|a, b| a.1.key().cmp(&b.1.key())) else {
                return Ok(None);
            };
            if matches!(self.inputs[source].reading, Reading::Unopened) {
                self.open(source)?;
                continue;
            }
            let others = self.inputs.iter().enumerate().filter(|(i, _)| *i != source);
            let end = others.filter_map(|input| by_key(&input)).min();
            let Reading::Open { block, at, .. } = &mut self.inputs[source].reading else {
                return Ok(None);
            };
            let from = *at;
            let to = end.map_or(block.keys.len(), |end| block.keys.lower_bound(from + 1, &end));
            *at = to;
            let rows = Rows { source, block: block.clone(), range: from..to };
            if to == rows.block.keys.len() {
                self.advance(source)?;
            }
            return Ok(Some(rows));
        }
    }

    fn open(&mut self, source: usize) -> Result<()> {
        let meta = &self.inputs[source].source.state.meta;
        if self.inputs[source].source.keeps_nothing(self.limit) {
            let rows = u64::from(meta.rows);
            self.inputs[source].reading = Reading::Done;
            self.dropped += rows;
            advance(rows);
            return Ok(());
        }
        let segment = self.tier.open(meta)?;
        let groups = segment.footer.metadata().row_groups();
        let bytes: u64 = groups.iter().map(|g| g.total_byte_size().unsigned_abs()).sum();
        let row_bytes = (bytes / u64::from(meta.rows).max(1)).max(1);
        let rows = READ_AHEAD_BYTES / self.inputs.len() as u64 / row_bytes;
        let rows = rows.clamp(BATCH_ROWS_MIN, BATCH_ROWS_MAX);
        let rows = usize::try_from(rows).unwrap_or(1);
        let mut batches = Box::new(SegmentBatches::new(segment, self.table, rows)?);
        let reading = match self.next_block(source, &mut batches)? {
            Some(block) => Reading::Open { batches, block, at: 0 },
            None => Reading::Done,
        };
        self.inputs[source].reading = reading;
        Ok(())
    }

    fn advance(&mut self, source: usize) -> Result<()> {
        let reading = std::mem::replace(&mut self.inputs[source].reading, Reading::Done);
        let Reading::Open { mut batches, .. } = reading else { return Ok(()) };
        if let Some(block) = self.next_block(source, &mut batches)? {
            self.inputs[source].reading = Reading::Open { batches, block, at: 0 };
        }
        Ok(())
    }

    /// The next block with a row that is kept.
    fn next_block(
        &mut self,
        source: usize,
        batches: &mut SegmentBatches<'_>,
    ) -> Result<Option<Arc<Block>>> {
        while let Some(columns) = batches.next()? {
            check_stop()?;
            let block = self.block(source, columns)?;
            if !block.kept.is_empty() {
                return Ok(Some(Arc::new(block)));
            }
        }
        Ok(None)
    }

    fn block(&mut self, source: usize, mut columns: Vec<ArrayRef>) -> Result<Block> {
        let Input { source, next_row, .. } = &mut self.inputs[source];
        let seq_column = self.table.definition.columns.len();
        let seqs = columns[seq_column].as_primitive::<Int64Type>().clone();
        let first_row = *next_row;
        let mut kept = Vec::with_capacity(seqs.len());
        let mut is_deleted = Vec::with_capacity(seqs.len());
        let mut moved_seqs: Vec<i64> = Vec::new();
        let state = &source.state;
        for place in 0..u32::try_from(seqs.len()).unwrap_or(u32::MAX) {
            let row = first_row + place;
            if !state.dead.contains(row) || has_bug("dead_row_compacted") {
                kept.push(place);
                is_deleted.push(false);
                continue;
            }
            let own = seqs.value(place as usize);
            let deleted_at = source.deletions.get(&row).copied().unwrap_or(Seq(own.unsigned_abs()));
            if !state.deleted.contains(row) || deleted_at < self.limit {
                self.dropped += 1;
                continue;
            }
            kept.push(place);
            is_deleted.push(true);
            if moved_seqs.is_empty() {
                moved_seqs.extend_from_slice(seqs.values());
            }
            moved_seqs[place as usize] = i64::try_from(deleted_at.get()).unwrap_or(i64::MAX);
        }
        *next_row += u32::try_from(seqs.len()).unwrap_or(u32::MAX);
        // Those that are kept count when they are written.
        advance((seqs.len() - kept.len()) as u64);
        if !moved_seqs.is_empty() {
            columns[seq_column] = Arc::new(Int64Array::from(moved_seqs));
        }
        let key_columns: Vec<ArrayRef> = match self.table.key_positions.as_slice() {
            [] => columns[seq_column + 1..].to_vec(),
            positions => positions.iter().map(|i| columns[*i].clone()).collect(),
        };
        let encoder = self.table.key_codec.encoder(&key_columns)?;
        let mut keys = KeyList::default();
        for place in &kept {
            keys.push_with(|out| encoder.encode(*place as usize, out));
        }
        Ok(Block { columns, kept, is_deleted, keys, first_row })
    }
}
