//! `DROP STORAGE`.

use crate::catalog::DEFAULT_STORAGE;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::model::Name;
use crate::{Error, Result, SqlState};

/// Forgets a storage that nothing uses. What else lies at its place stays there.
///
/// # Errors
/// `42704` if it is not there, `2BP01` with the number of tables, users and segments
/// that use it, `42501` for the storage that every database has.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    if_exists: bool,
) -> Result<QueryResult> {
    let name = Name::new("storage", name)?;
    if name.as_str() == DEFAULT_STORAGE {
        return Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("storage \"{name}\" cannot be dropped"),
        ));
    }
    if let Err(e) = engine.registry.storage(&name) {
        return if if_exists { Ok(QueryResult::empty()) } else { Err(e) };
    }
    engine.tier.ask_again();
    engine.tier.collect_garbage(&engine.store)?;
    // The commit counts the tables that were read.
    engine.registry.tables()?;
    let segments =
        engine.tier.manifest.segments_of_storage(&name, &engine.store.view().snapshot)?;
    engine.registry.check_storage_unused(&name, segments.len())?;
    let mut set = engine.registry.remove_storage(&name);
    engine.audit.add(&mut set, caller.did("DROP STORAGE", Some(name.to_string())));
    engine.store.commit(set)?;
    engine.tier.forget_place(&name);
    Ok(QueryResult::empty())
}
