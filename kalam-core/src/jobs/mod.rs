//! Jobs: long work that leaves a record, says how far it is, and can be stopped.
//!
//! **Invariant**: of jobs with one key, at most one is active.

mod active_job;
mod background_parts;
mod background_thread;
mod flush_scheduler;
mod hot_counts;
mod job;
mod job_id;
mod mailbox;
mod maintenance;
mod maintenance_needs;
mod runner;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use self::active_job::ActiveJob;
pub(crate) use self::background_parts::BackgroundParts;
pub(crate) use self::flush_scheduler::FlushScheduler;
pub(crate) use self::job::{Job, JobReport, JobState};
pub(crate) use self::job_id::{JobId, JobKind};
pub(crate) use self::maintenance::Maintenance;
use crate::env::Clock;
use crate::store::{EntityKey, EntityStore, Family, Store, WriteSet};
use crate::{Error, Result, SqlState};

/// Jobs that are over and still known.
const HISTORY_MAX: usize = 1000;

/// The number of a job, as a key.
#[derive(Clone, Copy)]
struct JobNumber(u64);

impl EntityKey for JobNumber {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| JobNumber(u64::from_be_bytes(bytes)))
    }
}

const JOBS: EntityStore<JobNumber, Job> = EntityStore::new(Family::Jobs, b'J', "a job");

/// A job to be.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub(crate) kind: JobKind,
    /// The table, namespace or path that it works on.
    pub(crate) subject: String,
    /// Whoever runs a job with the key of an active one waits for that instead.
    pub(crate) key: Option<String>,
    /// Whether nobody waits for it, so that it is tried again by itself.
    pub(crate) is_background: bool,
}

impl NewJob {
    /// A job of a statement, whose caller waits for it.
    pub(crate) fn of_statement(kind: JobKind, subject: &(impl ToString + ?Sized)) -> NewJob {
        NewJob { kind, subject: subject.to_string(), key: None, is_background: false }
    }

    /// Runs beside no other job with this key.
    pub(crate) fn with_key(mut self, key: String) -> NewJob {
        self.key = Some(key);
        self
    }
}

/// The jobs of a database: those at work, and the newest that are over.
pub(crate) struct Jobs {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    last_number: u64,
    active: BTreeMap<u64, Arc<ActiveJob>>,
    /// In the order in which they ended.
    over: VecDeque<Job>,
    /// Jobs that ended with their process and are tried again.
    interrupted: Vec<Job>,
}

impl Jobs {
    /// Reads the jobs. Those that ended with their process are failed, or wait to be tried
    /// again if nobody waited for them.
    ///
    /// # Errors
    /// `XX001` if one does not decode, `58030`.
    pub(crate) fn load(store: &Arc<Store>, clock: &Arc<dyn Clock>) -> Result<Jobs> {
        let mut known = Known::default();
        let mut set = lazy_set();
        for (number, mut job) in JOBS.scan(&store.view().snapshot, &[])? {
            known.last_number = number.0;
            if !job.state.is_over() {
                let error =
                    Error::new(SqlState::QUERY_CANCELED, "the process ended while the job ran");
                if job.is_background {
                    job.state = JobState::Retrying;
                    job.note(&error);
                    known.interrupted.push(job);
                    continue;
                }
                job.end(&Err(error), clock.now_ms());
                job.state = JobState::Failed;
                JOBS.put(&mut set, &number, &job);
            }
            known.over.push_back(job);
        }
        if !set.is_empty() {
            store.commit(set)?;
        }
        Ok(Jobs { store: store.clone(), clock: clock.clone(), known: Mutex::new(known) })
    }

    /// The jobs of some kinds that ended with their process and are to be tried again.
    fn interrupted(&self, of_kind: impl Fn(JobKind) -> bool) -> Vec<Job> {
        let known = self.known.lock();
        known.interrupted.iter().filter(|job| of_kind(job.id.kind)).cloned().collect()
    }

    /// Every job, newest first.
    pub(crate) fn all(&self) -> Vec<Job> {
        let known = self.known.lock();
        let mut jobs: Vec<Job> = known.over.iter().cloned().collect();
        jobs.extend(known.interrupted.iter().cloned());
        jobs.extend(known.active.values().map(|active| active.snapshot()));
        drop(known);
        jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.id.number));
        jobs
    }

    /// Asks a job to stop. It is over soon after.
    ///
    /// # Errors
    /// `42704` if there is no such job, `22023` if it is over.
    pub(crate) fn kill(&self, id: JobId) -> Result<()> {
        let mut known = self.known.lock();
        if let Some(active) = known.active.get(&id.number).filter(|active| active.id == id) {
            // Under the lock: once it is over, its thread may be in another statement.
            active.kill();
            return Ok(());
        }
        if let Some(at) = known.interrupted.iter().position(|job| job.id == id) {
            let mut job = known.interrupted.swap_remove(at);
            drop(known);
            let killed = Error::new(SqlState::QUERY_CANCELED, format!("job \"{id}\" was killed"));
            job.end(&Err(killed), self.clock.now_ms());
            return self.retire(job);
        }
        match known.over.iter().find(|job| job.id == id) {
            Some(job) => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("job \"{id}\" is over: {}", job.state.as_str()),
            )),
            None => {
                Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("job \"{id}\" does not exist"))
                    .with_hint("SHOW JOBS lists them"))
            }
        }
    }
}

/// A set whose commit does not wait for the device: a record that a power failure takes
/// changes nothing of the rows.
fn lazy_set() -> WriteSet {
    WriteSet { is_lazy: true, ..WriteSet::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::env::ManualClock;
    use crate::store::Home;

    /// The jobs of a database whose last process ended in a flush of the background.
    fn after_a_crash() -> (Jobs, Job) {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(1_800_000_000_000));
        let store = Store::open(&Home::Memory, &Options::default(), clock.clone())
            .expect("memory is there");
        let id = JobId { kind: JobKind::Flush, number: 7 };
        let new = NewJob {
            kind: JobKind::Flush,
            subject: "default.t".into(),
            key: None,
            is_background: true,
        };
        let mut job = Job::new(id, &new, 0);
        job.start(0);
        let mut set = lazy_set();
        JOBS.put(&mut set, &JobNumber(7), &job);
        assert!(store.commit(set).is_ok());
        let jobs = Jobs::load(&store, &clock).expect("its record decodes");
        (jobs, job)
    }

    #[test]
    fn a_job_that_is_to_be_tried_again_can_be_killed_before() {
        let (jobs, job) = after_a_crash();
        assert_eq!(jobs.all()[0].state, JobState::Retrying);
        jobs.kill(job.id).expect("it is not over");
        assert_eq!(jobs.all().len(), 1);
        assert_eq!(jobs.all()[0].state, JobState::Cancelled);
        let again = jobs.kill(job.id).expect_err("it is over");
        assert_eq!(again.sqlstate(), SqlState::INVALID_PARAMETER_VALUE);
        // Its thread comes later and finds it gone.
        jobs.resume(job, |_| panic!("a killed job runs")).expect("nothing is to be done");
        let stored = JOBS.get(&jobs.store.view().snapshot, &JobNumber(7)).expect("it decodes");
        assert_eq!(stored.map(|job| job.state), Some(JobState::Cancelled));
    }

    #[test]
    fn a_job_that_is_tried_again_ends_under_its_id() {
        let (jobs, job) = after_a_crash();
        let report = JobReport { rows: 3, ..JobReport::default() };
        jobs.resume(job, |_| Ok(report.clone())).expect("it ends");
        let ended = &jobs.all()[0];
        assert_eq!((ended.id.number, ended.state, ended.attempts), (7, JobState::Completed, 2));
        assert_eq!(ended.rows, 3);
    }

    #[test]
    fn what_the_background_does_again_and_again_does_not_fill_the_history() {
        let (jobs, _) = after_a_crash();
        let new = |key: &str, is_background| NewJob {
            kind: JobKind::Compact,
            subject: "default.t".into(),
            key: Some(key.into()),
            is_background,
        };
        for _ in 0..40 {
            jobs.run(&new("a", true), |_| Ok(JobReport::default())).expect("it ends");
            jobs.run(&new("b", false), |_| Ok(JobReport::default())).expect("it ends");
        }
        let of_background = jobs.all().iter().filter(|job| job.key.as_deref() == Some("a")).count();
        assert_eq!((of_background, jobs.all().len()), (16, 16 + 40 + 1));
    }
}
