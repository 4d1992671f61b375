//! One key in the cold tier: key range, bloom filter, one block.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use datafusion::common::ScalarValue;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::RowGroupMetaData;

use super::manifest::{ScopeManifest, SegmentState};
use super::read_rows::{InFile, read_rows};
use super::segment::SegmentMeta;
use super::segment_cache::{KeyBlock, OpenSegment};
use super::segment_writer::KEY_BLOCK_ROWS;
use super::tier::ColdTier;
use crate::catalog::{HIDDEN_KEY_COLUMN, SEQ_COLUMN, Table};
use crate::model::{SegmentId, Seq};
use crate::{Error, Result, SqlState};

/// Where a key is in the cold tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColdPosition {
    pub(crate) segment: SegmentId,
    pub(crate) row: u32,
    /// Deleted, and visible under `_deleted`; otherwise live.
    pub(crate) deleted: bool,
}

/// Looks keys of one scope up.
pub(crate) struct KeyLookup<'a> {
    pub(crate) tier: &'a ColdTier,
    pub(crate) table: &'a Table,
    pub(crate) manifest: &'a ScopeManifest,
}

impl KeyLookup<'_> {
    /// Where the row with this key is, if it is live or deleted. `key` is without
    /// the scope prefix.
    ///
    /// # Errors
    /// `XX001` if a segment that may hold the key is damaged.
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<ColdPosition>> {
        for state in self.manifest.segments.iter().rev() {
            let meta = &state.meta;
            if key < meta.min_key.as_slice() || key > meta.max_key.as_slice() {
                continue;
            }
            let segment = self.tier.open(meta)?;
            let Some(row) = self.find_in(&segment, key)? else { continue };
            if let Some(deleted) = visible(state, row) {
                return Ok(Some(ColdPosition { segment: meta.id, row, deleted }));
            }
        }
        Ok(None)
    }

    fn find_in(&self, segment: &OpenSegment, key: &[u8]) -> Result<Option<u32>> {
        let after = segment.block_keys.partition_point(|first| **first <= *key);
        let Some(block) = after.checked_sub(1) else { return Ok(None) };
        let first_row = u32::try_from(block * KEY_BLOCK_ROWS)
            .map_err(|_| segment.undecodable("it has too many rows"))?;
        let (group, _) = segment
            .row_group_of(first_row)
            .ok_or_else(|| segment.undecodable("its key index is longer than the file"))?;
        let number = u32::try_from(block).expect("fewer blocks than rows");
        // The bloom filter spares the decoding of a block: one that is decoded says more.
        let keys = match self.tier.cache.known_block(segment.meta.id, number) {
            Some(keys) => keys,
            None if self.may_contain(segment, group, key)? => {
                block_of(self.tier, self.table, segment, number)?
            }
            None => return Ok(None),
        };
        Ok(keys
            .find(key)
            .map(|index| first_row + u32::try_from(index).expect("a block has few rows")))
    }

    /// False only if the bloom filters rule the key out.
    fn may_contain(&self, segment: &OpenSegment, group: usize, key: &[u8]) -> Result<bool> {
        if self.table.key_positions.is_empty() {
            return Ok(true);
        }
        if segment.blooms.get().is_none() {
            let blooms = self.read_blooms(segment)?;
            // Another thread may have been first, with the same filters.
            let _ = segment.blooms.set(blooms);
        }
        let blooms = segment.blooms.get().expect("set above");
        let values = self.table.key_codec.decode(key)?;
        let excluded = |(bloom, value): (&Option<Sbbf>, &ScalarValue)| {
            bloom.as_ref().is_some_and(|bloom| !bloom_contains(bloom, value))
        };
        Ok(!blooms[group].iter().zip(&values).any(excluded))
    }

    fn read_blooms(&self, segment: &OpenSegment) -> Result<Vec<Vec<Option<Sbbf>>>> {
        let metadata = segment.footer.metadata();
        let columns = key_leaves(self.table, segment)?;
        let read = |group: &RowGroupMetaData| {
            columns
                .iter()
                .map(|column| {
                    Sbbf::read_from_column_chunk(group.column(*column), &segment.source)
                        .map_err(|e| segment.undecodable(e))
                })
                .collect()
        };
        metadata.row_groups().iter().map(read).collect()
    }
}

/// The columns of the primary key in the file, as leaves and in key order.
fn key_leaves(table: &Table, segment: &OpenSegment) -> Result<Vec<usize>> {
    let file = segment.footer.metadata().file_metadata().schema_descr();
    let is_key = |root: usize, leaf: usize| file.get_column_root_idx(leaf) == root;
    let leaf = |name: &str, found: &dyn Fn(usize) -> bool| {
        let leaf = (0..file.num_columns()).find(|leaf| found(*leaf));
        leaf.ok_or_else(|| segment.undecodable(format!("it has no column \"{name}\"")))
    };
    let columns = table.key_positions.iter().map(|i| &table.definition.columns[*i]);
    columns
        .map(|column| {
            let root = segment.column(column.id).map(|of_file| of_file.root);
            let found = |leaf: usize| root.is_some_and(|root| is_key(root, leaf));
            leaf(column.name.as_str(), &found)
        })
        .collect()
}

/// The keys of a block, decoded once. What they are made of stays decoded too: whoever looks
/// for keys reads rows next.
///
/// # Errors
/// `XX001`.
pub(super) fn block_of(
    tier: &ColdTier,
    table: &Table,
    segment: &OpenSegment,
    number: u32,
) -> Result<Arc<KeyBlock>> {
    tier.cache.block(segment.meta.id, number, || {
        let hidden = hidden_key(table, segment)?;
        let keys = InFile::new(segment, table, &table.key_positions, hidden.as_slice());
        encode_keys(table, &keys.read_block(&tier.cache, segment, number)?)
    })
}

/// The keys of the block that begins with a row, past the cache.
///
/// # Errors
/// `XX001`.
pub(super) fn decode_block(
    table: &Table,
    segment: &OpenSegment,
    first_row: u32,
) -> Result<KeyBlock> {
    let rows = KEY_BLOCK_ROWS.min((segment.meta.rows - first_row) as usize);
    let hidden = hidden_key(table, segment)?;
    let keys = InFile::new(segment, table, &table.key_positions, hidden.as_slice());
    encode_keys(table, &keys.read(segment, first_row, rows)?)
}

/// The place in the file of the key of a table without a primary key.
fn hidden_key(table: &Table, segment: &OpenSegment) -> Result<Option<usize>> {
    if !table.key_positions.is_empty() {
        return Ok(None);
    }
    let place = segment.footer.schema().index_of(HIDDEN_KEY_COLUMN);
    place.map(Some).map_err(|e| segment.undecodable(e))
}

fn encode_keys(table: &Table, columns: &[ArrayRef]) -> Result<KeyBlock> {
    let encoder = table.key_codec.encoder(columns)?;
    let rows = columns.first().map_or(0, |column| column.len());
    let mut block = KeyBlock { bytes: Vec::new(), ends: Vec::with_capacity(rows) };
    for row in 0..rows {
        encoder.encode(row, &mut block.bytes);
        block.ends.push(u32::try_from(block.bytes.len()).map_err(|_| {
            Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a block of keys passes 4 GiB")
        })?);
    }
    Ok(block)
}

/// The `_seq` of rows of segments, read in blocks: cheap for rows in key order.
pub(crate) struct ColdSeqs<'a> {
    tier: &'a ColdTier,
    block: Option<(SegmentId, u32, Int64Array)>,
}

impl<'a> ColdSeqs<'a> {
    pub(crate) fn new(tier: &'a ColdTier) -> ColdSeqs<'a> {
        ColdSeqs { tier, block: None }
    }

    /// The commit that wrote a row.
    ///
    /// # Errors
    /// `XX001` if the segment is damaged.
    pub(crate) fn of(&mut self, meta: &Arc<SegmentMeta>, row: u32) -> Result<Seq> {
        if let Some(seq) = meta.seq() {
            return Ok(seq);
        }
        let length = u32::try_from(KEY_BLOCK_ROWS).expect("a block has few rows");
        let first = row - row % length;
        let block = match self.block.take() {
            Some(block) if (block.0, block.1) == (meta.id, first) => block,
            _ => (meta.id, first, self.read(meta, first)?),
        };
        let seq = block.2.value((row - first) as usize);
        self.block = Some(block);
        Ok(Seq(seq.unsigned_abs()))
    }

    fn read(&self, meta: &Arc<SegmentMeta>, first: u32) -> Result<Int64Array> {
        let segment = self.tier.open(meta)?;
        let root =
            segment.footer.schema().index_of(SEQ_COLUMN).map_err(|e| segment.undecodable(e))?;
        let rows = KEY_BLOCK_ROWS.min((meta.rows - first) as usize);
        let batch = read_rows(&segment, &[root], first, rows)?;
        let column = batch.column_by_name(SEQ_COLUMN);
        column
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .cloned()
            .ok_or_else(|| segment.undecodable("its column _seq is missing"))
    }
}

/// Whether a row is seen at all, and if so whether it is deleted.
fn visible(state: &SegmentState, row: u32) -> Option<bool> {
    if !state.dead.contains(row) {
        Some(false)
    } else if state.deleted.contains(row) {
        Some(true)
    } else {
        None
    }
}

/// The filters hold values in Parquet's physical form.
fn bloom_contains(bloom: &Sbbf, value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Int16(Some(v)) => bloom.check(&i32::from(*v)),
        ScalarValue::Int32(Some(v)) | ScalarValue::Date32(Some(v)) => bloom.check(v),
        ScalarValue::Int64(Some(v))
        | ScalarValue::Time64Microsecond(Some(v))
        | ScalarValue::TimestampMicrosecond(Some(v), _) => bloom.check(v),
        ScalarValue::Utf8(Some(v)) => bloom.check(&v.as_str()),
        ScalarValue::Binary(Some(v)) | ScalarValue::FixedSizeBinary(16, Some(v)) => {
            bloom.check(v.as_slice())
        }
        // Other types have several physical forms; they go without the filter.
        _ => true,
    }
}
