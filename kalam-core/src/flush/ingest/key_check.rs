//! Whether the keys of an ingest are free.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::IngestTarget;
use super::key_cursor::{Found, KeyCursor, MergedKeys, SegmentKeys};
use crate::activity::check_stop;
use crate::env::has_bug;
use crate::flush::manifest::{ScopeManifest, SegmentState};
use crate::flush::segment::SegmentMeta;
use crate::flush::segment_cache::OpenSegment;
use crate::model::Seq;
use crate::store::{MarkSet, RowHeader, SCOPE_PREFIX_LEN, View, prefix_end};
use crate::{Error, Result};

/// Deleted rows whose keys an ingest takes.
#[derive(Default)]
pub(super) struct Buried {
    pub(super) marks: MarkSet,
    /// Of the hot tier, by key without scope.
    pub(super) hot: BTreeMap<Vec<u8>, Seq>,
}

/// The segments of an ingest, to look keys up in.
pub(super) struct OwnKeys<'a> {
    target: IngestTarget<'a>,
    prefix: Vec<u8>,
    /// By smallest key.
    segments: Vec<OwnSegment>,
}

/// A new segment, opened when a key of it has to be read: where nothing overlaps, none is.
struct OwnSegment {
    meta: Arc<SegmentMeta>,
    open: OnceLock<Arc<OpenSegment>>,
}

impl OwnSegment {
    fn open(&self, target: &IngestTarget<'_>) -> Result<Arc<OpenSegment>> {
        if let Some(open) = self.open.get() {
            return Ok(open.clone());
        }
        // Not from the cache: what that keeps knows the `_seq` of its commit.
        let schemas = &target.tier.cache.schemas;
        let opened = |source| OpenSegment::open(&self.meta, source, schemas).map(Arc::new);
        let open = target.tier.read(&self.meta, opened)?;
        Ok(self.open.get_or_init(|| open).clone())
    }
}

impl<'a> OwnKeys<'a> {
    pub(super) fn new(target: IngestTarget<'a>, written: &[SegmentMeta]) -> OwnKeys<'a> {
        let segment =
            |meta: &SegmentMeta| OwnSegment { meta: Arc::new(meta.clone()), open: OnceLock::new() };
        let mut segments: Vec<OwnSegment> = written.iter().map(segment).collect();
        segments.sort_by(|a, b| a.meta.min_key.cmp(&b.meta.min_key));
        let prefix = target.table.scope_prefix(target.scope.user).to_vec();
        OwnKeys { target, prefix, segments }
    }

    /// All hot keys of the scope.
    pub(super) fn scope_range(&self) -> Range<Vec<u8>> {
        self.prefix.clone()..prefix_end(&self.prefix)
    }

    /// The segments of the scope that are there already.
    ///
    /// # Errors
    /// `XX001`.
    pub(super) fn manifest(&self, view: &View) -> Result<Arc<ScopeManifest>> {
        self.target.tier.manifest.scope(self.target.scope, view)
    }

    fn cursors(&self) -> Result<Vec<KeyCursor<'_>>> {
        let cursor = |segment: &OwnSegment| {
            let open = segment.open(&self.target)?;
            SegmentKeys::new(self.target.table, open, None).map(KeyCursor::Segment)
        };
        self.segments.iter().map(cursor).collect()
    }

    /// Refuses a key that is in two of the segments. A hidden key is new each time.
    ///
    /// # Errors
    /// `23505`.
    pub(super) fn check_distinct(&self) -> Result<()> {
        let mut max: Option<&[u8]> = None;
        let overlap = self.segments.iter().any(|segment| {
            let meta = &segment.meta;
            let overlaps = max.is_some_and(|max| max >= meta.min_key.as_slice());
            max = max.max(Some(meta.max_key.as_slice()));
            overlaps
        });
        if !overlap || self.target.table.definition.has_hidden_key() {
            return Ok(());
        }
        let mut keys = MergedKeys::new(self.cursors()?, &self.prefix)?;
        while let Some(key) = keys.key()? {
            if keys.is_twice()? {
                return Err(self.duplicate(key));
            }
            keys.advance()?;
        }
        Ok(())
    }

    /// Looks for the keys in both tiers, and tells which deleted rows have them. Nobody
    /// has a hidden key that is new.
    ///
    /// # Errors
    /// `23505` if a live row has one.
    pub(super) fn check_free(&self, manifest: &ScopeManifest, view: &View) -> Result<Buried> {
        let mut buried = Buried::default();
        if self.target.table.definition.has_hidden_key() || has_bug("key_not_looked_up") {
            return Ok(buried);
        }
        let (Some(first), Some(last)) =
            (self.segments.first(), self.segments.iter().map(|s| &s.meta.max_key).max())
        else {
            return Ok(buried);
        };
        let overlaps = |state: &&Arc<SegmentState>| {
            state.meta.max_key >= first.meta.min_key && state.meta.min_key <= *last
        };
        let mut cursors = Vec::new();
        for state in manifest.segments.iter().filter(overlaps) {
            let segment = self.target.tier.open(&state.meta)?;
            let keys = SegmentKeys::new(self.target.table, segment, Some(state.clone()))?;
            cursors.push(KeyCursor::Segment(keys));
        }
        let lower = [self.prefix.as_slice(), &first.meta.min_key].concat();
        let upper = prefix_end(&[self.prefix.as_slice(), last].concat());
        cursors.push(KeyCursor::Hot(view.hot_cursor(&lower, &upper)));
        let mut others = MergedKeys::new(cursors, &self.prefix)?;
        if others.key()?.is_none() {
            return Ok(buried);
        }
        let mut own = MergedKeys::new(self.cursors()?, &self.prefix)?;
        while let (Some(key), Some(other)) = (own.key()?, others.key()?) {
            match key.cmp(other) {
                std::cmp::Ordering::Less => {
                    let other = other.to_vec();
                    own.seek(&other)?;
                }
                std::cmp::Ordering::Greater => {
                    let key = key.to_vec();
                    others.seek(&key)?;
                }
                std::cmp::Ordering::Equal => {
                    match others.found()? {
                        Found::Live => return Err(self.duplicate(key)),
                        Found::DeletedHot(seq) => {
                            buried.hot.insert(key.to_vec(), seq);
                        }
                        Found::DeletedCold(segment, row) => buried.marks.bury(segment, row),
                    }
                    others.advance()?;
                }
            }
        }
        Ok(buried)
    }

    /// Whether one of the segments has a key.
    ///
    /// # Errors
    /// `XX001`.
    fn contains(&self, key: &[u8]) -> Result<bool> {
        for segment in &self.segments {
            let meta = &segment.meta;
            if key < meta.min_key.as_slice() || key > meta.max_key.as_slice() {
                continue;
            }
            let open = segment.open(&self.target)?;
            let mut keys = KeyCursor::Segment(SegmentKeys::new(self.target.table, open, None)?);
            keys.seek(key, &self.prefix)?;
            if keys.key()? == Some(key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks at hot keys that others wrote since the last lookup.
    ///
    /// # Errors
    /// `23505` if a live row has one that is a new row's too.
    pub(super) fn follow(
        &self,
        buried: &mut Buried,
        written: &[Vec<u8>],
        view: &View,
    ) -> Result<()> {
        for hot in written {
            check_stop()?;
            let key = &hot[SCOPE_PREFIX_LEN..];
            if !self.contains(key)? {
                continue;
            }
            match view.hot(hot, RowHeader::read)? {
                Some(stored) if stored.is_deleted() => {
                    buried.hot.insert(key.to_vec(), stored.seq);
                }
                Some(_) => return Err(self.duplicate(key)),
                None => {
                    buried.hot.remove(key);
                }
            }
        }
        Ok(())
    }

    /// The ranges of hot keys between which the keys lie, both ends included.
    pub(super) fn ranges(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let with_scope = |key: &Vec<u8>| [self.prefix.as_slice(), key].concat();
        let range = |segment: &OwnSegment| {
            (with_scope(&segment.meta.min_key), with_scope(&segment.meta.max_key))
        };
        self.segments.iter().map(range).collect()
    }

    fn duplicate(&self, key: &[u8]) -> Error {
        (self.target.duplicate)(self.target.table, key)
    }
}
