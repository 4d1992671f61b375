//! Whether the folder of `local` may hold files that no entry lists, so that an open has to
//! look through all of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::manifest::SEGMENTS;
use crate::Result;
use crate::env::has_bug;
use crate::model::SegmentId;
use crate::store::{Family, Snapshot, Store, WriteSet};

/// Says that every file is listed. What is there while nobody may write one, and not after a
/// crash of somebody who may.
const ALL_LISTED: &[u8] = b"C";

/// Counts files from before they are there until a commit lists them.
///
/// IMPORTANT: the entry goes, durably, before the first file comes. After a crash an open
/// would not look for the file otherwise.
#[derive(Default)]
pub(super) struct UnlistedFiles {
    /// Files that were begun, and whether the entry is there.
    begun: Mutex<(u64, bool)>,
    /// Those of them that a commit listed. One that failed is never counted: whether it is
    /// gone is for the next open to find out.
    listed: AtomicU64,
}

impl UnlistedFiles {
    /// Whether the last process that had the database left every file listed.
    pub(super) fn were_listed(&self, snapshot: &Snapshot) -> Result<bool> {
        let found = snapshot.get_pinned(Family::Manifest, ALL_LISTED, |_| Ok(()))?.is_some();
        self.begun.lock().1 = found;
        Ok(found)
    }

    /// Says that a file is about to be written.
    ///
    /// # Errors
    /// `53100`, `58030`.
    pub(super) fn begin(&self, store: &Store) -> Result<()> {
        let mut begun = self.begun.lock();
        if begun.1 && !has_bug("folder_called_clean") {
            let mut set = WriteSet::default();
            set.delete(Family::Manifest, ALL_LISTED.to_vec());
            store.commit(set)?;
            store.sync()?;
            begun.1 = false;
        }
        begun.0 += 1;
        Ok(())
    }

    /// Says that a commit lists so many of them.
    pub(super) fn list(&self, files: usize) {
        self.listed.fetch_add(files as u64, Ordering::Release);
    }

    /// Puts the entry if every file that was begun is listed.
    ///
    /// # Errors
    /// `53100`, `58030`, `08003`.
    pub(super) fn settle(&self, store: &Store) -> Result<()> {
        let mut begun = self.begun.lock();
        if begun.1 || begun.0 != self.listed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut set = WriteSet::default();
        set.put(Family::Manifest, ALL_LISTED.to_vec(), Vec::new());
        store.commit(set)?;
        begun.1 = true;
        Ok(())
    }
}

/// The segments that a snapshot lists. Their entries are not decoded: there may be one for
/// each of many users.
pub(super) fn listed_ids(snapshot: &Arc<Snapshot>) -> Result<HashSet<SegmentId>> {
    let mut ids = HashSet::new();
    SEGMENTS.each_key(snapshot, |key| _ = ids.insert(key.segment))?;
    Ok(ids)
}
