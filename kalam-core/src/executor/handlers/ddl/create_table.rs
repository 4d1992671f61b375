//! `CREATE TABLE`.

use crate::catalog::{RESERVED_NAMESPACES, undefined_namespace};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::define_table::define_table;
use crate::executor::engine::Engine;
use crate::executor::statement::CreateTable;
use crate::model::{Name, TableName};
use crate::{Error, Result, SqlState};

/// Creates a table.
///
/// # Errors
/// `3F000` for an unknown namespace, `42P07` if it exists, and what the definition
/// gets wrong.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    statement: &CreateTable,
) -> Result<QueryResult> {
    let namespace = statement.table.namespace.as_deref().unwrap_or(&caller.namespace);
    let at = |e: Error| e.with_position(statement.table.position);
    if RESERVED_NAMESPACES.contains(&namespace) {
        return Err(at(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("namespace \"{namespace}\" takes no tables"),
        )));
    }
    if !engine.registry.has_namespace(namespace) {
        return Err(at(undefined_namespace(namespace)));
    }
    let name = TableName {
        namespace: Name::new("namespace", namespace).map_err(at)?,
        table: Name::new("table", &statement.table.table).map_err(at)?,
    };
    let exists = engine.registry.table(namespace, &statement.table.table).is_ok();
    if exists && statement.if_not_exists {
        return Ok(QueryResult::empty());
    }
    let id = engine.registry.next_table_id();
    let definition = define_table(statement, name, id, engine.clock.now_ms())?;
    engine.registry.storage(&definition.options.storage)?;
    let record = caller.did("CREATE TABLE", Some(definition.name.to_string()));
    let mut set = engine.registry.add_table(definition)?;
    engine.audit.add(&mut set, record);
    match engine.store.commit(set).map_err(Error::from) {
        Err(e) if e.sqlstate() == SqlState::DUPLICATE_TABLE => {
            if statement.if_not_exists {
                Ok(QueryResult::empty())
            } else {
                Err(at(e))
            }
        }
        done => done.map(|_| QueryResult::empty()),
    }
}
