//! What one commit changes.

use std::ops::Range;

use rocksdb::WriteBatch;

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
    /// The row that was read, unchanged.
    Seq(Seq),
    /// Nothing at all is stored under the key, not even a deleted row.
    Nothing,
    /// Anything: the write replaces it.
    Any,
}

/// Writes of rows, packed into one allocation.
///
/// INVARIANT: each key occurs once.
#[derive(Default)]
pub(crate) struct RowWrites {
    bytes: Vec<u8>,
    entries: Vec<RowWrite>,
}

struct RowWrite {
    key: Range<usize>,
    record: Range<usize>,
    expect: Expect,
}

/// One write, borrowed.
pub(crate) struct RowWriteRef<'a> {
    pub(crate) key: &'a [u8],
    /// Empty: the key is removed.
    pub(crate) record: &'a [u8],
    pub(crate) expect: Expect,
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
            expect,
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn reserve(&mut self, rows: usize, bytes: usize) {
        self.entries.reserve(rows);
        self.bytes.reserve(bytes);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = RowWriteRef<'_>> {
        self.entries.iter().map(|e| RowWriteRef {
            key: &self.bytes[e.key.clone()],
            record: &self.bytes[e.record.clone()],
            expect: e.expect,
        })
    }

    /// The key of the `index`-th write.
    pub(crate) fn key(&self, index: usize) -> &[u8] {
        &self.bytes[self.entries[index].key.clone()]
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

    /// Whether it removes ranges of rows. Such a set commits alone, because the row
    /// checks of its group would not see what it removed.
    fn is_exclusive(&self) -> bool {
        false
    }
}

/// What one commit changes: all of it or nothing.
#[derive(Default)]
pub(crate) struct WriteSet {
    pub(crate) rows: RowWrites,
    pub(crate) entries: Vec<(Family, Vec<u8>, Option<Vec<u8>>)>,
    pub(crate) changes: Vec<Box<dyn Change>>,
}

impl WriteSet {
    pub(super) fn is_exclusive(&self) -> bool {
        self.changes.iter().any(|c| c.is_exclusive())
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
        self.inner.delete_range_cf(&handle(self.db, family), from, to);
    }
}
