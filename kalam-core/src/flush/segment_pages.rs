//! Pages of one row group, for readers of a few rows: decompressed by decoders that are kept.
//!
//! Parquet's own reader makes a compressor and a decompressor of zstd for each column that it
//! opens. On a virtual machine that was more than a quarter of the time that the newest 50 rows
//! of a user took.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

use super::segment_cache::OpenSegment;
use super::segment_file::SegmentSource;

/// The pages of one row group of a segment.
pub(super) struct SegmentPages<'a> {
    segment: &'a OpenSegment,
    source: Arc<SegmentSource>,
    group: usize,
}

impl<'a> SegmentPages<'a> {
    pub(super) fn new(segment: &'a OpenSegment, group: usize) -> SegmentPages<'a> {
        SegmentPages { segment, source: Arc::new(segment.source.clone()), group }
    }

    fn row_group(&self) -> &RowGroupMetaData {
        self.metadata().row_group(self.group)
    }
}

impl RowGroups for SegmentPages<'_> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.row_group().num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>> {
        let column = self.row_group().column(leaf);
        let locations = self.metadata().offset_index().map(|index| &index[self.group]);
        let locations =
            locations.filter(|l| !l.is_empty()).map(|l| l[leaf].page_locations().clone());
        let is_zstd = matches!(column.compression(), Compression::ZSTD(_));
        let as_it_is = is_zstd.then(|| without_codec(column)).transpose()?;
        let pages = SerializedPageReader::new(
            self.source.clone(),
            as_it_is.as_ref().unwrap_or(column),
            self.num_rows(),
            locations,
        )?;
        let pages: Box<dyn PageReader> = match is_zstd {
            true => Box::new(ZstdPages { pages, bytes: column.uncompressed_size() }),
            false => Box::new(pages),
        };
        Ok(Box::new(OneColumn(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.row_group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.segment.footer.metadata()
    }
}

/// What a reader of pages needs to know of a column, so that it leaves them compressed.
fn without_codec(column: &ColumnChunkMetaData) -> Result<ColumnChunkMetaData> {
    ColumnChunkMetaData::builder(column.column_descr_ptr())
        .set_compression(Compression::UNCOMPRESSED)
        .set_data_page_offset(column.data_page_offset())
        .set_dictionary_page_offset(column.dictionary_page_offset())
        .set_total_compressed_size(column.compressed_size())
        .build()
}

/// The column of one row group.
struct OneColumn(Option<Box<dyn PageReader>>);

impl Iterator for OneColumn {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneColumn {}

/// Pages that are decompressed as they are asked for.
struct ZstdPages {
    pages: SerializedPageReader<SegmentSource>,
    /// What all of them hold, and so the most that one may say it holds.
    bytes: i64,
}

impl Iterator for ZstdPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for ZstdPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.pages.get_next_page()? else { return Ok(None) };
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => {
                *buf = decompressed(buf, 0, self.bytes)?;
            }
            Page::DataPageV2 { is_compressed: false, .. } => {}
            Page::DataPageV2 { buf, rep_levels_byte_len, def_levels_byte_len, .. } => {
                let levels = *rep_levels_byte_len as usize + *def_levels_byte_len as usize;
                *buf = decompressed(buf, levels, self.bytes)?;
            }
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// Decompressors that nobody uses now. Each holds some 160 KB.
static IDLE: Mutex<Vec<Decompressor<'static>>> = Mutex::new(Vec::new());
const IDLE_MAX: usize = 16;

/// What a page holds, at most `most` bytes. Its first `plain` bytes are not compressed.
fn decompressed(page: &Bytes, plain: usize, most: i64) -> Result<Bytes> {
    let damaged = |problem: &str| ParquetError::General(format!("a page {problem}"));
    if plain > page.len() {
        return Err(damaged("is shorter than its levels"));
    }
    let (levels, frame) = page.split_at(plain);
    if frame.is_empty() {
        return Ok(page.clone());
    }
    let size = get_frame_content_size(frame).map_err(|_| damaged("is no frame of zstd"))?;
    let values = match size {
        Some(size) if i64::try_from(size).is_ok_and(|size| size <= most) => {
            let idle = IDLE.lock().pop();
            let mut decompressor = idle.map_or_else(Decompressor::new, Ok)?;
            let values = decompressor.decompress(frame, size as usize)?;
            let mut idle = IDLE.lock();
            if idle.len() < IDLE_MAX {
                idle.push(decompressor);
            }
            values
        }
        Some(_) => return Err(damaged("holds more than its column")),
        // Written as a stream, as other writers of Parquet do.
        None => zstd::stream::decode_all(frame)?,
    };
    match levels.is_empty() {
        true => Ok(values.into()),
        false => Ok([levels, &values].concat().into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_page_comes_back_from_a_frame_that_tells_its_size_and_from_one_that_does_not() {
        let text = b"the newest fifty of the newest fifty of the newest fifty".repeat(9);
        let sized = zstd::bulk::compress(&text, 3).expect("memory takes it");
        let mut stream = zstd::stream::Encoder::new(Vec::new(), 3).expect("a level");
        stream.write_all(&text).expect("memory takes it");
        let unsized_frame = stream.finish().expect("memory takes it");
        assert_eq!(get_frame_content_size(&unsized_frame).expect("a frame"), None);
        for frame in [sized, unsized_frame] {
            assert_eq!(decompressed(&frame.clone().into(), 0, 1 << 20).expect("ours"), text);
            let with_levels: Bytes = [&b"levels"[..], &frame].concat().into();
            let page = decompressed(&with_levels, 6, 1 << 20).expect("ours");
            assert_eq!(page, [&b"levels"[..], &text].concat());
        }
    }

    #[test]
    fn what_is_no_frame_is_an_error_and_an_empty_page_is_empty() {
        assert!(decompressed(&Bytes::from_static(b"no frame"), 0, 99).is_err());
        assert!(decompressed(&Bytes::from_static(b"ab"), 3, 99).is_err());
        assert_eq!(decompressed(&Bytes::from_static(b"ab"), 2, 99).expect("levels only"), "ab");
        let mut cut = zstd::bulk::compress(&[7; 4096], 3).expect("memory takes it");
        assert!(decompressed(&cut.clone().into(), 0, 4096).is_ok());
        assert!(decompressed(&cut.clone().into(), 0, 4095).is_err());
        cut.truncate(cut.len() - 2);
        assert!(decompressed(&cut.into(), 0, 4096).is_err());
    }
}
