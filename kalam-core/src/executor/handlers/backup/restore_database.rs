//! `RESTORE DATABASE` and `VERIFY BACKUP`.

use std::path::Path;

use super::report;
use crate::Result;
use crate::backup::{self, RestoreReport};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::jobs::{JobKind, JobReport, NewJob};

/// Makes a new database directory of a backup. This database is not touched.
///
/// Returns one row: `generation` BIGINT, `segments` BIGINT, `bytes` BIGINT, `job_id`
/// TEXT.
///
/// # Errors
/// `22023` if the folder holds no finished backup or the directory holds anything, `XX001`
/// if the backup is damaged, `55006`, `53100`, `58030`.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    folder: &str,
    directory: &str,
) -> Result<QueryResult> {
    let record = caller.did("RESTORE DATABASE", Some(folder.to_owned()));
    engine.audit.write(record.with_detail(format!("into {directory}")))?;
    as_job(engine, JobKind::Restore, directory, || {
        backup::restore(Path::new(folder), Path::new(directory), &engine.clock)
    })
}

/// Reads every byte of a backup and compares it with the checksums that were noted.
///
/// Returns one row, as [`run`].
///
/// # Errors
/// As [`run`].
pub(crate) fn verify(engine: &Engine, caller: &Caller, folder: &str) -> Result<QueryResult> {
    engine.audit.write(caller.did("VERIFY BACKUP", Some(folder.to_owned())))?;
    as_job(engine, JobKind::Backup, folder, || backup::verify(Path::new(folder)))
}

fn as_job(
    engine: &Engine,
    kind: JobKind,
    subject: &str,
    work: impl Fn() -> Result<RestoreReport>,
) -> Result<QueryResult> {
    let mut done = RestoreReport::default();
    let (id, _) = engine.jobs.run(&NewJob::of_statement(kind, subject), |_| {
        done = work()?;
        Ok(JobReport { segments: done.segments, ..JobReport::default() })
    })?;
    report(
        id,
        &[("generation", done.generation), ("segments", done.segments), ("bytes", done.bytes)],
    )
}
