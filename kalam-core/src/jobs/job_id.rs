//! What kinds of jobs there are, and how one is named.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::env::SNOWFLAKE_EPOCH_MS;
use crate::{Error, Result, SqlState};

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JobKind {
    /// Moves hot rows to segments.
    Flush,
    /// Merges segments.
    Compact,
    /// Purges soft-deleted rows.
    Retention,
    /// Removes rows of STREAM tables whose time is over.
    StreamEviction,
    /// Deletes files that nothing needs.
    Cleanup,
    Backup,
    Restore,
    /// Removes what a dropped user left.
    UserCleanup,
    /// Counts the values of columns.
    Analyze,
}

impl JobKind {
    const ALL: [JobKind; 9] = [
        JobKind::Flush,
        JobKind::Compact,
        JobKind::Retention,
        JobKind::StreamEviction,
        JobKind::Cleanup,
        JobKind::Backup,
        JobKind::Restore,
        JobKind::UserCleanup,
        JobKind::Analyze,
    ];

    /// The two letters that ids begin with.
    fn prefix(self) -> &'static str {
        match self {
            JobKind::Flush => "FL",
            JobKind::Compact => "CO",
            JobKind::Retention => "RT",
            JobKind::StreamEviction => "SE",
            JobKind::Cleanup => "CL",
            JobKind::Backup => "BK",
            JobKind::Restore => "RS",
            JobKind::UserCleanup => "UC",
            JobKind::Analyze => "AN",
        }
    }

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            JobKind::Flush => "flush",
            JobKind::Compact => "compact",
            JobKind::Retention => "retention",
            JobKind::StreamEviction => "stream_eviction",
            JobKind::Cleanup => "cleanup",
            JobKind::Backup => "backup",
            JobKind::Restore => "restore",
            JobKind::UserCleanup => "user_cleanup",
            JobKind::Analyze => "analyze",
        }
    }
}

/// Names a job: two letters of its kind, `-`, and 12 hexadecimal digits that grow from job
/// to job, whatever their kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct JobId {
    pub(crate) kind: JobKind,
    /// Below 2^48.
    pub(crate) number: u64,
}

/// The number of the job after `last`: milliseconds since 2024-01-01 UTC above a counter
/// of 8 bits, so that it does not come again even if the newest records are lost.
pub(super) fn next_number(last: u64, now_ms: i64) -> u64 {
    // In 2058. A clock that is beyond, wrong as it may be, leaves 2^42 numbers.
    const LAST_MS: u64 = (1 << 40) - (1 << 34);
    let since_epoch = u64::try_from(now_ms.saturating_sub(SNOWFLAKE_EPOCH_MS)).unwrap_or(0);
    (last + 1).max(since_epoch.min(LAST_MS) << 8)
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:012x}", self.kind.prefix(), self.number)
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for JobId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for JobId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.split_once('-').and_then(|(prefix, digits)| {
            let kind = JobKind::ALL.into_iter().find(|kind| kind.prefix() == prefix)?;
            let is_number = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let number = is_number.then(|| u64::from_str_radix(digits, 16).ok())??;
            Some(JobId { kind, number })
        });
        parsed.ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("\"{text}\" is not the id of a job"),
            )
            .with_hint("ids are such as 'FL-0123456789ab'; SHOW JOBS lists them")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_is_written() {
        for kind in JobKind::ALL {
            let id = JobId { kind, number: 0x0123_4567_89ab };
            let text = id.to_string();
            assert!(text.ends_with("-0123456789ab"), "{text}");
            assert_eq!(text.parse::<JobId>().expect("an id"), id);
        }
        for text in
            ["", "FL", "FL-", "FL-123", "XX-0123456789ab", "FL-0123456789ag", "FL-+123456789ab"]
        {
            let error = text.parse::<JobId>().expect_err(text);
            assert_eq!(error.sqlstate().as_str(), "22023");
        }
    }

    #[test]
    fn numbers_grow_when_the_clock_stands_or_steps_back() {
        let mut last = 0;
        let begin_ms = SNOWFLAKE_EPOCH_MS + 5;
        for now_ms in [begin_ms, begin_ms, 0, i64::MIN, begin_ms + 1, i64::MAX / 2, i64::MAX, 0] {
            let next = next_number(last, now_ms);
            assert!(next > last && next < 1 << 48);
            last = next;
        }
    }
}
