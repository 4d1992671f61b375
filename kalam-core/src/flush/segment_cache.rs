//! Open segments: verified once, footers parsed once, blocks of keys and columns decoded
//! once.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::reader::Length;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::file_column::FileColumn;
use super::file_schema::{FileSchema, FileSchemas};
use super::segment::SegmentMeta;
use super::segment_file::SegmentSource;
use super::segment_writer::{KEY_BLOCK_ROWS, KEY_INDEX, parse_key_index};
use crate::env::has_bug;
use crate::model::{ColumnId, SegmentId};
use crate::vector::Sketch;
use crate::{Error, Result, SqlState};

/// A segment whose bytes were checked, with its parsed footer.
pub(crate) struct OpenSegment {
    pub(crate) meta: Arc<SegmentMeta>,
    pub(crate) source: SegmentSource,
    pub(crate) footer: ArrowReaderMetadata,
    pub(crate) schema: Arc<FileSchema>,
    /// The first key of each block of [`KEY_BLOCK_ROWS`] rows.
    pub(crate) block_keys: Vec<Box<[u8]>>,
    /// Bloom filters, by row group and then key column; read on first use.
    pub(crate) blooms: OnceLock<Vec<Vec<Option<Sbbf>>>>,
}

impl OpenSegment {
    /// Checks the file against the manifest and parses its footer.
    ///
    /// # Errors
    /// `XX001`, naming the file, if a byte differs.
    pub(crate) fn open(
        meta: &Arc<SegmentMeta>,
        source: SegmentSource,
        schemas: &FileSchemas,
    ) -> Result<OpenSegment> {
        let damaged = |problem: String| {
            Error::new(
                SqlState::DATA_CORRUPTED,
                format!("segment \"{}\" is damaged: {problem}", meta.path),
            )
            .with_hint("restore the file from a backup")
        };
        if source.len() != meta.bytes {
            return Err(damaged(format!(
                "it has {} bytes, the manifest says {}",
                source.len(),
                meta.bytes
            )));
        }
        let source = match source {
            SegmentSource::File(..) if source.len() <= WHOLE_BYTES_MAX => {
                let whole = source.read(0..source.len()).map_err(|e| damaged(e.to_string()))?;
                SegmentSource::Memory(whole)
            }
            source => source,
        };
        // Pages carry no checksums, and a flipped bit in one decodes to wrong values
        // more often than to an error: so the whole file is checked before first use.
        let checksum = source.checksum().map_err(|e| damaged(e.to_string()))?;
        if checksum != meta.checksum && !has_bug("checksum_not_compared") {
            return Err(damaged("its checksum differs from the manifest's".into()));
        }
        let footer = ParquetMetaDataReader::new()
            // A file of one block has none.
            .with_page_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&source)
            .map_err(|e| damaged(e.to_string()))?;
        let block_keys = footer
            .file_metadata()
            .key_value_metadata()
            .and_then(|entries| entries.iter().find(|e| e.key == KEY_INDEX))
            .and_then(|entry| parse_key_index(entry.value.as_deref()?))
            .filter(|keys| keys.len() == (meta.rows as usize).div_ceil(KEY_BLOCK_ROWS))
            .ok_or_else(|| damaged("it has no key index".into()))?;
        let (footer, schema) = schemas.footer(footer).map_err(|e| damaged(e.to_string()))?;
        let (meta, blooms) = (meta.clone(), OnceLock::new());
        Ok(OpenSegment { meta, source, footer, schema, block_keys, blooms })
    }

    /// The file's column that is a column of the table, if it was written with it.
    pub(crate) fn column(&self, id: ColumnId) -> Option<&FileColumn> {
        self.schema.columns.iter().find(|column| column.id == id)
    }

    /// A reader of the whole file.
    pub(crate) fn reader(&self) -> ParquetRecordBatchReaderBuilder<SegmentSource> {
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.source.clone(), self.footer.clone())
    }

    /// The row group of a row, and the row's place in it.
    pub(crate) fn row_group_of(&self, row: u32) -> Option<(usize, usize)> {
        let mut before = 0;
        for (index, group) in self.footer.metadata().row_groups().iter().enumerate() {
            let rows = usize::try_from(group.num_rows()).ok()?;
            let row = row as usize;
            if row < before + rows {
                return Some((index, row - before));
            }
            before += rows;
        }
        None
    }

    /// The error for a page that does not decode although the file's checksum holds.
    pub(crate) fn undecodable(&self, error: impl std::fmt::Display) -> Error {
        Error::new(
            SqlState::DATA_CORRUPTED,
            format!("segment \"{}\" cannot be decoded: {error}", self.meta.path),
        )
    }
}

/// The decoded keys of one block, in order.
pub(crate) struct KeyBlock {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<u32>,
}

impl KeyBlock {
    /// The key at an index.
    pub(crate) fn key(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The index of the first key that is not before `key`.
    pub(crate) fn first_from(&self, key: &[u8]) -> usize {
        let mut low = 0;
        let mut high = self.len();
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.key(middle) < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The index of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        let index = self.first_from(key);
        (index < self.len() && self.key(index) == key).then_some(index)
    }
}

#[derive(Clone)]
struct BlockBytes;

impl Weighter<(SegmentId, u32), Arc<KeyBlock>> for BlockBytes {
    fn weight(&self, _key: &(SegmentId, u32), block: &Arc<KeyBlock>) -> u64 {
        (block.bytes.len() + block.ends.len() * 4 + 64) as u64
    }
}

/// A column of a file, by its number in it, and a block of rows.
type ColumnBlock = (SegmentId, usize, u32);

/// What is kept of a column.
#[derive(Clone)]
enum Kept {
    /// The values of a block of rows, decoded.
    Values(ArrayRef),
    /// The sketch of a page of vectors.
    Sketch(Arc<Sketch>),
}

/// What is kept, and of which rows: blocks and pages are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum KeptKey {
    Values(ColumnBlock),
    Sketch(ColumnBlock),
}

impl KeptKey {
    fn segment(&self) -> SegmentId {
        let (KeptKey::Values((id, ..)) | KeptKey::Sketch((id, ..))) = self;
        *id
    }
}

#[derive(Clone)]
struct ColumnBytes;

impl Weighter<KeptKey, Kept> for ColumnBytes {
    fn weight(&self, _key: &KeptKey, kept: &Kept) -> u64 {
        let bytes = match kept {
            Kept::Values(array) => array.get_array_memory_size(),
            Kept::Sketch(sketch) => sketch.bytes(),
        };
        (bytes + 64) as u64
    }
}

/// How much memory an open segment holds.
#[derive(Clone)]
struct SegmentBytes;

impl Weighter<SegmentId, Arc<OpenSegment>> for SegmentBytes {
    fn weight(&self, _id: &SegmentId, segment: &Arc<OpenSegment>) -> u64 {
        let held = match &segment.source {
            SegmentSource::File(..) => FILE_WEIGHT,
            SegmentSource::Memory(_) => segment.meta.bytes,
        };
        let parsed = segment.footer.metadata().memory_size() as u64;
        (held + parsed).min(2 * FILE_WEIGHT)
    }
}

/// How often a cache was asked, and how often it had nothing.
#[derive(Default)]
struct Asked {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Asked {
    fn note(&self, was_missing: bool) {
        let counter = if was_missing { &self.misses } else { &self.hits };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}

/// Open segments and decoded blocks of them, under a budget.
pub(crate) struct SegmentCache {
    pub(super) schemas: FileSchemas,
    segments: Cache<SegmentId, Arc<OpenSegment>, SegmentBytes>,
    blocks: Cache<(SegmentId, u32), Arc<KeyBlock>, BlockBytes>,
    columns: Cache<KeptKey, Kept, ColumnBytes>,
    /// Bytes of `columns` that the sketches of one search may take.
    pub(crate) sketch_bytes_max: u64,
    segments_asked: Asked,
    blocks_asked: Asked,
}

/// Open files at a time; each holds a file descriptor.
const FILES_MAX: u64 = 512;
/// What an open file counts as at least, and twice as much at most: a segment that is too
/// large for a part of the cache would be opened, and so checked, for every row.
const FILE_WEIGHT: u64 = 64 << 10;
/// A file up to here is kept whole: it was read to be checked, and holds no descriptor then.
const WHOLE_BYTES_MAX: u64 = 256 << 10;
/// A block holds about 1,024 keys or values: some 20 KiB.
const BLOCK_BYTES_EXPECTED: u64 = 20 << 10;

impl SegmentCache {
    /// A cache that takes at most `bytes`: two thirds for columns, a sixth for keys, and a
    /// sixth for open segments.
    pub(crate) fn new(bytes: u64) -> SegmentCache {
        let (columns, rest) = (bytes / 3 * 2, bytes / 6);
        let open = rest.clamp(FILE_WEIGHT * FILES_MAX / 8, FILE_WEIGHT * FILES_MAX);
        let count = |bytes: u64, each: u64| usize::try_from(bytes / each).unwrap_or(16).max(16);
        let blocks = |bytes| count(bytes, BLOCK_BYTES_EXPECTED);
        SegmentCache {
            schemas: FileSchemas::default(),
            segments: Cache::with_weighter(count(open, FILE_WEIGHT), open, SegmentBytes),
            blocks: Cache::with_weighter(blocks(rest), rest, BlockBytes),
            columns: Cache::with_weighter(blocks(columns), columns, ColumnBytes),
            sketch_bytes_max: columns / 4 * 3,
            segments_asked: Asked::default(),
            blocks_asked: Asked::default(),
        }
    }

    /// A column's values in a block, if they are decoded.
    pub(super) fn column(&self, id: SegmentId, root: usize, block: u32) -> Option<ArrayRef> {
        match self.columns.get(&KeptKey::Values((id, root, block)))? {
            Kept::Values(values) => Some(values),
            Kept::Sketch(_) => None,
        }
    }

    /// Keeps a column's values in a block, decoded.
    pub(super) fn keep_column(&self, id: SegmentId, root: usize, block: u32, values: &ArrayRef) {
        self.columns.insert(KeptKey::Values((id, root, block)), Kept::Values(values.clone()));
    }

    /// The sketch of a page of a column, if it is kept.
    pub(super) fn sketch(&self, id: SegmentId, root: usize, page: u32) -> Option<Arc<Sketch>> {
        match self.columns.get(&KeptKey::Sketch((id, root, page)))? {
            Kept::Sketch(sketch) => Some(sketch),
            Kept::Values(_) => None,
        }
    }

    /// Keeps the sketch of a page of a column.
    pub(super) fn keep_sketch(&self, id: SegmentId, root: usize, page: u32, sketch: Arc<Sketch>) {
        self.columns.insert(KeptKey::Sketch((id, root, page)), Kept::Sketch(sketch));
    }

    /// The open segment, opened by `open` if it is not there.
    pub(crate) fn segment(
        &self,
        id: SegmentId,
        open: impl FnOnce() -> Result<OpenSegment>,
    ) -> Result<Arc<OpenSegment>> {
        let mut was_missing = false;
        let segment = self.segments.get_or_insert_with(&id, || {
            was_missing = true;
            open().map(Arc::new)
        });
        self.segments_asked.note(was_missing);
        segment
    }

    /// A key block, if it is decoded.
    pub(super) fn known_block(&self, id: SegmentId, block: u32) -> Option<Arc<KeyBlock>> {
        self.blocks.get(&(id, block)).inspect(|_| self.blocks_asked.note(false))
    }

    /// A key block, decoded by `decode` if it is not there.
    pub(crate) fn block(
        &self,
        id: SegmentId,
        block: u32,
        decode: impl FnOnce() -> Result<KeyBlock>,
    ) -> Result<Arc<KeyBlock>> {
        let mut was_missing = false;
        let block = self.blocks.get_or_insert_with(&(id, block), || {
            was_missing = true;
            decode().map(Arc::new)
        });
        self.blocks_asked.note(was_missing);
        block
    }

    /// Memory of open segments and of decoded blocks.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.weight() + self.blocks.weight() + self.columns.weight()
    }

    /// Segments that were found open, and those that were opened.
    pub(crate) fn segment_counters(&self) -> (u64, u64) {
        self.segments_asked.counts()
    }

    /// Key blocks that were found decoded, and those that were decoded.
    pub(crate) fn block_counters(&self) -> (u64, u64) {
        self.blocks_asked.counts()
    }

    /// Forgets segments whose files are deleted. Their blocks would keep their room in
    /// the cache until others push them out, which nobody needs for long after a compaction.
    pub(crate) fn forget(&self, gone: &HashSet<SegmentId>) {
        for id in gone {
            self.segments.remove(id);
        }
        self.blocks.retain(|(id, _), _| !gone.contains(id));
        self.columns.retain(|key, _| !gone.contains(&key.segment()));
    }
}
