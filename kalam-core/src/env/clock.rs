//! Time, injected.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync {
    /// Microseconds since 1970-01-01 UTC. May step back.
    fn now_us(&self) -> i64;

    /// Milliseconds since 1970-01-01 UTC. May step back.
    fn now_ms(&self) -> i64 {
        self.now_us().div_euclid(1_000)
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
    fn now_us(&self) -> i64 {
        let micros = |d: std::time::Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        }
    }
}

/// A clock that moves only when it is told to. For tests.
#[derive(Debug)]
pub struct ManualClock {
    now_us: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at this many milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        ManualClock { now_us: AtomicI64::new(now_ms * 1_000) }
    }

    /// Puts the clock to this many milliseconds since 1970-01-01 UTC; may step back.
    pub fn set_ms(&self, now_ms: i64) {
        self.now_us.store(now_ms * 1_000, Ordering::SeqCst);
    }

    /// Moves the clock on by this many milliseconds.
    pub fn advance_ms(&self, ms: i64) {
        self.now_us.fetch_add(ms * 1_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        self.now_us.load(Ordering::SeqCst)
    }
}
