//! What the store did since it was opened.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters beside what they count.
#[derive(Default)]
pub(crate) struct StoreCounters {
    /// Sets that were committed.
    pub(super) commits: AtomicU64,
    /// Batches that they were written in.
    pub(super) groups: AtomicU64,
    /// Times that the log was synced to the device.
    pub(super) syncs: AtomicU64,
    /// Bytes of the batches.
    pub(super) bytes: AtomicU64,
}

/// Their values at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StoreCounts {
    pub(crate) commits: u64,
    pub(crate) groups: u64,
    pub(crate) syncs: u64,
    pub(crate) bytes: u64,
    pub(crate) block_hits: u64,
    pub(crate) block_misses: u64,
}

/// What the hot tier holds at one moment, estimated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HotHeld {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) block_cache_bytes: u64,
    /// Of every family, not of the hot one alone.
    pub(crate) memtable_bytes: u64,
}

impl StoreCounters {
    pub(super) fn counts(&self) -> StoreCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreCounts {
            commits: of(&self.commits),
            groups: of(&self.groups),
            syncs: of(&self.syncs),
            bytes: of(&self.bytes),
            ..StoreCounts::default()
        }
    }
}

/// Adds to a counter; nothing is ordered by it.
pub(super) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}
