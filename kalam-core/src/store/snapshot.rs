//! What a statement reads: one RocksDB snapshot, and the epoch of what is derived
//! from the catalog and the manifest at the same moment.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use parking_lot::Mutex;
use rocksdb::{DBRawIteratorWithThreadMode, ReadOptions, SnapshotWithThreadMode};

use super::rocks::{Family, Rocks, rocks_error};
use crate::{Error, Result, SqlState};

/// A RocksDB snapshot that keeps its database open.
pub(crate) struct Snapshot {
    inner: ManuallyDrop<SnapshotWithThreadMode<'static, Rocks>>,
    db: Arc<Rocks>,
}

impl Snapshot {
    pub(super) fn new(db: &Arc<Rocks>) -> Snapshot {
        let inner = db.snapshot();
        // SAFETY: the reference inside `inner` points into the allocation that `db`
        // keeps alive, and `drop` releases `inner` before `db`.
        let inner = unsafe {
            std::mem::transmute::<
                SnapshotWithThreadMode<'_, Rocks>,
                SnapshotWithThreadMode<'static, Rocks>,
            >(inner)
        };
        Snapshot { inner: ManuallyDrop::new(inner), db: db.clone() }
    }

    /// The value of a key.
    pub(crate) fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.inner);
        self.db
            .get_cf_opt(&handle(&self.db, family), key, &options)
            .map_err(|e| rocks_error("read", e))
    }

    /// Hands the value of a key to `read` without copying it.
    pub(crate) fn get_pinned<T>(
        &self,
        family: Family,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.inner);
        let value = self
            .db
            .get_pinned_cf_opt(&handle(&self.db, family), key, &options)
            .map_err(|e| rocks_error("read", e))?;
        value.map(|v| read(&v)).transpose()
    }

    /// A cursor over `lower..upper`, placed on the first key.
    pub(crate) fn cursor(
        self: &Arc<Self>,
        family: Family,
        lower: &[u8],
        upper: &[u8],
    ) -> HotCursor {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.inner);
        options.set_iterate_lower_bound(lower);
        options.set_iterate_upper_bound(upper);
        options.set_total_order_seek(true);
        options.set_async_io(false);
        let iterator = self.db.raw_iterator_cf_opt(&handle(&self.db, family), options);
        // SAFETY: the iterator borrows the database that `snapshot` keeps alive, and
        // is declared, hence dropped, before it.
        let mut iterator = unsafe {
            std::mem::transmute::<
                DBRawIteratorWithThreadMode<'_, Rocks>,
                DBRawIteratorWithThreadMode<'static, Rocks>,
            >(iterator)
        };
        iterator.seek_to_first();
        HotCursor { iterator, _snapshot: self.clone() }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // SAFETY: dropped once, here, while `db` is still alive.
        unsafe { ManuallyDrop::drop(&mut self.inner) }
    }
}

// SAFETY: a RocksDB snapshot is an immutable object that any thread may read; it is
// released once, by `drop`.
unsafe impl Send for Snapshot {}
// SAFETY: as above.
unsafe impl Sync for Snapshot {}

/// A position in a range of keys of one snapshot.
pub(crate) struct HotCursor {
    iterator: DBRawIteratorWithThreadMode<'static, Rocks>,
    _snapshot: Arc<Snapshot>,
}

impl HotCursor {
    /// The current entry, or `None` at the end.
    ///
    /// # Errors
    /// `XX001` or `58030` if the entry cannot be read.
    pub(crate) fn entry(&self) -> Result<Option<(&[u8], &[u8])>> {
        match self.iterator.item() {
            Some(entry) => Ok(Some(entry)),
            None => {
                self.iterator.status().map_err(|e| rocks_error("read", e))?;
                Ok(None)
            }
        }
    }

    /// Moves to the next entry.
    pub(crate) fn advance(&mut self) {
        self.iterator.next();
    }
}

pub(super) fn handle(db: &Rocks, family: Family) -> Arc<rocksdb::BoundColumnFamily<'_>> {
    db.cf_handle(family.name()).expect("every family is opened with the database")
}

/// A snapshot with the epoch of the in-memory state that belongs to it.
///
/// While a view lives, the segments that it can see are not deleted.
pub(crate) struct View {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) epoch: u64,
    tracker: Arc<EpochTracker>,
}

impl View {
    pub(super) fn new(snapshot: Arc<Snapshot>, epoch: u64, tracker: &Arc<EpochTracker>) -> View {
        tracker.enter(epoch);
        View { snapshot, epoch, tracker: tracker.clone() }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.tracker.leave(self.epoch);
    }
}

/// Counts the views of each epoch.
#[derive(Default)]
pub(crate) struct EpochTracker {
    live: Mutex<BTreeMap<u64, usize>>,
}

impl EpochTracker {
    fn enter(&self, epoch: u64) {
        *self.live.lock().entry(epoch).or_default() += 1;
    }

    fn leave(&self, epoch: u64) {
        let mut live = self.live.lock();
        if let Some(count) = live.get_mut(&epoch) {
            *count -= 1;
            if *count == 0 {
                live.remove(&epoch);
            }
        }
    }

    /// The epoch of the oldest view, if there is one.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.live.lock().keys().next().copied()
    }
}

/// The error for bytes in RocksDB that do not decode.
pub(crate) fn damaged(what: &str) -> Error {
    Error::new(SqlState::DATA_CORRUPTED, format!("{what} is damaged"))
}
