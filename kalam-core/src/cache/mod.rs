//! What is derived and may be dropped at any time.

mod segment_cache;

pub(crate) use segment_cache::{KeyBlock, OpenSegment, SegmentCache};
