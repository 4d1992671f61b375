//! The vectors of a segment where they lie: page by page, one by one, and as sketches.
//!
//! An embedding is written as bytes of one length, in pages that are neither compressed nor
//! have a dictionary. So a page ends in its vectors, one after another without the NULLs, and
//! they are read without being decoded. Segments of earlier versions, which have lists of
//! floats, are decoded by blocks of rows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float32Type;
use parquet::basic::{Compression, Encoding, Type};
use parquet::file::metadata::ColumnChunkMetaData;

use super::file_column::FileColumn;
use super::read_rows::read_rows;
use super::segment_cache::{OpenSegment, SegmentCache};
use super::segment_file::SegmentSource;
use super::segment_writer::KEY_BLOCK_ROWS;
use crate::Result;
use crate::catalog::ColumnDefinition;
use crate::model::KalamDataType;
use crate::vector::{Sketch, unpack_vectors};

/// A column of embeddings in an open segment.
pub(crate) struct VectorColumn {
    segment: Arc<OpenSegment>,
    root: usize,
    data_type: KalamDataType,
    dimensions: usize,
    pages: Vec<Page>,
    has_nulls: bool,
    /// Whether pages end in their vectors.
    is_plain: bool,
}

/// Rows that are read together.
struct Page {
    rows: Range<u32>,
    /// Where the page ends in the file.
    end: u64,
}

/// Bytes of an element.
const ELEMENT_BYTES: usize = 4;

impl VectorColumn {
    /// `None` if the file was written before the table had the column.
    ///
    /// # Errors
    /// `XX001` if the file has another column in its place.
    pub(crate) fn of(
        segment: Arc<OpenSegment>,
        column: &ColumnDefinition,
    ) -> Result<Option<VectorColumn>> {
        let Some(FileColumn { root, data_type, .. }) = segment.column(column.id) else {
            return Ok(None);
        };
        let KalamDataType::Embedding(dimensions) = data_type else {
            return Err(segment.undecodable(format!("{data_type} is no vector")));
        };
        let (root, data_type, dimensions) = (*root, data_type.clone(), usize::from(*dimensions));
        let known = segment.meta.columns.iter().find(|known| known.column == column.id);
        let has_nulls = known.is_none_or(|known| known.nulls > 0);
        let plain = plain_pages(&segment, root, dimensions * ELEMENT_BYTES);
        let is_plain = plain.is_some();
        let pages = plain.unwrap_or_else(|| blocks(&segment));
        Ok(Some(VectorColumn { segment, root, data_type, dimensions, pages, has_nulls, is_plain }))
    }

    /// How many pages there are.
    pub(crate) fn pages(&self) -> usize {
        self.pages.len()
    }

    /// The rows of a page.
    pub(crate) fn rows(&self, page: usize) -> Range<u32> {
        self.pages[page].rows.clone()
    }

    /// Whether one vector can be read by itself, and what is read is not in memory already:
    /// otherwise a sketch tells nothing sooner than the vectors do.
    pub(crate) fn is_worth_a_sketch(&self) -> bool {
        self.is_plain && matches!(self.segment.source, SegmentSource::File(..))
    }

    /// The sketch of a page, if it is kept.
    pub(crate) fn sketch(&self, cache: &SegmentCache, page: usize) -> Option<Arc<Sketch>> {
        cache.sketch(self.segment.meta.id, self.root, u32::try_from(page).ok()?)
    }

    /// Keeps the sketch of a page.
    pub(crate) fn keep_sketch(&self, cache: &SegmentCache, page: usize, vectors: &Vectors<'_>) {
        let rows = self.pages[page].rows.len();
        let mut sketch = Sketch::new(self.dimensions, rows);
        (0..rows).for_each(|row| sketch.push(vectors.get(row)));
        let Ok(page) = u32::try_from(page) else { return };
        cache.keep_sketch(self.segment.meta.id, self.root, page, Arc::new(sketch));
    }

    /// The vectors of a page. `scratch` is for those that are not in memory.
    ///
    /// # Errors
    /// `XX001` if they cannot be read.
    pub(crate) fn read<'a>(&'a self, page: usize, scratch: &'a mut Vec<u8>) -> Result<Vectors<'a>> {
        let Page { rows, end } = &self.pages[page];
        let width = self.dimensions * ELEMENT_BYTES;
        if self.is_plain && !self.has_nulls {
            let bytes = (rows.len() * width) as u64;
            return Ok(Vectors::Plain(self.bytes(end.checked_sub(bytes), *end, scratch)?, width));
        }
        let batch = read_rows(&self.segment, &[self.root], rows.start, rows.len())?;
        let array = unpack_vectors(batch.column(0), &self.data_type.arrow_type())
            .map_err(|e| self.segment.undecodable(e))?;
        let is_embedding = array
            .as_fixed_size_list_opt()
            .is_some_and(|list| list.values().as_primitive_opt::<Float32Type>().is_some());
        match is_embedding {
            true => Ok(Vectors::Decoded(array, width)),
            false => Err(self.segment.undecodable("a column of vectors has others")),
        }
    }

    /// The vector of a row of a page with this sketch; `None` for NULL.
    ///
    /// INVARIANT: the column [is worth a sketch](Self::is_worth_a_sketch).
    ///
    /// # Errors
    /// `XX001` if it cannot be read.
    pub(crate) fn read_one<'a>(
        &'a self,
        page: usize,
        row: usize,
        sketch: &Sketch,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>> {
        let Some(value) = sketch.value_of(row) else { return Ok(None) };
        let width = (self.dimensions * ELEMENT_BYTES) as u64;
        let behind = (sketch.values() - value) as u64 * width;
        let start = self.pages[page].end.checked_sub(behind);
        self.bytes(start, start.unwrap_or(0) + width, scratch).map(Some)
    }

    fn bytes<'a>(
        &'a self,
        start: Option<u64>,
        end: u64,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8]> {
        let start = start.ok_or_else(|| self.segment.undecodable("a page is too short"))?;
        let found = self.segment.source.view(start..end, scratch);
        found.map_err(|e| self.segment.undecodable(e))
    }
}

/// The vectors of a page.
pub(crate) enum Vectors<'a> {
    /// One after another, of so many bytes each.
    Plain(&'a [u8], usize),
    /// An array of embeddings of so many bytes.
    Decoded(ArrayRef, usize),
}

impl Vectors<'_> {
    /// The bytes of the vector of a row; `None` for NULL.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Vectors::Plain(bytes, width) => Some(&bytes[row * width..(row + 1) * width]),
            Vectors::Decoded(array, width) => {
                let list = array.as_fixed_size_list();
                let values = list.values().as_primitive::<Float32Type>().values();
                let bytes = values.inner().as_slice();
                list.is_valid(row).then(|| &bytes[row * width..(row + 1) * width])
            }
        }
    }
}

/// The pages of a column that end in their values, of `width` bytes each; `None` if not all
/// of them do.
fn plain_pages(segment: &OpenSegment, root: usize, width: usize) -> Option<Vec<Page>> {
    let metadata = segment.footer.metadata();
    let file = metadata.file_metadata().schema_descr();
    let leaf = (0..file.num_columns()).find(|leaf| file.get_column_root_idx(*leaf) == root)?;
    let is_plain = |chunk: &ColumnChunkMetaData| {
        chunk.column_type() == Type::FIXED_LEN_BYTE_ARRAY
            && usize::try_from(chunk.column_descr().type_length()) == Ok(width)
            && chunk.compression() == Compression::UNCOMPRESSED
            && chunk.dictionary_page_offset().is_none()
            && chunk.encodings().all(|e| matches!(e, Encoding::PLAIN | Encoding::RLE))
    };
    let offsets = metadata.offset_index()?;
    let mut pages = Vec::new();
    let mut before = 0u32;
    for (group, offsets) in metadata.row_groups().iter().zip(offsets) {
        if !is_plain(group.column(leaf)) {
            return None;
        }
        let rows = u32::try_from(group.num_rows()).ok()?;
        let locations = offsets.get(leaf)?.page_locations();
        for (number, location) in locations.iter().enumerate() {
            let first = |at: i64| Some(before + u32::try_from(at).ok()?);
            let next = locations
                .get(number + 1)
                .map_or(Some(before + rows), |next| first(next.first_row_index))?;
            let length = u64::try_from(location.compressed_page_size).ok()?;
            let end = u64::try_from(location.offset).ok()? + length;
            pages.push(Page { rows: first(location.first_row_index)?..next, end });
        }
        before += rows;
    }
    Some(pages)
}

/// Blocks of rows within row groups.
fn blocks(segment: &OpenSegment) -> Vec<Page> {
    let length = u32::try_from(KEY_BLOCK_ROWS).expect("a block has few rows");
    let mut pages = Vec::new();
    let mut before = 0u32;
    for group in segment.footer.metadata().row_groups() {
        let end = before.saturating_add(u32::try_from(group.num_rows()).unwrap_or(u32::MAX));
        while before < end {
            let rows = before..end.min(before + length);
            before = rows.end;
            pages.push(Page { rows, end: 0 });
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use arrow::array::{FixedSizeListArray, Float32Array, RecordBatch};
    use arrow::datatypes::{DataType, Schema};
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::KeyValue;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::flush::file_schema::FileSchemas;
    use crate::flush::segment::{ColumnStatistics, SegmentMeta};
    use crate::flush::segment_writer::{FIELD_ID, KEY_INDEX};
    use crate::model::{ColumnId, Name, SchemaVersion, ScopeId, SegmentId, Seq, TableId, UserKey};
    use crate::vector::pack_vectors;

    const ROWS: usize = 3000;

    /// The vector of a row: every fifth one is NULL if there are `nulls`.
    fn vector(row: usize, nulls: bool) -> Option<[f32; 2]> {
        (!nulls || row % 5 != 3).then_some([row as f32, -0.5])
    }

    /// A segment as it is written, or as earlier versions wrote it: lists, compressed.
    fn segment(is_packed: bool, nulls: bool) -> Arc<OpenSegment> {
        let data_type = KalamDataType::Embedding(2);
        let mut field = data_type.arrow_field("e", true);
        let DataType::FixedSizeList(item, _) = field.data_type().clone() else { unreachable!() };
        let valid: Vec<bool> = (0..ROWS).map(|row| vector(row, nulls).is_some()).collect();
        let values = (0..ROWS).flat_map(|row| vector(row, nulls).unwrap_or_default());
        let values = Arc::new(Float32Array::from_iter_values(values));
        let list = FixedSizeListArray::new(item, 2, values, Some(valid.into()));
        let mut array: ArrayRef = Arc::new(list);
        let mut properties =
            WriterProperties::builder().set_data_page_row_count_limit(KEY_BLOCK_ROWS);
        properties = properties.set_write_batch_size(KEY_BLOCK_ROWS);
        if is_packed {
            array = pack_vectors(&array).expect("it is valid");
            field = field.with_data_type(DataType::FixedSizeBinary(8));
            properties = properties.set_dictionary_enabled(false);
        } else {
            properties = properties.set_compression(Compression::ZSTD(Default::default()));
        }
        let mut metadata = field.metadata().clone();
        metadata.insert(FIELD_ID.into(), "7".into());
        let schema = Arc::new(Schema::new(vec![field.with_metadata(metadata)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![array]).expect("it is one column");
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.build()))
            .expect("it is valid");
        writer.write(&batch).expect("memory takes it");
        let keys = ["00", "01", "02"].join(",");
        writer.append_key_value_metadata(KeyValue::new(KEY_INDEX.into(), keys));
        let source = SegmentSource::Memory(writer.into_inner().expect("memory takes it").into());
        let count = valid_count(nulls);
        let columns =
            [ColumnStatistics { column: ColumnId(7), nulls: count, min: None, max: None }];
        let meta = SegmentMeta {
            id: SegmentId(1),
            scope: ScopeId { table: TableId(1), user: UserKey::SHARED },
            storage: Name::new("storage", "local").expect("it is valid"),
            path: "a.parquet".into(),
            schema_version: SchemaVersion(1),
            rows: ROWS as u32,
            bytes: parquet::file::reader::Length::len(&source),
            checksum: source.checksum().expect("memory can be read"),
            min_key: vec![0],
            max_key: vec![3],
            min_seq: Seq(1),
            max_seq: Seq(1),
            columns: columns.to_vec(),
            created_at_ms: 0,
        };
        let open = OpenSegment::open(&Arc::new(meta), source, &FileSchemas::default());
        Arc::new(open.expect("it is whole"))
    }

    fn valid_count(nulls: bool) -> u64 {
        (0..ROWS).filter(|row| vector(*row, nulls).is_none()).count() as u64
    }

    fn bytes(vector: Option<[f32; 2]>) -> Option<Vec<u8>> {
        Some(vector?.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    #[test]
    fn vectors_are_read_from_files_of_both_shapes_with_and_without_nulls() {
        let name = Name::new("column", "e").expect("it is valid");
        let column = ColumnDefinition::new(ColumnId(7), name.clone(), KalamDataType::Embedding(2));
        for (is_packed, nulls) in [(true, false), (true, true), (false, false), (false, true)] {
            let segment = segment(is_packed, nulls);
            let vectors = VectorColumn::of(segment.clone(), &column).expect("it is read");
            let vectors = vectors.expect("the file has it");
            assert_eq!(vectors.is_plain, is_packed);
            assert_eq!(vectors.pages(), 3);
            let mut next = 0;
            let mut scratch = Vec::new();
            for page in 0..vectors.pages() {
                let rows = vectors.rows(page);
                assert_eq!(rows.start, next);
                next = rows.end;
                let mut sketch = Sketch::new(2, rows.len());
                let read = vectors.read(page, &mut scratch).expect("it is whole");
                for (at, row) in rows.clone().enumerate() {
                    let expected = bytes(vector(row as usize, nulls));
                    assert_eq!(read.get(at), expected.as_deref(), "{is_packed} {nulls} {row}");
                    sketch.push(read.get(at));
                }
                for (at, row) in rows.enumerate().filter(|_| is_packed) {
                    let one = vectors.read_one(page, at, &sketch, &mut scratch);
                    let expected = bytes(vector(row as usize, nulls));
                    assert_eq!(one.expect("it is whole"), expected.as_deref());
                }
            }
            assert_eq!(next as usize, ROWS);
            let other = ColumnDefinition::new(ColumnId(8), name.clone(), column.data_type.clone());
            assert!(VectorColumn::of(segment, &other).expect("it is read").is_none());
        }
    }
}
