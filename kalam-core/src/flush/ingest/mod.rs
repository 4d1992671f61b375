//! Many new rows straight to segments, past the hot tier.
//!
//! Rows in key order go out a row group at a time. Others are gathered into runs, each
//! sorted and written as a segment of its own: segments of one ingest may overlap, but no
//! key is in two of them. Nothing is seen before the one commit that adds them all.

mod commit;
mod encoder;
mod file;
mod key_check;
mod key_cursor;
mod pending;

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::ArrayRef;

use self::encoder::{Encoders, Group};
use self::file::IngestFile;
use self::pending::Pending;
use super::segment::SegmentMeta;
use super::segment_file::SegmentPlace;
use super::segment_writer::{KEY_BLOCK_ROWS, ROW_GROUP_ROWS};
use super::tier::ColdTier;
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::model::{ScopeId, SegmentId};
use crate::store::KeyEncoder;
use crate::{Error, Result};

/// Rows that are sorted together.
const RUN_ROWS: usize = 8 * ROW_GROUP_ROWS;

/// What an ingest writes, and what it does that with.
#[derive(Clone, Copy)]
pub(crate) struct IngestTarget<'a> {
    pub(crate) tier: &'a ColdTier,
    pub(crate) table: &'a Arc<Table>,
    pub(crate) scope: ScopeId,
    /// The folder of the scope's segments in its storage.
    pub(crate) folder: &'a str,
    pub(crate) place: &'a SegmentPlace,
    /// Threads that encode.
    pub(crate) threads: usize,
    /// Bytes of rows that are held at a time.
    pub(crate) bytes_max: usize,
    /// Milliseconds since 1970 UTC.
    pub(crate) now_ms: i64,
    /// The error for a key, without scope, that is taken.
    pub(crate) duplicate: fn(&Table, &[u8]) -> Error,
}

/// Takes new rows of one scope and writes them to segments that nobody sees yet.
/// Dropping it removes them.
pub(crate) struct Ingest<'a> {
    target: IngestTarget<'a>,
    encoders: Encoders,
    pending: Pending,
    /// In the order of their first groups; only the last takes more.
    files: VecDeque<IngestFile<'a>>,
    written: Written<'a>,
    group_rows: usize,
}

/// Complete segments, which are removed if this is dropped.
struct Written<'a> {
    place: &'a SegmentPlace,
    segments: Vec<SegmentMeta>,
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        for segment in &self.segments {
            if let Err(e) = self.place.delete(&segment.path) {
                tracing::warn!(error = %e, "a segment of a failed ingest stays until the next open");
            }
        }
    }
}

/// All rows of an ingest, written and not yet committed. Dropping it removes them.
pub(crate) struct IngestedRows<'a> {
    target: IngestTarget<'a>,
    written: Written<'a>,
}

impl<'a> Ingest<'a> {
    /// # Errors
    /// `58030`.
    pub(crate) fn new(target: IngestTarget<'a>) -> Result<Ingest<'a>> {
        Ok(Ingest {
            target,
            encoders: Encoders::start(target.table, target.threads)?,
            pending: Pending::default(),
            files: VecDeque::new(),
            written: Written { place: target.place, segments: Vec::new() },
            group_rows: 0,
        })
    }

    /// Takes complete rows; the hidden key is the last column where it is the key.
    ///
    /// # Errors
    /// `23505` for a key that occurs twice, as far as that is known yet, `53100`, `58030`,
    /// `57014`.
    pub(crate) fn push(
        &mut self,
        columns: Vec<ArrayRef>,
        rows: usize,
        bytes: usize,
        keys: &KeyEncoder,
    ) -> Result<()> {
        check_stop()?;
        if rows == 0 {
            return Ok(());
        }
        self.pending.push(columns, rows, bytes, |row, out| keys.encode(row, out));
        self.group_rows = self.group_rows();
        if self.continues() {
            if self.pending.rows() >= self.group_rows {
                self.write_ordered(false)?;
            }
        } else if self.pending.rows() >= RUN_ROWS.max(self.group_rows)
            || self.pending.bytes() > self.target.bytes_max / 2
        {
            self.write_sorted(false)?;
        }
        Ok(())
    }

    /// Rows of a group: few if rows are large. Blocks of keys may not cross groups.
    fn group_rows(&self) -> usize {
        let each = (self.pending.bytes() / self.pending.rows()).max(1);
        // Encoders hold each group twice, as arrays and as bytes.
        let bytes = self.target.bytes_max / 4 / (self.encoders.groups_max + 1);
        let rows = (bytes / each).clamp(KEY_BLOCK_ROWS, ROW_GROUP_ROWS);
        let rows = rows - rows % KEY_BLOCK_ROWS;
        rows.min(self.target.tier.segment_rows_max)
    }

    /// Whether the pending rows are in order and behind those that were written.
    fn continues(&self) -> bool {
        self.pending.is_ordered()
            && self
                .open_file()
                .is_none_or(|file| file.max_key.as_slice() < self.pending.first_key())
    }

    fn open_file(&self) -> Option<&IngestFile<'a>> {
        self.files.back().filter(|file| !file.is_full)
    }

    fn write_ordered(&mut self, all: bool) -> Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        let group_rows = self.group_rows;
        pending.take_ordered(group_rows, all, |group, first, last| {
            self.write_group(group, first, last)
        })?;
        self.pending = pending;
        Ok(())
    }

    fn write_sorted(&mut self, all: bool) -> Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        let IngestTarget { table, duplicate, .. } = self.target;
        // The last segment takes no more if the run begins within it.
        let begins_within = Cell::new(false);
        let open_max = self.open_file().map(|file| file.max_key.clone());
        let group_rows = self.group_rows;
        pending.take_sorted(
            group_rows,
            all,
            |key| duplicate(table, key),
            |first| {
                begins_within.set(open_max.is_some_and(|max| max.as_slice() >= first));
                Ok(())
            },
            |group, first, last| {
                if begins_within.take() {
                    self.seal();
                }
                self.write_group(group, first, last)
            },
        )?;
        self.pending = pending;
        Ok(())
    }

    fn seal(&mut self) {
        if let Some(file) = self.files.back_mut() {
            file.is_full = true;
        }
    }

    fn write_group(&mut self, group: Group, first: &[u8], last: &[u8]) -> Result<()> {
        let rows_max = self.target.tier.segment_rows_max;
        if self.open_file().is_some_and(|file| file.rows + group.rows > rows_max) {
            self.seal();
        }
        if self.open_file().is_none() {
            let IngestTarget { table, place, folder, .. } = self.target;
            let id = SegmentId(u64::try_from(self.target.tier.ids.snowflake()).unwrap_or_default());
            let path = format!("{folder}/{:016x}.parquet", id.get());
            let sample: Vec<ArrayRef> = match group.pieces.first() {
                Some(columns) => {
                    columns.iter().map(|c| c.slice(0, c.len().min(SAMPLE_ROWS))).collect()
                }
                None => Vec::new(),
            };
            self.files.push_back(IngestFile::new(table, place, id, path, &sample)?);
        }
        if let Some(file) = self.files.back_mut() {
            file.push(&self.encoders, group, first, last)?;
        }
        self.advance(self.encoders.groups_max)
    }

    /// Appends groups until so many are in work, and finishes the files that are whole.
    fn advance(&mut self, groups_max: usize) -> Result<()> {
        loop {
            let in_work: usize = self.files.iter().map(IngestFile::in_work).sum();
            let Some(file) = self.files.front_mut() else { return Ok(()) };
            if file.in_work() == 0 && file.is_full {
                let file = self.files.pop_front().expect("it is there");
                let meta = file.finish(self.target.scope, self.target.now_ms)?;
                self.written.segments.push(meta);
            } else if in_work > groups_max {
                file.append_one()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`Ingest::push`].
    pub(crate) fn finish(mut self) -> Result<IngestedRows<'a>> {
        if self.pending.rows() > 0 {
            if self.continues() { self.write_ordered(true)? } else { self.write_sorted(true)? }
        }
        self.seal();
        self.advance(0)?;
        let Ingest { target, written, .. } = self;
        crate::env::fault_point("ingest.after_sync")?;
        Ok(IngestedRows { target, written })
    }
}

/// Rows that decide the encodings.
const SAMPLE_ROWS: usize = 8192;
