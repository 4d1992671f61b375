//! `ALTER NAMESPACE` and `COMMENT ON NAMESPACE`.

use crate::Result;
use crate::catalog::Namespace;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;

/// Says what a namespace is for; `None` says nothing.
///
/// # Errors
/// `3F000`.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    description: Option<&str>,
) -> Result<QueryResult> {
    let namespace = engine.registry.namespace(name)?;
    if namespace.description.as_deref() == description {
        return Ok(QueryResult::empty());
    }
    let namespace =
        Namespace { description: description.map(str::to_owned), ..Namespace::clone(&namespace) };
    let mut set = engine.registry.alter_namespace(namespace);
    engine.audit.add(&mut set, caller.did("ALTER NAMESPACE", Some(name.to_owned())));
    engine.store.commit(set)?;
    Ok(QueryResult::empty())
}
