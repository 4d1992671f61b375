//! Whether the keys of an ingest are free.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::IngestTarget;
use super::key_cursor::{Found, KeyCursor, MergedKeys, SegmentKeys};
use crate::flush::manifest::{ScopeManifest, SegmentState};
use crate::flush::segment::SegmentMeta;
use crate::flush::segment_cache::OpenSegment;
use crate::model::Seq;
use crate::store::{MarkSet, View, prefix_end};
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
    segments: Vec<Arc<OpenSegment>>,
}

impl<'a> OwnKeys<'a> {
    /// # Errors
    /// `XX001`, `58030`.
    pub(super) fn new(target: IngestTarget<'a>, written: &[SegmentMeta]) -> Result<OwnKeys<'a>> {
        // Not from the cache: what it keeps is of the commit.
        let open = |meta: &SegmentMeta| {
            let meta = Arc::new(meta.clone());
            let source = target.place.open(&meta.path)?;
            OpenSegment::open(&meta, source).map(Arc::new)
        };
        let mut segments = written.iter().map(open).collect::<Result<Vec<_>>>()?;
        segments.sort_by(|a, b| a.meta.min_key.cmp(&b.meta.min_key));
        let prefix = target.table.scope_prefix(target.scope.user).to_vec();
        Ok(OwnKeys { target, prefix, segments })
    }

    fn cursors(&self) -> Result<Vec<KeyCursor<'_>>> {
        let cursor = |segment: &Arc<OpenSegment>| {
            SegmentKeys::new(self.target.table, segment.clone(), None).map(KeyCursor::Segment)
        };
        self.segments.iter().map(cursor).collect()
    }

    /// Refuses a key that is in two of the segments.
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
        if !overlap {
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

    /// Looks for the keys in both tiers, and tells which deleted rows have them.
    ///
    /// # Errors
    /// `23505` if a live row has one.
    pub(super) fn check_free(&self, manifest: &ScopeManifest, view: &View) -> Result<Buried> {
        let mut buried = Buried::default();
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
    pub(super) fn contains(&self, key: &[u8]) -> Result<bool> {
        for segment in &self.segments {
            let meta = &segment.meta;
            if key < meta.min_key.as_slice() || key > meta.max_key.as_slice() {
                continue;
            }
            let mut keys =
                KeyCursor::Segment(SegmentKeys::new(self.target.table, segment.clone(), None)?);
            keys.seek(key, &self.prefix)?;
            if keys.key()? == Some(key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The ranges of hot keys between which the keys lie, both ends included.
    pub(super) fn ranges(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let with_scope = |key: &Vec<u8>| [self.prefix.as_slice(), key].concat();
        let range = |segment: &Arc<OpenSegment>| {
            (with_scope(&segment.meta.min_key), with_scope(&segment.meta.max_key))
        };
        self.segments.iter().map(range).collect()
    }

    pub(super) fn duplicate(&self, key: &[u8]) -> Error {
        (self.target.duplicate)(self.target.table, key)
    }
}
