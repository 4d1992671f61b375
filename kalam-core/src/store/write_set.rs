//! What one commit changes.

use std::ops::Range;

use rocksdb::WriteBatch;

use super::key_watch::Watches;
use super::read_at::ReadAt;
use super::rocks::{Family, Rocks};
use super::row::set_seq;
use super::snapshot::handle;
use crate::Result;
use crate::model::Seq;

/// What must hold of a key when its write commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// No live row: nothing, or a deleted row.
    Absent,
    /// No live row of this or a later commit: an older one has outlived its time.
    NoneSince(Seq),
    /// The row that was read, unchanged.
    Seq(Seq),
    /// Nothing at all is stored under the key, not even a deleted row.
    Nothing,
    /// Anything: the write replaces it.
    Any,
}

/// What a write does to its key in the hot tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect<'a> {
    /// This record is stored.
    Put(&'a [u8]),
    /// Nothing is stored any more.
    Remove,
    /// Nothing is there and nothing changes: the key's row lies in a segment, where a
    /// mark deletes it. The write tells others which key that is.
    Hide,
}

/// Writes of rows, packed into one allocation.
#[derive(Clone, Default)]
pub(crate) struct RowWrites {
    bytes: Vec<u8>,
    entries: Vec<RowWrite>,
}

#[derive(Clone)]
struct RowWrite {
    key: Range<usize>,
    record: Range<usize>,
    hides: bool,
    expect: Expect,
    as_of: Seq,
}

/// One write, borrowed.
#[derive(Clone, Copy)]
pub(crate) struct RowWriteRef<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) effect: Effect<'a>,
    pub(crate) expect: Expect,
    /// Within a transaction: the newest commit that the writing statement saw.
    pub(crate) as_of: Seq,
}

impl RowWrites {
    /// Adds a write; `key` and `record` append their bytes, `record` appends
    /// nothing to remove the key.
    pub(crate) fn push(
        &mut self,
        expect: Expect,
        key: impl FnOnce(&mut Vec<u8>),
        record: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        key(&mut self.bytes);
        let middle = self.bytes.len();
        record(&mut self.bytes);
        self.entries.push(RowWrite {
            key: start..middle,
            record: middle..self.bytes.len(),
            hides: false,
            expect,
            as_of: Seq(0),
        });
    }

    /// Tells that a mark deletes the row of this key.
    pub(crate) fn hide(&mut self, key: &[u8]) {
        self.push(Expect::Nothing, |out| out.extend_from_slice(key), |_| {});
        if let Some(entry) = self.entries.last_mut() {
            entry.hides = true;
        }
    }

    /// Adds a copy of a write.
    pub(crate) fn append(&mut self, write: &RowWriteRef<'_>) {
        self.push(
            write.expect,
            |out| out.extend_from_slice(write.key),
            |out| {
                if let Effect::Put(record) = write.effect {
                    out.extend_from_slice(record);
                }
            },
        );
        if let Some(entry) = self.entries.last_mut() {
            entry.hides = write.effect == Effect::Hide;
            entry.as_of = write.as_of;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Memory that the writes take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<RowWrite>()
    }

    pub(crate) fn reserve(&mut self, rows: usize, bytes: usize) {
        self.entries.reserve(rows);
        self.bytes.reserve(bytes);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = RowWriteRef<'_>> {
        self.entries.iter().map(|entry| self.borrow(entry))
    }

    /// The `index`-th write.
    pub(crate) fn get(&self, index: usize) -> RowWriteRef<'_> {
        self.borrow(&self.entries[index])
    }

    fn borrow(&self, entry: &RowWrite) -> RowWriteRef<'_> {
        let effect = if entry.hides {
            Effect::Hide
        } else if entry.record.is_empty() {
            Effect::Remove
        } else {
            Effect::Put(&self.bytes[entry.record.clone()])
        };
        RowWriteRef {
            key: &self.bytes[entry.key.clone()],
            effect,
            expect: entry.expect,
            as_of: entry.as_of,
        }
    }

    /// The key of the `index`-th write.
    pub(crate) fn key(&self, index: usize) -> &[u8] {
        &self.bytes[self.entries[index].key.clone()]
    }

    /// Changes what must hold of the `index`-th write's key.
    pub(crate) fn set_expect(&mut self, index: usize, expect: Expect) {
        self.entries[index].expect = expect;
    }

    /// Sorts by key and returns a key that occurs twice, if there is one.
    pub(crate) fn sort(&mut self) -> Option<&[u8]> {
        let bytes = &self.bytes;
        let key = |entry: &RowWrite| &bytes[entry.key.clone()];
        // Rows mostly come in key order, which the sort finds out in one pass.
        self.entries.sort_by(|a, b| key(a).cmp(key(b)));
        let twice = self.entries.windows(2).find(|pair| key(&pair[0]) == key(&pair[1]));
        twice.map(|pair| key(&pair[0]))
    }

    /// Of sorted writes: the position of the first one that is not before `key`.
    pub(super) fn position(&self, key: &[u8]) -> usize {
        self.entries.partition_point(|entry| self.bytes[entry.key.clone()] < *key)
    }

    /// Of sorted writes: the write of a key.
    pub(super) fn find(&self, key: &[u8]) -> Option<RowWriteRef<'_>> {
        let at = self.position(key);
        (at < self.len()).then(|| self.get(at)).filter(|write| write.key == key)
    }

    pub(super) fn set_as_of(&mut self, as_of: Seq) {
        self.entries.iter_mut().for_each(|entry| entry.as_of = as_of);
    }

    pub(super) fn stamp(&mut self, seq: Seq) {
        for entry in &self.entries {
            if !entry.record.is_empty() {
                set_seq(&mut self.bytes[entry.record.clone()], seq);
            }
        }
    }
}

/// A part of a commit that belongs to a layer above the store, such as a new
/// segment or a new table definition.
///
/// The committer calls the methods of all changes in commit order and from one
/// thread at a time; none of them may read a file.
pub(crate) trait Change: Send {
    /// Whether the set may commit, given everything that was staged before it.
    fn check(&self) -> Result<()>;

    /// Adds its keys. What it stages is seen by the checks of later sets.
    fn stage(&mut self, seq: Seq, batch: &mut Batch<'_>);

    /// Makes it visible to views of `epoch` and later.
    fn publish(&mut self, epoch: u64);

    /// Whether `publish` has anything to do. A check alone has not.
    fn is_visible(&self) -> bool {
        true
    }

    /// The range of keys within which it adds or removes rows without naming them, from
    /// the first up to but without the second: what a reader of such rows conflicts with.
    /// Moving rows between the tiers removes none.
    fn unnamed_rows(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        None
    }

    /// Whether it removes ranges of rows. Such a set commits alone, because the row
    /// checks of its group would not see what it removed.
    fn is_exclusive(&self) -> bool {
        false
    }
}

/// What one commit changes: all of it or nothing.
///
/// INVARIANT: each key occurs once in `rows`.
#[derive(Default)]
pub(crate) struct WriteSet {
    pub(crate) rows: RowWrites,
    /// IMPORTANT: every [`Expect::Seq`] of `rows` is of a row that this view shows.
    pub(crate) read_at: ReadAt,
    pub(crate) entries: Vec<(Family, Vec<u8>, Option<Vec<u8>>)>,
    pub(crate) changes: Vec<Box<dyn Change>>,
    /// Whether its commit returns before it is on the device, also under `full`: the next
    /// commit that is synced takes it along, and a power failure before may undo it.
    pub(crate) is_lazy: bool,
}

impl WriteSet {
    pub(super) fn is_exclusive(&self) -> bool {
        self.changes.iter().any(|c| c.is_exclusive())
    }

    /// About the bytes that it takes in the log. Changes say nothing of theirs.
    pub(super) fn bytes(&self) -> usize {
        let of_entry = |(_, key, value): &(Family, Vec<u8>, Option<Vec<u8>>)| {
            key.len() + value.as_ref().map_or(0, Vec::len)
        };
        self.rows.bytes() + self.entries.iter().map(of_entry).sum::<usize>()
    }

    /// Whether committing it would do nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.entries.is_empty() && self.changes.is_empty()
    }

    /// Writes a key outside the rows.
    pub(crate) fn put(&mut self, family: Family, key: Vec<u8>, value: Vec<u8>) {
        self.entries.push((family, key, Some(value)));
    }

    /// Removes a key outside the rows.
    pub(crate) fn delete(&mut self, family: Family, key: Vec<u8>) {
        self.entries.push((family, key, None));
    }
}

/// The RocksDB batch of a group of commits.
pub(crate) struct Batch<'a> {
    pub(super) inner: &'a mut WriteBatch,
    pub(super) db: &'a Rocks,
    pub(super) watches: Watches<'a>,
}

impl Batch<'_> {
    pub(crate) fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.inner.put_cf(&handle(self.db, family), key, value);
    }

    pub(crate) fn delete(&mut self, family: Family, key: &[u8]) {
        self.inner.delete_cf(&handle(self.db, family), key);
    }

    /// Removes `from..to`.
    pub(crate) fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]) {
        if family == Family::Hot {
            self.watches.removed(from, to);
        }
        self.inner.delete_range_cf(&handle(self.db, family), from, to);
    }
}
