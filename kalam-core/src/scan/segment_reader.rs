//! Segment bytes and footers for DataFusion's Parquet source, from the cache of
//! open segments.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ParquetMetaData;

use crate::flush::OpenSegment;

/// The open segment that a planned file stands for.
pub(super) struct FileSegment(pub(super) Arc<OpenSegment>);

/// Gives the Parquet source the segment attached to each file. Reads are positioned
/// reads of an open file, so a file that is deleted meanwhile stays readable.
#[derive(Debug)]
pub(super) struct SegmentReaderFactory;

impl ParquetFileReaderFactory for SegmentReaderFactory {
    fn create_reader(
        &self,
        _partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Box<dyn AsyncFileReader + Send>> {
        let Some(segment) = file.extension::<FileSegment>() else {
            return datafusion::common::internal_err!("a planned file has no segment");
        };
        Ok(Box::new(SegmentReader(segment.0.clone())))
    }
}

struct SegmentReader(Arc<OpenSegment>);

impl AsyncFileReader for SegmentReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let bytes = self.0.source.read(range).map_err(ParquetError::from);
        std::future::ready(bytes).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        std::future::ready(Ok(self.0.footer.metadata().clone())).boxed()
    }
}
