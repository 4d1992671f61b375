//! Compaction, the end of rows whose time is over and of files that nobody reads: a thread
//! that sleeps until one of them is due.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::background_parts::{BackgroundParts, report};
use super::background_thread::{BackgroundThread, Stoppable};
use super::maintenance_needs::{MaintenanceNeeds, Needs};
use super::timers::Timers;
use super::{Job, JobKind, JobReport, NewJob, lazy_set};
use crate::Result;
use crate::activity::Progress;
use crate::catalog::Table;
use crate::env::fault_point;
use crate::flush::{
    Choice, CompactReport, Look, erase_purged, is_due, is_purge_pending, past_conflicts,
};
use crate::model::{ScopeId, Seq, TableId, TableKind, UserKey};
use crate::store::{EntityStore, Family};

/// How long a table whose maintenance failed waits, at first and at most; each time is
/// twice the one before.
const AFTER_FAILURE_MS: i64 = 30_000;
const AFTER_FAILURES_MS_MAX: i64 = 3_600_000;
/// Rows whose time is over wait for others a while: this part of their time, within bounds.
const WAIT_PART: i64 = 16;
const WAIT_MS_MIN: i64 = 1_000;
const WAIT_MS_MAX: i64 = 3_600_000;

/// Of so many looks at a table, one is at every row: as often as their time passes.
const LOOKS_TO_WHOLE: u32 = 16;

/// When a table is to be looked at, as it is kept over a reopen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Due {
    /// Milliseconds since 1970 UTC.
    pub(super) at_ms: i64,
    /// Whether its segments are to be looked at too, those without deleted rows included.
    pub(super) is_whole: bool,
}

/// By table.
pub(super) const DUES: EntityStore<TableId, Due> =
    EntityStore::new(Family::Jobs, b'D', "a time of maintenance");

/// The thread that keeps the tiers well, and what calls it. Dropping it ends the thread.
pub(crate) struct Maintenance {
    parts: BackgroundParts,
    needs: Arc<MaintenanceNeeds>,
    thread: BackgroundThread,
    is_automatic: bool,
}

impl Maintenance {
    /// Starts to watch commits; without `is_automatic` it leaves all to statements.
    pub(crate) fn start(parts: &BackgroundParts, is_automatic: bool) -> Maintenance {
        let needs =
            Arc::new(MaintenanceNeeds::new(parts.tier.segment_rows_max, parts.clock.clone()));
        let maintenance = Maintenance {
            parts: parts.clone(),
            needs: needs.clone(),
            thread: BackgroundThread::new("kalamdb-maintenance"),
            is_automatic,
        };
        if is_automatic {
            parts.store.observe(needs.clone());
            parts.tier.manifest.observe(needs.clone());
            let call = move || needs.mailbox.call(|needs| needs.files = true);
            parts.store.epochs().on_end(call);
            maintenance.resume();
        } else {
            maintenance.end_left_jobs();
        }
        maintenance
    }

    /// Starts the thread if it does not run.
    pub(crate) fn resume(&self) {
        if !self.is_automatic {
            return;
        }
        self.thread.start(|turn| {
            self.needs.mailbox.call(|needs| needs.stops = false);
            let mut run = Run {
                parts: self.parts.clone(),
                needs: self.needs.clone(),
                turn,
                timers: Timers::default(),
                dues: HashMap::new(),
                failures: HashMap::new(),
                looks: HashMap::new(),
                files_again_ms: 0,
            };
            move || run.until_stopped()
        });
    }

    /// Stops the thread and what it does, and waits for its end.
    pub(crate) fn halt(&self) {
        self.thread.halt(|| self.needs.mailbox.call(|needs| needs.stops = true));
    }

    /// Says that rows of a table are to go after another time than before.
    pub(crate) fn times_changed(&self, table: TableId) {
        self.needs.mailbox.call(|needs| {
            needs.changed.insert(table);
        });
    }

    /// Ends what an earlier process began and nobody takes up.
    fn end_left_jobs(&self) {
        for job in self.parts.jobs.interrupted(is_maintenance) {
            let skipped = |_: &Progress| Ok(JobReport { is_skipped: true, ..JobReport::default() });
            report(&self.parts.jobs.resume(job, skipped), "a job could not be ended");
        }
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.halt();
    }
}

fn is_maintenance(kind: JobKind) -> bool {
    matches!(
        kind,
        JobKind::Compact
            | JobKind::Retention
            | JobKind::StreamEviction
            | JobKind::Cleanup
            | JobKind::UserCleanup
    )
}

/// The thread's own.
struct Run {
    parts: BackgroundParts,
    needs: Arc<MaintenanceNeeds>,
    turn: Arc<Stoppable>,
    timers: Timers<TableId>,
    /// What is kept of each timer.
    dues: HashMap<TableId, Due>,
    /// How often in a row the maintenance of a table failed.
    failures: HashMap<TableId, u32>,
    /// How often the rows of a table were looked at.
    looks: HashMap<TableId, u32>,
    /// Until then files are not asked for that could not be deleted.
    files_again_ms: i64,
}

impl Run {
    fn until_stopped(&mut self) {
        const FAILED: &str = "maintenance failed";
        let turn = self.turn.clone();
        report(&turn.within(|| self.begin()), FAILED);
        for job in self.parts.jobs.interrupted(is_maintenance) {
            report(&turn.within(|| self.take_up(job)), FAILED);
        }
        loop {
            let (needs, due) = self.needs.mailbox.wait(&mut self.timers, &*self.parts.clock);
            if needs.stops {
                self.leave(&needs);
                return;
            }
            for (table, since_ms) in &needs.tables {
                report(&self.set_timer(*table, *since_ms), FAILED);
            }
            for (table, users) in by_table(&needs) {
                let outcome = turn.within(|| self.compact(table, users));
                self.settle(table, &outcome);
                report(&outcome, FAILED);
            }
            for table in needs.changed.iter().chain(&due) {
                let outcome = turn.within(|| self.look_at(*table));
                self.settle(*table, &outcome);
                report(&outcome, FAILED);
            }
            if needs.files {
                report(&turn.within(|| self.clean()), FAILED);
            }
        }
    }

    /// At the start: reads which tables have a time. Their number is what it costs.
    fn begin(&mut self) -> Result<()> {
        for (table, due) in DUES.scan(&self.parts.store.view().snapshot, &[])? {
            self.needs.set_timed(table);
            self.dues.insert(table, due);
            self.timers.set(table, due.at_ms);
        }
        Ok(())
    }

    /// Runs a job again that ended with its process.
    fn take_up(&self, job: Job) -> Result<()> {
        let table = job.key.as_deref().and_then(table_of_key);
        let Some(table) =
            table.map(|id| self.parts.registry.table_by_id(id)).transpose()?.flatten()
        else {
            let skipped = |_: &Progress| Ok(JobReport { is_skipped: true, ..JobReport::default() });
            return self.parts.jobs.resume(job, skipped);
        };
        let parts = &self.parts;
        parts.jobs.resume(job, |_| {
            let done = past_conflicts(|| parts.tiers().maintain(&table, Choice::Due))?;
            finish(parts, done)
        })
    }

    /// Keeps for the next open what is not begun.
    fn leave(&mut self, needs: &Needs) {
        let now_ms = self.parts.clock.now_ms();
        for table in by_table(needs).into_keys().chain(needs.changed.iter().copied()) {
            report(&self.keep(table, now_ms, true), "maintenance is forgotten");
        }
        for (table, since_ms) in &needs.tables {
            report(&self.set_timer(*table, *since_ms), "maintenance is forgotten");
        }
    }

    /// Sets when a table is to be looked at, in memory and for the next open.
    fn keep(&mut self, table: TableId, at_ms: i64, is_whole: bool) -> Result<()> {
        let due = Due { at_ms, is_whole };
        self.timers.set(table, at_ms);
        if self.dues.insert(table, due) == Some(due) {
            return Ok(());
        }
        let mut set = lazy_set();
        DUES.put(&mut set, &table, &due);
        fault_point("maintenance.before_due")?;
        self.parts.store.commit(set)?;
        Ok(())
    }

    /// Nothing of a table has a time any more.
    fn forget(&mut self, table: TableId) -> Result<()> {
        self.timers.remove(table);
        self.dues.remove(&table);
        if self.needs.is_timed(table) {
            // Another row came meanwhile, and its commit said so.
            return Ok(());
        }
        let mut set = lazy_set();
        DUES.delete(&mut set, &table);
        self.parts.store.commit(set)?;
        Ok(())
    }

    /// Sets the timer of a table with rows that have a time since then.
    fn set_timer(&mut self, id: TableId, since_ms: i64) -> Result<()> {
        let Some(table) = self.parts.registry.table_by_id(id)? else {
            self.needs.forget_timed(id);
            return Ok(());
        };
        let at_ms = since_ms.saturating_add(stay_ms(&table));
        if self.dues.get(&id).is_some_and(|due| due.at_ms <= at_ms) && self.timers.contains(id) {
            return Ok(());
        }
        let is_whole = self.dues.get(&id).is_some_and(|due| due.is_whole);
        self.keep(id, at_ms, is_whole)
    }

    /// Compacts the segments of some owners of a table, as far as it still pays.
    fn compact(&self, id: TableId, users: Vec<UserKey>) -> Result<()> {
        let Some(table) = self.parts.registry.table_by_id(id)? else { return Ok(()) };
        let tier = &self.parts.tier;
        let view = self.parts.store.view();
        let mut due = Vec::with_capacity(users.len());
        for user in users {
            let manifest = tier.manifest.scope(ScopeId { table: id, user }, &view)?;
            if is_due(&manifest, tier.segment_rows_max) {
                due.push(user);
            }
        }
        drop(view);
        if due.is_empty() {
            return Ok(());
        }
        let parts = &self.parts;
        parts.jobs.run(&new_job(JobKind::Compact, &table), |_| {
            let tiers = parts.tiers();
            let mut done = CompactReport::default();
            for user in &due {
                past_conflicts(|| tiers.compact_owner(&table, (*user, 0), Choice::Due, &mut done))?;
            }
            finish(parts, done)
        })?;
        Ok(())
    }

    /// Removes the rows of a table whose time is over, and sets the timer for the next.
    fn look_at(&mut self, id: TableId) -> Result<()> {
        let Some(table) = self.parts.registry.table_by_id(id)? else {
            self.needs.forget_timed(id);
            return self.forget(id);
        };
        // Before anything is read: what comes meanwhile calls again.
        self.needs.forget_timed(id);
        let is_whole = self.dues.get(&id).is_some_and(|due| due.is_whole);
        let kind = match table.definition.kind {
            TableKind::Stream => JobKind::StreamEviction,
            _ => JobKind::Retention,
        };
        let looks = self.looks.entry(id).or_default();
        let look = if looks.is_multiple_of(LOOKS_TO_WHOLE) { Look::Whole } else { Look::Front };
        *looks = looks.wrapping_add(1);
        let parts = &self.parts;
        let mut next = None;
        parts.jobs.run(&new_job(kind, &table), |_| {
            let mut done = CompactReport::default();
            if is_whole {
                done = past_conflicts(|| parts.tiers().maintain(&table, Choice::Due))?;
            }
            let swept = past_conflicts(|| parts.tiers().sweep(&table, look))?;
            next = swept.next;
            finish(parts, done + swept.done)
        })?;
        match next {
            None => self.forget(id),
            Some(seq) => {
                self.needs.set_timed(id);
                self.keep(id, next_ms(seq, &table), false)
            }
        }
    }

    /// After a failure: looks at the table again, later and later.
    fn settle(&mut self, table: TableId, outcome: &Result<()>) {
        if outcome.is_ok() {
            self.failures.remove(&table);
            return;
        }
        let failures = self.failures.entry(table).or_default();
        let wait_ms = AFTER_FAILURE_MS.saturating_mul(1 << (*failures).min(16));
        *failures += 1;
        // What a stop of the thread left is done at the next open.
        let wait_ms = if self.turn.is_stopping() { 0 } else { wait_ms.min(AFTER_FAILURES_MS_MAX) };
        self.needs.set_timed(table);
        let at_ms = self.parts.clock.now_ms().saturating_add(wait_ms);
        report(&self.keep(table, at_ms, true), "maintenance is forgotten");
    }

    /// Deletes files whose last view has ended, and what is left of purged users; asks to be
    /// called when the views of others end.
    fn clean(&mut self) -> Result<()> {
        let parts = &self.parts;
        let epochs = parts.store.epochs();
        // Before it is looked: a view may end meanwhile.
        epochs.call_later(true);
        let now_ms = parts.clock.now_ms();
        if parts.tier.manifest.has_ready_garbage() && now_ms >= self.files_again_ms {
            let new = NewJob {
                kind: JobKind::Cleanup,
                subject: "files".to_owned(),
                key: Some(format!("{KEY}files")),
                is_background: true,
            };
            parts.jobs.run(&new, |_| {
                parts.tier.collect_garbage(&parts.store)?;
                Ok(JobReport::default())
            })?;
            if parts.tier.manifest.has_ready_garbage() {
                // Of a storage that is away.
                self.files_again_ms = now_ms.saturating_add(AFTER_FAILURE_MS);
            }
        }
        let epoch = parts.store.epoch();
        let is_free = epochs.oldest().is_none_or(|oldest| oldest >= epoch)
            && !parts.tier.manifest.has_garbage();
        let mut is_pending = is_purge_pending(&parts.store)?;
        if is_pending && is_free {
            let new = NewJob {
                kind: JobKind::UserCleanup,
                subject: "purged users".to_owned(),
                key: Some(format!("{KEY}purge")),
                is_background: true,
            };
            parts.jobs.run(&new, |_| {
                is_pending = !erase_purged(&parts.store, &parts.tier, Duration::ZERO)?;
                Ok(JobReport::default())
            })?;
        }
        if !parts.tier.manifest.has_garbage() && !is_pending {
            epochs.call_later(false);
        }
        Ok(())
    }
}

fn by_table(needs: &Needs) -> BTreeMap<TableId, Vec<UserKey>> {
    let mut tables: BTreeMap<TableId, Vec<UserKey>> = BTreeMap::new();
    for scope in &needs.scopes {
        tables.entry(scope.table).or_default().push(scope.user);
    }
    tables
}

const KEY: &str = "maintenance:";

fn new_job(kind: JobKind, table: &Table) -> NewJob {
    NewJob {
        kind,
        subject: table.definition.name.to_string(),
        key: Some(format!("{KEY}{}", table.definition.id)),
        is_background: true,
    }
}

fn table_of_key(key: &str) -> Option<TableId> {
    key.strip_prefix(KEY)?.parse().ok().map(TableId)
}

/// What every piece of maintenance ends with.
fn finish(parts: &BackgroundParts, done: CompactReport) -> Result<JobReport> {
    parts.tier.collect_garbage(&parts.store)?;
    let rows = done.rows + done.dropped;
    Ok(JobReport { rows, segments: done.segments, ..JobReport::default() })
}

/// How long rows that have a time to go stay, and wait for others to go with them.
fn stay_ms(table: &Table) -> i64 {
    let time_ms = table.definition.options.stay_ms();
    time_ms.saturating_add((time_ms / WAIT_PART).clamp(WAIT_MS_MIN, WAIT_MS_MAX))
}

/// When a row of this commit is to go.
fn next_ms(seq: Seq, table: &Table) -> i64 {
    seq.ms().saturating_add(stay_ms(table))
}
