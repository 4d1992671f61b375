//! `ALTER STORAGE`.

use super::create_storage::apply;
use crate::Result;
use crate::catalog::StorageDefinition;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::retry::retrying;
use crate::executor::storage_statement::AlterStorage;
use crate::model::Name;

/// Changes templates, credentials or configuration, for what is written from now on.
/// Segments stay where they are: the manifest has their paths.
///
/// # Errors
/// `42704` if it is not there, `22023` for what a storage cannot be.
pub(crate) fn run(engine: &Engine, caller: &Caller, alter: &AlterStorage) -> Result<QueryResult> {
    let name = Name::new("storage", &alter.name)?;
    let clauses = &alter.clauses;
    let changes = [
        ("shared tables template", clauses.shared.is_some()),
        ("user tables template", clauses.user.is_some()),
        ("credentials", clauses.credentials.is_some()),
        ("config", clauses.config.is_some()),
    ];
    let changed: Vec<&str> = changes.iter().filter(|c| c.1).map(|c| c.0).collect();
    retrying(|| {
        let before = engine.registry.storage(&name)?;
        let mut storage = StorageDefinition::clone(&before);
        apply(engine, &mut storage, clauses)?;
        let mut set = engine.registry.put_storage(storage, Some(&before));
        let record = caller.did("ALTER STORAGE", Some(name.to_string()));
        engine.audit.add(&mut set, record.with_detail(changed.join(", ")));
        engine.store.commit(set)?;
        Ok(())
    })?;
    Ok(QueryResult::empty())
}
