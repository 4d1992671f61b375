//! `DROP NAMESPACE`.

use std::sync::Arc;

use super::drop_table::drop_relations;
use crate::Result;
use crate::catalog::{DEFAULT_NAMESPACE, RESERVED_NAMESPACES, undefined_namespace};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::model::Name;
use crate::{Error, SqlState};

/// Drops a namespace, with `cascade` its tables and views first, in a commit of their
/// own, and the views of other namespaces that use them.
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
    if cascade {
        drop_relations(engine, caller, true, || {
            let mut tables = engine.registry.tables()?;
            tables.retain(|table| table.definition.name.namespace.as_str() == name);
            let mut views = engine.registry.views();
            views.retain(|view| view.name.namespace.as_str() == name);
            Ok((tables, views))
        })?;
    }
    let name = Name::new("namespace", name)?;
    let mut set = Arc::clone(&engine.registry).remove_namespace(&name);
    engine.audit.add(&mut set, caller.did("DROP NAMESPACE", Some(name.to_string())));
    engine.store.commit(set)?;
    Ok(QueryResult::empty())
}
