//! Which segments exist, and which of their rows are live, at every view.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use dashmap::{DashMap, DashSet};
use parking_lot::Mutex;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::mark::{MarkKind, mark_key, mark_range, mark_value, read_marks};
use super::replacement::Replacement;
use super::scope_statistics::{STATISTICS, ScopeStatistics};
use super::segment::{SegmentKey, SegmentMeta};
use super::tier_observer::TierObserver;
use super::unlisted::UnlistedFiles;
use crate::catalog::DEFAULT_STORAGE;
use crate::env::has_bug;
use crate::model::{Name, ScopeId, SegmentId, Seq, TableId, UserKey};
use crate::store::{
    Batch, Change, EntityKey, EntityStore, Family, MarkSet, Snapshot, Store, View, WatchedKeys,
    encode_entity,
};
use crate::{Error, Result};

impl EntityKey for ScopeId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.table.get().to_be_bytes());
        out.extend_from_slice(&self.user.get().to_be_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (table, user) = bytes.split_at_checked(4)?;
        Some(ScopeId {
            table: TableId(u32::from_be_bytes(table.try_into().ok()?)),
            user: UserKey(u64::from_be_bytes(user.try_into().ok()?)),
        })
    }
}

/// A file that no manifest lists any more and that waits for its last view.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Garbage {
    pub(crate) segment: SegmentId,
    pub(crate) storage: Name,
    pub(crate) path: String,
}

impl EntityKey for SegmentId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.get().to_be_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|b| SegmentId(u64::from_be_bytes(b)))
    }
}

pub(super) const SEGMENTS: EntityStore<SegmentKey, SegmentMeta> =
    EntityStore::new(Family::Manifest, b'S', "a manifest entry");
pub(super) const GARBAGE: EntityStore<SegmentId, Garbage> =
    EntityStore::new(Family::Manifest, b'G', "a garbage entry");

/// The segments of one scope as one epoch sees them. Immutable.
#[derive(Default)]
pub(crate) struct ScopeManifest {
    /// Counts up when the list of segments changes; marks leave it, because a mark
    /// never brings a key to life.
    pub(crate) version: u64,
    /// How often the scope was emptied since it was loaded.
    pub(crate) emptied: u64,
    /// Oldest first.
    pub(crate) segments: Vec<Arc<SegmentState>>,
    /// What ANALYZE found, if it looked.
    pub(crate) analyzed: Option<Arc<ScopeStatistics>>,
}

/// A segment and which of its rows are live.
pub(crate) struct SegmentState {
    pub(crate) meta: Arc<SegmentMeta>,
    /// Rows that are not live.
    pub(crate) dead: Arc<RoaringBitmap>,
    /// Those of the dead rows that stay visible under `_deleted`.
    pub(crate) deleted: Arc<RoaringBitmap>,
}

impl SegmentState {
    /// Rows that a query counts.
    pub(crate) fn live_rows(&self) -> u64 {
        u64::from(self.meta.rows) - self.dead.len()
    }
}

impl ScopeManifest {
    pub(crate) fn segment(&self, id: SegmentId) -> Option<&Arc<SegmentState>> {
        self.segments.iter().find(|s| s.meta.id == id)
    }
}

/// One scope's versions, each valid from its epoch on.
struct VersionChain(Vec<(u64, Arc<ScopeManifest>)>);

impl VersionChain {
    fn at(&self, epoch: u64) -> Arc<ScopeManifest> {
        let newer = self.0.partition_point(|(from, _)| *from <= epoch);
        self.0[newer.max(1) - 1].1.clone()
    }

    fn push(&mut self, epoch: u64, manifest: Arc<ScopeManifest>, oldest_view: Option<u64>) {
        self.0.push((epoch, manifest));
        // The oldest view needs the newest version that is not newer than it.
        let oldest = oldest_view.unwrap_or(epoch);
        let needed = self.0.partition_point(|(from, _)| *from <= oldest).max(1) - 1;
        self.0.drain(..needed);
    }
}

/// The manifests of all scopes, read on first use.
pub(crate) struct Manifest {
    store: Arc<Store>,
    scopes: DashMap<ScopeId, VersionChain>,
    /// What sets of the running group made and nobody sees yet.
    staged: Mutex<HashMap<ScopeId, Arc<ScopeManifest>>>,
    /// With the epoch from which on no view sees the file.
    garbage: Mutex<Vec<(u64, Garbage)>>,
    /// Files in the folder of `local` that no commit lists yet.
    pub(super) unlisted: UnlistedFiles,
    /// Users whose rows were taken away for good.
    purged: DashSet<UserKey>,
    observer: OnceLock<Arc<dyn TierObserver>>,
}

/// The epoch of garbage whose commit is under way.
const UNPUBLISHED: u64 = u64::MAX;

impl Manifest {
    pub(crate) fn new(store: Arc<Store>) -> Manifest {
        Manifest {
            store,
            scopes: DashMap::new(),
            staged: Mutex::default(),
            garbage: Mutex::default(),
            unlisted: UnlistedFiles::default(),
            purged: DashSet::new(),
            observer: OnceLock::new(),
        }
    }

    /// Tells someone of every change from now on. Only the first one is told.
    pub(crate) fn observe(&self, observer: Arc<dyn TierObserver>) {
        // A second one would be a second scheduler.
        let _ = self.observer.set(observer);
    }

    /// Whether files wait for a view to end before they are deleted.
    pub(crate) fn has_garbage(&self) -> bool {
        !self.garbage.lock().is_empty()
    }

    /// Whether files wait for nothing but to be deleted.
    pub(crate) fn has_ready_garbage(&self) -> bool {
        let oldest = self.store.epochs().oldest();
        self.garbage.lock().iter().any(|(epoch, _)| is_ready(*epoch, oldest))
    }

    /// Whether a user's rows were taken away for good: nothing of them can be committed.
    pub(super) fn is_purged(&self, user: UserKey) -> bool {
        self.purged.contains(&user)
    }

    /// The scope as `view` sees it.
    pub(crate) fn scope(&self, scope: ScopeId, view: &View) -> Result<Arc<ScopeManifest>> {
        let epoch = if has_bug("snapshot_not_of_segments") { u64::MAX } else { view.epoch };
        let committed = self.at(scope, epoch)?;
        Ok(match view.own_marks(scope) {
            None => committed,
            Some(marks) => Arc::new(ScopeManifest {
                version: committed.version,
                emptied: committed.emptied,
                segments: marked(&committed.segments, &marks),
                analyzed: committed.analyzed.clone(),
            }),
        })
    }

    /// Reads a scope's entries. Whoever changes a scope loads it first, so an entry
    /// that is still missing when it is inserted has not changed since the open.
    fn load(&self, scope: ScopeId) -> Result<()> {
        let view = self.store.view();
        let manifest = read_scope(&view.snapshot, scope)?;
        self.scopes.entry(scope).or_insert_with(|| VersionChain(vec![(0, Arc::new(manifest))]));
        Ok(())
    }

    /// The newest state, what the running group staged included.
    fn newest(&self, scope: ScopeId) -> Result<Arc<ScopeManifest>> {
        if let Some(staged) = self.staged.lock().get(&scope) {
            return Ok(staged.clone());
        }
        self.at(scope, u64::MAX)
    }

    /// The committed state that views of an epoch see.
    fn at(&self, scope: ScopeId, epoch: u64) -> Result<Arc<ScopeManifest>> {
        if let Some(chain) = self.scopes.get(&scope) {
            return Ok(chain.at(epoch));
        }
        self.load(scope)?;
        Ok(self.scopes.get(&scope).expect("loaded above, and never removed").at(epoch))
    }

    /// Every segment of a table, in any scope.
    pub(crate) fn table_segments(
        &self,
        table: TableId,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Vec<SegmentMeta>> {
        let found = SEGMENTS.scan(snapshot, &table.get().to_be_bytes())?;
        Ok(found.into_iter().map(|(_, meta)| meta).collect())
    }

    /// Every segment in a storage.
    pub(crate) fn segments_of_storage(
        &self,
        storage: &Name,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Vec<SegmentMeta>> {
        let mut found = all_segments(snapshot)?;
        found.retain(|meta| meta.storage == *storage);
        Ok(found)
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Adds files that no view needs.
    pub(super) fn add_garbage(&self, files: impl IntoIterator<Item = Garbage>) {
        self.garbage.lock().extend(files.into_iter().map(|file| (0, file)));
    }

    /// Files whose last view is gone; the caller deletes them.
    pub(crate) fn take_garbage(&self) -> Vec<Garbage> {
        let oldest = self.store.epochs().oldest();
        let mut garbage = self.garbage.lock();
        let (ready, kept) = garbage.drain(..).partition(|(epoch, _)| is_ready(*epoch, oldest));
        *garbage = kept;
        drop(garbage);
        let ready: Vec<(u64, Garbage)> = ready;
        ready.into_iter().map(|(_, g)| g).collect()
    }
}

/// Whether no view needs a file that is garbage since `epoch`.
fn is_ready(epoch: u64, oldest_view: Option<u64>) -> bool {
    // A removal that is not published yet may still fail, and views do not know of it.
    epoch != UNPUBLISHED && oldest_view.is_none_or(|oldest| epoch <= oldest)
}

/// Every segment that a snapshot lists, by table and user.
///
/// # Errors
/// `XX001` if an entry does not decode.
pub(crate) fn all_segments(snapshot: &Arc<Snapshot>) -> Result<Vec<SegmentMeta>> {
    let found = SEGMENTS.scan(snapshot, &[])?;
    Ok(found.into_iter().map(|(_, meta)| meta).collect())
}

fn read_scope(snapshot: &Arc<Snapshot>, scope: ScopeId) -> Result<ScopeManifest> {
    let mut prefix = Vec::new();
    scope.encode(&mut prefix);
    let mut segments = Vec::new();
    for (key, meta) in SEGMENTS.scan(snapshot, &prefix)? {
        let mut dead = RoaringBitmap::new();
        let mut deleted = RoaringBitmap::new();
        for mark in read_marks(snapshot, scope, key.segment)? {
            apply(&mut dead, &mut deleted, mark.kind, &mark.rows);
        }
        segments.push(Arc::new(SegmentState {
            meta: Arc::new(meta),
            dead: Arc::new(dead),
            deleted: Arc::new(deleted),
        }));
    }
    let analyzed = STATISTICS.get(snapshot, &scope)?.map(Arc::new);
    Ok(ScopeManifest { version: 1, emptied: 0, segments, analyzed })
}

pub(super) fn apply(
    dead: &mut RoaringBitmap,
    deleted: &mut RoaringBitmap,
    kind: MarkKind,
    rows: &RoaringBitmap,
) {
    *dead |= rows;
    match kind {
        MarkKind::Deleted => *deleted |= rows,
        MarkKind::Superseded => *deleted -= rows,
    }
}

/// Segments with more marks on them.
fn marked(segments: &[Arc<SegmentState>], marks: &MarkSet) -> Vec<Arc<SegmentState>> {
    let mut segments = segments.to_vec();
    for (id, marks) in marks.iter() {
        let Some(segment) = segments.iter_mut().find(|s| s.meta.id == id) else { continue };
        let mut dead = (*segment.dead).clone();
        let mut deleted = (*segment.deleted).clone();
        apply(&mut dead, &mut deleted, MarkKind::Deleted, &marks.deleted);
        apply(&mut dead, &mut deleted, MarkKind::Superseded, &marks.superseded);
        *segment = Arc::new(SegmentState {
            meta: segment.meta.clone(),
            dead: Arc::new(dead),
            deleted: Arc::new(deleted),
        });
    }
    segments
}

/// The `_seq` of rows whose commit has none yet.
const UNCOMMITTED: Seq = Seq(0);

/// A change of one scope's segments and marks, as part of a commit.
pub(crate) struct ScopeEdit {
    manifest: Arc<Manifest>,
    scope: ScopeId,
    checked_version: Option<u64>,
    checked_emptied: Option<u64>,
    added: Vec<(SegmentMeta, RoaringBitmap)>,
    removed: bool,
    replaced: Option<Replacement>,
    purges: bool,
    marks: MarkSet,
    flushed: Option<Flushed>,
    analyzed: Option<Arc<ScopeStatistics>>,
}

/// Segment and row of a hot key that a flush moved.
pub(crate) type Positions = Box<dyn Fn(&[u8]) -> Option<(SegmentId, u32)> + Send>;

/// What a flush takes out of the hot tier.
pub(crate) struct Flushed {
    pub(crate) range: std::ops::Range<Vec<u8>>,
    pub(crate) watched: WatchedKeys,
    /// Position of a hot key in the new segments.
    pub(crate) positions: Positions,
}

impl ScopeEdit {
    pub(crate) fn new(manifest: &Arc<Manifest>, scope: ScopeId) -> ScopeEdit {
        ScopeEdit {
            manifest: manifest.clone(),
            scope,
            checked_version: None,
            checked_emptied: None,
            added: Vec::new(),
            removed: false,
            replaced: None,
            purges: false,
            marks: MarkSet::default(),
            flushed: None,
            analyzed: None,
        }
    }

    /// The commit fails as a conflict if the list of segments is another by then:
    /// keys were looked for in this version.
    pub(crate) fn expect_version(&mut self, version: u64) {
        self.checked_version = Some(version);
    }

    /// The commit fails as a conflict if the scope was emptied again by then.
    pub(crate) fn expect_emptied(&mut self, emptied: u64) {
        self.checked_emptied = Some(emptied);
    }

    /// Marks rows of segments. Those that the set calls live must be live when the
    /// commit is checked, the others deleted.
    pub(crate) fn mark(&mut self, marks: MarkSet) {
        self.marks = marks;
    }

    /// Adds a segment, of which `deleted` rows are deleted from the start.
    pub(crate) fn add(&mut self, meta: SegmentMeta, deleted: RoaringBitmap) {
        self.added.push((meta, deleted));
    }

    /// Adds a segment of rows that the commit writes: they get its `_seq`.
    pub(crate) fn add_new(&mut self, meta: SegmentMeta) {
        self.added.push((
            SegmentMeta { min_seq: UNCOMMITTED, max_seq: UNCOMMITTED, ..meta },
            RoaringBitmap::new(),
        ));
    }

    /// Removes every segment of the scope.
    pub(crate) fn remove_all(&mut self) {
        self.removed = true;
    }

    /// Takes segments away whose rows are in added ones. The commit fails as a conflict if
    /// one of them is gone.
    pub(crate) fn replace(&mut self, replaced: Replacement) {
        self.replaced = Some(replaced);
    }

    fn removes(&self, segment: SegmentId) -> bool {
        self.removed || self.replaced.as_ref().is_some_and(|replaced| replaced.names(segment))
    }

    fn removes_any(&self) -> bool {
        self.removed || self.replaced.is_some()
    }

    /// Removes every segment of the scope, and refuses all that is prepared with the
    /// scope's user and not committed yet.
    pub(crate) fn purge(&mut self) {
        self.removed = true;
        self.purges = true;
    }

    /// Removes the flushed keys from the hot tier, but those that were written since.
    pub(crate) fn flushed(&mut self, flushed: Flushed) {
        self.flushed = Some(flushed);
    }

    /// Keeps what ANALYZE found.
    pub(crate) fn analyzed(&mut self, statistics: ScopeStatistics) {
        self.analyzed = Some(Arc::new(statistics));
    }

    fn conflict() -> Error {
        Error::conflict("a row was changed by another commit")
    }

    /// Range deletions around the keys that were written since the flush began, and
    /// marks on their old versions in the new segments.
    fn stage_flush(&mut self, batch: &mut Batch<'_>) {
        let Some(flushed) = self.flushed.take() else { return };
        let mut from = flushed.range.start.clone();
        let written =
            if has_bug("write_lost_in_flush") { Vec::new() } else { flushed.watched.sorted() };
        for key in written {
            if from < key {
                batch.delete_range(Family::Hot, &from, &key);
            }
            if let Some((segment, row)) = (flushed.positions)(&key) {
                self.marks.replace(segment, row);
            }
            from = key;
            from.push(0);
        }
        if from < flushed.range.end {
            batch.delete_range(Family::Hot, &from, &flushed.range.end);
        }
    }

    fn stage_removal(&self, current: &ScopeManifest, batch: &mut Batch<'_>) {
        for segment in current.segments.iter().filter(|s| self.removes(s.meta.id)) {
            let meta = &segment.meta;
            let key = SegmentKey { scope: self.scope, segment: meta.id };
            batch.delete(Family::Manifest, &SEGMENTS.key(&key));
            let (lower, upper) = mark_range(self.scope, meta.id);
            batch.delete_range(Family::Manifest, &lower, &upper);
            let garbage = Garbage {
                segment: meta.id,
                storage: meta.storage.clone(),
                path: meta.path.clone(),
            };
            batch.put(Family::Manifest, &GARBAGE.key(&meta.id), &encode_entity(&garbage));
            // The epoch is set when the removal is published.
            self.manifest.garbage.lock().push((UNPUBLISHED, garbage));
        }
    }

    fn next(&self, current: &ScopeManifest) -> ScopeManifest {
        let mut segments = current.segments.clone();
        segments.retain(|segment| !self.removes(segment.meta.id));
        for (meta, deleted) in &self.added {
            let (mut dead, mut deleted) = (deleted.clone(), deleted.clone());
            if let Some(replaced) = &self.replaced {
                for (mark, rows) in replaced.carried().filter(|(mark, _)| mark.segment == meta.id) {
                    apply(&mut dead, &mut deleted, mark.kind, rows);
                }
            }
            segments.push(Arc::new(SegmentState {
                meta: Arc::new(meta.clone()),
                dead: Arc::new(dead),
                deleted: Arc::new(deleted),
            }));
        }
        let segments = marked(&segments, &self.marks);
        let changed = self.removes_any() || !self.added.is_empty();
        ScopeManifest {
            version: current.version + u64::from(changed),
            emptied: current.emptied + u64::from(self.removed),
            segments,
            analyzed: self.analyzed.clone().or_else(|| {
                // What is said of rows goes with the rows.
                current.analyzed.clone().filter(|_| !self.removed)
            }),
        }
    }
}

impl Change for ScopeEdit {
    fn check(&self) -> Result<()> {
        if self.manifest.is_purged(self.scope.user) {
            return Err(Self::conflict());
        }
        let current = self.manifest.newest(self.scope)?;
        if self.checked_version.is_some_and(|version| version != current.version) {
            return Err(Self::conflict());
        }
        if self.checked_emptied.is_some_and(|emptied| emptied != current.emptied) {
            return Err(Self::conflict());
        }
        if let Some(replaced) = &self.replaced {
            if !replaced.inputs().all(|id| current.segment(id).is_some()) {
                return Err(Self::conflict());
            }
            // The set commits alone, so every mark that was committed is in this snapshot.
            replaced.carry(self.scope, &self.manifest.store.view().snapshot)?;
        }
        for (id, marks) in self.marks.iter() {
            let segment = current.segment(id).ok_or_else(Self::conflict)?;
            let buried = &marks.superseded - &marks.live;
            if !segment.dead.is_disjoint(&marks.live) || !buried.is_subset(&segment.deleted) {
                return Err(Self::conflict());
            }
        }
        Ok(())
    }

    fn stage(&mut self, seq: Seq, batch: &mut Batch<'_>) {
        if !self.is_visible() {
            return;
        }
        let current = self
            .manifest
            .newest(self.scope)
            .expect("the scope was loaded when the set was checked");
        self.stage_flush(batch);
        if self.removes_any() {
            self.stage_removal(&current, batch);
        }
        if self.removed && current.analyzed.is_some() {
            batch.delete(Family::Manifest, &STATISTICS.key(&self.scope));
        }
        if let Some(statistics) = &self.analyzed {
            let value = encode_entity(&**statistics);
            batch.put(Family::Manifest, &STATISTICS.key(&self.scope), &value);
        }
        for (meta, deleted) in &mut self.added {
            if meta.max_seq == UNCOMMITTED {
                (meta.min_seq, meta.max_seq) = (seq, seq);
            }
            let key = SegmentKey { scope: self.scope, segment: meta.id };
            batch.put(Family::Manifest, &SEGMENTS.key(&key), &encode_entity(meta));
            if meta.storage.as_str() != DEFAULT_STORAGE {
                // It was announced before it was written.
                batch.delete(Family::Manifest, &GARBAGE.key(&meta.id));
            }
            if !deleted.is_empty() {
                // Their `_seq` in the file is that of the deletion already; 0 adds nothing.
                let key = mark_key(self.scope, meta.id, Seq(0), MarkKind::Deleted);
                batch.put(Family::Manifest, &key, &mark_value(deleted));
            }
        }
        for (mark, rows) in self.replaced.iter().flat_map(Replacement::carried) {
            let key = mark_key(self.scope, mark.segment, mark.seq, mark.kind);
            batch.put(Family::Manifest, &key, &mark_value(rows));
        }
        for (segment, marks) in self.marks.iter() {
            let kinds =
                [(MarkKind::Superseded, &marks.superseded), (MarkKind::Deleted, &marks.deleted)];
            for (kind, rows) in kinds.into_iter().filter(|(_, rows)| !rows.is_empty()) {
                let key = mark_key(self.scope, segment, seq, kind);
                batch.put(Family::Manifest, &key, &mark_value(rows));
            }
        }
        let next = Arc::new(self.next(&current));
        self.manifest.staged.lock().insert(self.scope, next);
    }

    fn publish(&mut self, epoch: u64) {
        let manifest = &self.manifest;
        if self.purges {
            manifest.purged.insert(self.scope.user);
        }
        let Some(next) = manifest.staged.lock().remove(&self.scope) else { return };
        let is_local = |(meta, _): &&(SegmentMeta, _)| meta.storage.as_str() == DEFAULT_STORAGE;
        manifest.unlisted.list(self.added.iter().filter(is_local).count());
        if self.removes_any() {
            for (from, _) in manifest.garbage.lock().iter_mut().filter(|(e, _)| *e == UNPUBLISHED) {
                *from = epoch;
            }
        }
        if let Some(observer) = manifest.observer.get() {
            observer.changed(self.scope, &next);
            if self.removes_any() {
                observer.left_files();
            }
        }
        let oldest = manifest.store.epochs().oldest();
        if let Some(mut chain) = manifest.scopes.get_mut(&self.scope) {
            chain.push(epoch, next, oldest);
        }
    }

    fn is_visible(&self) -> bool {
        self.removes_any()
            || self.flushed.is_some()
            || !self.added.is_empty()
            || !self.marks.is_empty()
            || self.analyzed.is_some()
    }

    fn is_exclusive(&self) -> bool {
        self.removes_any() || self.flushed.is_some()
    }
}
