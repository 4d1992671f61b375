//! Time that never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::Clock;

/// The time that commits are numbered by and that ages are told by: a clock's, or the latest
/// that was told, where the clock is behind it.
///
/// INVARIANT: both are told by one of these, so a row that outlived its time stays gone
/// when the clock steps back, and no new row is older than what is gone.
#[derive(Debug)]
pub(crate) struct ForwardClock {
    clock: Arc<dyn Clock>,
    latest_us: AtomicI64,
}

impl ForwardClock {
    /// Tells no time before `floor_ms`.
    pub(crate) fn new(clock: Arc<dyn Clock>, floor_ms: i64) -> ForwardClock {
        ForwardClock { clock, latest_us: AtomicI64::new(floor_ms.saturating_mul(1_000)) }
    }

    /// The milliseconds that were told last.
    pub(crate) fn latest_ms(&self) -> i64 {
        self.latest_us.load(Ordering::Relaxed).div_euclid(1_000)
    }
}

impl Clock for ForwardClock {
    fn now_us(&self) -> i64 {
        let now_us = self.clock.now_us();
        self.latest_us.fetch_max(now_us, Ordering::Relaxed).max(now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::ManualClock;

    #[test]
    fn time_stands_until_a_clock_that_stepped_back_has_caught_up() {
        let clock = Arc::new(ManualClock::new(500));
        let forward = ForwardClock::new(clock.clone(), 700);
        assert_eq!(forward.now_ms(), 700, "the floor");
        clock.set_ms(900);
        assert_eq!((forward.latest_ms(), forward.now_ms()), (700, 900));
        clock.set_ms(100);
        assert_eq!((forward.now_ms(), forward.latest_ms()), (900, 900));
        clock.set_ms(901);
        assert_eq!(forward.now_ms(), 901);
    }
}
