//! What went to and came from object stores since the database was opened.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of segments, of all storages together.
#[derive(Default)]
pub(crate) struct RemoteTraffic {
    uploads: AtomicU64,
    uploaded_bytes: AtomicU64,
    fetches: AtomicU64,
    fetched_bytes: AtomicU64,
    copies_read: AtomicU64,
}

/// Their values at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RemoteCounts {
    pub(crate) uploads: u64,
    pub(crate) uploaded_bytes: u64,
    pub(crate) fetches: u64,
    pub(crate) fetched_bytes: u64,
    /// Times that a segment was opened from its copy on the local disk.
    pub(crate) copies_read: u64,
}

impl RemoteTraffic {
    pub(super) fn uploaded(&self, bytes: u64) {
        self.uploads.fetch_add(1, Ordering::Relaxed);
        self.uploaded_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn fetched(&self, bytes: u64) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        self.fetched_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn read_copy(&self) {
        self.copies_read.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> RemoteCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RemoteCounts {
            uploads: of(&self.uploads),
            uploaded_bytes: of(&self.uploaded_bytes),
            fetches: of(&self.fetches),
            fetched_bytes: of(&self.fetched_bytes),
            copies_read: of(&self.copies_read),
        }
    }
}
