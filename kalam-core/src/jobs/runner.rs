//! Runs a job: record, attempts, end.

use std::sync::Arc;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};

use super::active_job::ActiveJob;
use super::job_id::next_number;
use super::{
    HISTORY_MAX, JOBS, Job, JobId, JobNumber, JobReport, JobState, Jobs, NewJob, lazy_set,
};
use crate::activity::{Activity, Progress, check_stop};
use crate::env::fault_point;
use crate::{Error, ErrorKind, Result, SqlState};

/// First and longest pause before a job is tried again; each is twice the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const ATTEMPTS_MAX: usize = 8;
/// Completed background jobs with one key that stay known.
const SAME_MAX: usize = 16;
/// How long a thread sleeps before it looks whether it is to stop.
const SLEEP: Duration = Duration::from_millis(20);

impl Jobs {
    /// Runs a job on this thread, within the statement that the thread is in.
    ///
    /// If a job with its key is active, this waits for that one and returns its id and
    /// report. A job that nobody waits for is tried again, with pauses that double, as
    /// long as what it needs is unavailable; the caller of any other has the error at once.
    ///
    /// Costs two writes to the log and no sync.
    ///
    /// # Errors
    /// What the work raises, `57014` if the job is killed or the statement stopped, `58030`.
    pub(crate) fn run(
        &self,
        new: &NewJob,
        work: impl FnMut(&Progress) -> Result<JobReport>,
    ) -> Result<(JobId, JobReport)> {
        let activity = Activity::current().unwrap_or_default();
        let _entered = activity.enter();
        loop {
            check_stop()?;
            let active = match self.begin(new, &activity) {
                Ok(active) => active,
                Err(other) => match other.join()? {
                    Some(report) => return Ok((other.id, report)),
                    None => continue,
                },
            };
            return self.complete(&active, work).map(|report| (active.id, report));
        }
    }

    /// Runs a job that ended with its process again, under its id, unless it was killed
    /// since.
    ///
    /// # Errors
    /// As [`Jobs::run`].
    pub(super) fn resume(
        &self,
        job: Job,
        work: impl FnMut(&Progress) -> Result<JobReport>,
    ) -> Result<()> {
        let activity = Activity::current().unwrap_or_default();
        let _entered = activity.enter();
        let mut known = self.known.lock();
        let Some(at) = known.interrupted.iter().position(|known| known.id == job.id) else {
            return Ok(());
        };
        known.interrupted.swap_remove(at);
        let active = Arc::new(ActiveJob::new(job, activity));
        known.active.insert(active.id.number, active.clone());
        drop(known);
        self.complete(&active, work)?;
        Ok(())
    }

    fn complete(
        &self,
        active: &ActiveJob,
        mut work: impl FnMut(&Progress) -> Result<JobReport>,
    ) -> Result<JobReport> {
        let mut turn = Turn { jobs: self, active, is_over: false };
        let outcome = self.attempts(active, &mut work);
        turn.end(outcome)
    }

    /// Takes the place of a new job, or returns the one that has it.
    fn begin(
        &self,
        new: &NewJob,
        activity: &Arc<Activity>,
    ) -> Result<Arc<ActiveJob>, Arc<ActiveJob>> {
        let mut known = self.known.lock();
        if new.key.is_some()
            && let Some(other) =
                known.active.values().find(|active| active.job.lock().key == new.key)
        {
            return Err(other.clone());
        }
        let now_ms = self.clock.now_ms();
        known.last_number = next_number(known.last_number, now_ms);
        let id = JobId { kind: new.kind, number: known.last_number };
        activity.progress().reset();
        let active = Arc::new(ActiveJob::new(Job::new(id, new, now_ms), activity.clone()));
        known.active.insert(id.number, active.clone());
        Ok(active)
    }

    fn attempts(
        &self,
        active: &ActiveJob,
        work: &mut impl FnMut(&Progress) -> Result<JobReport>,
    ) -> Result<JobReport> {
        let is_background = active.job.lock().is_background;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .with_max_times(if is_background { ATTEMPTS_MAX - 1 } else { 0 });
        let attempt = || {
            check_stop()?;
            active.job.lock().start(self.clock.now_ms());
            self.write(active)?;
            fault_point("job.running")?;
            active.activity().progress().reset();
            let progress = active.activity().progress();
            work(progress).inspect(|report| progress.complete(report.rows))
        };
        attempt
            .retry(pauses)
            .sleep(sleep)
            .when(|e| e.kind() == ErrorKind::Unavailable)
            .notify(|e, _| {
                let mut job = active.job.lock();
                job.state = JobState::Retrying;
                job.note(e);
                tracing::warn!(job = %active.id, error = %e, "a job is tried again");
            })
            .call()
    }

    /// Writes the record of a job at work.
    fn write(&self, active: &ActiveJob) -> Result<()> {
        let mut set = lazy_set();
        JOBS.put(&mut set, &JobNumber(active.id.number), &active.snapshot());
        self.store.commit(set)?;
        Ok(())
    }

    /// Ends a job: its record says how, and those who wait for it go on.
    fn finish(&self, active: &ActiveJob, outcome: Result<JobReport>) -> Result<JobReport> {
        let outcome = active.told(outcome);
        let mut job = active.snapshot();
        job.end(&outcome, self.clock.now_ms());
        // The work is done or not, whatever becomes of the record.
        if let Err(e) = self.retire(job) {
            tracing::warn!(job = %active.id, error = %e, "the end of a job could not be recorded");
        }
        active.end(&outcome);
        outcome
    }

    /// Keeps a job that is over among those that are known, and its record; drops the oldest
    /// of them, and of those that the background runs again and again.
    ///
    /// # Errors
    /// `58030`; it is known all the same.
    pub(super) fn retire(&self, job: Job) -> Result<()> {
        let mut set = lazy_set();
        JOBS.put(&mut set, &JobNumber(job.id.number), &job);
        let mut known = self.known.lock();
        known.active.remove(&job.id.number);
        let is_same =
            |old: &Job| old.is_background && old.key == job.key && old.state == JobState::Completed;
        let same = known.over.iter().filter(|old| is_same(old)).count();
        if job.is_background
            && same >= SAME_MAX
            && let Some(at) = known.over.iter().position(is_same)
            && let Some(old) = known.over.remove(at)
        {
            JOBS.delete(&mut set, &JobNumber(old.id.number));
        }
        known.over.push_back(job);
        while known.over.len() > HISTORY_MAX {
            if let Some(old) = known.over.pop_front() {
                JOBS.delete(&mut set, &JobNumber(old.id.number));
            }
        }
        drop(known);
        fault_point("job.ended")?;
        self.store.commit(set)?;
        Ok(())
    }
}

/// Sleeps until it is time, or the job is to stop, which the next attempt finds.
fn sleep(mut pause: Duration) {
    while !pause.is_zero() && check_stop().is_ok() {
        let slice = pause.min(SLEEP);
        std::thread::sleep(slice);
        pause -= slice;
    }
}

/// The time in which a job is active. If its work panics, it is over all the same.
struct Turn<'a> {
    jobs: &'a Jobs,
    active: &'a ActiveJob,
    is_over: bool,
}

impl Turn<'_> {
    fn end(&mut self, outcome: Result<JobReport>) -> Result<JobReport> {
        self.is_over = true;
        self.jobs.finish(self.active, outcome)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let error = Error::new(SqlState::INTERNAL_ERROR, "the job panicked");
            // Nobody is left to tell.
            let _ = self.jobs.finish(self.active, Err(error));
        }
    }
}
