//! `DROP USER .. PURGE`.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{BooleanArray, Int64Array, RecordBatch, StringArray};

use super::drop_user::undefined_user;
use crate::catalog::{SchemaRegistry, Table};
use crate::env::fault_point;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::handlers::ddl::remove_rows::RemoveRows;
use crate::executor::retry::retrying;
use crate::flush::{ScopeEdit, demand_purge, erase_purged};
use crate::jobs::{JobKind, JobReport, NewJob};
use crate::model::{ScopeId, Seq, UserId, UserKey};
use crate::security::Logins;
use crate::store::{Batch, Change, WriteSet, unique_scope_prefix};
use crate::{Error, Result, SqlState};

/// How long a purge waits for results that are still read.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Removes a user for good: their account, their surrogate, and all their rows in all
/// tables, in one commit. Then deletes their segments and rewrites the files that still
/// have bytes of theirs. Users without an account go too. The audit log keeps their id; the
/// job does not.
///
/// After a crash the rows are gone or all there; what is left of their bytes goes when the
/// database is opened.
///
/// Returns one row: `segments` BIGINT, `erased` BOOLEAN, which is false while results that
/// were begun before are still read, or a storage that has segments is away, `job_id` TEXT.
/// What is not erased then is in the background when the last of the results ends.
///
/// # Errors
/// `42704` if the user has neither rows nor an account, `53100`, `58030`, `57014` if the job
/// is killed: before the commit nothing is gone, after it the rows are.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    user: &UserId,
    if_exists: bool,
) -> Result<QueryResult> {
    let new = NewJob::of_statement(JobKind::UserCleanup, "a purged user");
    let (mut segments, mut erased) = (0, false);
    let (id, _) = engine.jobs.run(&new, |_| {
        segments = retrying(|| remove(engine, caller, user, if_exists))?;
        fault_point("purge.after_commit")?;
        erased = erase_purged(&engine.store, &engine.tier, WAIT_MAX)?;
        Ok(JobReport { segments: segments as u64, ..JobReport::default() })
    })?;
    let segments = Int64Array::from(vec![i64::try_from(segments).unwrap_or(i64::MAX)]);
    RecordBatch::try_from_iter([
        ("segments", Arc::new(segments) as _),
        ("erased", Arc::new(BooleanArray::from(vec![erased])) as _),
        ("job_id", Arc::new(StringArray::from(vec![id.to_string()])) as _),
    ])
    .map(QueryResult::ready)
    .map_err(|e| Error::new(SqlState::INTERNAL_ERROR, "the report cannot be made").with_source(e))
}

/// Commits that the user is gone. Returns how many segments went.
fn remove(engine: &Engine, caller: &Caller, user: &UserId, if_exists: bool) -> Result<usize> {
    let version = engine.registry.version();
    let (key, account) = (engine.users.key_of(user)?, engine.accounts.newest(user));
    if key.is_none() && account.is_none() {
        return if if_exists { Ok(0) } else { Err(nobody(user)) };
    }
    let mut set = WriteSet::default();
    let mut segments = 0;
    let tables = match key {
        Some(_) => per_user_tables(&engine.registry)?,
        None => Vec::new(),
    };
    if let Some(key) = key {
        let view = engine.store.view();
        for table in &tables {
            let scope = ScopeId { table: table.definition.id, user: key };
            // Loaded here: the committer reads no files.
            segments += engine.tier.manifest.scope(scope, &view)?.segments.len();
            remove_rows(engine, &mut set, table, key);
        }
        engine.users.forget(&mut set, user, key);
        set.changes.push(Box::new(SameTables { registry: engine.registry.clone(), version }));
    }
    if let Some(account) = &account {
        engine.accounts.remove(&mut set, user, account);
    }
    if engine.registry.user_storage(user).is_some() {
        engine.registry.set_user_storage(&mut set, user, None);
    }
    Logins::forget_failures(&mut set, user);
    demand_purge(&mut set, engine.clock.now_ms());
    engine.audit.add(&mut set, caller.did("DROP USER PURGE", Some(user.to_string())));
    let _commits: Vec<_> = tables.iter().map(|table| table.commits()).collect();
    fault_point("purge.before_commit")?;
    engine.store.commit(set)?;
    Ok(segments)
}

fn per_user_tables(registry: &SchemaRegistry) -> Result<Vec<Arc<Table>>> {
    let mut tables = registry.tables()?;
    tables.retain(|table| table.definition.is_per_user());
    Ok(tables)
}

fn remove_rows(engine: &Engine, set: &mut WriteSet, table: &Table, user: UserKey) {
    let id = table.definition.id;
    let mut edit = ScopeEdit::new(&engine.tier.manifest, ScopeId { table: id, user });
    edit.purge();
    set.changes.push(Box::new(edit));
    set.changes.push(Box::new(RemoveRows { prefix: table.scope_prefix(user).to_vec() }));
    if !table.uniques.is_empty() {
        set.changes.push(Box::new(RemoveRows { prefix: unique_scope_prefix(id, user) }));
    }
}

/// That no table was made since they were listed: the user could have rows in it.
struct SameTables {
    registry: Arc<SchemaRegistry>,
    version: u64,
}

impl Change for SameTables {
    fn check(&self) -> Result<()> {
        if self.registry.version() == self.version {
            return Ok(());
        }
        Err(Error::conflict("a table was changed by another commit"))
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    fn publish(&mut self, _epoch: u64) {}

    fn is_visible(&self) -> bool {
        false
    }
}

fn nobody(user: &UserId) -> Error {
    undefined_user(user).with_hint("they have neither an account nor rows")
}
