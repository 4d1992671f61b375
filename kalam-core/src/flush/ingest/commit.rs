//! The one commit of an ingest.
//!
//! Keys are looked for at a view. The committer reads no file: a key of the scope that is
//! written after that view makes the commit fail if it lies between the first and the last
//! key of a new segment. The ingest then looks that key up, and tries again.

use std::sync::Arc;
use std::time::Duration;

use super::key_check::{Buried, OwnKeys};
use super::{IngestTarget, IngestedRows};
use crate::activity::check_stop;
use crate::catalog::SchemaRegistry;
use crate::env::fault_point;
use crate::flush::manifest::{ScopeEdit, ScopeManifest};
use crate::flush::manifest_export::export_manifest;
use crate::model::Seq;
use crate::store::{
    Batch, Change, CommitError, Expect, RowHeader, RowWrites, SCOPE_PREFIX_LEN, Store, View,
    WatchedKeys, WriteSet, prefix_end,
};
use crate::{Error, ErrorKind, Result, SqlState};

/// Tries before the ingest holds the commits of others: it cannot lose for ever.
const OPEN_TRIES: usize = 3;
const TRIES_MAX: usize = 1000;

/// How long the ingest waits for a flush of its scope before it looks whether it is to
/// stop.
const TURN_WAIT: Duration = Duration::from_millis(20);

impl IngestedRows<'_> {
    /// Makes all rows one commit, with the writes of entries of UNIQUE constraints and
    /// what `more` adds to it. After an error nothing of them is seen.
    ///
    /// # Errors
    /// [`CommitError::KeyTaken`] for an entry, `23505` for a key, `40001` if the table was
    /// altered, `58030`, `53100`.
    pub(crate) fn commit(
        mut self,
        store: &Store,
        registry: &Arc<SchemaRegistry>,
        entries: &RowWrites,
        more: impl Fn(&mut WriteSet),
    ) -> Result<Seq, CommitError> {
        let target = self.target;
        // A flush that runs knows which segments there are, and so does a compaction.
        let turn = target.tier.flush_turn(target.scope);
        let _turn = loop {
            check_stop()?;
            if let Some(turn) = turn.try_lock_for(TURN_WAIT) {
                break turn;
            }
        };
        let own = OwnKeys::new(target, &self.written.segments)?;
        let has_hidden_key = target.table.definition.has_hidden_key();
        if !has_hidden_key {
            own.check_distinct()?;
        }
        let prefix = target.table.scope_prefix(target.scope.user);
        let range = prefix.to_vec()..prefix_end(&prefix);
        let (mut watch, mut view) = store.watch(range.clone());
        let mut manifest = target.tier.manifest.scope(target.scope, &view)?;
        // A hidden key is new: nobody has it.
        let check = |manifest: &ScopeManifest, view: &View| {
            if has_hidden_key { Ok(Buried::default()) } else { own.check_free(manifest, view) }
        };
        let mut buried = check(&manifest, &view)?;
        let mut held = None;
        for tries in 1..=TRIES_MAX {
            check_stop()?;
            fault_point("ingest.before_commit")?;
            let set = self.write_set(&own, &manifest, &buried, watch.keys(), entries, &more);
            let committing = held.is_none().then(|| target.table.commits());
            let committed = store.commit(set);
            drop(committing);
            match committed {
                Ok(seq) => {
                    self.written.segments.clear();
                    drop((view, held));
                    export_manifest(target.tier, store, target.table, target.scope, target.folder);
                    return Ok(seq);
                }
                Err(CommitError::Other(e))
                    if e.sqlstate() == SqlState::SERIALIZATION_FAILURE
                        && registry.is_current(target.table) => {}
                Err(error) => {
                    if let CommitError::Other(e) = &error
                        && matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::LimitExceeded)
                    {
                        // Only the next open knows whether the log has it.
                        self.written.segments.clear();
                    }
                    return Err(error);
                }
            }
            if tries == OPEN_TRIES {
                held = Some(target.table.hold_commits());
            }
            let (newer, now) = store.watch(range.clone());
            let current = target.tier.manifest.scope(target.scope, &now)?;
            if current.version == manifest.version && buried.marks.is_empty() {
                follow(&target, &own, &mut buried, &watch.keys().sorted(), &now)?;
            } else {
                buried = check(&current, &now)?;
            }
            (watch, view, manifest) = (newer, now, current);
        }
        Err(Error::new(SqlState::SERIALIZATION_FAILURE, "the table changed at every try")
            .with_hint("run it again")
            .into())
    }

    fn write_set(
        &self,
        own: &OwnKeys<'_>,
        manifest: &ScopeManifest,
        buried: &Buried,
        watched: WatchedKeys,
        entries: &RowWrites,
        more: &impl Fn(&mut WriteSet),
    ) -> WriteSet {
        let target = &self.target;
        let prefix = target.table.scope_prefix(target.scope.user);
        let mut set = WriteSet { rows: entries.clone(), ..WriteSet::default() };
        for (key, seq) in &buried.hot {
            let key = [prefix.as_slice(), key].concat();
            set.rows.push(Expect::Seq(*seq), |out| out.extend_from_slice(&key), |_| {});
        }
        more(&mut set);
        let mut edit = ScopeEdit::new(&target.tier.manifest, target.scope);
        edit.expect_version(manifest.version);
        edit.mark(buried.marks.clone());
        for meta in &self.written.segments {
            edit.add_new(meta.clone());
        }
        set.changes.push(Box::new(edit));
        let ranges = own.ranges();
        if !target.table.definition.has_hidden_key() {
            set.changes.push(Box::new(NothingWritten { watched, ranges: ranges.clone() }));
        }
        let new = ranges.into_iter().map(|range| Box::new(NewRange(range)) as Box<dyn Change>);
        set.changes.extend(new);
        set
    }
}

/// Looks at keys that others wrote since the last lookup.
fn follow(
    target: &IngestTarget<'_>,
    own: &OwnKeys<'_>,
    buried: &mut Buried,
    written: &[Vec<u8>],
    view: &View,
) -> Result<()> {
    for hot in written {
        check_stop()?;
        let key = &hot[SCOPE_PREFIX_LEN..];
        if !own.contains(key)? {
            continue;
        }
        match view.hot(hot, RowHeader::read)? {
            Some(stored) if stored.is_deleted() => {
                buried.hot.insert(key.to_vec(), stored.seq);
            }
            Some(_) => return Err((target.duplicate)(target.table, key)),
            None => {
                buried.hot.remove(key);
            }
        }
    }
    Ok(())
}

/// First and last key of a segment, with scope.
type KeyRange = (Vec<u8>, Vec<u8>);

/// A check that nobody wrote within the ranges of the new segments since the lookup.
struct NothingWritten {
    watched: WatchedKeys,
    ranges: Vec<KeyRange>,
}

impl Change for NothingWritten {
    fn check(&self) -> Result<()> {
        let within = |key: &[u8]| {
            self.ranges.iter().any(|(min, max)| min.as_slice() <= key && key <= max.as_slice())
        };
        if self.watched.any(within) {
            return Err(Error::new(
                SqlState::SERIALIZATION_FAILURE,
                "another commit wrote among the new rows",
            )
            .with_hint("retry the statement"));
        }
        Ok(())
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    fn publish(&mut self, _epoch: u64) {}

    fn is_visible(&self) -> bool {
        false
    }
}

/// Tells readers of a range that a new segment has rows in it.
struct NewRange(KeyRange);

impl Change for NewRange {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    fn publish(&mut self, _epoch: u64) {}

    fn is_visible(&self) -> bool {
        false
    }

    fn unnamed_rows(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let (first, last) = &self.0;
        Some((first.clone(), [last.as_slice(), &[0]].concat()))
    }
}
