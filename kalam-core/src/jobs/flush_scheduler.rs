//! Flushes by policy: a thread that sleeps until a scope has its rows or its time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use super::hot_counts::{Calls, HotCounts};
use super::{Job, JobKind, JobReport, Jobs, NewJob};
use crate::activity::{Activity, Progress, check_stop};
use crate::catalog::{FlushPolicy, SchemaRegistry, Table, UserDirectory};
use crate::env::Clock;
use crate::flush::{ColdTier, FlushReport, Flusher};
use crate::model::{ScopeId, TableId, TableKind, UserKey};
use crate::store::{Family, SCOPE_PREFIX_LEN, Store, prefix_end, scope_of, scope_prefix};
use crate::{Error, Result, SqlState};

/// The longest sleep: a clock that steps is noticed after it.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// How long the rows of a failed flush wait.
const AFTER_FAILURE_MS: i64 = 30_000;
/// Times that a flush runs again because commits of other kinds came first.
const CONFLICTS_MAX: u32 = 100;
/// Rows of an owner that are worth a segment when the hot tier is too large.
const WORTH_A_SEGMENT: u64 = 1_000;

/// What the scheduler works with. It holds no session and no database handle, and so
/// keeps no database alive.
pub(crate) struct FlushParts {
    pub(crate) store: Arc<Store>,
    pub(crate) registry: Arc<SchemaRegistry>,
    pub(crate) users: Arc<UserDirectory>,
    pub(crate) tier: Arc<ColdTier>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hot_budget_bytes: usize,
}

/// The thread that flushes by policy, and what calls it. Dropping it ends the thread.
pub(crate) struct FlushScheduler {
    parts: Arc<FlushParts>,
    counts: Arc<HotCounts>,
    /// What the thread is in; it is stopped with it.
    running: Arc<Mutex<Option<Arc<Activity>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl FlushScheduler {
    /// Starts to watch commits.
    pub(crate) fn start(parts: FlushParts) -> FlushScheduler {
        let counts = Arc::new(HotCounts::new(parts.hot_budget_bytes));
        parts.store.observe(counts.clone());
        let scheduler = FlushScheduler {
            parts: Arc::new(parts),
            counts,
            running: Arc::default(),
            thread: Mutex::default(),
        };
        scheduler.resume();
        scheduler
    }

    /// Starts the thread if it does not run.
    pub(crate) fn resume(&self) {
        let mut thread = self.thread.lock();
        if thread.is_some() {
            return;
        }
        self.counts.calls.lock().stops = false;
        let mut run = Run {
            parts: self.parts.clone(),
            counts: self.counts.clone(),
            running: self.running.clone(),
            timers: BinaryHeap::new(),
            due: HashMap::new(),
            left: self.parts.jobs.take_interrupted(),
        };
        let started = std::thread::Builder::new()
            .name("kalamdb-flush".into())
            .spawn(move || run.until_stopped());
        match started {
            Ok(started) => *thread = Some(started),
            Err(e) => tracing::error!(error = %e, "no thread for flush policies; rows stay hot"),
        }
    }

    /// Stops the thread and what it does, and waits for its end.
    pub(crate) fn halt(&self) {
        let mut thread = self.thread.lock();
        let Some(thread) = thread.take() else { return };
        self.counts.call(|calls| calls.stops = true);
        if let Some(activity) = &*self.running.lock() {
            activity.interrupt();
        }
        // A panic of the thread was reported when it happened.
        let _ = thread.join();
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
    parts: Arc<FlushParts>,
    counts: Arc<HotCounts>,
    running: Arc<Mutex<Option<Arc<Activity>>>>,
    /// Milliseconds since 1970 UTC and whose time is over then.
    timers: BinaryHeap<Reverse<(i64, ScopeId)>>,
    /// The timer of each scope that holds; others in the heap are of flushes that were.
    due: HashMap<ScopeId, i64>,
    /// Jobs that ended with the process that ran them.
    left: Vec<Job>,
}

impl Run {
    fn until_stopped(&mut self) {
        let outcome = self.within(|run| run.look_at_tables());
        report(&outcome);
        loop {
            let (calls, mut scopes) = self.wait();
            if calls.stops {
                return;
            }
            let outcome = self.within(|run| {
                for table in calls.tables {
                    run.look_at_table(table, &mut scopes)?;
                }
                for scope in calls.scopes {
                    if run.is_met(scope)? {
                        scopes.push(scope);
                    }
                }
                let is_over = calls.looks_at_size && run.look_at_size(&mut scopes)?;
                run.flush(scopes, is_over)
            });
            report(&outcome);
        }
    }

    /// Does something that [`FlushScheduler::halt`] stops.
    fn within<T>(&mut self, work: impl FnOnce(&mut Run) -> Result<T>) -> Result<T> {
        let activity = Arc::<Activity>::default();
        *self.running.lock() = Some(activity.clone());
        let entered = activity.enter();
        let outcome = if self.counts.calls.lock().stops { Err(stopped()) } else { work(self) };
        drop(entered);
        *self.running.lock() = None;
        outcome
    }

    /// Sleeps until something calls or a timer ends; the scopes are those of timers.
    fn wait(&mut self) -> (Calls, Vec<ScopeId>) {
        let counts = self.counts.clone();
        let mut calls = counts.calls.lock();
        loop {
            let now_ms = self.parts.clock.now_ms();
            let mut scopes = Vec::new();
            while let Some(Reverse((at, scope))) = self.timers.peek().copied()
                && at <= now_ms
            {
                self.timers.pop();
                if self.due.get(&scope) == Some(&at) {
                    self.due.remove(&scope);
                    scopes.push(scope);
                }
            }
            if !calls.is_empty() || !scopes.is_empty() {
                return (std::mem::take(&mut *calls), scopes);
            }
            match self.timers.peek() {
                None => counts.called.wait(&mut calls),
                Some(Reverse((at, _))) => {
                    let left = u64::try_from(at - now_ms).unwrap_or(0);
                    let pause = Duration::from_millis(left.max(1)).min(SLEEP_MAX);
                    counts.called.wait_for(&mut calls, pause);
                }
            }
        }
    }

    /// At the start: finds the rows that an earlier process left hot.
    fn look_at_tables(&mut self) -> Result<()> {
        let mut scopes = Vec::new();
        for table in self.parts.registry.tables_with_policy()? {
            check_stop()?;
            self.look_at_table(table, &mut scopes)?;
        }
        self.flush(scopes, false)?;
        for job in std::mem::take(&mut self.left) {
            self.parts
                .jobs
                .resume(job, |_| Ok(JobReport { is_skipped: true, ..JobReport::default() }))?;
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

    /// Whose rows of a table are hot. One seek for each.
    fn owners(&self, table: &Table) -> Result<Vec<UserKey>> {
        let prefix = table_prefix(table);
        let view = self.parts.store.view();
        let mut cursor = view.snapshot.cursor(Family::Hot, &prefix, &prefix_end(&prefix));
        let mut owners = Vec::new();
        while let Some((key, _)) = cursor.entry()? {
            check_stop()?;
            let next = prefix_end(&key[..SCOPE_PREFIX_LEN]);
            owners.push(scope_of(key).user);
            cursor.seek(&next);
        }
        Ok(owners)
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
            && !self.due.contains_key(&scope)
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
        let at = self.parts.clock.now_ms().saturating_add(after_ms);
        self.due.insert(scope, at);
        self.timers.push(Reverse((at, scope)));
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
        let outcome = tables.into_iter().try_for_each(|(id, users)| {
            check_stop()?;
            self.flush_table(id, &users, is_over)
        });
        // What can be done is done: waiting longer would help nobody.
        self.counts.set_over_budget(false);
        outcome
    }

    fn flush_table(&mut self, id: TableId, users: &[UserKey], compacts: bool) -> Result<()> {
        let Some(table) = self.parts.registry.table_by_id(id)? else { return Ok(()) };
        let outcome = self.run_job(&table, users);
        for user in users {
            let scope = ScopeId { table: id, user: *user };
            self.due.remove(&scope);
            self.counts.forget(scope);
            if outcome.is_err() {
                // Nobody waits for an answer; the job says what happened.
                self.set_timer(scope, AFTER_FAILURE_MS);
            }
        }
        if compacts && outcome.is_ok() {
            let prefix = table_prefix(&table);
            self.parts.store.compact_hot(&(prefix.clone()..prefix_end(&prefix)));
        }
        Ok(())
    }

    fn run_job(&mut self, table: &Arc<Table>, users: &[UserKey]) -> Result<()> {
        let key = format!("flush policy:{}", table.definition.id);
        let left = self.left.iter().position(|job| job.key.as_ref() == Some(&key));
        let parts = &self.parts;
        let work = |progress: &Progress| flush_users(parts, table, users, progress);
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

/// What the keys of a table's hot rows begin with.
fn table_prefix(table: &Table) -> Vec<u8> {
    let definition = &table.definition;
    [&[definition.kind.key_byte()][..], &definition.id.get().to_be_bytes()].concat()
}

fn flush_users(
    parts: &FlushParts,
    table: &Arc<Table>,
    users: &[UserKey],
    progress: &Progress,
) -> Result<JobReport> {
    let flusher = Flusher {
        store: &parts.store,
        registry: &parts.registry,
        users: &parts.users,
        tier: &parts.tier,
        now_ms: parts.clock.now_ms(),
    };
    let mut report = FlushReport::default();
    for user in users {
        check_stop()?;
        let mut conflicts = 0;
        loop {
            match flusher.flush_owner(table, *user, &mut report) {
                Err(e)
                    if e.sqlstate() == SqlState::SERIALIZATION_FAILURE
                        && conflicts < CONFLICTS_MAX =>
                {
                    conflicts += 1;
                }
                done => break done?,
            }
        }
    }
    parts.tier.collect_garbage(&parts.store)?;
    progress.expect(report.rows);
    Ok(JobReport { rows: report.rows, segments: report.segments, ..JobReport::default() })
}

fn report(outcome: &Result<()>) {
    match outcome {
        Ok(()) => {}
        Err(e) if e.sqlstate() == SqlState::QUERY_CANCELED => {}
        Err(e) => tracing::error!(error = %e, "a flush by policy failed"),
    }
}

fn stopped() -> Error {
    Error::new(SqlState::QUERY_CANCELED, "the database closes")
}
