//! Segments that take the place of others, with the marks that came meanwhile.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::mark::{MarkKind, read_marks};
use crate::Result;
use crate::env::has_bug;
use crate::model::{ScopeId, SegmentId, Seq};
use crate::store::Snapshot;

/// Where the rows of a segment went. Rows that stay neighbours take one entry together.
#[derive(Default)]
pub(super) struct Moved(Vec<MovedRun>);

struct MovedRun {
    from: u32,
    rows: u32,
    /// The place of the segment among the new ones, and that of the first row in it.
    to: (u32, u32),
}

impl Moved {
    /// Notes rows of the old segment, in their order there.
    pub(super) fn push(&mut self, row: u32, to: (u32, u32)) {
        if let Some(last) = self.0.last_mut()
            && last.from + last.rows == row
            && last.to.0 == to.0
            && last.to.1 + last.rows == to.1
        {
            last.rows += 1;
            return;
        }
        self.0.push(MovedRun { from: row, rows: 1, to });
    }

    /// The new place of a row, `None` if it is nowhere any more.
    fn find(&self, row: u32) -> Option<(u32, u32)> {
        let after = self.0.partition_point(|run| run.from <= row);
        let run = &self.0[after.checked_sub(1)?];
        let offset = row - run.from;
        (offset < run.rows).then_some((run.to.0, run.to.1 + offset))
    }
}

/// The key of a mark on a new segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CarriedMark {
    pub(super) segment: SegmentId,
    pub(super) seq: Seq,
    pub(super) kind: MarkKind,
}

/// What a compaction replaces, and by what.
pub(crate) struct Replacement {
    inputs: Vec<(SegmentId, Moved)>,
    outputs: Vec<SegmentId>,
    /// The newest commit whose marks the new segments have already.
    as_of: Seq,
    carried: OnceCell<BTreeMap<CarriedMark, RoaringBitmap>>,
}

impl Replacement {
    pub(super) fn new(
        inputs: Vec<(SegmentId, Moved)>,
        outputs: Vec<SegmentId>,
        as_of: Seq,
    ) -> Replacement {
        Replacement { inputs, outputs, as_of, carried: OnceCell::new() }
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = SegmentId> {
        self.inputs.iter().map(|(id, _)| *id)
    }

    pub(super) fn names(&self, segment: SegmentId) -> bool {
        self.inputs().any(|id| id == segment)
    }

    /// Finds the marks that came after the new segments were begun, and where they are now.
    ///
    /// # Errors
    /// `XX001` if a mark does not decode.
    pub(super) fn carry(&self, scope: ScopeId, snapshot: &Arc<Snapshot>) -> Result<()> {
        let mut carried: BTreeMap<CarriedMark, RoaringBitmap> = BTreeMap::new();
        for (id, moved) in &self.inputs {
            for mark in read_marks(snapshot, scope, *id)? {
                if mark.seq <= self.as_of || has_bug("mark_lost_in_compaction") {
                    continue;
                }
                // A row that was purged meanwhile has no place, and needs no mark.
                for (output, row) in mark.rows.iter().filter_map(|row| moved.find(row)) {
                    let segment = self.outputs[output as usize];
                    let key = CarriedMark { segment, seq: mark.seq, kind: mark.kind };
                    carried.entry(key).or_default().insert(row);
                }
            }
        }
        // A set is checked once, right before it is staged.
        let _ = self.carried.set(carried);
        Ok(())
    }

    /// The marks of the new segments, in commit order within each.
    pub(super) fn carried(&self) -> impl Iterator<Item = (&CarriedMark, &RoaringBitmap)> {
        self.carried.get().into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::Moved;

    #[test]
    fn a_row_is_found_where_it_went_and_a_dropped_one_nowhere() {
        let mut moved = Moved::default();
        for (row, to) in [(0, (0, 5)), (1, (0, 6)), (3, (0, 7)), (4, (1, 0)), (5, (1, 1))] {
            moved.push(row, to);
        }
        assert_eq!(moved.0.len(), 3, "neighbours take one entry");
        let found: Vec<_> = (0..7).map(|row| moved.find(row)).collect();
        let (a, b) = (Some((0, 5)), Some((0, 6)));
        assert_eq!(found, [a, b, None, Some((0, 7)), Some((1, 0)), Some((1, 1)), None]);
    }
}
