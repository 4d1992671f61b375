//! `DROP NAMESPACE`.

use super::drop_table::stage_drop;
use crate::catalog::{DEFAULT_NAMESPACE, RESERVED_NAMESPACES, undefined_namespace};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::retry::retrying;
use crate::model::Name;
use crate::{Error, Result, SqlState};

/// Drops a namespace, with `cascade` together with its tables and views and the views of
/// other namespaces that use them: all of it in one commit.
///
/// # Errors
/// `3F000` if it is missing, `2BP01` if it holds tables or views, `42501` for `default` and
/// reserved namespaces.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<QueryResult> {
    if name == DEFAULT_NAMESPACE || RESERVED_NAMESPACES.contains(&name) {
        return Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("namespace \"{name}\" cannot be dropped"),
        ));
    }
    if !engine.registry.has_namespace(name) {
        return if if_exists { Ok(QueryResult::empty()) } else { Err(undefined_namespace(name)) };
    }
    let namespace = Name::new("namespace", name)?;
    retrying(|| {
        let (mut tables, mut views) = (Vec::new(), Vec::new());
        if cascade {
            tables = engine.registry.tables()?;
            tables.retain(|table| table.definition.name.namespace == namespace);
            views = engine.registry.views();
            views.retain(|view| view.name.namespace == namespace);
        }
        let (mut set, dropped) = stage_drop(engine, caller, cascade, (tables, views))?;
        engine.registry.remove_namespace(&mut set, &namespace, dropped);
        engine.audit.add(&mut set, caller.did("DROP NAMESPACE", Some(namespace.to_string())));
        engine.store.commit(set)?;
        Ok(())
    })?;
    engine.tier.collect_garbage(&engine.store)?;
    Ok(QueryResult::empty())
}
