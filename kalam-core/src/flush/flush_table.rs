//! Moves the rows of a table from the hot tier to segments.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use roaring::RoaringBitmap;

use super::key_list::KeyList;
use super::manifest::{Flushed, ScopeEdit};
use super::manifest_export::export_manifest;
use super::segment::SegmentMeta;
use super::segment_writer::{SegmentWriter, segment_schema};
use super::tiers::Tiers;
use crate::activity::{advance, check_stop};
use crate::catalog::{Placement, Table, TableDefinition};
use crate::env::{fault_point, has_bug};
use crate::model::{Name, ScopeId, SegmentId, Seq, TableKind, UserId, UserKey};
use crate::store::{
    DecodeTarget, Family, HotCursor, RowDecoder, RowHeader, SCOPE_PREFIX_LEN, WriteSet, prefix_end,
    scope_prefix, table_prefix,
};
use crate::{Error, Result, SqlState};

/// What a flush did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlushReport {
    /// Rows moved, deleted ones included.
    pub(crate) rows: u64,
    /// Segments written.
    pub(crate) segments: u64,
}

impl std::ops::Add for FlushReport {
    type Output = FlushReport;

    fn add(self, other: FlushReport) -> FlushReport {
        FlushReport { rows: self.rows + other.rows, segments: self.segments + other.segments }
    }
}

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

impl Tiers<'_> {
    /// Flushes every scope of a table. Each scope commits by itself; a failure
    /// leaves the scopes before it flushed and the others hot.
    ///
    /// # Errors
    /// `0A000` for STREAM tables, `53100` or `58030` if a file cannot be written.
    pub(crate) fn flush_table(&self, table: &Arc<Table>) -> Result<FlushReport> {
        let definition = &table.definition;
        refuse_stream(definition)?;
        let report = self.flush_owners(table, &self.hot_owners(definition)?)?;
        if report.rows > 0 {
            // Once for the table: a compaction for each scope costs more than it frees.
            self.free_hot(definition);
        }
        Ok(report)
    }

    /// Lets RocksDB drop the rows of a table that were moved.
    pub(crate) fn free_hot(&self, table: &TableDefinition) {
        let prefix = table_prefix(table.kind, table.id);
        self.store.compact_hot(&(prefix.to_vec()..prefix_end(&prefix)));
    }

    /// Flushes the rows of one owner of a table.
    ///
    /// # Errors
    /// As [`Tiers::flush_table`].
    pub(super) fn flush_owner(
        &self,
        table: &Arc<Table>,
        user: UserKey,
        report: &mut FlushReport,
    ) -> Result<()> {
        if user == UserKey::SHARED {
            self.flush_scope(table, user, None, report)
        } else if let Some(id) = self.users.user_of(user)? {
            self.flush_scope(table, user, Some(&id), report)
        } else {
            Ok(())
        }
    }

    fn flush_scope(
        &self,
        table: &Arc<Table>,
        user: UserKey,
        user_id: Option<&UserId>,
        report: &mut FlushReport,
    ) -> Result<()> {
        let prefix = scope_prefix(table.definition.kind, table.definition.id, user);
        let range = prefix.to_vec()..prefix_end(&prefix);
        if is_empty(&self.store.view().snapshot.cursor(Family::Hot, &range.start, &range.end))? {
            return Ok(());
        }
        // Two flushes of one scope would write the same rows twice.
        let _turn = self.tier.flushing.take(ScopeId { table: table.definition.id, user })?;
        let (watch, view) = self.store.watch(range.clone());
        // A definition that is current after the view was taken knows every row of it.
        let table = &self.registry.current(table)?;
        fault_point("flush.before_read")?;
        let mut cursor = view.snapshot.cursor(Family::Hot, &range.start, &range.end);
        let scope = ScopeId { table: table.definition.id, user };
        let placement = self.registry.placement(table, user_id)?;
        let mut written = Vec::new();
        let outcome = self.write_segments(table, scope, &placement, &mut cursor, &mut written);
        let committed = outcome.and_then(|()| {
            if written.is_empty() {
                return Ok(());
            }
            let mut edit = ScopeEdit::new(&self.tier.manifest, scope);
            // What took the scope's segments away since took these rows away too.
            edit.expect_emptied(self.tier.manifest.scope(scope, &view)?.emptied);
            self.commit_flush(table, edit, range.clone(), watch.keys(), &written)
        });
        drop(watch);
        if let Err(e) = committed {
            for NewSegment { meta, .. } in &written {
                self.tier.discard(&meta.storage, meta.id, &meta.path, &e);
            }
            return Err(e);
        }
        self.tier.answered(&placement.storage);
        fault_point("flush.after_commit")?;
        report.rows += written.iter().map(|s| u64::from(s.meta.rows)).sum::<u64>();
        report.segments += written.len() as u64;
        self.tier.flushed.add(written.iter().map(|s| &s.meta));
        drop(cursor);
        drop(view);
        export_manifest(self.tier, self.store, table, scope, &placement);
        Ok(())
    }

    fn write_segments(
        &self,
        table: &Arc<Table>,
        scope: ScopeId,
        placement: &Placement,
        cursor: &mut HotCursor,
        written: &mut Vec<NewSegment>,
    ) -> Result<()> {
        while !is_empty(cursor)? {
            let id = self.tier.new_segment_id();
            let path = format!("{}/{:016x}.parquet", placement.folder, id.get());
            let storage = &placement.storage;
            self.tier.announce(storage, id, &path)?;
            match self.write_segment(table, (scope, id), (storage, &path), cursor) {
                Ok(segment) => written.push(segment),
                Err(e) => {
                    self.tier.discard(storage, id, &path, &e);
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    fn write_segment(
        &self,
        table: &Arc<Table>,
        (scope, id): (ScopeId, SegmentId),
        (storage, path): (&Name, &str),
        cursor: &mut HotCursor,
    ) -> Result<NewSegment> {
        let definition = &table.definition;
        let place = self.tier.place(storage)?;
        let mut rows = HotRows::new(table, BATCH_ROWS)?;
        let mut batch = rows.next_batch(cursor, self.tier.segment_rows_max)?;
        let is_all = batch.num_rows() < BATCH_ROWS;
        let mut writer = SegmentWriter::new(&place, path, table, (&batch, is_all))?;
        while batch.num_rows() > 0 {
            check_stop()?;
            let first = rows.keys.len() - batch.num_rows();
            writer.write(&batch, |row| rows.keys.get(first + row))?;
            advance(batch.num_rows() as u64);
            batch = rows.next_batch(cursor, self.tier.segment_rows_max)?;
        }
        fault_point("flush.before_sync")?;
        let file = writer.finish()?;
        fault_point("flush.after_sync")?;
        let meta = SegmentMeta {
            id,
            scope,
            storage: storage.clone(),
            path: path.into(),
            schema_version: definition.version,
            rows: u32::try_from(file.rows).map_err(|_| {
                Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a segment passes 4 billion rows")
            })?,
            bytes: file.bytes,
            checksum: file.checksum,
            min_key: rows.keys.get(0).to_vec(),
            max_key: rows.keys.get(rows.keys.len() - 1).to_vec(),
            min_seq: rows.min_seq,
            max_seq: rows.max_seq,
            columns: file.columns.into_iter().map(|c| c.bounded()).collect(),
            created_at_ms: self.now_ms,
        };
        Ok(NewSegment { meta, keys: Arc::new(rows.keys), deleted: rows.deleted })
    }

    fn commit_flush(
        &self,
        table: &Arc<Table>,
        mut edit: ScopeEdit,
        range: Range<Vec<u8>>,
        watched: crate::store::WatchedKeys,
        written: &[NewSegment],
    ) -> Result<()> {
        let mut keys = Vec::with_capacity(written.len());
        for segment in written {
            edit.add(segment.meta.clone(), segment.deleted.clone());
            keys.push((segment.meta.id, segment.keys.clone()));
        }
        edit.flushed(Flushed {
            range,
            watched,
            positions: Box::new(move |key| {
                let key = &key[SCOPE_PREFIX_LEN..];
                keys.iter().find_map(|(id, keys)| Some((*id, keys.find(key)?)))
            }),
        });
        let mut set = WriteSet::default();
        set.changes.push(self.registry.unchanged(table));
        if let Some(first) = written.first() {
            self.registry.needs_storage(&mut set, &first.meta.storage);
        }
        set.changes.push(Box::new(edit));
        fault_point("flush.before_commit")?;
        self.store.commit(set)?;
        Ok(())
    }
}

/// Refuses tables that have no cold tier.
///
/// # Errors
/// `0A000` for STREAM tables.
pub(crate) fn refuse_stream(definition: &TableDefinition) -> Result<()> {
    if definition.kind != TableKind::Stream {
        return Ok(());
    }
    let message = format!("STREAM table \"{}\" is never flushed", definition.name);
    Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
        .with_hint("rows of STREAM tables stay in the hot tier until their time is over"))
}

struct NewSegment {
    meta: SegmentMeta,
    keys: Arc<KeyList>,
    deleted: RoaringBitmap,
}

fn is_empty(cursor: &HotCursor) -> Result<bool> {
    Ok(cursor.entry()?.is_none())
}

/// Hot rows decoded for a segment, and what the manifest needs to know of them.
struct HotRows {
    decoder: RowDecoder,
    schema: arrow::datatypes::SchemaRef,
    keys: KeyList,
    deleted: RoaringBitmap,
    min_seq: Seq,
    max_seq: Seq,
}

impl HotRows {
    fn new(table: &Table, capacity: usize) -> Result<HotRows> {
        Ok(HotRows {
            decoder: RowDecoder::new(segment_targets(table), table.layouts.clone(), capacity)?,
            schema: segment_schema(table),
            keys: KeyList::default(),
            deleted: RoaringBitmap::new(),
            min_seq: Seq(u64::MAX),
            max_seq: Seq(0),
        })
    }

    /// The next rows, none when the cursor is at its end or the segment is full.
    fn next_batch(&mut self, cursor: &mut HotCursor, rows_max: usize) -> Result<RecordBatch> {
        while self.decoder.len() < BATCH_ROWS && self.keys.len() < rows_max {
            let Some((key, record)) = cursor.entry()? else { break };
            let key = &key[SCOPE_PREFIX_LEN..];
            let header = RowHeader::read(record)?;
            if header.is_deleted() && !has_bug("tombstone_not_flushed") {
                self.deleted.insert(u32::try_from(self.keys.len()).unwrap_or(u32::MAX));
            }
            self.min_seq = self.min_seq.min(header.seq);
            self.max_seq = self.max_seq.max(header.seq);
            self.decoder.push(key, record)?;
            self.keys.push(key);
            cursor.advance();
        }
        let rows = self.decoder.len();
        let columns: Vec<ArrayRef> = self.decoder.finish()?;
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(|e| {
            Error::new(SqlState::INTERNAL_ERROR, format!("decoded rows do not fit: {e}"))
        })
    }
}

/// What a segment holds of each row: all columns, `_seq`, the hidden key.
fn segment_targets(table: &Table) -> Vec<DecodeTarget> {
    let mut targets: Vec<_> = table.definition.columns.iter().map(DecodeTarget::column).collect();
    targets.push(DecodeTarget::Seq);
    if table.definition.has_hidden_key() {
        targets.push(DecodeTarget::HiddenKey);
    }
    targets
}
