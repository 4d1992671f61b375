//! The log's way to the device, and the thread that takes it there in `normal`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::rocks::{Rocks, rocks_error};
use super::store_counters::{StoreCounters, count};
use super::synced_mark::SyncedMark;
use crate::Result;
use crate::model::Seq;

/// Longest time that an acknowledged commit waits for its sync in `normal`.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);

/// What of the log is on the device.
pub(super) struct LogSync {
    db: Arc<Rocks>,
    counters: Arc<StoreCounters>,
    /// The newest commit in the log.
    logged: AtomicU64,
    unsynced: AtomicBool,
    /// Held by whoever syncs.
    syncing: Mutex<()>,
    /// Whether a write or sync failed: what the log holds is then unknown.
    poisoned: AtomicBool,
    /// `None` in memory and without a log.
    mark: Option<SyncedMark>,
}

impl LogSync {
    pub(super) fn new(
        db: Arc<Rocks>,
        mark: Option<SyncedMark>,
        counters: Arc<StoreCounters>,
    ) -> LogSync {
        LogSync {
            db,
            counters,
            logged: AtomicU64::new(0),
            unsynced: AtomicBool::new(false),
            syncing: Mutex::default(),
            poisoned: AtomicBool::new(false),
            mark,
        }
    }

    /// Notes a commit that is in the log and not yet synced.
    pub(super) fn logged(&self, seq: Seq) {
        self.logged.store(seq.get(), Ordering::Release);
        self.unsynced.store(true, Ordering::Release);
    }

    /// Notes a commit that was synced as it was written.
    pub(super) fn synced(&self, seq: Seq) {
        count(&self.counters.syncs, 1);
        if let Some(mark) = &self.mark {
            mark.advance(seq);
        }
    }

    /// Syncs what is logged, if anything is. What was logged before the call is on the device
    /// when it returns, whoever syncs it.
    ///
    /// # Errors
    /// `58030`; the database then refuses writes.
    pub(super) fn sync(&self) -> Result<()> {
        let _syncing = self.syncing.lock();
        if !self.unsynced.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let logged = Seq(self.logged.load(Ordering::Acquire));
        if let Err(e) = self.db.flush_wal(true) {
            self.poison();
            return Err(rocks_error("sync the log", e));
        }
        self.synced(logged);
        Ok(())
    }

    pub(super) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }
}

/// Syncs every 100 ms until it is dropped, which waits for the thread: nobody holds
/// the database afterwards.
pub(super) struct Syncer {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(super) fn start(log: Arc<LogSync>) -> Syncer {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let (stop, changed) = &*stopped;
            let mut stop = stop.lock();
            while !*stop {
                changed.wait_for(&mut stop, SYNC_INTERVAL);
                if let Err(e) = log.sync() {
                    tracing::error!(error = %e, "the log could not be synced; writes are refused until reopen");
                }
            }
        });
        Syncer { stop, thread: Some(thread) }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        let (stop, changed) = &*self.stop;
        *stop.lock() = true;
        changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}
