//! The end of the process.
//!
//! Node ends by exit(), which runs the destructors of RocksDB's static objects while our threads
//! go on. A database that is closed then uses what is gone. So none is closed any more once the
//! process ends; the log has everything that was acknowledged.

use std::ffi::c_int;
use std::mem::forget;
use std::sync::{Once, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

/// Held to read by whoever lets go of an engine, and to write for good once the process ends.
static GATE: RwLock<()> = RwLock::new(());

/// How long the end waits for databases that are being closed.
const PATIENCE: Duration = Duration::from_secs(5);

unsafe extern "C" {
    fn atexit(handler: extern "C" fn()) -> c_int;
}

/// Makes the end of the process wait, from the first call on. Handlers run last in, first out:
/// this one before the destructors that were registered when the library was loaded.
pub fn outlive() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: the handler is a function of this library, which is never unloaded.
        unsafe { atexit(close_gate) };
    });
}

extern "C" fn close_gate() {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        match GATE.try_write() {
            Ok(guard) => return forget(guard),
            Err(TryLockError::Poisoned(poisoned)) => return forget(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Drops what may be the last that keeps an engine.
pub fn let_go<T>(value: T) {
    // Waits for ever at the end of the process, which does not wait for this thread.
    let _open = GATE.read().unwrap_or_else(PoisonError::into_inner);
    drop(value);
}
