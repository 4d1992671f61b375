//! What the structures of a caller stand for.
//!
//! `private_data` holds a token: a number that was never given to another object, with
//! the process that made it. A copy of a structure that was released, or one that came
//! through fork(), is found out by its token alone.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use kalam_core::{Error, Result, SqlState};

/// Tokens of one process.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// Bits of a token that count; the process has those above.
const COUNT_BITS: u32 = usize::BITS / 2;

/// The objects of one kind that are alive.
pub(super) struct Handles<T> {
    what: &'static str,
    live: RwLock<BTreeMap<usize, Arc<T>>>,
}

impl<T> Handles<T> {
    /// None yet; `what` is their name in errors.
    pub(super) const fn new(what: &'static str) -> Handles<T> {
        Handles { what, live: RwLock::new(BTreeMap::new()) }
    }

    /// Keeps an object, and returns its token.
    pub(super) fn insert(&self, object: T) -> *mut c_void {
        let token = this_process() | (NEXT.fetch_add(1, Ordering::Relaxed) & COUNT_MASK);
        self.live.write().unwrap_or_else(PoisonError::into_inner).insert(token, Arc::new(object));
        std::ptr::without_provenance_mut(token)
    }

    /// The object of a token.
    ///
    /// # Errors
    /// `08003` for one that was released, belongs to another kind, or is NULL; `KD001`
    /// after fork().
    pub(super) fn get(&self, token: *const c_void) -> Result<Arc<T>> {
        let token = self.check(token)?;
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&token).cloned().ok_or_else(|| self.released())
    }

    /// Forgets the object of a token. It ends when no call uses it any more.
    ///
    /// # Errors
    /// As [`Handles::get`].
    pub(super) fn remove(&self, token: *const c_void) -> Result<Arc<T>> {
        let token = self.check(token)?;
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        live.remove(&token).ok_or_else(|| self.released())
    }

    fn check(&self, token: *const c_void) -> Result<usize> {
        let token = token.addr();
        if token == 0 {
            return Err(Error::new(
                SqlState::CONNECTION_CLOSED,
                format!("the {} was not initialized, or was released", self.what),
            ));
        }
        // Before any lock: a thread of the parent may have held it at the fork.
        if token & !COUNT_MASK != this_process() {
            return Err(forked());
        }
        Ok(token)
    }

    fn released(&self) -> Error {
        Error::new(SqlState::CONNECTION_CLOSED, format!("the {} was released", self.what))
    }
}

const COUNT_MASK: usize = (1 << COUNT_BITS) - 1;

fn this_process() -> usize {
    (process::id() as usize) << COUNT_BITS
}

/// The error of what belongs to the parent of this process.
pub(super) fn forked() -> Error {
    Error::new(SqlState::FORKED, "the database was opened before fork() and belongs to the parent")
        .with_hint("open it in the child, on another directory or after the parent closed")
}

/// Locks what a panic leaves whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
