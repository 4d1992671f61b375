//! Which segments of a scope are worth a compaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::manifest::{ScopeManifest, SegmentState};
use super::retention::has_outlived;
use super::tier::ColdTier;
use crate::Result;
use crate::catalog::Table;
use crate::model::{Name, ScopeId, Seq};
use crate::store::Snapshot;

/// Segments that one compaction reads at most.
pub(super) const SEGMENTS_AT_ONCE: usize = 64;
/// Segments of about one size that are worth to be merged without being asked.
const SEGMENTS_OF_TIER: usize = 4;
/// Rows of the first tier; each tier has four times as many.
const TIER_ROWS: u64 = 4096;

/// How much a compaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Whatever leaves fewer segments, fewer rows, columns of the newest version, or
    /// segments in the storage that new ones go to.
    All,
    /// What pays by itself: many segments of about one size, a fifth of the rows dead,
    /// deleted rows whose time is over.
    Due,
}

/// What a choice looks at.
pub(super) struct Candidates<'a> {
    pub(super) tier: &'a ColdTier,
    pub(super) table: &'a Table,
    pub(super) scope: ScopeId,
    /// Where new segments go.
    pub(super) storage: &'a Name,
    pub(super) snapshot: &'a Arc<Snapshot>,
    /// Deletions before it need not be kept.
    pub(super) limit: Seq,
}

impl Candidates<'_> {
    /// The segments to be made new together, none if nothing is worth it.
    ///
    /// # Errors
    /// `XX001` if a segment is damaged.
    pub(super) fn choose(
        &self,
        manifest: &ScopeManifest,
        choice: Choice,
    ) -> Result<Vec<Arc<SegmentState>>> {
        match choice {
            Choice::All => self.all(manifest),
            Choice::Due => self.due(manifest),
        }
    }

    fn all(&self, manifest: &ScopeManifest) -> Result<Vec<Arc<SegmentState>>> {
        let mut chosen = Vec::new();
        let mut small = Vec::new();
        for state in &manifest.segments {
            let is_old = state.meta.schema_version != self.table.definition.version;
            let is_elsewhere = state.meta.storage != *self.storage;
            if is_old || is_elsewhere || hidden_rows(state) > 0 || self.has_outlived(state)? {
                chosen.push(state.clone());
            } else if self.is_small(state) {
                small.push(state.clone());
            }
        }
        if small.len() + chosen.len() > 1 {
            chosen.append(&mut small);
        }
        chosen.truncate(SEGMENTS_AT_ONCE);
        Ok(chosen)
    }

    fn due(&self, manifest: &ScopeManifest) -> Result<Vec<Arc<SegmentState>>> {
        let mut tiers: BTreeMap<u32, Vec<Arc<SegmentState>>> = BTreeMap::new();
        let mut chosen = Vec::new();
        for state in &manifest.segments {
            if is_mostly_hidden(state) || self.has_outlived(state)? {
                chosen.push(state.clone());
            } else if self.is_small(state) {
                tiers.entry(size_tier(state)).or_default().push(state.clone());
            }
        }
        let full = tiers.into_values().find(|of_tier| of_tier.len() >= SEGMENTS_OF_TIER);
        chosen.extend(full.into_iter().flatten());
        chosen.truncate(SEGMENTS_AT_ONCE);
        Ok(chosen)
    }

    fn is_small(&self, state: &SegmentState) -> bool {
        is_small(state, self.tier.segment_rows_max)
    }

    fn has_outlived(&self, state: &SegmentState) -> Result<bool> {
        has_outlived(self.tier, self.snapshot, self.scope, state, self.limit)
    }
}

/// Whether a scope is worth a compaction by its numbers of segments and rows alone: what
/// [`Choice::Due`] finds without looking at times. Takes a look at each segment's state
/// and reads nothing.
pub(crate) fn is_due(manifest: &ScopeManifest, segment_rows_max: usize) -> bool {
    let mut of_tier = [0; u32::BITS as usize];
    manifest.segments.iter().any(|state| {
        if is_mostly_hidden(state) {
            return true;
        }
        let count = &mut of_tier[size_tier(state) as usize];
        *count += usize::from(is_small(state, segment_rows_max));
        *count >= SEGMENTS_OF_TIER
    })
}

fn is_small(state: &SegmentState, segment_rows_max: usize) -> bool {
    (state.meta.rows as usize) < segment_rows_max / 2
}

fn size_tier(state: &SegmentState) -> u32 {
    (state.live_rows() / TIER_ROWS).max(1).ilog2() / 2
}

/// Whether so many rows are dead that a new segment pays.
fn is_mostly_hidden(state: &SegmentState) -> bool {
    hidden_rows(state) * 5 >= u64::from(state.meta.rows)
}

/// Rows that nobody can see any more.
fn hidden_rows(state: &SegmentState) -> u64 {
    state.dead.len() - state.deleted.len()
}
