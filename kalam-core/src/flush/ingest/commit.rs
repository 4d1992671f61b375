//! The one commit of an ingest.
//!
//! Keys are looked for at a view. The committer reads no file: a key of the scope that is
//! written after that view makes the commit fail if it lies between the first and the last
//! key of a new segment. The ingest then looks that key up, and tries again.
//!
//! The rows are in files by then, in the columns of the table as it was. If DDL comes
//! before the commit, and says nothing of rows that these were not checked for, they are
//! rows of an earlier version, which every reader knows to read.

use std::sync::Arc;

use super::key_check::{Buried, OwnKeys};
use super::{IngestTarget, IngestedRows};
use crate::activity::check_stop;
use crate::catalog::{SchemaRegistry, Table};
use crate::env::fault_point;
use crate::flush::manifest::{ScopeEdit, ScopeManifest};
use crate::flush::manifest_export::export_manifest;
use crate::model::Seq;
use crate::store::{
    Batch, Change, CommitError, Expect, KeyWatch, RowWrites, Store, WatchedKeys, WriteSet,
};
use crate::{Error, Result, SqlState};

/// Tries before the ingest holds the commits of others: it must not lose for ever.
const OPEN_TRIES: usize = 3;
const TRIES_MAX: usize = 1000;

/// What the commit of an ingest says of its table.
#[derive(Clone, Copy)]
pub(crate) enum TableOfIngest<'a> {
    /// It is there.
    Existing,
    /// The commit makes it: with this set.
    New(&'a dyn Fn() -> WriteSet),
}

impl IngestedRows<'_> {
    /// Makes all rows one commit, with the writes of entries of UNIQUE constraints. After an
    /// error nothing of them is seen.
    ///
    /// # Errors
    /// [`CommitError::KeyTaken`] for an entry, `23505` for a key, `40001` if the table was
    /// altered so that the rows do not fit it any more, or the rows of its user were taken
    /// away, `58030`, `53100`.
    pub(crate) fn commit(
        mut self,
        store: &Store,
        registry: &Arc<SchemaRegistry>,
        entries: &RowWrites,
        of_table: TableOfIngest<'_>,
    ) -> Result<Seq, CommitError> {
        let target = self.target;
        let mut table = target.table.clone();
        // A flush that ends meanwhile would have all keys looked up once more.
        let _turn = target.tier.flushing.take(target.scope)?;
        let own = OwnKeys::new(target, &self.written.segments);
        let mut lookup = Lookup::new(&own, store)?;
        let mut held = None;
        for tries in 1..=TRIES_MAX {
            check_stop()?;
            fault_point("ingest.before_commit")?;
            let set = match of_table {
                TableOfIngest::New(set) => set(),
                TableOfIngest::Existing => {
                    let changes = vec![registry.unchanged(&table)];
                    WriteSet { changes, ..WriteSet::default() }
                }
            };
            let set = self.with_rows(set, &lookup, entries, registry);
            let committing = held.is_none().then(|| target.table.commits());
            let committed = store.commit(set);
            drop(committing);
            match committed {
                Ok(seq) => {
                    self.written.keep();
                    target.tier.answered(&target.placement.storage);
                    drop((lookup, held));
                    let IngestTarget { tier, scope, placement, .. } = target;
                    export_manifest(tier, store, &table, scope, placement);
                    return Ok(seq);
                }
                Err(error) => {
                    let Some(now) = table_to_retry(&error, &target, &table, registry) else {
                        return Err(error);
                    };
                    table = now;
                }
            }
            if tries == OPEN_TRIES {
                held = Some(target.table.hold_commits());
            }
            lookup.renew()?;
        }
        Err(Error::new(SqlState::SERIALIZATION_FAILURE, "the table changed at every try")
            .with_hint("run it again")
            .into())
    }

    fn with_rows(
        &self,
        mut set: WriteSet,
        lookup: &Lookup<'_, '_>,
        entries: &RowWrites,
        registry: &Arc<SchemaRegistry>,
    ) -> WriteSet {
        let target = &self.target;
        let prefix = target.table.scope_prefix(target.scope.user);
        set.rows = entries.clone();
        for (key, seq) in &lookup.buried.hot {
            let key = [prefix.as_slice(), key].concat();
            set.rows.push(Expect::Seq(*seq), |out| out.extend_from_slice(&key), |_| {});
        }
        registry.needs_storage(&mut set, &target.placement.storage);
        let mut edit = ScopeEdit::new(&target.tier.manifest, target.scope);
        edit.expect_version(lookup.manifest.version);
        edit.mark(lookup.buried.marks.clone());
        for meta in &self.written.segments {
            edit.add_new(meta.clone());
        }
        set.changes.push(Box::new(edit));
        let ranges = lookup.own.ranges();
        if !target.table.definition.has_hidden_key() {
            let watched = lookup.watch.keys();
            set.changes.push(Box::new(NothingWritten { watched, ranges: ranges.clone() }));
        }
        let new = ranges.into_iter().map(|range| Box::new(NewRange(range)) as Box<dyn Change>);
        set.changes.extend(new);
        set
    }
}

/// The table as it is now, if the commit lost against others and may win the next time.
fn table_to_retry(
    error: &CommitError,
    target: &IngestTarget<'_>,
    table: &Arc<Table>,
    registry: &Arc<SchemaRegistry>,
) -> Option<Arc<Table>> {
    let CommitError::Other(error) = error else { return None };
    if error.sqlstate() != SqlState::SERIALIZATION_FAILURE
        || target.tier.manifest.is_purged(target.scope.user)
    {
        return None;
    }
    let now = registry.current(table).ok()?;
    now.definition.takes_rows_of(&table.definition).then_some(now)
}

/// That the keys are free, as a view shows it, and who wrote what since.
struct Lookup<'a, 'o> {
    own: &'o OwnKeys<'a>,
    store: &'a Store,
    watch: KeyWatch<'a>,
    manifest: Arc<ScopeManifest>,
    buried: Buried,
}

impl<'a, 'o> Lookup<'a, 'o> {
    /// Looks for the keys of all new rows.
    ///
    /// # Errors
    /// `23505` if one of them is taken, or there twice.
    fn new(own: &'o OwnKeys<'a>, store: &'a Store) -> Result<Lookup<'a, 'o>> {
        own.check_distinct()?;
        let (watch, view) = store.watch(own.scope_range());
        let manifest = own.manifest(&view)?;
        let buried = own.check_free(&manifest, &view)?;
        Ok(Lookup { own, store, watch, manifest, buried })
    }

    /// Looks for those that others wrote since, or for all if the segments are others.
    ///
    /// # Errors
    /// `23505`.
    fn renew(&mut self) -> Result<()> {
        let (watch, view) = self.store.watch(self.own.scope_range());
        let manifest = self.own.manifest(&view)?;
        if manifest.version == self.manifest.version && self.buried.marks.is_empty() {
            self.own.follow(&mut self.buried, &self.watch.keys().sorted(), &view)?;
        } else {
            self.buried = self.own.check_free(&manifest, &view)?;
        }
        (self.watch, self.manifest) = (watch, manifest);
        Ok(())
    }
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
            return Err(Error::conflict("another commit wrote among the new rows"));
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
