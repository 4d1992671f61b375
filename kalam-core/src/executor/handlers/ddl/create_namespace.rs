//! `CREATE NAMESPACE`.

use crate::catalog::{Namespace, RESERVED_NAMESPACES};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::model::Name;
use crate::{Error, Result, SqlState};

/// Creates a namespace.
///
/// # Errors
/// `42602` for an invalid or reserved name, `42P06` if it exists.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    if_not_exists: bool,
    description: Option<&str>,
) -> Result<QueryResult> {
    if RESERVED_NAMESPACES.contains(&name) {
        return Err(Error::new(
            SqlState::INVALID_NAME,
            format!("namespace name \"{name}\" is reserved"),
        ));
    }
    let name = Name::new("namespace", name)?;
    if if_not_exists && engine.registry.has_namespace(name.as_str()) {
        return Ok(QueryResult::empty());
    }
    let created_at_ms = engine.clock.now_ms();
    let description = description.map(str::to_owned);
    let record = caller.did("CREATE NAMESPACE", Some(name.to_string()));
    let namespace = Namespace { name, description, created_at_ms };
    let mut set = engine.registry.add_namespace(namespace);
    engine.audit.add(&mut set, record);
    match engine.store.commit(set).map_err(Error::from) {
        Err(e) if if_not_exists && e.sqlstate() == SqlState::DUPLICATE_NAMESPACE => {
            Ok(QueryResult::empty())
        }
        done => done.map(|_| QueryResult::empty()),
    }
}
