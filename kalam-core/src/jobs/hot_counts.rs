//! Rows that came into the hot tier, by owner: what tells that a flush policy is met.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::{DashMap, DashSet};

use super::mailbox::Mailbox;
use crate::model::{ScopeId, TableId, TableKind};
use crate::store::{
    Effect, Expect, RowWrites, SCOPE_PREFIX_LEN, WriteObserver, WriteSet, scope_of,
};

/// How long a writer waits while the hot tier is over its budget.
const SLOWED: Duration = Duration::from_millis(5);

/// What waits for the scheduler.
#[derive(Default, PartialEq)]
pub(super) struct Calls {
    /// Owners of whom there may be enough rows.
    pub(super) scopes: Vec<ScopeId>,
    /// Tables whose policy is another one.
    pub(super) tables: Vec<TableId>,
    /// Whether the size of the hot tier is to be looked at.
    pub(super) looks_at_size: bool,
    pub(super) stops: bool,
}

/// Rows of one owner that came into the hot tier.
struct HotCount {
    rows: i64,
    /// The scheduler is called when there are so many; at first with the first row.
    call_at: i64,
}

/// Counts what commits write, and calls the scheduler. An owner costs a few bytes from
/// the first row on until they are flushed, in tables with a policy only.
pub(crate) struct HotCounts {
    scopes: DashMap<ScopeId, HotCount>,
    /// Tables without a policy, as far as they are known.
    quiet: DashSet<TableId>,
    bytes: AtomicU64,
    /// Written bytes after which the size of the hot tier is looked at.
    bytes_per_look: u64,
    is_over_budget: AtomicBool,
    pub(super) mailbox: Mailbox<Calls>,
}

impl HotCounts {
    pub(super) fn new(hot_budget_bytes: usize) -> HotCounts {
        HotCounts {
            scopes: DashMap::new(),
            quiet: DashSet::new(),
            bytes: AtomicU64::new(0),
            bytes_per_look: (hot_budget_bytes as u64 / 16).max(1),
            is_over_budget: AtomicBool::new(false),
            mailbox: Mailbox::default(),
        }
    }

    fn add(&self, scope: ScopeId, rows: i64) {
        if self.quiet.contains(&scope.table) {
            return;
        }
        let mut count = self.scopes.entry(scope).or_insert(HotCount { rows: 0, call_at: 1 });
        count.rows += rows;
        if count.rows >= count.call_at {
            count.call_at = i64::MAX;
            drop(count);
            self.mailbox.call(|calls| calls.scopes.push(scope));
        }
    }

    /// Sets how many rows there are, and with how many the scheduler is called again.
    pub(super) fn learn(&self, scope: ScopeId, rows: u64, call_at: Option<u32>) {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let call_at = call_at.map_or(i64::MAX, i64::from);
        self.scopes.insert(scope, HotCount { rows, call_at });
    }

    /// Calls the scheduler with the owner's next row.
    pub(super) fn forget(&self, scope: ScopeId) {
        self.scopes.remove(&scope);
    }

    /// Counts no rows of the table.
    pub(super) fn quiet(&self, table: TableId) {
        self.quiet.insert(table);
        self.scopes.retain(|scope, _| scope.table != table);
    }

    /// Looks at the table again: its policy is another one.
    pub(super) fn wake(&self, table: TableId) {
        self.quiet.remove(&table);
        self.scopes.retain(|scope, _| scope.table != table);
        self.mailbox.call(|calls| calls.tables.push(table));
    }

    pub(super) fn set_over_budget(&self, is_over: bool) {
        self.is_over_budget.store(is_over, Ordering::Relaxed);
    }
}

impl WriteObserver for HotCounts {
    fn wrote(&self, rows: &RowWrites) {
        let bytes = rows.bytes() as u64;
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before / self.bytes_per_look != (before + bytes) / self.bytes_per_look {
            self.mailbox.call(|calls| calls.looks_at_size = true);
        }
        let mut run: Option<(&[u8], i64)> = None;
        for write in rows.iter() {
            let by = match (write.effect, write.expect) {
                (Effect::Put(_), Expect::Absent | Expect::Nothing | Expect::Any) => 1,
                (Effect::Remove, Expect::Seq(_)) => -1,
                _ => 0,
            };
            let prefix = &write.key[..SCOPE_PREFIX_LEN];
            match &mut run {
                Some((same, rows)) if *same == prefix => *rows += by,
                _ => {
                    if let Some((prefix, rows)) = run {
                        self.add_prefix(prefix, rows);
                    }
                    run = Some((prefix, by));
                }
            }
        }
        if let Some((prefix, rows)) = run {
            self.add_prefix(prefix, rows);
        }
    }

    fn joins(&self, _set: &mut WriteSet) {
        if self.is_over_budget.load(Ordering::Relaxed) {
            std::thread::sleep(SLOWED);
        }
    }
}

impl HotCounts {
    fn add_prefix(&self, prefix: &[u8], rows: i64) {
        let is_flushed =
            [TableKind::User, TableKind::Shared].iter().any(|kind| kind.key_byte() == prefix[0]);
        if is_flushed && rows != 0 {
            self.add(scope_of(prefix), rows);
        }
    }
}
