//! The writes of a transaction that nobody else sees yet.
//!
//! They are sorted runs, one for each statement, merged as they grow: few runs are
//! searched by a read, a row is copied a logarithmic number of times, and a copy of the
//! overlay - a savepoint, a running query - shares the runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mark_set::MarkSet;
use super::write_set::{Effect, RowWriteRef, RowWrites};
use crate::model::{ScopeId, Seq};

/// Writes of one or more statements, by key, and the rows of segments they take away.
#[derive(Clone, Default)]
pub(crate) struct Run {
    /// Sorted; each key once.
    pub(crate) writes: RowWrites,
    pub(crate) marks: BTreeMap<ScopeId, MarkSet>,
}

impl Run {
    /// The writes of one statement that saw the commits up to `as_of`, sorted already.
    /// Their rows show `as_of` as `_seq` until they are committed.
    pub(crate) fn of_statement(
        mut writes: RowWrites,
        scope: ScopeId,
        marks: MarkSet,
        as_of: Seq,
    ) -> Run {
        writes.stamp(as_of);
        writes.set_as_of(as_of);
        Run { writes, marks: BTreeMap::from([(scope, marks)]) }
    }

    /// Both runs as one. A key of both keeps the newer record, and what the older one
    /// expects of the committed state.
    fn merge(older: &Run, newer: &Run) -> Run {
        let mut writes = RowWrites::default();
        writes.reserve(older.writes.len() + newer.writes.len(), older.bytes() + newer.bytes());
        let (mut old, mut new) = (older.writes.iter().peekable(), newer.writes.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some(o), Some(n)) => o.key.cmp(n.key),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            let first = if order.is_gt() { None } else { old.next() };
            let second = if order.is_lt() { None } else { new.next() };
            if let Some(base) = first.as_ref().or(second.as_ref()) {
                let effect = second.as_ref().or(first.as_ref()).map_or(base.effect, |w| w.effect);
                writes.append(&RowWriteRef { effect, ..*base });
            }
        }
        let mut marks = older.marks.clone();
        for (scope, more) in &newer.marks {
            marks.entry(*scope).or_default().add(more);
        }
        Run { writes, marks }
    }

    fn bytes(&self) -> usize {
        self.writes.bytes()
    }
}

/// The uncommitted writes of a transaction at one moment.
#[derive(Clone, Default)]
pub(crate) struct Overlay {
    /// Oldest first; each at least twice as long as the next.
    runs: Vec<Arc<Run>>,
}

impl Overlay {
    /// An overlay of one run.
    pub(crate) fn of(run: Run) -> Overlay {
        Overlay { runs: vec![Arc::new(run)] }
    }

    /// Adds the writes of a statement that read this overlay.
    pub(crate) fn push(&mut self, run: Run) {
        let mut run = Arc::new(run);
        while let Some(last) = self.runs.pop_if(|last| last.writes.len() < 2 * run.writes.len()) {
            run = Arc::new(Run::merge(&last, &run));
        }
        self.runs.push(run);
    }

    /// Everything as one run.
    pub(crate) fn merged(&self) -> Arc<Run> {
        let mut runs = self.runs.iter().rev().cloned();
        let newest = runs.next().unwrap_or_default();
        runs.fold(newest, |newer, older| Arc::new(Run::merge(&older, &newer)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Memory of keys and records.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes()).sum()
    }

    /// What the writes take away from a scope's segments.
    pub(crate) fn marks(&self, scope: ScopeId) -> MarkSet {
        let mut marks = MarkSet::default();
        for run in &self.runs {
            if let Some(more) = run.marks.get(&scope) {
                marks.add(more);
            }
        }
        marks
    }

    /// The newest write of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<Effect<'_>> {
        self.runs.iter().rev().find_map(|run| run.writes.find(key).map(|write| write.effect))
    }

    pub(super) fn cursor(&self, lower: &[u8], upper: &[u8]) -> OverlayCursor {
        let sources = self.runs.iter().rev().map(|run| Source {
            at: run.writes.position(lower),
            end: run.writes.position(upper),
            run: run.clone(),
        });
        let mut cursor = OverlayCursor { sources: sources.collect(), current: None };
        cursor.settle();
        cursor
    }
}

struct Source {
    run: Arc<Run>,
    at: usize,
    end: usize,
}

/// A position in a range of an overlay's keys, each shown with its newest write.
pub(super) struct OverlayCursor {
    /// Newest first.
    sources: Vec<Source>,
    current: Option<usize>,
}

impl OverlayCursor {
    pub(super) fn entry(&self) -> Option<(&[u8], Effect<'_>)> {
        let source = &self.sources[self.current?];
        let write = source.run.writes.get(source.at);
        Some((write.key, write.effect))
    }

    pub(super) fn advance(&mut self) {
        let Some(current) = self.current else { return };
        let Source { run, at, .. } = &self.sources[current];
        let (run, at) = (run.clone(), *at);
        let key = run.writes.key(at);
        for source in &mut self.sources {
            if source.at < source.end && source.run.writes.key(source.at) == key {
                source.at += 1;
            }
        }
        self.settle();
    }

    /// Finds the smallest key, of equal ones that of the newest run.
    fn settle(&mut self) {
        let left = self.sources.iter().enumerate().filter(|(_, s)| s.at < s.end);
        self.current = left.min_by_key(|(_, s)| s.run.writes.key(s.at)).map(|(index, _)| index);
    }
}

#[cfg(test)]
mod tests {
    use super::super::write_set::Expect;
    use super::*;
    use crate::model::{TableId, UserKey};

    const SCOPE: ScopeId = ScopeId { table: TableId(1), user: UserKey(0) };

    /// A write of each key: the record holds the statement's number, and a key that 3
    /// divides is removed. Records are long enough for a `_seq`.
    fn run(statement: u8, keys: impl Iterator<Item = u8>, marks: MarkSet) -> Run {
        let mut writes = RowWrites::default();
        for key in keys {
            let record = vec![statement; if (key + statement).is_multiple_of(3) { 0 } else { 16 }];
            let expect = Expect::Seq(Seq(statement.into()));
            writes.push(expect, |out| out.push(key), |out| out.extend_from_slice(&record));
        }
        assert!(writes.sort().is_none());
        Run::of_statement(writes, SCOPE, marks, Seq(statement.into()))
    }

    #[test]
    fn the_newest_record_shows_and_the_oldest_expectation_stays() {
        let mut overlay = Overlay::default();
        let mut newest = BTreeMap::new();
        let mut oldest = BTreeMap::new();
        for statement in 1..60u8 {
            let keys: Vec<u8> =
                (0..200).filter(|k| k % 60 < 5 || k % 59 == statement % 59).collect();
            for key in &keys {
                newest.insert(*key, statement);
                oldest.entry(*key).or_insert(statement);
            }
            overlay.push(run(statement, keys.into_iter(), MarkSet::default()));
            let mut cursor = overlay.cursor(&[10], &[150]);
            for (key, statement) in newest.range(10..150) {
                let (found, effect) = cursor.entry().expect("a key is missing");
                assert_eq!(found, [*key]);
                assert_eq!(overlay.get(&[*key]), Some(effect));
                match effect {
                    Effect::Put(record) => assert_eq!(record[0], *statement),
                    other => assert_eq!((other, (key + statement) % 3), (Effect::Remove, 0)),
                }
                cursor.advance();
            }
            assert!(cursor.entry().is_none());
        }
        assert!(overlay.runs.len() < 8, "{} runs", overlay.runs.len());
        let merged = overlay.merged();
        assert_eq!(merged.writes.len(), newest.len());
        for write in merged.writes.iter() {
            let first = Seq(oldest[&write.key[0]].into());
            assert_eq!((write.expect, write.as_of), (Expect::Seq(first), first));
        }
    }

    #[test]
    fn a_row_deleted_and_inserted_again_is_superseded_and_was_live() {
        use crate::model::SegmentId;
        let (mut first, mut second) = (MarkSet::default(), MarkSet::default());
        first.delete(SegmentId(7), 1);
        first.delete(SegmentId(7), 2);
        second.bury(SegmentId(7), 1);
        second.bury(SegmentId(7), 3);
        let mut overlay = Overlay::default();
        overlay.push(run(1, 0..1, first));
        overlay.push(run(2, 0..1, second));
        let marks = overlay.marks(SCOPE);
        let (_, marks) = marks.iter().next().expect("one segment");
        assert_eq!(marks.superseded.iter().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(marks.deleted.iter().collect::<Vec<_>>(), [2]);
        assert_eq!(marks.live.iter().collect::<Vec<_>>(), [1, 2]);
    }
}
