//! `SHOW TABLES` and `SHOW NAMESPACES`.

use crate::Result;
use crate::catalog::undefined_namespace;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::describe::{show_namespaces, show_tables};
use crate::executor::engine::Engine;
use crate::executor::gateway::authorize_namespace;
use crate::executor::resolve::{visible_tables, visible_views};

/// The tables and views that the caller may read, of one namespace or of all.
///
/// # Errors
/// `3F000`.
pub(crate) fn tables(
    engine: &Engine,
    caller: &Caller,
    namespace: Option<&str>,
) -> Result<QueryResult> {
    if let Some(namespace) = namespace {
        authorize_namespace(namespace, caller.role)?;
    }
    if let Some(namespace) = namespace
        && !engine.registry.has_namespace(namespace)
    {
        return Err(undefined_namespace(namespace));
    }
    let tables: Vec<_> = visible_tables(engine, caller)?
        .into_iter()
        .map(|t| t.definition.clone())
        .filter(|d| namespace.is_none_or(|n| d.name.namespace.as_str() == n))
        .collect();
    let mut views = visible_views(engine, caller);
    views.retain(|view| namespace.is_none_or(|n| view.name.namespace.as_str() == n));
    Ok(QueryResult::ready(show_tables(&tables, &views)))
}

/// All namespaces, each with the number of tables that the caller may read.
///
/// # Errors
/// `XX001` if a definition does not decode.
pub(crate) fn namespaces(engine: &Engine, caller: &Caller) -> Result<QueryResult> {
    let namespaces = engine.registry.namespaces();
    let tables: Vec<_> =
        visible_tables(engine, caller)?.iter().map(|t| t.definition.clone()).collect();
    Ok(QueryResult::ready(show_namespaces(&namespaces, &tables)))
}
