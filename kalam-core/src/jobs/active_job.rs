//! A job at work, as its thread, those who wait for it, and those who look see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{Job, JobId, JobReport};
use crate::activity::{Activity, check_stop};
use crate::{Error, ErrorKind, Result, SqlState};

/// How long a thread waits for another's job before it looks whether it is to stop.
const JOIN_WAIT: Duration = Duration::from_millis(20);

/// A job at work.
pub(super) struct ActiveJob {
    pub(super) id: JobId,
    pub(super) job: Mutex<Job>,
    /// The statement that it runs in, or what stands for one in the background.
    activity: Arc<Activity>,
    killed: AtomicBool,
    outcome: Mutex<Option<Result<JobReport>>>,
    ended: Condvar,
}

impl ActiveJob {
    pub(super) fn new(job: Job, activity: Arc<Activity>) -> ActiveJob {
        ActiveJob {
            id: job.id,
            job: Mutex::new(job),
            activity,
            killed: AtomicBool::new(false),
            outcome: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// What there is to know of it now.
    pub(super) fn snapshot(&self) -> Job {
        let (done, total) = self.activity.progress().read();
        Job { done, total, ..self.job.lock().clone() }
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    pub(super) fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.activity.interrupt();
    }

    /// The outcome, with the error of a killed job saying so.
    pub(super) fn told(&self, outcome: Result<JobReport>) -> Result<JobReport> {
        outcome.map_err(|e| {
            if e.kind() == ErrorKind::Cancelled && self.killed.load(Ordering::Acquire) {
                Error::new(SqlState::QUERY_CANCELED, format!("job \"{}\" was killed", self.id))
            } else {
                e
            }
        })
    }

    /// Lets those who wait for it go on.
    pub(super) fn end(&self, outcome: &Result<JobReport>) {
        *self.outcome.lock() = Some(match outcome {
            Ok(report) => Ok(report.clone()),
            Err(e) => Err(e.duplicate()),
        });
        self.ended.notify_all();
    }

    /// Waits for its end. `None`: the statement that ran it was stopped, which says nothing
    /// to those who waited.
    ///
    /// # Errors
    /// What it failed with; `57014` if it was killed, or the waiting statement is to stop.
    pub(super) fn join(&self) -> Result<Option<JobReport>> {
        let mut outcome = self.outcome.lock();
        loop {
            match &*outcome {
                Some(Ok(report)) => return Ok(Some(report.clone())),
                Some(Err(e))
                    if e.kind() == ErrorKind::Cancelled && !self.killed.load(Ordering::Acquire) =>
                {
                    return Ok(None);
                }
                Some(Err(e)) => return Err(e.duplicate()),
                None => {
                    self.ended.wait_for(&mut outcome, JOIN_WAIT);
                    if outcome.is_none() {
                        check_stop()?;
                    }
                }
            }
        }
    }
}
