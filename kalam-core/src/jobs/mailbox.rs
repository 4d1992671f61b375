//! What wakes a thread of the background.

use std::hash::Hash;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::timers::Timers;
use crate::env::Clock;

/// The longest sleep: a clock that steps is noticed after it.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Calls that wait for a thread; `C` says what for, and its default is none.
#[derive(Default)]
pub(super) struct Mailbox<C> {
    calls: Mutex<C>,
    called: Condvar,
}

impl<C: Default + PartialEq> Mailbox<C> {
    /// Calls the thread.
    pub(super) fn call(&self, what: impl FnOnce(&mut C)) {
        what(&mut self.calls.lock());
        self.called.notify_one();
    }

    /// Sleeps until somebody calls or a timer ends, and takes both away.
    pub(super) fn wait<K: Copy + Ord + Hash>(
        &self,
        timers: &mut Timers<K>,
        clock: &dyn Clock,
    ) -> (C, Vec<K>) {
        let mut calls = self.calls.lock();
        loop {
            let now_ms = clock.now_ms();
            let due = timers.take_due(now_ms);
            if *calls != C::default() || !due.is_empty() {
                return (std::mem::take(&mut *calls), due);
            }
            match timers.next() {
                None => self.called.wait(&mut calls),
                Some(at_ms) => {
                    let left = u64::try_from(at_ms - now_ms).unwrap_or(0);
                    let pause = Duration::from_millis(left.max(1)).min(SLEEP_MAX);
                    self.called.wait_for(&mut calls, pause);
                }
            }
        }
    }
}
