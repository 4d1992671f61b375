//! Makes few segments of many, and leaves behind what nobody can see.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::compaction_choice::{Candidates, SEGMENTS_AT_ONCE};
use super::eviction::{Look, evict};
use super::manifest::{ScopeEdit, SegmentState};
use super::manifest_export::export_manifest;
use super::replacement::{Moved, Replacement};
use super::retention::{
    Outlived, marked_deletions, oldest_deletion, owners_with_marks, remove_outlived,
    retention_limit,
};
use super::segments_writer::SegmentsWriter;
use super::sorted_rows::{SortedRows, Source};
use super::tiers::Tiers;
use crate::Result;
use crate::activity::{check_stop, expect};
use crate::catalog::{Placement, Table, TableDefinition};
use crate::env::{fault_point, has_bug};
use crate::model::{ScopeId, Seq, TableKind, UserId, UserKey};
use crate::store::{View, WriteSet};

pub(crate) use super::compaction_choice::Choice;

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CompactReport {
    /// Rows written to new segments, deleted ones included.
    pub(crate) rows: u64,
    /// Segments written.
    pub(crate) segments: u64,
    /// Segments that those replace.
    pub(crate) replaced: u64,
    /// Rows that were dropped in either tier: older versions, and deleted rows whose
    /// retention is over.
    pub(crate) dropped: u64,
}

impl std::ops::Add for CompactReport {
    type Output = CompactReport;

    fn add(self, other: CompactReport) -> CompactReport {
        CompactReport {
            rows: self.rows + other.rows,
            segments: self.segments + other.segments,
            replaced: self.replaced + other.replaced,
            dropped: self.dropped + other.dropped,
        }
    }
}

/// What is left of rows that have a time to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SweepReport {
    pub(crate) done: CompactReport,
    /// The commit that wrote or deleted the row which is the next to go; `None` if nothing
    /// of the table has a time that ends.
    pub(crate) next: Option<Seq>,
}

impl Tiers<'_> {
    /// Removes what a table need not keep: rows of STREAM tables whose time is over, or
    /// deleted rows after their retention and what compaction of all its scopes leaves
    /// behind. With [`Choice::Due`] it costs little where nothing is due.
    ///
    /// # Errors
    /// As [`Tiers::compact_table`].
    pub(crate) fn maintain(&self, table: &Arc<Table>, choice: Choice) -> Result<CompactReport> {
        if table.definition.kind != TableKind::Stream {
            return self.compact_table(table, choice);
        }
        let dropped = self.remove_outlived(&table.definition, Look::Whole)?.removed;
        Ok(CompactReport { dropped, ..CompactReport::default() })
    }

    fn remove_outlived(&self, definition: &TableDefinition, look: Look) -> Result<Outlived> {
        let limit = retention_limit(definition, self.store);
        match definition.kind {
            TableKind::Stream => evict(self.store, definition, limit, look),
            _ => remove_outlived(self.store, definition, limit),
        }
    }

    /// Removes the rows of a table, of every user, whose time is over: rows of STREAM
    /// tables, and deleted rows of others. Scopes without deleted rows are not looked at.
    ///
    /// # Errors
    /// As [`Tiers::compact_table`].
    pub(crate) fn sweep(&self, table: &Arc<Table>, look: Look) -> Result<SweepReport> {
        let definition = &table.definition;
        let hot = self.remove_outlived(definition, look)?;
        let mut report = SweepReport { next: hot.next, ..SweepReport::default() };
        report.done.dropped += hot.removed;
        let view = self.store.view();
        for user in owners_with_marks(&view.snapshot, definition.id)? {
            self.compact_owner(table, (user, 0), Choice::Due, &mut report.done)?;
            let next = self.oldest_deletion(ScopeId { table: definition.id, user })?;
            report.next = report.next.into_iter().chain(next).min();
        }
        Ok(report)
    }

    /// The oldest of the deletions that a scope's segments still show.
    fn oldest_deletion(&self, scope: ScopeId) -> Result<Option<Seq>> {
        let view = self.store.view();
        let mut oldest = None;
        for state in &self.tier.manifest.scope(scope, &view)?.segments {
            let of_segment = oldest_deletion(self.tier, &view.snapshot, scope, state, Seq(0))?;
            oldest = oldest.into_iter().chain(of_segment).min();
        }
        Ok(oldest)
    }

    /// Compacts every scope of a table, beside readers, writers and flushes. Each scope
    /// commits by itself; a failure leaves the scopes before it compacted.
    ///
    /// # Errors
    /// `40001` if a change of the table or its removal came
    /// between, `XX001`, `53100`, `58030`.
    fn compact_table(&self, table: &Arc<Table>, choice: Choice) -> Result<CompactReport> {
        let definition = &table.definition;
        let mut report = CompactReport::default();
        report.dropped += self.remove_outlived(definition, Look::Whole)?.removed;
        let view = self.store.view();
        let segments = self.tier.manifest.table_segments(definition.id, &view.snapshot)?;
        let owners: BTreeSet<UserKey> = segments.iter().map(|segment| segment.scope.user).collect();
        drop((view, segments));
        let owners =
            owners.into_iter().map(|user| Ok((user, self.chosen_rows(table, user, choice)?)));
        let owners = owners.collect::<Result<Vec<(UserKey, u64)>>>()?;
        expect(owners.iter().map(|(_, rows)| rows).sum());
        for owner in owners {
            self.compact_owner(table, owner, choice, &mut report)?;
        }
        Ok(report)
    }

    /// Rows of the segments of one owner that would be chosen now, dead ones included.
    fn chosen_rows(&self, table: &Arc<Table>, user: UserKey, choice: Choice) -> Result<u64> {
        check_stop()?;
        let Some(id) = self.owner(user)? else { return Ok(0) };
        let scope = ScopeId { table: table.definition.id, user };
        let view = self.store.view();
        let table = &self.registry.current(table)?;
        let placement = self.registry.placement(table, id.as_ref())?;
        let chosen = self.choose(table, scope, &placement, &view, choice)?;
        Ok(rows_of(&chosen))
    }

    /// Whose rows of a table these are: nobody's of a SHARED one. `None` if they have no
    /// name any more: they are purged, and so are their segments.
    fn owner(&self, user: UserKey) -> Result<Option<Option<UserId>>> {
        match user {
            UserKey::SHARED => Ok(Some(None)),
            user => Ok(self.users.user_of(user)?.map(Some)),
        }
    }

    fn choose(
        &self,
        table: &Arc<Table>,
        scope: ScopeId,
        placement: &Placement,
        view: &View,
        choice: Choice,
    ) -> Result<Vec<Arc<SegmentState>>> {
        let limit = retention_limit(&table.definition, self.store);
        let (tier, snapshot, storage) = (self.tier, &view.snapshot, &placement.storage);
        let manifest = tier.manifest.scope(scope, view)?;
        Candidates { tier, table, scope, storage, snapshot, limit }.choose(&manifest, choice)
    }

    /// Compacts the segments of one owner of a table, who comes with the rows of them that
    /// are expected of the statement already.
    ///
    /// # Errors
    /// As [`Tiers::compact_table`].
    pub(crate) fn compact_owner(
        &self,
        table: &Arc<Table>,
        (user, expected): (UserKey, u64),
        choice: Choice,
        report: &mut CompactReport,
    ) -> Result<()> {
        let Some(id) = self.owner(user)? else { return Ok(()) };
        let scope = ScopeId { table: table.definition.id, user };
        self.compact_scope(table, (scope, id.as_ref()), expected, choice, report)
    }

    /// Compacts one scope.
    ///
    /// # Errors
    /// As [`Tiers::compact_table`].
    fn compact_scope(
        &self,
        table: &Arc<Table>,
        (scope, user): (ScopeId, Option<&UserId>),
        mut expected: u64,
        choice: Choice,
        report: &mut CompactReport,
    ) -> Result<()> {
        let _turn = self.tier.compacting.take(scope)?;
        loop {
            let view = self.store.view();
            // A definition that is current after the view was taken knows every row of it.
            let table = &self.registry.current(table)?;
            let placement = self.registry.placement(table, user)?;
            let chosen = self.choose(table, scope, &placement, &view, choice)?;
            if chosen.is_empty() {
                return Ok(());
            }
            expect(rows_of(&chosen).saturating_sub(std::mem::take(&mut expected)));
            self.replace(table, (scope, &placement), &view, &chosen, report)?;
            drop(view);
            export_manifest(self.tier, self.store, table, scope, &placement);
            // What is asked for ends, however many marks come while it runs.
            if choice == Choice::All && chosen.len() < SEGMENTS_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn replace(
        &self,
        table: &Arc<Table>,
        (scope, placement): (ScopeId, &Placement),
        view: &View,
        chosen: &[Arc<SegmentState>],
        report: &mut CompactReport,
    ) -> Result<()> {
        let place = self.tier.place(&placement.storage)?;
        let limit = retention_limit(&table.definition, self.store);
        let source = |state: &Arc<SegmentState>| {
            let deletions = marked_deletions(&view.snapshot, scope, state)?;
            Ok(Source { state: state.clone(), deletions })
        };
        let sources = chosen.iter().map(source).collect::<Result<Vec<_>>>()?;
        let mut rows = SortedRows::new(self.tier, table, limit, sources);
        let mut writer =
            SegmentsWriter::new(self.tier, table, (&place, placement), scope, self.now_ms);
        let mut moved: Vec<Moved> = chosen.iter().map(|_| Moved::default()).collect();
        let committed = writer.write_all(&mut rows, &mut moved).and_then(|()| {
            let inputs = chosen.iter().map(|state| state.meta.id).zip(moved).collect();
            let outputs = writer.finished.iter().map(|(meta, _)| meta.id).collect();
            let mut edit = ScopeEdit::new(&self.tier.manifest, scope);
            for (meta, deleted) in &writer.finished {
                edit.add(meta.clone(), deleted.clone());
            }
            edit.replace(Replacement::new(inputs, outputs, view.seq()?));
            let mut set = WriteSet::default();
            set.changes.push(self.registry.unchanged(table));
            self.registry.needs_storage(&mut set, &placement.storage);
            set.changes.push(Box::new(edit));
            // From here on it is not taken back.
            check_stop()?;
            if has_bug("input_deleted_early") {
                chosen.iter().try_for_each(|state| place.delete(&state.meta.path))?;
            }
            fault_point("compact.before_commit")?;
            self.store.commit(set)?;
            Ok(())
        });
        if let Err(e) = committed {
            for (id, path) in writer.abandon() {
                self.tier.discard(&placement.storage, id, &path, &e);
            }
            return Err(e);
        }
        self.tier.answered(&placement.storage);
        fault_point("compact.after_commit")?;
        report.rows += writer.finished.iter().map(|(meta, _)| u64::from(meta.rows)).sum::<u64>();
        report.segments += writer.finished.len() as u64;
        report.replaced += chosen.len() as u64;
        report.dropped += rows.dropped;
        Ok(())
    }
}

fn rows_of(segments: &[Arc<SegmentState>]) -> u64 {
    segments.iter().map(|state| u64::from(state.meta.rows)).sum()
}
