//! Flushes the rows of many owners, of several at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Builder;

use super::flush_table::{FlushReport, refuse_stream};
use super::tiers::{Tiers, past_conflicts};
use crate::Result;
use crate::activity::{Activity, check_stop, expect};
use crate::catalog::{Table, TableDefinition};
use crate::model::UserKey;
use crate::store::{
    Family, HotCursor, SCOPE_PREFIX_LEN, View, prefix_end, scope_of, scope_prefix, table_prefix,
};

/// Owners whose rows are flushed at a time. Most of the time of a small flush goes by while
/// its file is synced, so these are more than there are cores.
const AT_ONCE: usize = 8;
/// Rows of an owner that are counted while owners are looked for: a step is as cheap as a
/// part of a seek.
const ROWS_STEPPED_MAX: u64 = 64;

/// Whose rows are hot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HotOwner {
    pub(crate) user: UserKey,
    /// How many rows, if that is known.
    pub(crate) rows: Option<u64>,
}

impl From<UserKey> for HotOwner {
    fn from(user: UserKey) -> HotOwner {
        HotOwner { user, rows: None }
    }
}

impl Tiers<'_> {
    /// Whose rows of a table are hot. One seek for each, and some steps.
    ///
    /// # Errors
    /// `58030`, `57014`.
    pub(crate) fn hot_owners(&self, table: &TableDefinition) -> Result<Vec<HotOwner>> {
        let prefix = table_prefix(table.kind, table.id);
        let view = self.store.view();
        let mut cursor = view.snapshot.cursor(Family::Hot, &prefix, &prefix_end(&prefix));
        let mut owners = Vec::new();
        while let Some((key, _)) = cursor.entry()? {
            check_stop()?;
            let (user, scope) = (scope_of(key).user, key[..SCOPE_PREFIX_LEN].to_vec());
            let rows = count(&mut cursor, &scope, ROWS_STEPPED_MAX)?;
            if rows == ROWS_STEPPED_MAX {
                cursor.seek(&prefix_end(&scope));
            }
            owners.push(HotOwner { user, rows: Some(rows).filter(|n| *n < ROWS_STEPPED_MAX) });
        }
        Ok(owners)
    }

    /// Flushes the rows of some owners of a table, of several at a time. Each commits by
    /// itself; a failure leaves those that were flushed so, and the others hot.
    ///
    /// # Errors
    /// As [`Tiers::flush_table`].
    pub(crate) fn flush_owners(
        &self,
        table: &Arc<Table>,
        owners: &[HotOwner],
    ) -> Result<FlushReport> {
        refuse_stream(&table.definition)?;
        let activity = Activity::current().unwrap_or_default();
        let run = Run {
            tiers: self,
            table,
            owners,
            next: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        };
        let uncounted: Vec<UserKey> =
            owners.iter().filter(|owner| owner.rows.is_none()).map(|owner| owner.user).collect();
        let counted = owners.iter().filter_map(|owner| owner.rows).sum();
        if uncounted.is_empty() {
            expect(counted);
        }
        let view = self.store.view();
        std::thread::scope(|threads| {
            if !uncounted.is_empty() {
                // Without a total if there is no thread for it.
                let _counter = Builder::new().spawn_scoped(threads, || {
                    let _helping = activity.help();
                    run.count(&view, &uncounted, counted)
                });
            }
            let help = || {
                let _helping = activity.help();
                run.flush()
            };
            let wanted = AT_ONCE.min(owners.len());
            // Those that do not start are not needed.
            let helpers: Vec<_> = (1..wanted)
                .map_while(|_| Builder::new().spawn_scoped(threads, help).ok())
                .collect();
            let mut done = run.flush();
            for helper in helpers {
                let helped = helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                done = done.and_then(|done| Ok(done + helped?));
            }
            run.is_over.store(true, Ordering::Relaxed);
            done
        })
    }
}

/// A flush of several owners, which threads share.
struct Run<'a> {
    tiers: &'a Tiers<'a>,
    table: &'a Arc<Table>,
    owners: &'a [HotOwner],
    next: AtomicUsize,
    /// Whether nothing is left to do, or one owner's flush failed.
    is_over: AtomicBool,
}

impl Run<'_> {
    /// Flushes owners until there is none left, or one fails.
    fn flush(&self) -> Result<FlushReport> {
        let mut report = FlushReport::default();
        while !self.is_over.load(Ordering::Relaxed) {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(owner) = self.owners.get(next) else { break };
            let flushed =
                past_conflicts(|| self.tiers.flush_owner(self.table, owner.user, &mut report));
            flushed.inspect_err(|_| self.is_over.store(true, Ordering::Relaxed))?;
        }
        Ok(report)
    }

    /// Counts rows beside the flush, which takes several times as long for each, and says
    /// how many there are together with those that are counted.
    fn count(&self, view: &View, owners: &[UserKey], counted: u64) -> Result<()> {
        const ROWS_AT_ONCE: u64 = 4096;
        let definition = &self.table.definition;
        let mut total = counted;
        for user in owners {
            let scope = scope_prefix(definition.kind, definition.id, *user);
            let mut cursor = view.snapshot.cursor(Family::Hot, &scope, &prefix_end(&scope));
            loop {
                let rows = count(&mut cursor, &scope, ROWS_AT_ONCE)?;
                total += rows;
                if self.is_over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if rows < ROWS_AT_ONCE {
                    break;
                }
            }
        }
        expect(total);
        Ok(())
    }
}

/// Steps over the next rows of a scope, at most so many, and counts them.
fn count(cursor: &mut HotCursor, scope: &[u8], rows_max: u64) -> Result<u64> {
    let mut rows = 0;
    while rows < rows_max && cursor.entry()?.is_some_and(|(key, _)| key.starts_with(scope)) {
        rows += 1;
        cursor.advance();
    }
    Ok(rows)
}
