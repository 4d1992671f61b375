//! `BACKUP DATABASE`.

use std::path::Path;

use super::report;
use crate::backup::{Backup, BackupReport};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::jobs::{JobKind, JobReport, NewJob};
use crate::{Error, Result, SqlState};

/// Copies all that is committed into a folder, or brings the backup that is there up to
/// date. Writers and flushes go on meanwhile.
///
/// Returns one row: `generation` BIGINT, `segments` BIGINT, `new_segments` BIGINT, `bytes`
/// BIGINT, `job_id` TEXT.
///
/// # Errors
/// `0A000` for a database in memory, `22023` if the folder lies in the database or holds
/// something else, `55006` if another backup or restore has it, `XX001` if a segment is
/// damaged, `53100`, `58030`.
pub(crate) fn run(engine: &Engine, caller: &Caller, folder: &str) -> Result<QueryResult> {
    if engine.tier.directory().is_none() {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "BACKUP DATABASE of a database in memory is not supported",
        )
        .with_hint("only a database in a directory can be backed up"));
    }
    engine.audit.write(caller.did("BACKUP DATABASE", Some(folder.to_owned())))?;
    let backup = Backup { store: &engine.store, tier: &engine.tier, now_ms: engine.clock.now_ms() };
    let mut done = BackupReport::default();
    let new = NewJob::of_statement(JobKind::Backup, folder);
    let (id, _) = engine.jobs.run(&new, |_| {
        done = backup.run(Path::new(folder))?;
        Ok(JobReport { segments: done.segments, ..JobReport::default() })
    })?;
    // What was kept for the backup alone can go.
    engine.tier.collect_garbage(&engine.store)?;
    report(
        id,
        &[
            ("generation", done.generation),
            ("segments", done.segments),
            ("new_segments", done.new_segments),
            ("bytes", done.bytes),
        ],
    )
}
