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
