//! Which keys of a range commits write.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::commit::Store;

/// A range that is watched, and what was noted.
pub(super) struct WatchState {
    range: Range<Vec<u8>>,
    keys: Mutex<Vec<Vec<u8>>>,
    keys_max: usize,
    /// Whether some keys are not among those that were noted.
    has_gap: AtomicBool,
}

impl WatchState {
    pub(super) fn new(range: Range<Vec<u8>>, keys_max: usize) -> WatchState {
        WatchState { range, keys: Mutex::default(), keys_max, has_gap: AtomicBool::new(false) }
    }

    pub(super) fn wrote(&self, key: &[u8]) {
        if self.range.start.as_slice() > key || key >= self.range.end.as_slice() {
            return;
        }
        let mut keys = self.keys.lock();
        if keys.len() < self.keys_max {
            keys.push(key.to_vec());
        } else {
            self.has_gap.store(true, Ordering::Release);
        }
    }

    /// Keys of `from..to` were removed, whichever there were.
    fn removed(&self, from: &[u8], to: &[u8]) {
        if self.range.start.as_slice() < to && from < self.range.end.as_slice() {
            self.has_gap.store(true, Ordering::Release);
        }
    }
}

/// Watches that a commit tells of ranges that it removes.
pub(super) struct Watches<'a>(pub(super) &'a [Arc<WatchState>]);

impl Watches<'_> {
    pub(super) fn removed(&self, from: &[u8], to: &[u8]) {
        self.0.iter().for_each(|watch| watch.removed(from, to));
    }
}

/// Notes which keys of a range are written, for as long as they are few and none is removed
/// without being named, as a flush does.
pub(crate) struct LongWatch {
    pub(super) store: Arc<Store>,
    pub(super) state: Arc<WatchState>,
}

impl LongWatch {
    /// The keys so far, sorted, each once; `None`: there is more that nobody noted.
    ///
    /// INVARIANT: for a view that was taken before it is asked, what was committed until then
    /// is among them: commits are noted before they are seen.
    pub(crate) fn changed(&self) -> Option<Vec<Vec<u8>>> {
        let keys = WatchedKeys(self.state.clone()).sorted();
        (!self.state.has_gap.load(Ordering::Acquire)).then_some(keys)
    }
}

impl Drop for LongWatch {
    fn drop(&mut self) {
        self.store.forget(&self.state);
    }
}

/// Notes which keys of a range are written while it lives.
pub(crate) struct KeyWatch<'a> {
    pub(super) store: &'a Store,
    pub(super) state: Arc<WatchState>,
}

impl KeyWatch<'_> {
    /// A handle for a [`Change`](super::Change), which asks while it is staged.
    pub(crate) fn keys(&self) -> WatchedKeys {
        WatchedKeys(self.state.clone())
    }
}

impl Drop for KeyWatch<'_> {
    fn drop(&mut self) {
        self.store.forget(&self.state);
    }
}

/// The keys noted by a [`KeyWatch`].
pub(crate) struct WatchedKeys(Arc<WatchState>);

impl WatchedKeys {
    /// The keys so far, sorted, each once.
    pub(crate) fn sorted(&self) -> Vec<Vec<u8>> {
        let mut keys = self.0.keys.lock().clone();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether one of the keys so far is such a key.
    pub(crate) fn any(&self, is_one: impl Fn(&[u8]) -> bool) -> bool {
        self.0.keys.lock().iter().any(|key| is_one(key))
    }
}
