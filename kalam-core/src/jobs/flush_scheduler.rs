//! Flushes by policy: a thread that sleeps until a scope has its rows or its time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::background_parts::{BackgroundParts, report};
use super::background_thread::{BackgroundThread, Stoppable};
use super::hot_counts::{Calls, HotCounts};
use super::timers::Timers;
use super::{Job, JobKind, JobReport, NewJob};
use crate::Result;
use crate::activity::{Progress, check_stop};
use crate::catalog::{FlushPolicy, Table};
use crate::flush::HotOwner;
use crate::model::{ScopeId, TableId, TableKind, UserKey};
use crate::store::{Family, prefix_end, scope_prefix};

/// How long the rows of a failed flush wait.
const AFTER_FAILURE_MS: i64 = 30_000;
/// Rows of an owner that are worth a segment when the hot tier is too large.
const WORTH_A_SEGMENT: u64 = 1_000;

/// The thread that flushes by policy, and what calls it. Dropping it ends the thread.
pub(crate) struct FlushScheduler {
    parts: BackgroundParts,
    counts: Arc<HotCounts>,
    thread: BackgroundThread,
}

impl FlushScheduler {
    /// Starts to watch commits.
    pub(crate) fn start(parts: &BackgroundParts) -> FlushScheduler {
        let counts = Arc::new(HotCounts::new(parts.hot_budget_bytes));
        parts.store.observe(counts.clone());
        let scheduler = FlushScheduler {
            parts: parts.clone(),
            counts,
            thread: BackgroundThread::new("kalamdb-flush"),
        };
        scheduler.resume();
        scheduler
    }

    /// Starts the thread if it does not run.
    pub(crate) fn resume(&self) {
        self.thread.start(|turn| {
            self.counts.mailbox.call(|calls| calls.stops = false);
            let mut run = Run {
                parts: self.parts.clone(),
                counts: self.counts.clone(),
                turn,
                timers: Timers::default(),
                left: self.parts.jobs.interrupted(|kind| kind == JobKind::Flush),
            };
            move || run.until_stopped()
        });
    }

    /// Stops the thread and what it does, and waits for its end.
    pub(crate) fn halt(&self) {
        self.thread.halt(|| self.counts.mailbox.call(|calls| calls.stops = true));
    }

    /// Says that the policy of a table is another one.
    pub(crate) fn policy_changed(&self, table: TableId) {
        self.counts.wake(table);
    }
}

impl Drop for FlushScheduler {
    fn drop(&mut self) {
        self.halt();
    }
}

/// The thread's own.
struct Run {
    parts: BackgroundParts,
    counts: Arc<HotCounts>,
    turn: Arc<Stoppable>,
    timers: Timers<ScopeId>,
    /// Jobs that ended with the process that ran them.
    left: Vec<Job>,
}

impl Run {
    fn until_stopped(&mut self) {
        const FAILED: &str = "a flush by policy failed";
        let turn = self.turn.clone();
        report(&self.look_at_tables(&turn), FAILED);
        loop {
            let (calls, due) = self.counts.mailbox.wait(&mut self.timers, &*self.parts.clock);
            if calls.stops {
                return;
            }
            let outcome = turn.within(|| self.look(calls, due));
            report(&outcome.and_then(|(scopes, is_over)| self.flush(scopes, is_over)), FAILED);
        }
    }

    /// The scopes whose rows are to be flushed, and whether the hot tier is too large.
    fn look(&mut self, calls: Calls, mut scopes: Vec<ScopeId>) -> Result<(Vec<ScopeId>, bool)> {
        for table in calls.tables {
            self.look_at_table(table, &mut scopes)?;
        }
        for scope in calls.scopes {
            if self.is_met(scope)? {
                scopes.push(scope);
            }
        }
        let is_over = calls.looks_at_size && self.look_at_size(&mut scopes)?;
        Ok((scopes, is_over))
    }

    /// At the start: finds the rows that an earlier process left hot.
    fn look_at_tables(&mut self, turn: &Stoppable) -> Result<()> {
        let scopes = turn.within(|| {
            let mut scopes = Vec::new();
            for table in self.parts.registry.tables_with_policy()? {
                check_stop()?;
                self.look_at_table(table, &mut scopes)?;
            }
            Ok(scopes)
        })?;
        self.flush(scopes, false)?;
        for job in std::mem::take(&mut self.left) {
            let skipped = |_: &Progress| Ok(JobReport { is_skipped: true, ..JobReport::default() });
            turn.within(|| self.parts.jobs.resume(job, skipped))?;
        }
        Ok(())
    }

    /// Adds the owners of a table who have the rows of its policy.
    fn look_at_table(&mut self, id: TableId, met: &mut Vec<ScopeId>) -> Result<()> {
        let Some((table, _)) = self.policy(id)? else { return Ok(()) };
        for user in self.owners(&table)? {
            let scope = ScopeId { table: id, user };
            if self.is_met(scope)? {
                met.push(scope);
            }
        }
        Ok(())
    }

    /// Whose rows of a table are hot.
    fn owners(&self, table: &Table) -> Result<Vec<UserKey>> {
        let owners = self.parts.tiers().hot_owners(&table.definition)?;
        Ok(owners.into_iter().map(|owner| owner.user).collect())
    }

    fn policy(&self, id: TableId) -> Result<Option<(Arc<Table>, FlushPolicy)>> {
        let Some(table) = self.parts.registry.table_by_id(id)? else { return Ok(None) };
        let policy = table.definition.options.flush_policy;
        Ok(policy.filter(|_| table.definition.kind != TableKind::Stream).map(|p| (table, p)))
    }

    /// Whether an owner has the rows of the policy. Counts them, and sets the timer.
    fn is_met(&mut self, scope: ScopeId) -> Result<bool> {
        let Some((table, policy)) = self.policy(scope.table)? else {
            self.counts.quiet(scope.table);
            return Ok(false);
        };
        if let Some(seconds) = policy.interval_seconds
            && !self.timers.contains(scope)
        {
            self.set_timer(scope, i64::from(seconds) * 1000);
        }
        let Some(wanted) = policy.rows else {
            self.counts.learn(scope, 0, None);
            return Ok(false);
        };
        let rows = self.rows(&table, scope.user, u64::from(wanted))?;
        self.counts.learn(scope, rows, Some(wanted));
        Ok(rows >= u64::from(wanted))
    }

    fn set_timer(&mut self, scope: ScopeId, after_ms: i64) {
        self.timers.set(scope, self.parts.clock.now_ms().saturating_add(after_ms));
    }

    /// Hot rows of an owner, counted up to `enough`.
    fn rows(&self, table: &Table, user: UserKey, enough: u64) -> Result<u64> {
        let prefix = scope_prefix(table.definition.kind, table.definition.id, user);
        let view = self.parts.store.view();
        let mut cursor = view.snapshot.cursor(Family::Hot, &prefix, &prefix_end(&prefix));
        let mut rows = 0;
        while rows < enough && cursor.entry()?.is_some() {
            rows += 1;
            if rows.is_multiple_of(4096) {
                check_stop()?;
            }
            cursor.advance();
        }
        Ok(rows)
    }

    /// Whether the hot tier is over its budget. If it is, adds the owners of many rows,
    /// whatever the policy of their tables.
    fn look_at_size(&mut self, scopes: &mut Vec<ScopeId>) -> Result<bool> {
        if self.parts.store.held()?.bytes <= self.parts.hot_budget_bytes as u64 {
            return Ok(false);
        }
        for table in self.parts.registry.tables()? {
            if table.definition.kind == TableKind::Stream {
                continue;
            }
            for user in self.owners(&table)? {
                if self.rows(&table, user, WORTH_A_SEGMENT)? >= WORTH_A_SEGMENT {
                    scopes.push(ScopeId { table: table.definition.id, user });
                }
            }
        }
        Ok(true)
    }

    /// Flushes scopes, each table's in one job. `is_over`: writers are slowed down
    /// meanwhile, and RocksDB is made to drop the rows that were moved.
    fn flush(&mut self, mut scopes: Vec<ScopeId>, is_over: bool) -> Result<()> {
        scopes.sort_unstable();
        scopes.dedup();
        let mut tables: BTreeMap<TableId, Vec<UserKey>> = BTreeMap::new();
        for scope in scopes {
            tables.entry(scope.table).or_default().push(scope.user);
        }
        self.counts.set_over_budget(is_over);
        let turn = self.turn.clone();
        // Each by itself: who kills the job of one stops no other.
        let outcome = tables
            .into_iter()
            .try_for_each(|(id, users)| turn.within(|| self.flush_table(id, &users, is_over)));
        // What can be done is done: waiting longer would help nobody.
        self.counts.set_over_budget(false);
        outcome
    }

    fn flush_table(&mut self, id: TableId, users: &[UserKey], compacts: bool) -> Result<()> {
        let Some(table) = self.parts.registry.table_by_id(id)? else { return Ok(()) };
        let outcome = self.run_job(&table, users);
        for user in users {
            let scope = ScopeId { table: id, user: *user };
            self.timers.remove(scope);
            self.counts.forget(scope);
            if outcome.is_err() {
                // Nobody waits for an answer; the job says what happened.
                self.set_timer(scope, AFTER_FAILURE_MS);
            }
        }
        if compacts && outcome.is_ok() {
            self.parts.tiers().free_hot(&table.definition);
        }
        Ok(())
    }

    fn run_job(&mut self, table: &Arc<Table>, users: &[UserKey]) -> Result<()> {
        let key = format!("flush policy:{}", table.definition.id);
        let left = self.left.iter().position(|job| job.key.as_ref() == Some(&key));
        let parts = &self.parts;
        let work = |_: &Progress| flush_users(parts, table, users);
        match left.map(|at| self.left.swap_remove(at)) {
            Some(job) => parts.jobs.resume(job, work)?,
            None => {
                let new = NewJob {
                    kind: JobKind::Flush,
                    subject: table.definition.name.to_string(),
                    key: Some(key),
                    is_background: true,
                };
                parts.jobs.run(&new, work)?;
            }
        }
        Ok(())
    }
}

/// Rows of one job that are worth a compaction of the hot tier.
const ROWS_TO_COMPACT: u64 = 50_000;

fn flush_users(
    parts: &BackgroundParts,
    table: &Arc<Table>,
    users: &[UserKey],
) -> Result<JobReport> {
    let tiers = parts.tiers();
    let owners: Vec<HotOwner> = users.iter().copied().map(HotOwner::from).collect();
    let report = tiers.flush_owners(table, &owners)?;
    if report.rows >= ROWS_TO_COMPACT {
        tiers.free_hot(&table.definition);
    }
    parts.tier.collect_garbage(&parts.store)?;
    Ok(JobReport { rows: report.rows, segments: report.segments, ..JobReport::default() })
}
