//! What tells that a table needs maintenance: noted by commits, read by its thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dashmap::DashSet;

use super::mailbox::Mailbox;
use super::maintenance::{DUES, Due};
use crate::env::Clock;
use crate::flush::{ScopeManifest, TierObserver, is_due};
use crate::model::{ScopeId, TableId, TableKind};
use crate::store::{
    Effect, RowHeader, RowWrites, SCOPE_PREFIX_LEN, WriteObserver, WriteSet, scope_of,
};

/// What waits for the thread.
#[derive(Default, PartialEq)]
pub(super) struct Needs {
    /// Scopes whose segments are worth a compaction.
    pub(super) scopes: BTreeSet<ScopeId>,
    /// Tables that had no rows with a time to go and got some, in this millisecond since 1970
    /// UTC.
    pub(super) tables: BTreeMap<TableId, i64>,
    /// Tables whose rows have another time now.
    pub(super) changed: BTreeSet<TableId>,
    /// Whether files wait for their last view.
    pub(super) files: bool,
    pub(super) stops: bool,
}

/// Notes what commits leave to be done. Tables and owners that nobody writes to cost
/// nothing.
pub(super) struct MaintenanceNeeds {
    pub(super) mailbox: Mailbox<Needs>,
    /// Tables that have rows with a time to go, and so a timer.
    timed: DashSet<TableId>,
    segment_rows_max: usize,
    clock: Arc<dyn Clock>,
}

impl MaintenanceNeeds {
    pub(super) fn new(segment_rows_max: usize, clock: Arc<dyn Clock>) -> MaintenanceNeeds {
        MaintenanceNeeds {
            mailbox: Mailbox::default(),
            timed: DashSet::new(),
            segment_rows_max,
            clock,
        }
    }

    /// Notes that a table has a timer. False if that was known.
    pub(super) fn set_timed(&self, table: TableId) -> bool {
        self.timed.insert(table)
    }

    /// The next row with a time to go is told of again.
    pub(super) fn forget_timed(&self, table: TableId) {
        self.timed.remove(&table);
    }

    /// Whether a table is known to have a timer.
    pub(super) fn is_timed(&self, table: TableId) -> bool {
        self.timed.contains(&table)
    }

    /// Tables without a timer that these writes give a row with a time to go. Most commits
    /// have none.
    fn newly_timed(&self, rows: &RowWrites) -> BTreeSet<TableId> {
        let mut found = BTreeSet::new();
        let mut last: Option<TableId> = None;
        for write in rows.iter() {
            let is_stream = write.key[0] == TableKind::Stream.key_byte();
            let has_time = match write.effect {
                Effect::Put(record) => {
                    is_stream || RowHeader::read(record).is_ok_and(|header| header.is_deleted())
                }
                Effect::Hide => true,
                Effect::Remove => false,
            };
            if !has_time {
                continue;
            }
            let table = scope_of(&write.key[..SCOPE_PREFIX_LEN]).table;
            if last.replace(table) != Some(table) && !self.is_timed(table) {
                found.insert(table);
            }
        }
        found
    }
}

impl WriteObserver for MaintenanceNeeds {
    /// The commit says itself that a table is to be looked at: if the process ends before
    /// its thread sets the timer, the next open looks at once.
    fn joins(&self, set: &mut WriteSet) {
        for table in self.newly_timed(&set.rows) {
            DUES.put(set, &table, &Due { at_ms: 0, is_whole: false });
        }
    }

    fn wrote(&self, rows: &RowWrites) {
        for table in self.newly_timed(rows) {
            if self.set_timed(table) {
                let now_ms = self.clock.now_ms();
                self.mailbox.call(|needs| {
                    needs.tables.insert(table, now_ms);
                });
            }
        }
    }
}

impl TierObserver for MaintenanceNeeds {
    fn changed(&self, scope: ScopeId, manifest: &ScopeManifest) {
        if is_due(manifest, self.segment_rows_max) {
            self.mailbox.call(|needs| {
                needs.scopes.insert(scope);
            });
        }
    }

    fn left_files(&self) {
        self.mailbox.call(|needs| needs.files = true);
    }
}
