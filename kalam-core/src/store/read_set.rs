//! What SERIALIZABLE transactions read, and what others committed since.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::entity::prefix_end;
use super::key::SCOPE_PREFIX_LEN;
use super::write_set::{Batch, Change, WriteSet};
use crate::model::Seq;
use crate::{Error, Result, SqlState};

/// Ranges of one transaction before they are made coarser.
const RANGES_MAX: usize = 10_000;

/// A range of hot keys, from the first up to but without the second.
type KeyBounds = (Vec<u8>, Vec<u8>);

/// The ranges of keys that a transaction read, in either tier: a key has the same bytes
/// in both. Never finer than what was read.
#[derive(Default)]
pub(crate) struct ReadSet(Mutex<Vec<KeyBounds>>);

impl ReadSet {
    /// Adds a range.
    pub(crate) fn note(&self, lower: &[u8], upper: &[u8]) {
        let mut ranges = self.0.lock();
        ranges.push((lower.to_vec(), upper.to_vec()));
        if ranges.len() > RANGES_MAX {
            join(&mut ranges);
            if ranges.len() > RANGES_MAX / 2 {
                ranges.iter_mut().for_each(widen);
                join(&mut ranges);
            }
        }
    }

    fn joined(&self) -> Vec<KeyBounds> {
        let mut ranges = self.0.lock();
        join(&mut ranges);
        ranges.clone()
    }
}

/// The whole scope instead of a part of it.
fn widen(range: &mut KeyBounds) {
    if range.0.len() > SCOPE_PREFIX_LEN {
        range.0.truncate(SCOPE_PREFIX_LEN);
    }
    range.1 = range.1.clone().max(prefix_end(&range.0));
}

/// Sorts ranges and joins those that touch.
fn join(ranges: &mut Vec<KeyBounds>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let touches = next.0 <= kept.1;
        if touches && next.1 > kept.1 {
            kept.1 = std::mem::take(&mut next.1);
        }
        touches
    });
}

/// What commits wrote while SERIALIZABLE transactions were open.
#[derive(Default)]
pub(super) struct RecentWrites(Mutex<Recent>);

#[derive(Default)]
struct Recent {
    /// Open transactions by the newest commit that they see.
    open: BTreeMap<Seq, usize>,
    commits: VecDeque<(Seq, Vec<KeyBounds>)>,
}

impl RecentWrites {
    /// Keeps what is committed after `since` until the guard is dropped. No commit may
    /// be running.
    pub(super) fn keep(self: &Arc<Self>, since: Seq) -> RecentGuard {
        *self.0.lock().open.entry(since).or_default() += 1;
        RecentGuard { recent: self.clone(), since, reads: Arc::default() }
    }

    /// Notes what a set writes.
    pub(super) fn note(&self, set: &WriteSet, seq: Seq) {
        let mut recent = self.0.lock();
        if recent.open.is_empty() {
            return;
        }
        let keys = set.rows.iter().map(|write| (write.key.to_vec(), after(write.key)));
        let ranges = set.changes.iter().filter_map(|change| change.unnamed_rows());
        let written: Vec<KeyBounds> = keys.chain(ranges).collect();
        if !written.is_empty() {
            recent.commits.push_back((seq, written));
        }
    }
}

/// The smallest key above this one.
fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// What an open SERIALIZABLE transaction reads and what is committed meanwhile.
pub(crate) struct RecentGuard {
    recent: Arc<RecentWrites>,
    since: Seq,
    pub(crate) reads: Arc<ReadSet>,
}

impl RecentGuard {
    /// A check that no commit since wrote what was read.
    pub(crate) fn unchanged(&self) -> Box<dyn Change> {
        Box::new(ReadsUnchanged {
            recent: self.recent.clone(),
            since: self.since,
            reads: self.reads.joined(),
        })
    }
}

impl Drop for RecentGuard {
    fn drop(&mut self) {
        let mut recent = self.recent.0.lock();
        if let Some(count) = recent.open.get_mut(&self.since) {
            *count -= 1;
            if *count == 0 {
                recent.open.remove(&self.since);
            }
        }
        match recent.open.keys().next().copied() {
            None => recent.commits.clear(),
            Some(oldest) => {
                let needed = recent.commits.partition_point(|(seq, _)| *seq <= oldest);
                recent.commits.drain(..needed);
            }
        }
    }
}

struct ReadsUnchanged {
    recent: Arc<RecentWrites>,
    since: Seq,
    /// Sorted, disjoint.
    reads: Vec<KeyBounds>,
}

impl ReadsUnchanged {
    fn reads_from(&self, written: &KeyBounds) -> bool {
        let after = self.reads.partition_point(|(lower, _)| *lower < written.1);
        after > 0 && self.reads[after - 1].1 > written.0
    }
}

impl Change for ReadsUnchanged {
    fn check(&self) -> Result<()> {
        let recent = self.recent.0.lock();
        let mut later = recent.commits.iter().rev().take_while(|(seq, _)| *seq > self.since);
        if later.any(|(_, written)| written.iter().any(|w| self.reads_from(w))) {
            return Err(Error::new(
                SqlState::SERIALIZATION_FAILURE,
                "rows that the transaction read were changed by another commit",
            )
            .with_hint("retry the transaction"));
        }
        Ok(())
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    fn publish(&mut self, _epoch: u64) {}

    fn is_visible(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(lower: &str, upper: &str) -> KeyBounds {
        (lower.into(), upper.into())
    }

    #[test]
    fn ranges_that_touch_become_one() {
        let mut ranges =
            vec![bounds("m", "p"), bounds("a", "c"), bounds("b", "d"), bounds("d", "e")];
        join(&mut ranges);
        assert_eq!(ranges, [bounds("a", "e"), bounds("m", "p")]);
    }

    #[test]
    fn a_write_conflicts_with_a_read_that_it_falls_into() {
        let recent = Arc::new(RecentWrites::default());
        let guard = recent.keep(Seq(5));
        guard.reads.note(b"b", b"d");
        guard.reads.note(b"x", b"x\0");
        for (key, conflicts) in
            [("a", false), ("b", true), ("c", true), ("d", false), ("x", true), ("x\0", false)]
        {
            recent.0.lock().commits =
                VecDeque::from([(Seq(6), vec![(key.into(), after(key.as_bytes()))])]);
            assert_eq!(guard.unchanged().check().is_err(), conflicts, "{key:?}");
            recent.0.lock().commits[0].0 = Seq(5);
            assert!(guard.unchanged().check().is_ok(), "{key:?} was seen");
        }
    }

    #[test]
    fn many_ranges_become_their_scopes() {
        let reads = ReadSet::default();
        for key in 0..=u32::try_from(RANGES_MAX).expect("it fits") {
            let mut lower = vec![1; SCOPE_PREFIX_LEN];
            lower.extend_from_slice(&(key * 2).to_be_bytes());
            reads.note(&lower, &after(&lower));
        }
        assert_eq!(
            reads.joined(),
            [(vec![1; SCOPE_PREFIX_LEN], prefix_end(&[1; SCOPE_PREFIX_LEN]))]
        );
    }
}
