//! How long deleted rows stay to be seen, and the end of those that are hot.

use std::collections::HashMap;
use std::sync::Arc;

use super::lookup::ColdSeqs;
use super::manifest::SegmentState;
use super::mark::{MarkKind, marked_scope, read_marks, scope_mark_end, table_mark_range};
use super::tier::ColdTier;
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::TableDefinition;
use crate::env::{Clock, fault_point};
use crate::model::{ScopeId, Seq, TableId, UserKey};
use crate::store::{
    Expect, Family, RowHeader, Snapshot, Store, WriteSet, damaged, prefix_end, table_prefix,
};

/// The `_seq` below which a deletion is so old that nothing of the row needs to be kept; of
/// a STREAM table, a row.
pub(super) fn retention_limit(table: &TableDefinition, store: &Store) -> Seq {
    Seq::first_of_ms(store.clock().now_ms().saturating_sub(table.options.stay_ms()))
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
    Ok(oldest_deletion(tier, snapshot, scope, state, limit)?.is_some_and(|seq| seq < limit))
}

/// The oldest deletion of the rows of a segment that are still to be seen as deleted, or
/// one that is older than `enough`.
///
/// # Errors
/// `XX001` if the segment is damaged.
pub(super) fn oldest_deletion(
    tier: &ColdTier,
    snapshot: &Arc<Snapshot>,
    scope: ScopeId,
    state: &SegmentState,
    enough: Seq,
) -> Result<Option<Seq>> {
    let marked = marked_deletions(snapshot, scope, state)?;
    let mut seqs = ColdSeqs::new(tier);
    let mut oldest = None;
    for (index, row) in state.deleted.iter().enumerate() {
        if index.is_multiple_of(1024) {
            check_stop()?;
        }
        let seq = match marked.get(&row) {
            Some(seq) => *seq,
            None => seqs.of(&state.meta, row)?,
        };
        oldest = oldest.into_iter().chain([seq]).min();
        if seq < enough {
            break;
        }
    }
    Ok(oldest)
}

/// Whose segments of a table have marks. One seek for each.
///
/// # Errors
/// `XX001`, `58030`.
pub(super) fn owners_with_marks(snapshot: &Arc<Snapshot>, table: TableId) -> Result<Vec<UserKey>> {
    let (lower, upper) = table_mark_range(table);
    let mut cursor = snapshot.cursor(Family::Manifest, &lower, &upper);
    let mut owners = Vec::new();
    while let Some((key, _)) = cursor.entry()? {
        check_stop()?;
        let scope = marked_scope(key).ok_or_else(|| damaged("a deletion mark"))?;
        owners.push(scope.user);
        let next = scope_mark_end(scope);
        cursor.seek(&next);
    }
    Ok(owners)
}

/// Hot rows removed in one commit.
const ROWS_OF_COMMIT: usize = 4096;

/// What became of hot rows that have a time to go.
#[derive(Default)]
pub(super) struct Outlived {
    pub(super) removed: u64,
    /// The commit of the oldest that stays.
    pub(super) next: Option<Seq>,
}

/// Removes hot rows of a table, of every user, that were deleted before `limit`.
///
/// # Errors
/// `40001` if one of them was changed meanwhile, `58030`.
pub(super) fn remove_outlived(
    store: &Store,
    table: &TableDefinition,
    limit: Seq,
) -> Result<Outlived> {
    let prefix = table_prefix(table.kind, table.id);
    let view = store.view();
    let mut cursor = view.hot_cursor(&prefix, &prefix_end(&prefix));
    let mut set = WriteSet::default();
    let mut outlived = Outlived::default();
    let mut seen = 0u64;
    while let Some((key, record)) = cursor.entry()? {
        seen += 1;
        if seen.is_multiple_of(4096) {
            check_stop()?;
        }
        let header = RowHeader::read(record)?;
        if header.is_deleted() && header.seq < limit {
            set.rows.push(Expect::Seq(header.seq), |out| out.extend_from_slice(key), |_| {});
        } else if header.is_deleted() {
            outlived.next = outlived.next.into_iter().chain([header.seq]).min();
        }
        cursor.advance();
        if set.rows.len() == ROWS_OF_COMMIT {
            outlived.removed += commit(store, std::mem::take(&mut set))?;
        }
    }
    outlived.removed += commit(store, set)?;
    Ok(outlived)
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
