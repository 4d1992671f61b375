//! Makes few segments of many, and leaves behind what nobody can see.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::compaction_choice::{Candidates, SEGMENTS_AT_ONCE};
use super::manifest::{ScopeEdit, SegmentState};
use super::manifest_export::export_manifest;
use super::replacement::{Moved, Replacement};
use super::retention::{marked_deletions, remove_outlived, retention_limit};
use super::segments_writer::SegmentsWriter;
use super::sorted_rows::{SortedRows, Source};
use super::tier::ColdTier;
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::{Placement, SchemaRegistry, Table, UserDirectory};
use crate::env::fault_point;
use crate::model::{ScopeId, TableKind, UserId};
use crate::store::{Store, View, WriteSet};

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

/// What a compaction works with.
pub(crate) struct Compactor<'a> {
    pub(crate) store: &'a Store,
    pub(crate) registry: &'a Arc<SchemaRegistry>,
    pub(crate) users: &'a UserDirectory,
    pub(crate) tier: &'a ColdTier,
    /// Milliseconds since 1970 UTC.
    pub(crate) now_ms: i64,
}

/// How long a compaction waits for another one of its scope before it looks whether it is
/// to stop.
const TURN_WAIT: Duration = Duration::from_millis(20);

impl Compactor<'_> {
    /// Removes what a table need not keep: rows of STREAM tables whose time is over, or
    /// what [`Compactor::compact_table`] leaves behind. A scheduler calls it with
    /// [`Choice::Due`], which costs little where nothing is due.
    ///
    /// # Errors
    /// As [`Compactor::compact_table`].
    pub(crate) fn maintain(&self, table: &Arc<Table>, choice: Choice) -> Result<CompactReport> {
        if table.definition.kind != TableKind::Stream {
            return self.compact_table(table, choice);
        }
        let limit = table.expiry(self.now_ms);
        let dropped = remove_outlived(self.store, &table.definition, limit)?;
        Ok(CompactReport { dropped, ..CompactReport::default() })
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
        let limit = retention_limit(definition, self.now_ms);
        report.dropped += remove_outlived(self.store, definition, limit)?;
        let view = self.store.view();
        let segments = self.tier.manifest.table_segments(definition.id, &view.snapshot)?;
        let scopes: BTreeSet<ScopeId> = segments.iter().map(|segment| segment.scope).collect();
        if definition.kind == TableKind::Shared {
            for scope in scopes {
                self.compact_scope(table, scope, None, choice, &mut report)?;
            }
            return Ok(report);
        }
        for (user, id) in self.users.all(&view.snapshot)? {
            let scope = ScopeId { table: definition.id, user };
            if scopes.contains(&scope) {
                self.compact_scope(table, scope, Some(&id), choice, &mut report)?;
            }
        }
        Ok(report)
    }

    /// Compacts one scope.
    ///
    /// # Errors
    /// As [`Compactor::compact_table`].
    fn compact_scope(
        &self,
        table: &Arc<Table>,
        scope: ScopeId,
        user: Option<&UserId>,
        choice: Choice,
        report: &mut CompactReport,
    ) -> Result<()> {
        let turn = self.tier.compact_turn(scope);
        let _turn = loop {
            check_stop()?;
            if let Some(turn) = turn.try_lock_for(TURN_WAIT) {
                break turn;
            }
        };
        loop {
            let view = self.store.view();
            // A definition that is current after the view was taken knows every row of it.
            let table = &self.registry.current(table)?;
            let limit = retention_limit(&table.definition, self.now_ms);
            let (tier, snapshot) = (self.tier, &view.snapshot);
            let placement = self.registry.placement(table, user)?;
            let storage = &placement.storage;
            let candidates = Candidates { tier, table, scope, storage, snapshot, limit };
            let manifest = self.tier.manifest.scope(scope, &view)?;
            let chosen = candidates.choose(&manifest, choice)?;
            if chosen.is_empty() {
                return Ok(());
            }
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
        let limit = retention_limit(&table.definition, self.now_ms);
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
