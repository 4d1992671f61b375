//! How long deleted rows stay to be seen, and the end of those that are hot.

use std::collections::HashMap;
use std::sync::Arc;

use super::lookup::ColdSeqs;
use super::manifest::SegmentState;
use super::mark::{MarkKind, read_marks};
use super::tier::ColdTier;
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::TableDefinition;
use crate::env::fault_point;
use crate::model::{ScopeId, Seq, TableKind};
use crate::store::{Expect, RowHeader, Snapshot, Store, WriteSet, prefix_end};

/// The `_seq` below which a deletion is so old that nothing of the row needs to be kept.
pub(super) fn retention_limit(table: &TableDefinition, now_ms: i64) -> Seq {
    let hours = i64::from(table.options.deleted_retention_hours);
    Seq::first_of_ms(now_ms.saturating_sub(hours * 60 * 60 * 1000))
}

/// When the rows of a segment that are still to be seen as deleted were deleted, as far as
/// marks tell. The `_seq` of the others, in the file, is that of their deletion.
pub(super) fn marked_deletions(
    snapshot: &Arc<Snapshot>,
    scope: ScopeId,
    state: &SegmentState,
) -> Result<HashMap<u32, Seq>> {
    let mut deletions = HashMap::new();
    if state.deleted.is_empty() {
        return Ok(deletions);
    }
    for mark in read_marks(snapshot, scope, state.meta.id)? {
        if mark.kind == MarkKind::Deleted && mark.seq > Seq(0) {
            deletions.extend((&mark.rows & &*state.deleted).iter().map(|row| (row, mark.seq)));
        }
    }
    Ok(deletions)
}

/// Whether a row of a segment was deleted before `limit`.
///
/// # Errors
/// `XX001` if the segment is damaged.
pub(super) fn has_outlived(
    tier: &ColdTier,
    snapshot: &Arc<Snapshot>,
    scope: ScopeId,
    state: &SegmentState,
    limit: Seq,
) -> Result<bool> {
    if state.deleted.is_empty() || state.meta.min_seq >= limit {
        return Ok(false);
    }
    let marked = marked_deletions(snapshot, scope, state)?;
    let mut seqs = ColdSeqs::new(tier);
    for (index, row) in state.deleted.iter().enumerate() {
        if index.is_multiple_of(1024) {
            check_stop()?;
        }
        let seq = match marked.get(&row) {
            Some(seq) => *seq,
            None => seqs.of(&state.meta, row)?,
        };
        if seq < limit {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Hot rows removed in one commit.
const ROWS_OF_COMMIT: usize = 4096;

/// Removes hot rows of a table, of every user, that nobody is to see any more: those that
/// were deleted before `limit`, or of a STREAM table all that are older. Returns how many.
///
/// # Errors
/// `40001` if one of them was changed meanwhile, `58030`.
pub(super) fn remove_outlived(store: &Store, table: &TableDefinition, limit: Seq) -> Result<u64> {
    let mut prefix = vec![table.kind.key_byte()];
    prefix.extend_from_slice(&table.id.get().to_be_bytes());
    let view = store.view();
    let mut cursor = view.hot_cursor(&prefix, &prefix_end(&prefix));
    let mut set = WriteSet::default();
    let mut removed = 0;
    let mut seen = 0u64;
    while let Some((key, record)) = cursor.entry()? {
        seen += 1;
        if seen.is_multiple_of(4096) {
            check_stop()?;
        }
        let header = RowHeader::read(record)?;
        let may_go = table.kind == TableKind::Stream || header.is_deleted();
        if may_go && header.seq < limit {
            set.rows.push(Expect::Seq(header.seq), |out| out.extend_from_slice(key), |_| {});
        }
        cursor.advance();
        if set.rows.len() == ROWS_OF_COMMIT {
            removed += commit(store, std::mem::take(&mut set))?;
        }
    }
    Ok(removed + commit(store, set)?)
}

fn commit(store: &Store, set: WriteSet) -> Result<u64> {
    if set.is_empty() {
        return Ok(0);
    }
    let rows = set.rows.len() as u64;
    fault_point("retention.before_commit")?;
    store.commit(set)?;
    Ok(rows)
}
