//! Keys in order, from segments and from the hot tier.

use std::sync::Arc;

use crate::Result;
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::flush::lookup::decode_block;
use crate::flush::manifest::SegmentState;
use crate::flush::segment_cache::{KeyBlock, OpenSegment};
use crate::flush::segment_writer::KEY_BLOCK_ROWS;
use crate::model::{SegmentId, Seq};
use crate::store::{HotCursor, RowHeader, SCOPE_PREFIX_LEN};

/// What is under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Live,
    /// A deleted row of the hot tier.
    DeletedHot(Seq),
    /// A deleted row of a segment.
    DeletedCold(SegmentId, u32),
}

/// A position among the keys of one segment, or of the hot tier. Rows that are not seen at
/// all are passed over.
pub(super) enum KeyCursor<'a> {
    Segment(SegmentKeys<'a>),
    Hot(HotCursor),
}

impl KeyCursor<'_> {
    /// The key here, without scope; `None` at the end.
    pub(super) fn key(&self) -> Result<Option<&[u8]>> {
        match self {
            KeyCursor::Segment(keys) => Ok(keys.key()),
            KeyCursor::Hot(cursor) => Ok(cursor.entry()?.map(|(key, _)| &key[SCOPE_PREFIX_LEN..])),
        }
    }

    /// What is under the key here.
    pub(super) fn found(&self) -> Result<Found> {
        match self {
            KeyCursor::Segment(keys) => Ok(keys.found()),
            KeyCursor::Hot(cursor) => match cursor.entry()? {
                Some((_, record)) => {
                    let header = RowHeader::read(record)?;
                    let deleted = header.is_deleted();
                    Ok(if deleted { Found::DeletedHot(header.seq) } else { Found::Live })
                }
                None => Ok(Found::Live),
            },
        }
    }

    pub(super) fn advance(&mut self) -> Result<()> {
        match self {
            KeyCursor::Segment(keys) => keys.advance(),
            KeyCursor::Hot(cursor) => {
                cursor.advance();
                Ok(())
            }
        }
    }

    /// Moves to the first key that is not before this one. Never moves back.
    pub(super) fn seek(&mut self, key: &[u8], prefix: &[u8]) -> Result<()> {
        match self {
            KeyCursor::Segment(keys) => keys.seek(key),
            KeyCursor::Hot(cursor) => {
                cursor.seek(&[prefix, key].concat());
                Ok(())
            }
        }
    }
}

/// The keys of one segment, a block of them decoded.
pub(super) struct SegmentKeys<'a> {
    table: &'a Table,
    segment: Arc<OpenSegment>,
    /// Which rows are seen; `None`: all, and they are live.
    state: Option<Arc<SegmentState>>,
    block: usize,
    keys: Option<KeyBlock>,
    row: usize,
}

impl<'a> SegmentKeys<'a> {
    /// # Errors
    /// `XX001`.
    pub(super) fn new(
        table: &'a Table,
        segment: Arc<OpenSegment>,
        state: Option<Arc<SegmentState>>,
    ) -> Result<SegmentKeys<'a>> {
        let mut keys = SegmentKeys { table, segment, state, block: 0, keys: None, row: 0 };
        keys.load(0)?;
        keys.settle()?;
        Ok(keys)
    }

    fn load(&mut self, block: usize) -> Result<()> {
        check_stop()?;
        self.block = block;
        self.row = 0;
        self.keys = if block < self.segment.block_keys.len() {
            let first = u32::try_from(block * KEY_BLOCK_ROWS)
                .map_err(|_| self.segment.undecodable("it has too many rows"))?;
            Some(decode_block(self.table, &self.segment, first)?)
        } else {
            None
        };
        Ok(())
    }

    fn key(&self) -> Option<&[u8]> {
        self.keys.as_ref().map(|keys| keys.key(self.row))
    }

    fn place(&self) -> u32 {
        u32::try_from(self.block * KEY_BLOCK_ROWS + self.row).unwrap_or(u32::MAX)
    }

    fn found(&self) -> Found {
        let place = self.place();
        match &self.state {
            Some(state) if state.dead.contains(place) => {
                Found::DeletedCold(self.segment.meta.id, place)
            }
            _ => Found::Live,
        }
    }

    fn next_row(&mut self) -> Result<()> {
        let Some(keys) = &self.keys else { return Ok(()) };
        self.row += 1;
        if self.row == keys.ends.len() { self.load(self.block + 1) } else { Ok(()) }
    }

    /// Passes over rows that are gone.
    fn settle(&mut self) -> Result<()> {
        while let Some(state) = self.state.as_ref().filter(|_| self.keys.is_some()) {
            let place = self.place();
            if !state.dead.contains(place) || state.deleted.contains(place) {
                break;
            }
            self.next_row()?;
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<()> {
        self.next_row()?;
        self.settle()
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        let Some(keys) = &self.keys else { return Ok(()) };
        if keys.key(keys.ends.len() - 1) < key {
            let after = self.segment.block_keys.partition_point(|first| **first <= *key);
            self.load(after.saturating_sub(1).max(self.block + 1))?;
        }
        let Some(keys) = &self.keys else { return Ok(()) };
        let (mut low, mut high) = (self.row, keys.ends.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if keys.key(middle) < key { low = middle + 1 } else { high = middle }
        }
        if low == keys.ends.len() {
            // Only the last block that may hold the key ends before it.
            self.load(self.block + 1)?;
        } else {
            self.row = low;
        }
        self.settle()
    }
}

/// The keys of several cursors in one order.
pub(super) struct MergedKeys<'a> {
    /// A heap by key; cursors at their end are gone.
    cursors: Vec<KeyCursor<'a>>,
    prefix: &'a [u8],
}

impl<'a> MergedKeys<'a> {
    /// # Errors
    /// `XX001`.
    pub(super) fn new(cursors: Vec<KeyCursor<'a>>, prefix: &'a [u8]) -> Result<MergedKeys<'a>> {
        let mut merged = MergedKeys { cursors: Vec::with_capacity(cursors.len()), prefix };
        for cursor in cursors {
            if cursor.key()?.is_some() {
                merged.cursors.push(cursor);
            }
        }
        for place in (0..merged.cursors.len() / 2).rev() {
            merged.sift(place)?;
        }
        Ok(merged)
    }

    /// The smallest key; `None` at the end.
    pub(super) fn key(&self) -> Result<Option<&[u8]>> {
        match self.cursors.first() {
            Some(first) => first.key(),
            None => Ok(None),
        }
    }

    /// What is under it.
    pub(super) fn found(&self) -> Result<Found> {
        match self.cursors.first() {
            Some(first) => first.found(),
            None => Ok(Found::Live),
        }
    }

    pub(super) fn advance(&mut self) -> Result<()> {
        if let Some(first) = self.cursors.first_mut() {
            first.advance()?;
        }
        self.restore()
    }

    /// Moves to the first key that is not before this one.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<()> {
        while self.key()?.is_some_and(|first| first < key) {
            self.cursors[0].seek(key, self.prefix)?;
            self.restore()?;
        }
        Ok(())
    }

    /// Whether the next cursor shows the key of the first.
    pub(super) fn is_twice(&self) -> Result<bool> {
        let Some(key) = self.key()? else { return Ok(false) };
        for child in self.cursors.iter().skip(1).take(2) {
            if child.key()? == Some(key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn restore(&mut self) -> Result<()> {
        let is_over = match self.cursors.first() {
            Some(first) => first.key()?.is_none(),
            None => false,
        };
        if is_over {
            self.cursors.swap_remove(0);
        }
        self.sift(0)
    }

    fn sift(&mut self, mut place: usize) -> Result<()> {
        loop {
            let mut smallest = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.cursors.len()
                    && self.cursors[child].key()? < self.cursors[smallest].key()?
                {
                    smallest = child;
                }
            }
            if smallest == place {
                return Ok(());
            }
            self.cursors.swap(place, smallest);
            place = smallest;
        }
    }
}
