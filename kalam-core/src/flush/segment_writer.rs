//! Rows in key order to one Parquet file.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression as ParquetCompression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::segment::ColumnStatistics;
use super::segment_file::{SegmentPlace, SegmentSink};
use crate::catalog::{
    ColumnDefinition, Compression, HIDDEN_KEY_COLUMN, SEQ_COLUMN, Table, seq_field,
};
use crate::model::{ColumnId, KalamDataType};
use crate::store::{KeyCodec, column_bytes};
use crate::vector::pack_vectors;
use crate::{Error, Result, SqlState};

/// Rows of one data page, and of one entry of the key index. A point read decodes
/// one page of each column: 1,024 rows keep that below the time of a disk read.
pub(crate) const KEY_BLOCK_ROWS: usize = 1024;
pub(super) const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Larger dictionaries do not pay: a point read must decode all of one.
const DICTIONARY_BYTES_MAX: usize = 64 << 10;
/// Memory of the rows of a file that is not compressed, because they are so few.
const PLAIN_BYTES_MAX: usize = 16 << 10;
const FLUSH_ZSTD_LEVEL: i32 = 3;

/// Key of a field's metadata entry with its id in Parquet, which is the column's.
pub(crate) const FIELD_ID: &str = "PARQUET:field_id";

/// Key of the file's metadata entry with the first key of each block, in hexadecimal.
pub(crate) const KEY_INDEX: &str = "kalam.key_index";

/// Writes one segment.
pub(crate) struct SegmentWriter<'a> {
    writer: ArrowWriter<SegmentSink<'a>>,
    schema: SchemaRef,
    path: String,
    rows: usize,
    key_index: Vec<String>,
    bounds: Vec<Option<ColumnBounds>>,
    nulls: Vec<u64>,
    columns: Vec<ColumnId>,
}

/// What the manifest needs to know of a finished file.
pub(crate) struct WrittenSegment {
    pub(crate) rows: usize,
    pub(crate) bytes: u64,
    pub(crate) checksum: String,
    pub(crate) columns: Vec<ColumnStatistics>,
}

impl<'a> SegmentWriter<'a> {
    /// Starts a segment of `table`; `sample` decides the encodings. If it is all there is,
    /// the segment is a `small` one.
    ///
    /// # Errors
    /// `53100` or `58030`.
    pub(crate) fn new(
        place: &'a SegmentPlace,
        path: &str,
        table: &Table,
        (sample, small): (&RecordBatch, bool),
    ) -> Result<SegmentWriter<'a>> {
        let schema = file_schema(table);
        let rows_max = if small { sample.num_rows() } else { ROW_GROUP_ROWS };
        let properties = properties(table, (sample.columns(), rows_max), FLUSH_ZSTD_LEVEL);
        let sink = place.create(path)?;
        let options = ArrowWriterOptions::new().with_properties(properties);
        let writer = ArrowWriter::try_new_with_options(sink, schema.clone(), options)
            .map_err(|e| write_error(path, e))?;
        let columns = &table.definition.columns;
        Ok(SegmentWriter {
            writer,
            schema,
            path: path.into(),
            rows: 0,
            key_index: Vec::new(),
            bounds: columns.iter().map(ColumnBounds::new).collect(),
            nulls: vec![0; columns.len()],
            columns: columns.iter().map(|c| c.id).collect(),
        })
    }

    /// Appends rows; `key` gives the key of a row of the batch.
    ///
    /// # Errors
    /// `53100` or `58030`.
    pub(crate) fn write<'k>(
        &mut self,
        batch: &RecordBatch,
        key: impl Fn(usize) -> &'k [u8],
    ) -> Result<()> {
        let first_block = self.rows.next_multiple_of(KEY_BLOCK_ROWS) - self.rows;
        for row in (first_block..batch.num_rows()).step_by(KEY_BLOCK_ROWS) {
            self.key_index.push(hex::encode(key(row)));
        }
        for (column, bounds) in self.bounds.iter_mut().enumerate() {
            let array = batch.column(column);
            self.nulls[column] += array.null_count() as u64;
            if let Some(bounds) = bounds {
                bounds.update(array)?;
            }
        }
        let columns: std::result::Result<Vec<ArrayRef>, _> =
            batch.columns().iter().map(pack_vectors).collect();
        let batch = columns
            .and_then(|columns| RecordBatch::try_new(self.schema.clone(), columns))
            .map_err(|e| write_error(&self.path, e.into()))?;
        self.writer.write(&batch).map_err(|e| write_error(&self.path, e))?;
        self.rows += batch.num_rows();
        Ok(())
    }

    /// Makes the file durable.
    ///
    /// # Errors
    /// `53100` or `58030`; nothing is left behind.
    pub(crate) fn finish(mut self) -> Result<WrittenSegment> {
        let index = self.key_index.join(",");
        self.writer.append_key_value_metadata(KeyValue::new(KEY_INDEX.into(), index));
        let sink = self.writer.into_inner().map_err(|e| write_error(&self.path, e))?;
        let (bytes, checksum) = sink.finish()?;
        let columns = self
            .columns
            .into_iter()
            .zip(self.bounds)
            .zip(self.nulls)
            .map(|((column, bounds), nulls)| {
                let (min, max) = bounds.and_then(|b| b.range).unzip();
                ColumnStatistics { column, nulls, min, max }
            })
            .collect();
        Ok(WrittenSegment { rows: self.rows, bytes, checksum, columns })
    }
}

/// The columns of a segment: the table's, then `_seq`, then the hidden key if that
/// is the key. Field ids are column ids.
pub(crate) fn segment_schema(table: &Table) -> SchemaRef {
    let field_id = |field: Field, id: ColumnId| {
        let mut metadata = field.metadata().clone();
        metadata.insert(FIELD_ID.into(), id.to_string());
        field.with_metadata(metadata)
    };
    let mut fields: Vec<Field> =
        table.definition.columns.iter().map(|c| field_id(file_field(c), c.id)).collect();
    fields.push(seq_field());
    if table.definition.has_hidden_key() {
        fields.push(Field::new(HIDDEN_KEY_COLUMN, DataType::Int64, false));
    }
    let mut metadata = HashMap::new();
    metadata.insert("kalam.table".to_string(), table.definition.name.to_string());
    metadata.insert("kalam.schema_version".to_string(), table.definition.version.to_string());
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// The columns of a segment as they are written: embeddings as bytes of one length.
pub(crate) fn file_schema(table: &Table) -> SchemaRef {
    let shown = segment_schema(table);
    let packed = |field: &FieldRef| match field.data_type() {
        DataType::FixedSizeList(_, dimensions) => {
            let width = dimensions * 4;
            let field = field.as_ref().clone();
            Arc::new(field.with_data_type(DataType::FixedSizeBinary(width)))
        }
        _ => field.clone(),
    };
    let fields: Vec<FieldRef> = shown.fields().iter().map(packed).collect();
    Arc::new(Schema::new_with_metadata(fields, shown.metadata().clone()))
}

/// Deleted rows are in the file too.
fn file_field(column: &ColumnDefinition) -> Field {
    column.arrow_field().with_nullable(column.may_hold_null())
}

/// How the columns of a segment are encoded; `sample` are first values of each, of row
/// groups of at most `rows_max` rows.
pub(super) fn properties(
    table: &Table,
    (sample, rows_max): (&[ArrayRef], usize),
    zstd_level: i32,
) -> WriterProperties {
    let definition = &table.definition;
    let is_one_block = rows_max <= KEY_BLOCK_ROWS;
    let compression = match definition.options.compression {
        // A file system gives out blocks of 4 KiB.
        _ if is_one_block && column_bytes(sample) <= PLAIN_BYTES_MAX => {
            ParquetCompression::UNCOMPRESSED
        }
        // A decoder of zstd for each column costs more than the pages of so few rows do: LZ4
        // halves what a first read of a user's hundred rows takes, for 1.4 times the bytes,
        // until a compaction makes a larger file of them.
        Compression::Zstd if is_one_block => ParquetCompression::LZ4_RAW,
        Compression::Zstd => {
            ParquetCompression::ZSTD(ZstdLevel::try_new(zstd_level).unwrap_or_default())
        }
        Compression::Lz4 => ParquetCompression::LZ4_RAW,
        Compression::Snappy => ParquetCompression::SNAPPY,
        Compression::None => ParquetCompression::UNCOMPRESSED,
    };
    let mut builder = paged(compression, rows_max);
    for (index, column) in definition.columns.iter().enumerate() {
        let is_key = definition.primary_key.contains(&column.id);
        let (name, sample) = (column.name.as_str(), &sample[index]);
        builder = encode_column(builder, name, sample, is_key);
        if !compression_pays(compression, name, sample, is_key) {
            let path = ColumnPath::from(name);
            builder = builder.set_column_compression(path, ParquetCompression::UNCOMPRESSED);
        }
    }
    for name in [SEQ_COLUMN, HIDDEN_KEY_COLUMN] {
        let path = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}

/// What all columns have in common.
fn paged(compression: ParquetCompression, rows_max: usize) -> WriterPropertiesBuilder {
    let is_one_block = rows_max <= KEY_BLOCK_ROWS;
    WriterProperties::builder()
        .set_compression(compression)
        // Bloom filters begin at the size for so many keys and are folded at the end: for
        // the fifty rows of one user, the size for a whole group would cost the most.
        .set_max_row_group_row_count(Some(rows_max.max(1)))
        .set_data_page_row_count_limit(KEY_BLOCK_ROWS)
        .set_write_batch_size(KEY_BLOCK_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        // An index of one page says what the footer says, and takes a fifth of the time to
        // open a file of few rows.
        .set_statistics_enabled(match is_one_block {
            true => EnabledStatistics::Chunk,
            false => EnabledStatistics::Page,
        })
        .set_offset_index_disabled(is_one_block)
        .set_created_by(format!("kalamdb {}", env!("CARGO_PKG_VERSION")))
}

/// Parquet has decimals of so many digits as integers.
const DECIMAL_OF_64_BITS: u8 = 18;

/// Rows of a sample from which on it tells what compression makes of a column, and how many
/// of them are looked at.
const TRIAL_ROWS_MIN: usize = 4 * KEY_BLOCK_ROWS;
const TRIAL_ROWS_MAX: usize = 8 * KEY_BLOCK_ROWS;

/// Whether a column becomes smaller by a fifth. A page is a frame of its own for zstd, and to
/// read what that begins with takes longer than to decode the page: numbers that are packed
/// already have nothing to gain.
fn compression_pays(
    compression: ParquetCompression,
    name: &str,
    sample: &ArrayRef,
    is_key: bool,
) -> bool {
    if compression == ParquetCompression::UNCOMPRESSED
        || sample.len() < TRIAL_ROWS_MIN
        || sample.data_type().is_nested()
    {
        return true;
    }
    let sample = sample.slice(0, sample.len().min(TRIAL_ROWS_MAX));
    let properties = paged(compression, sample.len());
    let properties = encode_column(properties, name, &sample, is_key).build();
    let field = Field::new(name, sample.data_type().clone(), true);
    let trial = || {
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![sample])?;
        let mut writer = ArrowWriter::try_new(std::io::sink(), batch.schema(), Some(properties))?;
        writer.write(&batch)?;
        let written = writer.close()?;
        let column = written.row_group(0).column(0);
        Ok::<_, parquet::errors::ParquetError>(
            column.compressed_size() * 5 < column.uncompressed_size() * 4,
        )
    };
    trial().unwrap_or(true)
}

fn encode_column(
    builder: WriterPropertiesBuilder,
    name: &str,
    sample: &ArrayRef,
    is_key: bool,
) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(name);
    if matches!(sample.data_type(), DataType::FixedSizeList(..)) {
        // The digits of vectors are noise: zstd takes a twelfth of the bytes and most of the
        // time of whoever searches them. Plain pages are read without being decoded.
        return builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path.clone(), Encoding::PLAIN)
            .set_column_compression(path.clone(), ParquetCompression::UNCOMPRESSED)
            .set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    let packed = matches!(
        sample.data_type(),
        DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Decimal128(..=DECIMAL_OF_64_BITS, _)
    );
    let dictionary = !is_key && repeats(sample);
    // Bounds leave NaN out, and readers prune by them: `= NaN` would find nothing.
    let floats = matches!(sample.data_type(), DataType::Float32 | DataType::Float64);
    let builder = if floats {
        builder.set_column_statistics_enabled(path.clone(), EnabledStatistics::None)
    } else {
        builder
    };
    let mut builder = builder.set_column_dictionary_enabled(path.clone(), dictionary);
    if !dictionary && packed {
        builder = builder.set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
    }
    if is_key {
        builder = builder
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_fpp(path, 0.01);
    }
    builder
}

/// Whether a dictionary pays: fewer than half of the sample's values are distinct.
fn repeats(sample: &ArrayRef) -> bool {
    let distinct = match sample.data_type() {
        DataType::Utf8 => {
            let values = sample.as_string::<i32>();
            values.iter().flatten().collect::<std::collections::HashSet<_>>().len()
        }
        DataType::List(_) | DataType::FixedSizeList(..) | DataType::Binary => return false,
        _ => {
            let Ok(rows) = arrow::row::RowConverter::new(vec![arrow::row::SortField::new(
                sample.data_type().clone(),
            )])
            .and_then(|c| c.convert_columns(std::slice::from_ref(sample))) else {
                return false;
            };
            rows.iter().map(|r| r.owned()).collect::<std::collections::HashSet<_>>().len()
        }
    };
    distinct * 2 < sample.len()
}

/// The error for a segment that cannot be written.
pub(super) fn write_error(path: &str, error: parquet::errors::ParquetError) -> Error {
    use parquet::errors::ParquetError;
    let io = match &error {
        ParquetError::External(source) => source.downcast_ref::<std::io::Error>(),
        _ => None,
    };
    let state = match io.map(std::io::Error::kind) {
        Some(
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge,
        ) => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    };
    Error::new(state, format!("cannot write segment \"{path}\": {error}")).with_source(error)
}

/// The smallest and largest value of a column, memcomparable.
pub(super) struct ColumnBounds {
    codec: KeyCodec,
    pub(super) range: Option<(Vec<u8>, Vec<u8>)>,
}

/// Longer values would make manifest entries large; columns with one have no bounds.
const BOUND_BYTES_MAX: usize = 256;

impl ColumnBounds {
    /// No values yet; `None` for types that have no bounds.
    pub(super) fn new(column: &ColumnDefinition) -> Option<ColumnBounds> {
        // A float column may hold NaN, which DataFusion's statistics do not order.
        if matches!(column.data_type, KalamDataType::Float | KalamDataType::Double) {
            return None;
        }
        let codec = KeyCodec::new(vec![column.data_type.clone()]).ok()?;
        Some(ColumnBounds { codec, range: None })
    }

    /// Widens the bounds by the values of an array.
    pub(super) fn update(&mut self, array: &ArrayRef) -> Result<()> {
        let Some((low, high)) = extremes(array) else { return Ok(()) };
        let encode = |row: usize| {
            let mut bytes = Vec::new();
            self.codec.encoder(&[array.slice(row, 1)])?.encode(0, &mut bytes);
            Ok::<_, Error>(bytes)
        };
        self.widen((encode(low)?, encode(high)?));
        Ok(())
    }

    /// Widens the bounds by others of the column.
    pub(super) fn widen(&mut self, (low, high): (Vec<u8>, Vec<u8>)) {
        self.range = Some(match self.range.take() {
            None => (low, high),
            Some((a, b)) => (a.min(low), b.max(high)),
        });
    }
}

/// The rows of the smallest and the largest value that are not NULL.
fn extremes(array: &ArrayRef) -> Option<(usize, usize)> {
    use arrow::datatypes::{Int16Type, Int32Type, Int64Type};
    let array = &plain_numbers(array);
    macro_rules! numbers {
        ($type:ty) => {{
            let values = array.as_primitive::<$type>().values();
            extremes_by(array, |a, b| values[a].cmp(&values[b]))
        }};
    }
    match array.data_type() {
        DataType::Int16 => numbers!(Int16Type),
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            extremes_by(array, |a, b| values.value(a).cmp(values.value(b)))
        }
        _ => {
            let options = arrow::compute::SortOptions::default();
            let compare = arrow::array::make_comparator(array, array, options).ok()?;
            extremes_by(array, compare)
        }
    }
}

/// Dates and times as the numbers that they are stored as.
fn plain_numbers(array: &ArrayRef) -> ArrayRef {
    let number = match array.data_type() {
        DataType::Date32 => DataType::Int32,
        DataType::Time64(_) | DataType::Timestamp(..) => DataType::Int64,
        _ => return array.clone(),
    };
    arrow::compute::cast(array, &number).unwrap_or_else(|_| array.clone())
}

/// As [`extremes`], by a comparison of rows.
fn extremes_by(
    array: &ArrayRef,
    compare: impl Fn(usize, usize) -> Ordering,
) -> Option<(usize, usize)> {
    let mut rows = (0..array.len()).filter(|row| array.is_valid(*row));
    let first = rows.next()?;
    Some(rows.fold((first, first), |(low, high), row| {
        if compare(row, low).is_lt() {
            (row, high)
        } else if compare(row, high).is_gt() {
            (low, row)
        } else {
            (low, high)
        }
    }))
}

impl ColumnStatistics {
    /// Drops bounds that would make the manifest large.
    pub(crate) fn bounded(mut self) -> ColumnStatistics {
        let long = |b: &Option<Vec<u8>>| b.as_ref().is_some_and(|b| b.len() > BOUND_BYTES_MAX);
        if long(&self.min) || long(&self.max) {
            self.min = None;
            self.max = None;
        }
        self
    }
}

/// Reads the metadata entry under [`KEY_INDEX`].
pub(crate) fn parse_key_index(text: &str) -> Option<Vec<Box<[u8]>>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(|hex| hex::decode(hex).ok().map(Vec::into_boxed_slice)).collect()
}
