//! A statement at work: the settings it runs under, and what stops it.
//!
//! A statement runs on the thread that called for it, which carries it as the
//! [current](Activity::current) one. What it hands to other threads takes a reference
//! along, and asks [`Activity::check`] wherever it may go on for long.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::{Error, Options, Result, SqlState};

/// Whether the program wants the statement that its thread waits for to stop.
pub type StopRequest = fn() -> bool;

/// How long a thread waits or works before it asks the program again.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// Moments are counted from here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// No deadline.
const NEVER: u64 = u64::MAX;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Activity>>> = const { RefCell::new(None) };
    /// When this thread last asked the program, in nanoseconds since [`START`].
    static ASKED: Cell<u64> = const { Cell::new(0) };
    /// Whether this thread only helps the one that called for its statement.
    static HELPS: Cell<bool> = const { Cell::new(false) };
}

/// What tells by itself how far it is.
pub(crate) trait Measured: Send + Sync {
    /// Units of work that are done, and that there are; 0: not known.
    fn measure(&self) -> (u64, u64);
}

/// How far something is.
#[derive(Default)]
pub(crate) struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    parts: parking_lot::Mutex<Vec<Part>>,
}

/// A part of the work that tells more, for as long as it is there.
struct Part {
    measured: Weak<dyn Measured>,
    /// What it told last.
    last: (u64, u64),
}

impl Part {
    /// What it tells; when it has ended, that all of it is done. `None`: nobody asked before.
    fn read(&mut self) -> Option<(u64, u64)> {
        match self.measured.upgrade() {
            Some(measured) => self.last = measured.measure(),
            None if self.last.1 == 0 => return None,
            None => self.last.0 = self.last.1,
        }
        Some(self.last)
    }
}

impl Progress {
    /// Counts units of work, mostly rows, that are done.
    pub(crate) fn advance(&self, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
    }

    /// Counts units of work that there are to do.
    pub(crate) fn expect(&self, units: u64) {
        self.total.fetch_add(units, Ordering::Relaxed);
    }

    /// All of it is done: at least so many units, if nobody counted.
    pub(crate) fn complete(&self, units: u64) {
        let all = self.done.load(Ordering::Relaxed).max(units);
        self.done.store(all, Ordering::Relaxed);
        self.total.store(all, Ordering::Relaxed);
    }

    /// Asks a part of the work too how far it is, until that ends.
    pub(crate) fn follow(&self, part: Weak<dyn Measured>) {
        let mut parts = self.parts.lock();
        parts.retain(|part| part.measured.strong_count() > 0 || part.last.1 > 0);
        parts.push(Part { measured: part, last: (0, 0) });
    }

    /// Units of work that are done, and that there are; 0: not known.
    pub(crate) fn read(&self) -> (u64, u64) {
        let own = (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        self.parts.lock().iter_mut().filter_map(Part::read).fold(own, |(done, total), part| {
            let is_unknown = part.1 == 0 || (total == 0 && done > 0);
            (done + part.0, if is_unknown { 0 } else { total + part.1 })
        })
    }

    pub(crate) fn reset(&self) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
        self.parts.lock().clear();
    }
}

/// Wakes a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A statement at work.
pub(crate) struct Activity {
    settings: Arc<Options>,
    stop_request: Option<StopRequest>,
    interrupted: AtomicBool,
    /// Whether nothing of it is left to do, although its result is still held.
    is_over: AtomicBool,
    stopped: Notify,
    progress: Progress,
    /// When the time of the statement is over, in nanoseconds since [`START`]; while no
    /// thread is in it: [`NEVER`].
    deadline: AtomicU64,
    /// The time that was left when a thread last left it.
    left: AtomicU64,
}

impl Activity {
    /// A statement that begins. Its time passes only while a thread is in it.
    pub(crate) fn new(settings: &Arc<Options>, stop_request: Option<StopRequest>) -> Activity {
        Activity {
            settings: settings.clone(),
            stop_request,
            interrupted: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            stopped: Notify::new(),
            progress: Progress::default(),
            deadline: AtomicU64::new(NEVER),
            left: AtomicU64::new(whole_time(settings)),
        }
    }

    /// Begins again, for another statement under the same settings.
    fn begin(&self) {
        self.interrupted.store(false, Ordering::Release);
        self.is_over.store(false, Ordering::Relaxed);
        self.progress.reset();
        self.left.store(whole_time(&self.settings), Ordering::Relaxed);
    }

    /// The statement that this thread runs.
    pub(crate) fn current() -> Option<Arc<Activity>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// The settings that it runs under.
    pub(crate) fn settings(&self) -> &Arc<Options> {
        &self.settings
    }

    /// How far it is, if it tells.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Makes it the statement of this thread, and its time pass, until the guard is
    /// dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Entered {
        let before = CURRENT.replace(Some(self.clone()));
        let is_inner = before.as_ref().is_some_and(|before| Arc::ptr_eq(before, self));
        let left = self.left.load(Ordering::Relaxed);
        if left != NEVER && !is_inner {
            self.deadline.store(now().saturating_add(left), Ordering::Relaxed);
        }
        Entered { activity: self.clone(), before }
    }

    /// Makes it the statement of a thread that helps the one which is in it, until the
    /// guard is dropped. Its time passes as that of the other one does, which alone asks
    /// the program whether to stop.
    pub(crate) fn help(self: &Arc<Self>) -> Helping {
        HELPS.set(true);
        Helping { before: CURRENT.replace(Some(self.clone())) }
    }

    /// Says that nothing of it is left to do: it is not at work, whoever still holds it.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Stops it: whoever is in it, or enters it later, fails with `57014`.
    pub(crate) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.stopped.notify_waiters();
    }

    /// Fails if the statement is to stop. Costs some nanoseconds; loops over rows ask
    /// once for some thousand.
    ///
    /// # Errors
    /// `57014`.
    pub(crate) fn check(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Acquire) {
            return Err(interrupted());
        }
        let deadline = self.deadline.load(Ordering::Relaxed);
        if deadline == NEVER && self.stop_request.is_none() {
            return Ok(());
        }
        let now = now();
        if now >= deadline {
            return Err(self.timed_out());
        }
        self.ask(now)
    }

    /// Asks the program, on the statement's own thread only, and not all the time.
    fn ask(&self, now: u64) -> Result<()> {
        let Some(stop_request) = self.stop_request else { return Ok(()) };
        let is_own = CURRENT.with_borrow(|current| {
            current.as_ref().is_some_and(|current| std::ptr::eq(Arc::as_ptr(current), self))
        });
        if !is_own || HELPS.get() || now.saturating_sub(ASKED.get()) < nanos(ASK_INTERVAL) {
            return Ok(());
        }
        ASKED.set(now);
        if stop_request() {
            self.interrupt();
            return Err(interrupted());
        }
        Ok(())
    }

    /// Waits on this thread for what comes of `future`, or until the statement is to
    /// stop. The future is not polled any more then; dropping it is the caller's.
    ///
    /// # Errors
    /// `57014`.
    pub(crate) fn wait<F: Future>(&self, runtime: &Runtime, future: F) -> Result<F::Output> {
        // The thread counts the time itself: timers of the runtime fire when one of its threads
        // has nothing to do, and operators that are stopped may keep all of them for long.
        let _entered = runtime.enter();
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            self.check()?;
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Ok(output);
            }
            // Registered before the flag is read: no interrupt falls in between.
            let mut stopped = pin!(self.stopped.notified());
            let is_stopped = stopped.as_mut().poll(&mut context).is_ready();
            if is_stopped || self.interrupted.load(Ordering::Acquire) {
                continue;
            }
            match self.pause() {
                Some(pause) => std::thread::park_timeout(pause),
                None => std::thread::park(),
            }
        }
    }

    /// How long a thread may wait before it checks again; `None`: until it is woken.
    fn pause(&self) -> Option<Duration> {
        let deadline = self.deadline.load(Ordering::Relaxed);
        let left = (deadline != NEVER).then(|| {
            Duration::from_nanos(deadline.saturating_sub(now())) + Duration::from_micros(1)
        });
        match (left, self.stop_request) {
            (Some(left), Some(_)) => Some(left.min(ASK_INTERVAL)),
            (None, Some(_)) => Some(ASK_INTERVAL),
            (left, None) => left,
        }
    }

    fn timed_out(&self) -> Error {
        let timeout = self.settings.statement_timeout.as_millis();
        Error::new(SqlState::QUERY_CANCELED, format!("statement took longer than {timeout} ms"))
            .with_hint("raise statement_timeout, or ask for less")
    }
}

/// Nothing that a session runs: nobody stops it.
impl Default for Activity {
    fn default() -> Activity {
        Activity::new(&Arc::default(), None)
    }
}

/// Fails if the statement of this thread is to stop.
///
/// # Errors
/// `57014`.
pub(crate) fn check_stop() -> Result<()> {
    CURRENT.with_borrow(Clone::clone).map_or(Ok(()), |activity| activity.check())
}

/// Counts units of work that the statement of this thread has done.
pub(crate) fn advance(units: u64) {
    CURRENT.with_borrow(|current| {
        if let Some(activity) = current {
            activity.progress.advance(units);
        }
    });
}

/// Counts units of work that the statement of this thread has to do.
pub(crate) fn expect(units: u64) {
    CURRENT.with_borrow(|current| {
        if let Some(activity) = current {
            activity.progress.expect(units);
        }
    });
}

/// A thread that helps one which is in a statement.
pub(crate) struct Helping {
    before: Option<Arc<Activity>>,
}

impl Drop for Helping {
    fn drop(&mut self) {
        HELPS.set(false);
        CURRENT.set(self.before.take());
    }
}

/// A thread in a statement.
pub(crate) struct Entered {
    activity: Arc<Activity>,
    before: Option<Arc<Activity>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let is_inner =
            self.before.as_ref().is_some_and(|before| Arc::ptr_eq(before, &self.activity));
        let deadline = self.activity.deadline.load(Ordering::Relaxed);
        if deadline != NEVER && !is_inner {
            self.activity.left.store(deadline.saturating_sub(now()), Ordering::Relaxed);
            self.activity.deadline.store(NEVER, Ordering::Relaxed);
        }
        CURRENT.set(self.before.take());
    }
}

/// The statements of one session that may still be at work.
#[derive(Default)]
pub(crate) struct Activities {
    all: parking_lot::Mutex<Vec<Arc<Activity>>>,
}

impl Activities {
    /// Begins a statement.
    pub(crate) fn start(
        &self,
        settings: &Arc<Options>,
        stop_request: Option<StopRequest>,
    ) -> Arc<Activity> {
        let mut all = self.all.lock();
        // Only this list still knows of those that are over. One is taken again, so that
        // a point read allocates none.
        let is_over = |known: &Arc<Activity>| Arc::strong_count(known) == 1;
        let same = |known: &&Arc<Activity>| {
            let asks_the_same = match (known.stop_request, stop_request) {
                (Some(known), Some(wanted)) => std::ptr::fn_addr_eq(known, wanted),
                (known, wanted) => known.is_none() && wanted.is_none(),
            };
            is_over(known) && asks_the_same && Arc::ptr_eq(&known.settings, settings)
        };
        if let Some(again) = all.iter().find(same) {
            again.begin();
            return again.clone();
        }
        all.retain(|known| !is_over(known));
        let activity = Arc::new(Activity::new(settings, stop_request));
        all.push(activity.clone());
        activity
    }

    /// How far the statements are that are at work, together.
    pub(crate) fn progress(&self) -> Option<(u64, u64)> {
        let at_work: Vec<_> = {
            let all = self.all.lock();
            let is_at_work = |known: &&Arc<Activity>| {
                Arc::strong_count(known) > 1 && !known.is_over.load(Ordering::Relaxed)
            };
            all.iter().filter(is_at_work).cloned().collect()
        };
        at_work.iter().map(|activity| activity.progress.read()).reduce(|all, one| {
            let is_unknown = all.1 == 0 || one.1 == 0;
            (all.0 + one.0, if is_unknown { 0 } else { all.1 + one.1 })
        })
    }

    /// Stops every statement that is at work, with its result if that is still read.
    pub(crate) fn interrupt(&self) {
        for activity in self.all.lock().iter() {
            activity.interrupt();
        }
    }
}

fn interrupted() -> Error {
    Error::new(SqlState::QUERY_CANCELED, "statement was interrupted")
}

/// The time that a statement has, in nanoseconds.
fn whole_time(settings: &Options) -> u64 {
    match settings.statement_timeout {
        Duration::ZERO => NEVER,
        timeout => nanos(timeout),
    }
}

fn now() -> u64 {
    nanos(START.elapsed())
}

fn nanos(duration: Duration) -> u64 {
    // 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(timeout: Duration, stop_request: Option<StopRequest>) -> Arc<Activity> {
        let settings = Options { statement_timeout: timeout, ..Options::default() };
        Arc::new(Activity::new(&Arc::new(settings), stop_request))
    }

    fn code(outcome: Result<()>) -> &'static str {
        outcome.expect_err("it is to stop").sqlstate().as_str()
    }

    #[test]
    fn what_was_interrupted_stops_now_and_later() {
        let activity = activity(Duration::ZERO, None);
        activity.check().expect("it may go on");
        activity.interrupt();
        assert_eq!(code(activity.check()), "57014");
        let _entered = activity.enter();
        assert_eq!(code(check_stop()), "57014");
    }

    #[test]
    fn time_passes_only_inside() {
        let activity = activity(Duration::from_nanos(1), None);
        activity.check().expect("nobody waits for it");
        {
            let _entered = activity.enter();
            while check_stop().is_ok() {
                std::hint::spin_loop();
            }
        }
        assert!(Activity::current().is_none());
        check_stop().expect("no statement is there");
    }

    #[test]
    fn a_wait_ends_with_the_interrupt_of_another_thread() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .expect("a runtime");
        for activity in [
            activity(Duration::ZERO, None),
            activity(Duration::from_nanos(1), None),
            activity(Duration::ZERO, Some(|| true)),
            activity(Duration::from_secs(3600), Some(|| false)),
        ] {
            let waiting = activity.clone();
            std::thread::scope(|scope| {
                let ends_by_itself = waiting.stop_request.is_some_and(|asks| asks())
                    || waiting.settings.statement_timeout == Duration::from_nanos(1);
                let waiter = scope.spawn(|| {
                    let _entered = waiting.enter();
                    waiting.wait(&runtime, futures::future::pending::<()>())
                });
                if !ends_by_itself {
                    activity.interrupt();
                }
                assert_eq!(code(waiter.join().expect("no panic")), "57014");
            });
        }
    }

    #[test]
    fn a_time_limit_needs_no_thread_of_the_runtime() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .expect("a runtime");
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (busy, is_busy) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            busy.send(()).expect("it is waited for");
            let _ = released.recv();
        });
        is_busy.recv().expect("it runs");
        let activity = activity(Duration::from_millis(2), None);
        let _entered = activity.enter();
        let waited = activity.wait(&runtime, futures::future::pending::<()>());
        assert_eq!(code(waited), "57014");
        drop(release);
    }

    #[test]
    fn what_is_over_is_not_at_work_although_it_is_held() {
        let activities = Activities::default();
        let settings = Arc::new(Options::default());
        let held = activities.start(&settings, None);
        held.progress().expect(7);
        assert_eq!(activities.progress(), Some((0, 7)));
        held.end();
        assert_eq!(activities.progress(), None);
        drop(held);
        let again = activities.start(&settings, None);
        assert_eq!(activities.progress(), Some((0, 0)), "it begins once more");
        drop(again);
    }

    #[test]
    fn who_helps_stops_with_the_statement_and_asks_nobody() {
        let activity = activity(Duration::ZERO, Some(|| true));
        let _entered = activity.enter();
        std::thread::scope(|threads| {
            let helper = threads.spawn(|| {
                let _helping = activity.help();
                check_stop().expect("only the statement's own thread asks");
                activity.interrupt();
                code(check_stop())
            });
            assert_eq!(helper.join().expect("no panic"), "57014");
        });
    }

    #[test]
    fn a_session_forgets_what_is_over() {
        let activities = Activities::default();
        let settings = Arc::new(Options::default());
        drop(activities.start(&settings, None));
        let open = activities.start(&settings, None);
        assert_eq!(activities.all.lock().len(), 1);
        activities.interrupt();
        assert_eq!(code(open.check()), "57014");
        activities.start(&settings, None).check().expect("a new one is not interrupted");
    }
}
