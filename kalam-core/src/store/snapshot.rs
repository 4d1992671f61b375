//! What a statement reads: one RocksDB snapshot, and the epoch of what is derived
//! from the catalog and the manifest at the same moment.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rocksdb::{DBRawIteratorWithThreadMode, ReadOptions, SnapshotWithThreadMode};

use super::commit::LAST_SEQ_KEY;
use super::entity::prefix_end;
use super::mark_set::MarkSet;
use super::overlay::{Overlay, OverlayCursor};
use super::read_at::ReadAt;
use super::read_set::ReadSet;
use super::rocks::{self, Family, Rocks, rocks_error};
use super::write_set::Effect;
use crate::model::{ScopeId, Seq};
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

    /// All of a checkpoint, which nothing changes.
    ///
    /// # Errors
    /// `XX001`, `58030`.
    pub(crate) fn of_checkpoint(path: &Path) -> Result<Arc<Snapshot>> {
        Ok(Arc::new(Snapshot::new(&Arc::new(rocks::open_checkpoint(path)?))))
    }

    /// The newest commit that it shows.
    ///
    /// # Errors
    /// `XX001` if the counter does not decode.
    pub(crate) fn seq(&self) -> Result<Seq> {
        let seq = self.get_pinned(Family::Catalog, LAST_SEQ_KEY, |bytes| {
            let bytes = bytes.try_into().map_err(|_| damaged("the commit counter"))?;
            Ok(Seq(u64::from_be_bytes(bytes)))
        })?;
        Ok(seq.unwrap_or(Seq(0)))
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
        let prefix = filtered_prefix(family, lower);
        let is_within = prefix.is_some_and(|prefix| *upper <= *prefix_end(prefix));
        let mut cursor = self.unplaced_cursor(family, (lower, upper), is_within);
        cursor.iterator.seek_to_first();
        cursor
    }

    /// A cursor over `lower..upper`, placed on the last key.
    fn cursor_from_end(self: &Arc<Self>, family: Family, lower: &[u8], upper: &[u8]) -> HotCursor {
        // It looks for the upper bound, which has to be within too.
        let is_within = filtered_prefix(family, lower).is_some_and(|p| upper.starts_with(p));
        let mut cursor = self.unplaced_cursor(family, (lower, upper), is_within);
        cursor.iterator.seek_to_last();
        cursor
    }

    fn unplaced_cursor(
        self: &Arc<Self>,
        family: Family,
        (lower, upper): (&[u8], &[u8]),
        is_within_prefix: bool,
    ) -> HotCursor {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.inner);
        options.set_iterate_lower_bound(lower);
        options.set_iterate_upper_bound(upper);
        options.set_total_order_seek(!is_within_prefix);
        options.set_prefix_same_as_start(is_within_prefix);
        options.set_async_io(false);
        let iterator = self.db.raw_iterator_cf_opt(&handle(&self.db, family), options);
        // SAFETY: the iterator borrows the database that `snapshot` keeps alive, and
        // is declared, hence dropped, before it.
        let iterator = unsafe {
            std::mem::transmute::<
                DBRawIteratorWithThreadMode<'_, Rocks>,
                DBRawIteratorWithThreadMode<'static, Rocks>,
            >(iterator)
        };
        HotCursor {
            iterator,
            own: None,
            at_own: false,
            is_reversed: false,
            _snapshot: self.clone(),
        }
    }
}

impl Snapshot {
    /// The last key of `lower..upper`.
    ///
    /// # Errors
    /// `XX001` or `58030` if it cannot be read.
    pub(crate) fn last_key(
        self: &Arc<Self>,
        family: Family,
        lower: &[u8],
        upper: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let cursor = self.cursor_from_end(family, lower, upper);
        Ok(cursor.entry()?.map(|(key, _)| key.to_vec()))
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

/// A position in a range of keys of one snapshot, and of the own writes of a
/// transaction, which hide what the snapshot has.
pub(crate) struct HotCursor {
    iterator: DBRawIteratorWithThreadMode<'static, Rocks>,
    own: Option<OverlayCursor>,
    /// Whether the current entry is of `own`.
    at_own: bool,
    /// Whether it goes from the last key to the first.
    is_reversed: bool,
    _snapshot: Arc<Snapshot>,
}

impl HotCursor {
    /// The current entry, or `None` at the end.
    ///
    /// # Errors
    /// `XX001` or `58030` if the entry cannot be read.
    pub(crate) fn entry(&self) -> Result<Option<(&[u8], &[u8])>> {
        if self.at_own
            && let Some((key, Effect::Put(record))) =
                self.own.as_ref().and_then(OverlayCursor::entry)
        {
            return Ok(Some((key, record)));
        }
        match self.iterator.item() {
            Some(entry) => Ok(Some(entry)),
            None => {
                self.iterator.status().map_err(|e| rocks_error("read", e))?;
                Ok(None)
            }
        }
    }

    /// Goes to the first key that is not before `key`.
    ///
    /// INVARIANT: the view is of no transaction, and the order is ascending.
    pub(crate) fn seek(&mut self, key: &[u8]) {
        debug_assert!(self.own.is_none() && !self.is_reversed, "only of committed rows, upwards");
        self.iterator.seek(key);
    }

    pub(crate) fn advance(&mut self) {
        match &mut self.own {
            Some(own) if self.at_own => own.advance(),
            _ if self.is_reversed => self.iterator.prev(),
            _ => self.iterator.next(),
        }
        self.settle();
    }

    /// Decides which of the two has the next entry.
    fn settle(&mut self) {
        self.at_own = false;
        let Some(own) = &mut self.own else { return };
        while let Some((key, effect)) = own.entry() {
            match self.iterator.key().map(|stored| stored.cmp(key)) {
                Some(std::cmp::Ordering::Less) => return,
                Some(std::cmp::Ordering::Equal) => self.iterator.next(),
                Some(std::cmp::Ordering::Greater) | None => {}
            }
            if matches!(effect, Effect::Put(_)) {
                self.at_own = true;
                return;
            }
            own.advance();
        }
    }
}

/// What the keys of a range begin with that filters know, if they do from `lower` on.
///
/// A cursor that keeps to it looks only at those files and memtables that have such keys: a
/// scope's rows are in few of the files that many scopes have filled.
fn filtered_prefix(family: Family, lower: &[u8]) -> Option<&[u8]> {
    family.filtered_prefix().and_then(|length| lower.get(..length))
}

pub(super) fn handle(db: &Rocks, family: Family) -> Arc<rocksdb::BoundColumnFamily<'_>> {
    db.cf_handle(family.name()).expect("every family is opened with the database")
}

/// A snapshot with the epoch of the in-memory state that belongs to it.
///
/// While a view lives, the segments that it can see are not deleted. The view of a
/// transaction's statement shows the transaction's own writes too, as they are when the
/// statement begins: rows are read through the view, never from its snapshot.
pub(crate) struct View {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) epoch: u64,
    /// Batches that it shows, at least.
    batches: u64,
    tracker: Arc<EpochTracker>,
    own: Option<Arc<Overlay>>,
    reads: Option<Arc<ReadSet>>,
}

impl View {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        (epoch, batches): (u64, u64),
        tracker: &Arc<EpochTracker>,
    ) -> View {
        tracker.enter(epoch);
        View { snapshot, epoch, batches, tracker: tracker.clone(), own: None, reads: None }
    }

    /// When rows are read that are read in this view.
    pub(crate) fn read_at(&self) -> ReadAt {
        ReadAt::Batches(self.batches)
    }

    /// The same moment with the own writes of a transaction on top, and every read of
    /// rows noted in `reads`.
    pub(crate) fn within(
        &self,
        own: Option<Arc<Overlay>>,
        reads: Option<Arc<ReadSet>>,
    ) -> Arc<View> {
        let mut view = View::new(self.snapshot.clone(), (self.epoch, self.batches), &self.tracker);
        view.own = own;
        view.reads = reads;
        Arc::new(view)
    }

    /// The newest commit that the view shows.
    ///
    /// # Errors
    /// `XX001` if the counter does not decode.
    pub(crate) fn seq(&self) -> Result<Seq> {
        self.snapshot.seq()
    }

    /// Hands the record of a hot key to `read` without copying it.
    ///
    /// # Errors
    /// What `read` raises, `XX001`, `58030`.
    pub(crate) fn hot<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        if let Some(reads) = &self.reads {
            reads.note(key, &[key, &[0]].concat());
        }
        match self.own.as_ref().and_then(|own| own.get(key)) {
            Some(Effect::Put(record)) => read(record).map(Some),
            Some(Effect::Remove | Effect::Hide) => Ok(None),
            None => self.snapshot.get_pinned(Family::Hot, key, read),
        }
    }

    /// A cursor over the hot rows of `lower..upper`, placed on the first.
    pub(crate) fn hot_cursor(&self, lower: &[u8], upper: &[u8]) -> HotCursor {
        self.note_read(lower, upper);
        let mut cursor = self.snapshot.cursor(Family::Hot, lower, upper);
        cursor.own = self.own.as_ref().map(|own| own.cursor(lower, upper));
        cursor.settle();
        cursor
    }

    /// A cursor over the hot rows of `lower..upper` from the last to the first.
    ///
    /// INVARIANT: the view is of no transaction; own writes are merged in ascending order.
    pub(crate) fn hot_cursor_from_end(&self, lower: &[u8], upper: &[u8]) -> HotCursor {
        debug_assert!(self.own.is_none(), "own writes are merged in ascending order");
        self.note_read(lower, upper);
        let mut cursor = self.snapshot.cursor_from_end(Family::Hot, lower, upper);
        cursor.is_reversed = true;
        cursor
    }

    /// Tells a SERIALIZABLE transaction that it reads the rows of `lower..upper`, in
    /// whatever tier. Reads of hot rows tell it by themselves.
    pub(crate) fn note_read(&self, lower: &[u8], upper: &[u8]) {
        if let Some(reads) = &self.reads {
            reads.note(lower, upper);
        }
    }

    /// What the transaction's own writes take away from a scope's segments.
    pub(crate) fn own_marks(&self, scope: ScopeId) -> Option<MarkSet> {
        self.own.as_ref().map(|own| own.marks(scope)).filter(|marks| !marks.is_empty())
    }

    /// Whether a transaction's own writes may be among the rows.
    pub(crate) fn is_of_transaction(&self) -> bool {
        self.own.is_some()
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
    /// Whether somebody waits for the oldest view to end.
    is_waited_for: AtomicBool,
    waiting: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl EpochTracker {
    fn enter(&self, epoch: u64) {
        *self.live.lock().entry(epoch).or_default() += 1;
    }

    fn leave(&self, epoch: u64) {
        let mut live = self.live.lock();
        let Some(count) = live.get_mut(&epoch) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        live.remove(&epoch);
        let was_oldest = live.keys().next().is_none_or(|oldest| *oldest > epoch);
        drop(live);
        if was_oldest
            && self.is_waited_for.swap(false, Ordering::AcqRel)
            && let Some(waiting) = self.waiting.get()
        {
            waiting();
        }
    }

    /// Sets what [`EpochTracker::call_later`] calls, once for all: something that returns at
    /// once.
    pub(crate) fn on_end(&self, call: impl Fn() + Send + Sync + 'static) {
        // A second one would be a second scheduler.
        let _ = self.waiting.set(Box::new(call));
    }

    /// Asks for one call when the views of the oldest epoch have ended. Whoever asks looks
    /// afterwards whether they have ended already.
    pub(crate) fn call_later(&self, wanted: bool) {
        self.is_waited_for.store(wanted, Ordering::Release);
    }

    /// How many views are alive.
    pub(crate) fn count(&self) -> u64 {
        self.live.lock().values().map(|count| *count as u64).sum()
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
