//! Which rows of a scope's segments a set of writes takes away.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use crate::model::SegmentId;

/// Rows of one segment that writes take away. `superseded` and `deleted` are disjoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SegmentMarks {
    /// Rows of which nothing is left to see here.
    pub(crate) superseded: RoaringBitmap,
    /// Rows that stay visible under `_deleted`.
    pub(crate) deleted: RoaringBitmap,
    /// Those of both that were live when the writes were made and must be live still.
    /// The others were deleted, and must be that still.
    pub(crate) live: RoaringBitmap,
}

/// Rows of one scope's segments that a set of writes takes away.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MarkSet {
    segments: BTreeMap<SegmentId, SegmentMarks>,
}

impl MarkSet {
    /// A live row is deleted where it lies.
    pub(crate) fn delete(&mut self, segment: SegmentId, row: u32) {
        let marks = self.segments.entry(segment).or_default();
        marks.deleted.insert(row);
        marks.live.insert(row);
    }

    /// A live row gets a newer version elsewhere.
    pub(crate) fn replace(&mut self, segment: SegmentId, row: u32) {
        let marks = self.segments.entry(segment).or_default();
        marks.superseded.insert(row);
        marks.live.insert(row);
    }

    /// A deleted row makes place for a new one of its key.
    pub(crate) fn bury(&mut self, segment: SegmentId, row: u32) {
        self.segments.entry(segment).or_default().superseded.insert(row);
    }

    /// Adds the marks of later writes, which saw these.
    pub(crate) fn add(&mut self, later: &MarkSet) {
        for (id, more) in &later.segments {
            let marks = self.segments.entry(*id).or_default();
            // A row that these writes deleted was live before both, so it stays in `live`.
            marks.superseded |= &more.superseded;
            marks.deleted |= &more.deleted;
            marks.deleted -= &marks.superseded;
            marks.live |= &more.live;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// By segment.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SegmentId, &SegmentMarks)> {
        self.segments.iter().map(|(id, marks)| (*id, marks))
    }
}
