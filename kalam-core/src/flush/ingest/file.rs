//! One segment that an ingest writes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use arrow::array::ArrayRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, ArrowWriterOptions};
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use super::IngestTarget;
use super::encoder::{EncodedGroup, Encoders, Group, Task, lost};
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::env::fault_point;
use crate::flush::segment::{ColumnStatistics, SegmentMeta};
use crate::flush::segment_file::{SegmentPlace, SegmentSink};
use crate::flush::segment_writer::{
    ColumnBounds, KEY_INDEX, ROW_GROUP_ROWS, file_schema, properties, write_error,
};
use crate::model::{SegmentId, Seq};
use crate::{Error, Result, SqlState};

/// Twice as fast as the level of a flush, and a tenth larger: compaction writes it again.
const INGEST_ZSTD_LEVEL: i32 = 1;

/// How long the ingest waits for an encoder before it looks whether it is to stop.
const GROUP_WAIT: Duration = Duration::from_millis(20);

/// A segment being written: groups are encoded by others and appended in their order.
pub(super) struct IngestFile<'a> {
    table: &'a Arc<Table>,
    id: SegmentId,
    path: String,
    writer: SerializedFileWriter<SegmentSink<'a>>,
    factory: ArrowRowGroupWriterFactory,
    in_work: VecDeque<Receiver<Result<EncodedGroup>>>,
    groups: usize,
    pub(super) rows: usize,
    min_key: Vec<u8>,
    pub(super) max_key: Vec<u8>,
    key_index: Vec<String>,
    bounds: Vec<Option<ColumnBounds>>,
    nulls: Vec<u64>,
    /// Whether all of its rows were handed over.
    pub(super) is_full: bool,
}

impl<'a> IngestFile<'a> {
    /// Starts a segment; `sample` decides the encodings.
    ///
    /// # Errors
    /// `53100` or `58030`.
    pub(super) fn new(
        table: &'a Arc<Table>,
        place: &'a SegmentPlace,
        id: SegmentId,
        path: String,
        sample: &[ArrayRef],
    ) -> Result<IngestFile<'a>> {
        fault_point("ingest.before_segment")?;
        let options = ArrowWriterOptions::new().with_properties(properties(
            table,
            (sample, ROW_GROUP_ROWS),
            INGEST_ZSTD_LEVEL,
        ));
        let sink = place.create(&path)?;
        let (writer, factory) =
            ArrowWriter::try_new_with_options(sink, file_schema(table), options)
                .and_then(ArrowWriter::into_serialized_writer)
                .map_err(|e| write_error(&path, e))?;
        let columns = &table.definition.columns;
        Ok(IngestFile {
            table,
            id,
            path,
            writer,
            factory,
            in_work: VecDeque::new(),
            groups: 0,
            rows: 0,
            min_key: Vec::new(),
            max_key: Vec::new(),
            key_index: Vec::new(),
            bounds: columns.iter().map(ColumnBounds::new).collect(),
            nulls: vec![0; columns.len()],
            is_full: false,
        })
    }

    /// Hands the next group to an encoder.
    ///
    /// # Errors
    /// `XX000`.
    pub(super) fn push(
        &mut self,
        encoders: &Encoders,
        mut group: Group,
        first: &[u8],
        last: &[u8],
    ) -> Result<()> {
        if self.rows == 0 {
            self.min_key = first.to_vec();
        }
        self.max_key = last.to_vec();
        self.rows += group.rows;
        self.key_index.append(&mut group.block_keys);
        let writers = self.factory.create_column_writers(self.groups);
        let writers = writers.map_err(|e| write_error(&self.path, e))?;
        self.groups += 1;
        let (done, encoded) = channel();
        self.in_work.push_back(encoded);
        encoders.submit(Task { group, writers, path: self.path.clone(), done })
    }

    /// Groups that are not in the file yet.
    pub(super) fn in_work(&self) -> usize {
        self.in_work.len()
    }

    /// Appends the next group, and waits for it if need be.
    ///
    /// # Errors
    /// `53100`, `58030`, `57014`.
    pub(super) fn append_one(&mut self) -> Result<()> {
        let Some(encoded) = self.in_work.pop_front() else { return Ok(()) };
        let encoded = loop {
            check_stop()?;
            match encoded.recv_timeout(GROUP_WAIT) {
                Ok(encoded) => break encoded?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(lost()),
            }
        };
        for (bounds, of_group) in self.bounds.iter_mut().zip(encoded.bounds) {
            if let (Some(bounds), Some(of_group)) = (bounds, of_group) {
                bounds.widen(of_group);
            }
        }
        for (nulls, of_group) in self.nulls.iter_mut().zip(encoded.nulls) {
            *nulls += of_group;
        }
        fault_point("ingest.write_group")?;
        let append = || -> parquet::errors::Result<()> {
            let mut group = self.writer.next_row_group()?;
            for chunk in encoded.chunks {
                chunk.append_to_row_group(&mut group)?;
            }
            group.close().map(drop)
        };
        append().map_err(|e| write_error(&self.path, e))
    }

    /// Makes the file durable; all groups are in it. What it tells of `_seq` the commit
    /// fills in.
    ///
    /// # Errors
    /// `53100` or `58030`; nothing is left behind.
    pub(super) fn finish(mut self, target: &IngestTarget<'_>) -> Result<SegmentMeta> {
        let index = KeyValue::new(KEY_INDEX.into(), self.key_index.join(","));
        self.writer.append_key_value_metadata(index);
        let sink = self.writer.into_inner().map_err(|e| write_error(&self.path, e))?;
        fault_point("ingest.before_sync")?;
        let (bytes, checksum) = sink.finish()?;
        let definition = &self.table.definition;
        let columns = definition.columns.iter().zip(self.bounds).zip(self.nulls);
        let columns = columns.map(|((column, bounds), nulls)| {
            let (min, max) = bounds.and_then(|b| b.range).unzip();
            ColumnStatistics { column: column.id, nulls, min, max }.bounded()
        });
        Ok(SegmentMeta {
            id: self.id,
            scope: target.scope,
            storage: target.placement.storage.clone(),
            path: self.path,
            schema_version: definition.version,
            rows: u32::try_from(self.rows).map_err(|_| {
                Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a segment passes 4 billion rows")
            })?,
            bytes,
            checksum,
            min_key: self.min_key,
            max_key: self.max_key,
            min_seq: Seq(0),
            max_seq: Seq(0),
            columns: columns.collect(),
            created_at_ms: target.now_ms,
        })
    }
}
