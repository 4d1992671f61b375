//! The commit pipeline: one committer, group commit, one sync for a group.
//!
//! Sessions hand in write sets. Whoever finds no committer at work becomes it, takes
//! everything that is queued, checks each set against the current state, writes one
//! RocksDB batch and syncs once, publishes, and wakes the others. A set that fails
//! its check fails alone.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard, RwLock};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{BottommostLevelCompaction, CompactOptions, WriteBatch, WriteOptions, properties};

use super::commit_queue::{CommitQueue, Outcome};
use super::directory::sync_directory;
use super::disk_room::{DiskRoom, no_room};
use super::key_watch::{KeyWatch, LongWatch, WatchState, Watches};
use super::log_sync::{LogSync, Syncer};
use super::read_at::ReadAt;
use super::read_set::{RecentGuard, RecentWrites};
use super::rocks::{self, Family, Home, Rocks, RocksStatistics, rocks_error};
use super::row::RowHeader;
use super::snapshot::{EpochTracker, Snapshot, View, damaged, handle};
use super::store_counters::{HotHeld, StoreCounters, StoreCounts, count};
use super::synced_mark::SyncedMark;
use super::write_observer::WriteObserver;
use super::write_set::{Batch, Effect, Expect, RowWriteRef, WriteSet};
use crate::activity::check_stop;
use crate::env::{Clock, ForwardClock, IdSource, fault_point, has_bug};
use crate::error::io_error;
use crate::model::Seq;
use crate::{Durability, Error, Options, Result, SqlState};

/// The high-water `_seq`: written with every group, so that no number that is stored is
/// handed out twice, whatever the clock does over a restart. Snowflake ids are of the same
/// numbers, and a commit lies above those that it stores.
pub(super) const LAST_SEQ_KEY: &[u8] = b"\0last_seq";

/// The way out of a write that failed.
const REOPEN: &str =
    "close the database and open it again: it then shows whether the commit is there";

/// The whole of RocksDB, and the only way to change it.
pub(crate) struct Store {
    db: Arc<Rocks>,
    statistics: RocksStatistics,
    counters: Arc<StoreCounters>,
    durability: Durability,
    in_memory: bool,
    clock: Arc<ForwardClock>,
    ids: Arc<IdSource>,
    queue: CommitQueue,
    /// Held while a group is checked, written and published.
    committer: Mutex<Committer>,
    /// Readers hold it while they take a view; a group that changes what views
    /// derive from holds it alone from its write to its publication, so that a
    /// snapshot and its epoch always agree.
    view_gate: RwLock<()>,
    epoch: AtomicU64,
    /// Batches that RocksDB has taken, or refused. A view that was taken when there were as
    /// many as now shows all there is.
    ///
    /// INVARIANT: it grows after the write and before the committer's lock is given back, and a
    /// view reads it before it takes its snapshot: a view may show more than its count says,
    /// never less.
    batches: AtomicU64,
    epochs: Arc<EpochTracker>,
    closed: AtomicBool,
    log: Arc<LogSync>,
    erasing: Mutex<()>,
    observers: RwLock<Vec<Arc<dyn WriteObserver>>>,
    /// Only `normal` needs one.
    _syncer: Option<Syncer>,
}

struct Committer {
    last_seq: u64,
    recent: Arc<RecentWrites>,
    watches: Vec<Arc<WatchState>>,
    room: DiskRoom,
    /// Writes of RocksDB that came as far as its log.
    begun_writes: u64,
}

/// A batch that was not written.
enum WriteFailure {
    /// Nothing of it: RocksDB found no room for what came before it, and takes writes again
    /// when there is some.
    NoRoom(Error),
    /// The log may have it, or a part of it. Writes are refused until the next open.
    Unknown(Error),
}

impl WriteFailure {
    fn cause(&self) -> &Error {
        match self {
            WriteFailure::NoRoom(cause) | WriteFailure::Unknown(cause) => cause,
        }
    }

    /// What becomes of each set of the batch.
    fn outcome(&self) -> CommitError {
        match self {
            WriteFailure::NoRoom(cause) => no_room().with_detail(cause.message()).into(),
            WriteFailure::Unknown(cause) => unknown(cause),
        }
    }
}

/// Why a set was not committed.
pub(crate) enum CommitError {
    /// This hot key, expected to be absent, has a live row.
    KeyTaken(Vec<u8>),
    /// Anything else.
    Other(Error),
}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        CommitError::Other(error)
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::KeyTaken(_) => Error::new(SqlState::UNIQUE_VIOLATION, "duplicate key"),
            CommitError::Other(error) => error,
        }
    }
}

impl Store {
    /// Opens RocksDB.
    ///
    /// # Errors
    /// `XX001` if it is damaged, or not where it was; `58030`, `53100`.
    pub(crate) fn open(
        home: &Home,
        options: &Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Store>> {
        let (db, statistics) = rocks::open(home, options)?;
        let path = home.path();
        if let Some(folder) = path.and_then(Path::parent) {
            // RocksDB syncs what is in its folder, and not the folder's name.
            sync_directory(folder).map_err(|e| io_error("sync folder", folder, e))?;
        }
        let db = Arc::new(db);
        let last_seq = db
            .get_cf(&handle(&db, Family::Catalog), LAST_SEQ_KEY)
            .map_err(|e| rocks_error("read", e))?;
        let number = |bytes: Vec<u8>| Some(i64::from_be_bytes(bytes.try_into().ok()?));
        let last_id = match last_seq {
            None => 0,
            Some(bytes) => number(bytes)
                .filter(|number| !number.is_negative())
                .ok_or_else(|| damaged("the commit counter"))?,
        };
        let last_seq = last_id.cast_unsigned();
        let clock = Arc::new(ForwardClock::new(clock, Seq(last_seq).ms()));
        let synced = match path {
            Some(path) if options.durability != Durability::Off => {
                Some(SyncedMark::open(&path.with_extension("synced"), Seq(last_seq))?)
            }
            _ => None,
        };
        // Memory has no device to sync to.
        let durability = if path.is_some() { options.durability } else { Durability::Off };
        let counters = Arc::new(StoreCounters::default());
        let log = Arc::new(LogSync::new(db.clone(), synced, counters.clone()));
        let syncer = (durability == Durability::Normal).then(|| Syncer::start(log.clone()));
        let begun_writes = statistics.begun_writes();
        Ok(Arc::new(Store {
            db,
            statistics,
            counters,
            durability,
            in_memory: path.is_none(),
            ids: Arc::new(IdSource::new(clock.clone(), last_id)),
            clock,
            queue: CommitQueue::new(durability == Durability::Full),
            committer: Mutex::new(Committer {
                last_seq: if has_bug("seq_starts_again") { 0 } else { last_seq },
                recent: Arc::default(),
                watches: Vec::new(),
                room: DiskRoom::new(path.map(Path::to_path_buf)),
                begun_writes,
            }),
            view_gate: RwLock::default(),
            epoch: AtomicU64::new(1),
            batches: AtomicU64::new(0),
            epochs: Arc::default(),
            closed: AtomicBool::new(false),
            log,
            erasing: Mutex::default(),
            observers: RwLock::default(),
            _syncer: syncer,
        }))
    }

    /// Tells someone of the rows of every commit from now on.
    pub(crate) fn observe(&self, observer: Arc<dyn WriteObserver>) {
        self.observers.write().push(observer);
    }

    /// What a statement reads, from now on for as long as it is held.
    pub(crate) fn view(&self) -> Arc<View> {
        let _gate = self.view_gate.read();
        let batches = self.batches.load(Ordering::Acquire);
        let snapshot = Arc::new(Snapshot::new(&self.db));
        let epoch = self.epoch.load(Ordering::Acquire);
        Arc::new(View::new(snapshot, (epoch, batches), &self.epochs))
    }

    /// The views that are alive.
    pub(crate) fn epochs(&self) -> &EpochTracker {
        &self.epochs
    }

    /// What commits have their `_seq` from.
    pub(crate) fn ids(&self) -> &Arc<IdSource> {
        &self.ids
    }

    /// The high-water `_seq`.
    pub(crate) fn last_seq(&self) -> Seq {
        Seq(self.committer.lock().last_seq)
    }

    /// The time that commits are numbered by, for whoever tells the age of their rows.
    pub(crate) fn clock(&self) -> &ForwardClock {
        &self.clock
    }

    /// Commits a set: durable as the options say, and visible, when this returns.
    ///
    /// # Errors
    /// `40001` if a row changed since it was read, `23505` if a key expected to be
    /// absent is there, what the set's changes raise, `53100` if the device has no room for it,
    /// `08007` if the write failed, `08003` after that and once the database is closed.
    pub(crate) fn commit(&self, mut set: WriteSet) -> Result<Seq, CommitError> {
        if !set.rows.is_empty() {
            self.observers.read().iter().for_each(|observer| observer.joins(&mut set));
        }
        self.queue.commit(set, |sets, now| self.commit_group(sets, now))
    }

    pub(super) fn commit_group(&self, sets: &mut [WriteSet], now: Instant) -> Vec<Outcome> {
        let mut committer = self.committer.lock();
        if let Err(e) = self.check_writable() {
            return sets.iter().map(|_| Err(e.duplicate().into())).collect();
        }
        let wanted: usize = sets.iter().map(WriteSet::bytes).sum();
        let room = committer.room.of(wanted as u64, now, || self.unflushed_bytes());
        let mut group = Group {
            db: &self.db,
            batches: self.batches.load(Ordering::Acquire),
            pending: HashMap::new(),
            remembers: sets.len() > 1,
            batch: WriteBatch::default(),
        };
        let mut results = Vec::with_capacity(sets.len());
        for set in sets.iter_mut() {
            let admitted = room.admit(!set.rows.is_empty()).map_err(CommitError::from);
            results.push(admitted.and_then(|()| group.stage(set, &mut committer, &self.ids)));
        }
        if results.iter().all(Result::is_err) {
            return results;
        }
        let last_seq = committer.last_seq.to_be_bytes();
        group.batch.put_cf(&handle(&self.db, Family::Catalog), LAST_SEQ_KEY, last_seq);
        let bytes = group.batch.size_in_bytes();
        let visible = sets
            .iter()
            .zip(&results)
            .any(|(s, r)| r.is_ok() && s.changes.iter().any(|c| c.is_visible()));
        let is_synced = self.durability == Durability::Full
            && sets.iter().zip(&results).any(|(s, r)| r.is_ok() && !s.is_lazy);
        let gate = visible.then(|| self.view_gate.write());
        let failure = self.write(&mut committer, group.batch, is_synced).err();
        self.batches.fetch_add(1, Ordering::Release);
        // A batch that RocksDB shows has its epoch, whatever became of the log.
        if visible && (failure.is_none() || self.shows(committer.last_seq)) {
            let epoch = self.epoch.load(Ordering::Acquire) + 1;
            for (set, _) in sets.iter_mut().zip(&results).filter(|(_, r)| r.is_ok()) {
                for change in &mut set.changes {
                    change.publish(epoch);
                }
            }
            self.epoch.store(epoch, Ordering::Release);
        }
        drop(gate);
        if let Some(failure) = failure {
            if matches!(failure, WriteFailure::Unknown(_)) {
                self.log.poison();
            }
            tracing::error!(error = %failure.cause(), "a commit could not be written");
            return results.into_iter().map(|r| r.and_then(|_| Err(failure.outcome()))).collect();
        }
        let written = sets.iter().zip(&results).filter(|(s, r)| r.is_ok() && !s.rows.is_empty());
        for observer in self.observers.read().iter() {
            written.clone().for_each(|(set, _)| observer.wrote(&set.rows));
        }
        count(&self.counters.commits, results.iter().filter(|r| r.is_ok()).count());
        count(&self.counters.groups, 1);
        count(&self.counters.bytes, bytes);
        let committed = Seq(committer.last_seq);
        match self.durability {
            Durability::Full if is_synced => self.log.synced(committed),
            Durability::Normal => self.log.logged(committed),
            Durability::Full | Durability::Off => {}
        }
        results
    }

    /// Whether a commit could not be written: nobody knows before the next open whether the
    /// log has it.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.log.is_poisoned()
    }

    fn check_writable(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(SqlState::CONNECTION_CLOSED, "the database is closed"));
        }
        if self.is_poisoned() { Err(takes_no_writes()) } else { Ok(()) }
    }

    fn write(
        &self,
        committer: &mut Committer,
        batch: WriteBatch,
        is_synced: bool,
    ) -> Result<(), WriteFailure> {
        let mut options = WriteOptions::default();
        options.set_sync(is_synced && !has_bug("log_not_synced"));
        options.disable_wal(self.durability == Durability::Off);
        fault_point("commit.before_write").map_err(WriteFailure::Unknown)?;
        if let Err(e) = self.db.write_opt(batch, &options) {
            let error = rocks_error("commit", e);
            let is_refused = self.statistics.begun_writes() == committer.begun_writes;
            return Err(match error.sqlstate() {
                SqlState::DISK_FULL if is_refused => WriteFailure::NoRoom(error),
                _ => WriteFailure::Unknown(error),
            });
        }
        committer.begun_writes += 1;
        fault_point("commit.after_write").map_err(WriteFailure::Unknown)
    }

    /// What memtables hold: RocksDB stops if it finds no room to flush them.
    fn unflushed_bytes(&self) -> u64 {
        let held = Family::ALL.iter().map(|family| {
            let family = handle(&self.db, *family);
            self.db.property_int_value_cf(&family, properties::CUR_SIZE_ALL_MEM_TABLES)
        });
        held.map(|bytes| bytes.ok().flatten().unwrap_or(0)).sum()
    }

    /// Whether views show the commit. RocksDB writes its log first, and an error there leaves
    /// its memory as it was; one that comes later does not.
    fn shows(&self, seq: u64) -> bool {
        let last = self.db.get_cf(&handle(&self.db, Family::Catalog), LAST_SEQ_KEY);
        last.is_ok_and(|last| last.as_deref() == Some(&seq.to_be_bytes()))
    }

    /// Refuses later commits, waits for the running one, makes all durable.
    ///
    /// # Errors
    /// `58030` if that fails.
    pub(crate) fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let committer = self.committer.lock();
        self.keep_time(&committer);
        self.make_durable()
    }

    /// Makes all that is committed durable, whatever the durability.
    ///
    /// IMPORTANT: a file that an earlier state lists may go only after this. A crash or a power
    /// failure brings that state back otherwise, and not the file.
    ///
    /// # Errors
    /// `08003` after a write that failed, `58030`, `53100`.
    pub(crate) fn sync(&self) -> Result<()> {
        if self.is_poisoned() { Err(takes_no_writes()) } else { self.make_durable() }
    }

    /// Without a log that writes the memtables.
    fn make_durable(&self) -> Result<()> {
        if self.in_memory {
            return Ok(());
        }
        match self.durability {
            Durability::Full | Durability::Normal => self.log.sync(),
            Durability::Off => self.flush_memtables(),
        }
    }

    /// Writes what is in memory, of all families at once.
    fn flush_memtables(&self) -> Result<()> {
        let handles: Vec<_> = Family::ALL.iter().map(|f| handle(&self.db, *f)).collect();
        let mut options = rocksdb::FlushOptions::default();
        options.set_wait(true);
        self.db
            .flush_cfs_opt(&handles.iter().collect::<Vec<_>>(), &options)
            .map_err(|e| rocks_error("flush", e))
    }

    /// Keeps the time that ages were told by since the last commit: the next open begins at
    /// it. After a crash, or where this fails, it begins at that commit.
    fn keep_time(&self, committer: &Committer) {
        let told = Seq::first_of_ms(self.clock.latest_ms());
        if told.get() <= committer.last_seq || self.log.is_poisoned() {
            return;
        }
        let mut options = WriteOptions::default();
        options.disable_wal(self.durability == Durability::Off);
        let catalog = handle(&self.db, Family::Catalog);
        match self.db.put_cf_opt(&catalog, LAST_SEQ_KEY, told.get().to_be_bytes(), &options) {
            Ok(()) => self.log.logged(told),
            Err(e) => tracing::warn!(error = %e, "the time of the close is not kept"),
        }
    }

    /// Takes calls again after a close: someone opens the directory while a result
    /// still holds it.
    ///
    /// # Errors
    /// `08003` if a write failed before the close.
    pub(crate) fn reopen(&self) -> Result<()> {
        let mut committer = self.committer.lock();
        self.closed.store(false, Ordering::Release);
        // The close wrote too.
        committer.begun_writes = self.statistics.begun_writes();
        self.check_writable()
    }

    /// Whether [`Store::close`] was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Starts to keep what commits write, as of the view that is returned: no commit
    /// lies between the two.
    pub(crate) fn keep_writes(&self) -> (RecentGuard, Arc<View>) {
        let committer = self.committer.lock();
        let guard = committer.recent.keep(Seq(committer.last_seq));
        (guard, self.view())
    }

    /// Starts to note the keys of `range` that commits write, as of the view that
    /// is returned: no commit lies between the two.
    pub(crate) fn watch(&self, range: Range<Vec<u8>>) -> (KeyWatch<'_>, Arc<View>) {
        let mut committer = self.committer.lock();
        let state = Arc::new(WatchState::new(range, usize::MAX));
        committer.watches.push(state.clone());
        let view = self.view();
        drop(committer);
        (KeyWatch { store: self, state }, view)
    }

    /// As [`watch`](Self::watch), for whoever keeps what the view shows: it gives up after
    /// `keys_max` keys.
    pub(crate) fn watch_for_long(
        self: &Arc<Self>,
        range: Range<Vec<u8>>,
        keys_max: usize,
    ) -> (LongWatch, Arc<View>) {
        let state = Arc::new(WatchState::new(range, keys_max));
        let mut committer = self.committer.lock();
        committer.watches.push(state.clone());
        let view = self.view();
        drop(committer);
        (LongWatch { store: self.clone(), state }, view)
    }

    /// Ends a watch.
    pub(super) fn forget(&self, watch: &Arc<WatchState>) {
        self.committer.lock().watches.retain(|known| !Arc::ptr_eq(known, watch));
    }

    /// What was done since the open.
    pub(crate) fn counts(&self) -> StoreCounts {
        let (block_hits, block_misses) = self.statistics.block_cache();
        StoreCounts { block_hits, block_misses, ..self.counters.counts() }
    }

    /// What the hot tier holds, as RocksDB estimates it.
    ///
    /// # Errors
    /// `58030` if RocksDB cannot tell.
    pub(crate) fn held(&self) -> Result<HotHeld> {
        let value = |family, name| -> Result<u64> {
            let value = self.db.property_int_value_cf(&handle(&self.db, family), name);
            Ok(value.map_err(|e| rocks_error("read statistics", e))?.unwrap_or(0))
        };
        let memtables = |family| value(family, properties::CUR_SIZE_ALL_MEM_TABLES);
        Ok(HotHeld {
            rows: value(Family::Hot, properties::ESTIMATE_NUM_KEYS)?,
            bytes: memtables(Family::Hot)? + value(Family::Hot, properties::LIVE_SST_FILES_SIZE)?,
            block_cache_bytes: value(Family::Hot, properties::BLOCK_CACHE_USAGE)?,
            memtable_bytes: Family::ALL.into_iter().map(memtables).sum::<Result<u64>>()?,
        })
    }

    /// What RocksDB calls this database, also after it was moved.
    ///
    /// # Errors
    /// `58030` if it cannot tell.
    pub(crate) fn identity(&self) -> Result<String> {
        let identity = self.db.get_db_identity().map_err(|e| rocks_error("read identity", e))?;
        Ok(String::from_utf8_lossy(&identity).into_owned())
    }

    /// Makes a copy of everything that is committed, in a folder that is not there yet.
    /// Files that RocksDB never changes are hard links where that is possible.
    ///
    /// # Errors
    /// `53100`, `58030`.
    pub(crate) fn checkpoint(&self, path: &Path) -> Result<()> {
        Checkpoint::new(&self.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(path))
            .map_err(|e| rocks_error("make a checkpoint", e))
    }

    /// Reads all that is in RocksDB's files, the log included, past every cache, and returns
    /// how many entries there are.
    ///
    /// # Errors
    /// `XX001` if a byte of them is damaged, or a commit is missing; `57014`, `58030`.
    pub(crate) fn verify(&self) -> Result<u64> {
        if self.in_memory {
            return Ok(0);
        }
        let committed = self.last_seq();
        let files = Snapshot::of_checkpoint(self.db.path())?;
        // Without a log the newest commits are in memory only.
        if self.durability != Durability::Off && files.seq()? < committed {
            return Err(damaged("the log"));
        }
        let mut entries = 0;
        for family in Family::ALL {
            let mut cursor = files.cursor(family, &[], &[0xff]);
            while cursor.entry()?.is_some() {
                if entries % 1024 == 0 {
                    check_stop()?;
                }
                entries += 1;
                cursor.advance();
            }
        }
        Ok(entries)
    }

    /// The epoch of views that are taken now.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// What whoever rewrites everything holds: one at a time.
    pub(crate) fn erasing(&self) -> MutexGuard<'_, ()> {
        self.erasing.lock()
    }

    /// Rewrites all that RocksDB holds but the log of the audit, so that nothing that was
    /// deleted is in a file any more, nor in the write-ahead log. Its cost is that of the
    /// hot tier's size. What a snapshot still sees stays.
    ///
    /// # Errors
    /// `58030`, `53100`.
    pub(crate) fn erase_deleted(&self) -> Result<()> {
        // Logs whose memtables are all flushed are deleted.
        self.flush_memtables()?;
        let mut options = CompactOptions::default();
        // Otherwise the last level keeps what range deletions above it cover.
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for family in [Family::Catalog, Family::Hot, Family::Manifest, Family::Jobs] {
            check_stop()?;
            let family = handle(&self.db, family);
            self.db.compact_range_cf_opt(&family, None::<&[u8]>, None::<&[u8]>, &options);
        }
        Ok(())
    }

    /// Lets RocksDB drop what range deletions cover. Costs I/O, changes nothing.
    pub(crate) fn compact_hot(&self, range: &Range<Vec<u8>>) {
        self.db.compact_range_cf(
            &handle(&self.db, Family::Hot),
            Some(range.start.as_slice()),
            Some(range.end.as_slice()),
        );
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(e) = self.close() {
            tracing::error!(error = %e, "closing the database failed");
        }
    }
}

/// The sets of one batch, and what the earlier ones did to the keys of later ones.
struct Group<'a> {
    db: &'a Arc<Rocks>,
    /// Batches before this one.
    batches: u64,
    pending: HashMap<Vec<u8>, Stored>,
    /// A group of one needs no memory: the keys of a set are distinct.
    remembers: bool,
    batch: WriteBatch,
}

#[derive(Clone, Copy)]
enum Stored {
    Nothing,
    Live(Seq),
    Deleted(Seq),
}

impl Group<'_> {
    fn stage(
        &mut self,
        set: &mut WriteSet,
        committer: &mut Committer,
        ids: &IdSource,
    ) -> Result<Seq, CommitError> {
        for write in set.rows.iter() {
            self.check_row(&write, set.read_at)?;
        }
        for change in &set.changes {
            change.check()?;
        }
        let seq = next_seq(committer.last_seq, ids);
        committer.last_seq = seq.get();
        set.rows.stamp(seq);
        self.note(set, committer, seq);
        let hot = handle(self.db, Family::Hot);
        // Changes go first: a flush removes ranges, and a row that the same group
        // writes afterwards must survive it.
        let watches = Watches(&committer.watches);
        let mut batch = Batch { inner: &mut self.batch, db: self.db, watches };
        for change in &mut set.changes {
            change.stage(seq, &mut batch);
        }
        for (family, key, value) in &set.entries {
            match value {
                Some(value) => batch.put(*family, key, value),
                None => batch.delete(*family, key),
            }
        }
        for write in set.rows.iter() {
            match write.effect {
                Effect::Put(record) => self.batch.put_cf(&hot, write.key, record),
                Effect::Remove => self.batch.delete_cf(&hot, write.key),
                Effect::Hide => {}
            }
        }
        Ok(seq)
    }

    fn check_row(&self, write: &RowWriteRef<'_>, read_at: ReadAt) -> Result<(), CommitError> {
        let changed = || Error::conflict("a row was changed by another commit");
        if write.effect == Effect::Hide {
            // The mark is what is checked.
            return Ok(());
        }
        if matches!(write.expect, Expect::Seq(_)) && self.is_as_read(write.key, read_at) {
            return Ok(());
        }
        match (write.expect, self.stored(write.key)?) {
            (Expect::Any, _)
            | (Expect::Absent | Expect::NoneSince(_) | Expect::Nothing, Stored::Nothing)
            | (Expect::Absent | Expect::NoneSince(_), Stored::Deleted(_)) => Ok(()),
            (Expect::NoneSince(limit), Stored::Live(now)) if now < limit => Ok(()),
            (Expect::Absent | Expect::NoneSince(_), Stored::Live(_)) => {
                Err(CommitError::KeyTaken(write.key.to_vec()))
            }
            (Expect::Seq(read), Stored::Live(now) | Stored::Deleted(now)) if read == now => Ok(()),
            (Expect::Nothing | Expect::Seq(_), _) => Err(changed().into()),
        }
    }

    /// Whether a row is as a view of this moment shows it, because nothing was written since.
    /// Looking for the row once more would cost a tenth of an UPDATE by key.
    fn is_as_read(&self, key: &[u8], read_at: ReadAt) -> bool {
        let is_newest = read_at == ReadAt::Batches(self.batches) || has_bug("rows_not_looked_at");
        is_newest && read_at != ReadAt::Unknown && !self.pending.contains_key(key)
    }

    fn stored(&self, key: &[u8]) -> Result<Stored> {
        if let Some(stored) = self.pending.get(key) {
            return Ok(*stored);
        }
        let value = self
            .db
            .get_pinned_cf(&handle(self.db, Family::Hot), key)
            .map_err(|e| rocks_error("read", e))?;
        let Some(value) = value else { return Ok(Stored::Nothing) };
        let header = RowHeader::read(&value)?;
        Ok(if header.is_deleted() { Stored::Deleted(header.seq) } else { Stored::Live(header.seq) })
    }

    /// Remembers the set's keys for later sets of the group and for the watches.
    fn note(&mut self, set: &WriteSet, committer: &Committer, seq: Seq) {
        committer.recent.note(set, seq);
        if !self.remembers && committer.watches.is_empty() {
            return;
        }
        for write in set.rows.iter() {
            if write.effect == Effect::Hide {
                continue;
            }
            if self.remembers {
                let stored = match write.effect {
                    Effect::Put(record) if is_deleted(record) => Stored::Deleted(seq),
                    Effect::Put(_) => Stored::Live(seq),
                    Effect::Remove | Effect::Hide => Stored::Nothing,
                };
                self.pending.insert(write.key.to_vec(), stored);
            }
            committer.watches.iter().for_each(|watch| watch.wrote(write.key));
        }
    }
}

fn takes_no_writes() -> Error {
    Error::new(
        SqlState::CONNECTION_CLOSED,
        "the database takes no writes, because an earlier commit could not be written",
    )
    .with_hint(REOPEN)
}

/// What becomes of a commit whose write failed is not known: the log may have it, on the
/// device or not. Nothing can be asked before the next open reads it.
///
/// Source: PostgreSQL calls this state `transaction_resolution_unknown`.
fn unknown(cause: &Error) -> CommitError {
    Error::new(
        SqlState::TRANSACTION_RESOLUTION_UNKNOWN,
        "whether the commit was written is unknown",
    )
    .with_detail(cause.message())
    .with_hint(REOPEN)
    .into()
}

/// Whether a record of ours has the flag of deleted rows.
fn is_deleted(record: &[u8]) -> bool {
    RowHeader::read(record).is_ok_and(|header| header.is_deleted())
}

/// The clock's number, or the next one where the clock is behind.
///
/// Source: the layout of Twitter's Snowflake ids, without a machine number.
fn next_seq(last: u64, ids: &IdSource) -> Seq {
    if has_bug("seq_starts_again") {
        return Seq(last + 1);
    }
    Seq(ids.snowflake().cast_unsigned())
}
