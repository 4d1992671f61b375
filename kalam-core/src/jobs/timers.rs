//! Moments at which something is to be looked at.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;

/// A moment for each of many things, in milliseconds since 1970 UTC.
pub(super) struct Timers<K> {
    heap: BinaryHeap<Reverse<(i64, K)>>,
    /// The moment that holds; others in the heap were set before.
    due: HashMap<K, i64>,
    /// The latest time that was seen since the clock last stepped back.
    seen_ms: i64,
}

impl<K> Default for Timers<K>
where
    K: Ord,
{
    fn default() -> Self {
        Timers { heap: BinaryHeap::new(), due: HashMap::new(), seen_ms: i64::MIN }
    }
}

impl<K: Copy + Ord + Hash> Timers<K> {
    /// Sets the moment of `key`, in place of an earlier one.
    pub(super) fn set(&mut self, key: K, at_ms: i64) {
        self.due.insert(key, at_ms);
        self.heap.push(Reverse((at_ms, key)));
    }

    pub(super) fn contains(&self, key: K) -> bool {
        self.due.contains_key(&key)
    }

    pub(super) fn remove(&mut self, key: K) {
        self.due.remove(&key);
    }

    /// The next moment.
    pub(super) fn next(&mut self) -> Option<i64> {
        while let Some(Reverse((at_ms, key))) = self.heap.peek() {
            if self.due.get(key) == Some(at_ms) {
                return Some(*at_ms);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes away those whose moment has come.
    ///
    /// If the clock stepped back, moments step with it: an hour more is not what anybody
    /// wanted to wait. Whoever comes too early by that looks, and sets another moment.
    pub(super) fn take_due(&mut self, now_ms: i64) -> Vec<K> {
        if now_ms < self.seen_ms {
            let step = self.seen_ms - now_ms;
            self.due.values_mut().for_each(|at_ms| *at_ms = at_ms.saturating_sub(step));
            self.heap = self.due.iter().map(|(key, at_ms)| Reverse((*at_ms, *key))).collect();
        }
        self.seen_ms = now_ms;
        let mut taken = Vec::new();
        while self.next().is_some_and(|at_ms| at_ms <= now_ms) {
            let Some(Reverse((_, key))) = self.heap.pop() else { break };
            self.due.remove(&key);
            taken.push(key);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;

    #[test]
    fn the_moment_that_was_set_last_holds() {
        let mut timers = Timers::default();
        timers.set('a', 10);
        timers.set('b', 20);
        timers.set('a', 30);
        assert_eq!(timers.next(), Some(20));
        assert!(timers.take_due(19).is_empty());
        assert_eq!(timers.take_due(20), ['b']);
        timers.set('a', 5);
        assert_eq!(timers.take_due(40), ['a']);
        assert!(!timers.contains('a'));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_clock_that_steps_back_makes_nobody_wait_longer() {
        let mut timers = Timers::default();
        assert!(timers.take_due(1_000_000).is_empty());
        timers.set('a', 1_000_060);
        timers.set('b', 1_000_090);
        assert!(timers.take_due(1_000_020).is_empty());
        assert!(timers.take_due(500).is_empty());
        assert_eq!(timers.next(), Some(540));
        timers.set('c', 550);
        assert_eq!(timers.take_due(560), ['a', 'c']);
        assert_eq!(timers.next(), Some(570));
    }
}
