//! A job: what is kept of one.

use serde::{Deserialize, Serialize};

use super::JobId;
use crate::{Error, ErrorKind, Result};

/// Longest subject, result or message that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    /// Made, and not yet handed to anyone.
    New,
    /// Waits for a thread.
    Queued,
    Running,
    /// Failed, or ended with its process, and is tried again.
    Retrying,
    Completed,
    Failed,
    /// Stopped: by KILL JOB, by an interrupt of the statement, by its time limit.
    Cancelled,
    /// What it was for is not there any more.
    Skipped,
}

impl JobState {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            JobState::New => "new",
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Retrying => "retrying",
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
            JobState::Skipped => "skipped",
        }
    }

    pub(super) fn is_over(self) -> bool {
        match self {
            JobState::New | JobState::Queued | JobState::Running | JobState::Retrying => false,
            JobState::Completed | JobState::Failed | JobState::Cancelled | JobState::Skipped => {
                true
            }
        }
    }
}

/// What a job did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobReport {
    /// Rows moved, rewritten or removed.
    pub(crate) rows: u64,
    /// Segments written.
    pub(crate) segments: u64,
    /// One line for people.
    pub(crate) text: Option<String>,
    /// Whether there was nothing to work on any more.
    pub(crate) is_skipped: bool,
}

/// Everything that is kept of a job. Times are milliseconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) state: JobState,
    /// The table, namespace or path that it works on.
    pub(crate) subject: String,
    /// Of jobs with one key, one is active at a time.
    pub(crate) key: Option<String>,
    /// Whether nobody waits for it, so that it is tried again by itself.
    pub(crate) is_background: bool,
    pub(crate) attempts: u32,
    pub(crate) created_ms: i64,
    pub(crate) started_ms: Option<i64>,
    pub(crate) finished_ms: Option<i64>,
    /// Units of work that are done, mostly rows.
    pub(crate) done: u64,
    /// Units of work in all; 0: not known.
    pub(crate) total: u64,
    pub(crate) rows: u64,
    pub(crate) segments: u64,
    pub(crate) result: Option<String>,
    /// SQLSTATE of what it failed with, or fails with as long as it is tried again.
    pub(crate) sqlstate: Option<String>,
    pub(crate) message: Option<String>,
}

impl Job {
    pub(super) fn new(id: JobId, new: &super::NewJob, now_ms: i64) -> Job {
        Job {
            id,
            state: JobState::New,
            subject: cut(new.subject.clone()),
            key: new.key.clone(),
            is_background: new.is_background,
            attempts: 0,
            created_ms: now_ms,
            started_ms: None,
            finished_ms: None,
            done: 0,
            total: 0,
            rows: 0,
            segments: 0,
            result: None,
            sqlstate: None,
            message: None,
        }
    }

    /// Begins another attempt.
    pub(super) fn start(&mut self, now_ms: i64) {
        self.state = JobState::Running;
        self.attempts += 1;
        self.started_ms.get_or_insert(now_ms);
    }

    pub(super) fn end(&mut self, outcome: &Result<JobReport>, now_ms: i64) {
        self.finished_ms = Some(now_ms);
        match outcome {
            Ok(report) => {
                self.state =
                    if report.is_skipped { JobState::Skipped } else { JobState::Completed };
                self.rows = report.rows;
                self.segments = report.segments;
                self.result = report.text.clone().map(cut);
                (self.sqlstate, self.message) = (None, None);
            }
            Err(e) if e.kind() == ErrorKind::Cancelled => {
                self.state = JobState::Cancelled;
                self.note(e);
            }
            Err(e) => {
                self.state = JobState::Failed;
                self.note(e);
            }
        }
    }

    /// Keeps what went wrong.
    pub(super) fn note(&mut self, error: &Error) {
        self.sqlstate = Some(error.sqlstate().as_str().to_owned());
        self.message = Some(cut(error.message().to_owned()));
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}
