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

pub(crate) use self::commit::TableOfIngest;
use self::encoder::{Encoders, Group};
use self::file::IngestFile;
use self::pending::Pending;
use super::segment::SegmentMeta;
use super::segment_file::SegmentPlace;
use super::segment_writer::{KEY_BLOCK_ROWS, ROW_GROUP_ROWS};
use super::tier::ColdTier;
use crate::activity::check_stop;
use crate::catalog::{Placement, Table};
use crate::env::fault_point;
use crate::model::{ScopeId, SegmentId};
use crate::store::KeyEncoder;
use crate::{Error, Result, SqlState};

/// Rows that are sorted together.
const RUN_ROWS: usize = 8 * ROW_GROUP_ROWS;

/// What an ingest writes, and what it does that with.
#[derive(Clone, Copy)]
pub(crate) struct IngestTarget<'a> {
    pub(crate) tier: &'a ColdTier,
    pub(crate) table: &'a Arc<Table>,
    pub(crate) scope: ScopeId,
    /// Where the scope's new segments go, and the place of that storage.
    pub(crate) placement: &'a Placement,
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

/// Segments, which are removed if this is dropped before they are committed.
struct Written<'a> {
    target: IngestTarget<'a>,
    /// All that were begun.
    begun: Vec<(SegmentId, String)>,
    /// Those that are complete.
    segments: Vec<SegmentMeta>,
    /// Why the ingest ends, if it failed.
    failure: Option<Error>,
}

impl Written<'_> {
    /// Notes why the ingest ends: a storage that does not answer is not asked again.
    fn note<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if let Err(e) = &outcome {
            self.failure = Some(e.duplicate());
        }
        outcome
    }

    fn keep(&mut self) {
        self.begun.clear();
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        let IngestTarget { tier, placement, .. } = self.target;
        let given_up = || Error::new(SqlState::QUERY_CANCELED, "the new rows were given up");
        let failure = self.failure.take().unwrap_or_else(given_up);
        for (id, path) in &self.begun {
            tier.discard(&placement.storage, *id, path, &failure);
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
            written: Written { target, begun: Vec::new(), segments: Vec::new(), failure: None },
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
        let written = if !self.continues() {
            let is_run = self.pending.rows() >= RUN_ROWS.max(self.group_rows)
                || self.pending.bytes() > self.target.bytes_max / 2;
            if is_run { self.write_sorted(false) } else { Ok(()) }
        } else if self.pending.rows() >= self.group_rows {
            self.write_ordered(false)
        } else {
            Ok(())
        };
        self.written.note(written)
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
            let IngestTarget { tier, table, place, placement, .. } = self.target;
            let id = tier.new_segment_id();
            let path = format!("{}/{:016x}.parquet", placement.folder, id.get());
            self.written.begun.push((id, path.clone()));
            tier.announce(&placement.storage, id, &path)?;
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
                let meta = file.finish(&self.target)?;
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
        let finished = self.write_rest();
        self.written.note(finished)?;
        let Ingest { target, written, .. } = self;
        Ok(IngestedRows { target, written })
    }

    fn write_rest(&mut self) -> Result<()> {
        if self.pending.rows() > 0 {
            if self.continues() { self.write_ordered(true)? } else { self.write_sorted(true)? }
        }
        self.seal();
        self.advance(0)?;
        fault_point("ingest.after_sync")
    }
}

/// Rows that decide the encodings.
const SAMPLE_ROWS: usize = 8192;
