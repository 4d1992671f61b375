//! A thread of the database's own that can be stopped, whatever it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::activity::Activity;
use crate::{Error, Result, SqlState};

/// What a background thread is in.
#[derive(Default)]
pub(super) struct Stoppable {
    stops: AtomicBool,
    running: Mutex<Option<Arc<Activity>>>,
}

impl Stoppable {
    /// Does something that [`BackgroundThread::halt`] stops.
    ///
    /// # Errors
    /// What the work raises, `57014` if it is stopped.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let activity = Arc::<Activity>::default();
        *self.running.lock() = Some(activity.clone());
        let entered = activity.enter();
        // Whoever stops sets the flag before it looks what runs.
        let outcome = if self.is_stopping() {
            Err(Error::new(SqlState::QUERY_CANCELED, "the database closes"))
        } else {
            work()
        };
        drop(entered);
        *self.running.lock() = None;
        outcome
    }

    /// Whether the thread is to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }

    fn stop(&self) {
        self.stops.store(true, Ordering::SeqCst);
        if let Some(activity) = &*self.running.lock() {
            activity.interrupt();
        }
    }
}

/// A thread that runs from [`BackgroundThread::start`] to [`BackgroundThread::halt`].
pub(super) struct BackgroundThread {
    name: &'static str,
    turn: Arc<Stoppable>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl BackgroundThread {
    pub(super) fn new(name: &'static str) -> BackgroundThread {
        BackgroundThread { name, turn: Arc::default(), thread: Mutex::default() }
    }

    /// Starts the thread if it does not run.
    pub(super) fn start<B>(&self, body: impl FnOnce(Arc<Stoppable>) -> B)
    where
        B: FnOnce() + Send + 'static,
    {
        let mut thread = self.thread.lock();
        if thread.is_some() {
            return;
        }
        self.turn.stops.store(false, Ordering::SeqCst);
        let body = body(self.turn.clone());
        match std::thread::Builder::new().name(self.name.into()).spawn(body) {
            Ok(started) => *thread = Some(started),
            Err(e) => tracing::error!(error = %e, thread = self.name, "no thread in background"),
        }
    }

    /// Stops the thread and what it does, and waits for its end; `wake` ends its sleep.
    pub(super) fn halt(&self, wake: impl FnOnce()) {
        let mut thread = self.thread.lock();
        let Some(thread) = thread.take() else { return };
        self.turn.stop();
        wake();
        // A panic of the thread was reported when it happened.
        let _ = thread.join();
    }
}
