//! `CREATE TABLE`.

use std::sync::Arc;

use crate::catalog::{RESERVED_NAMESPACES, undefined_namespace};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::constraint::compile_checks;
use crate::executor::define_table::define_table;
use crate::executor::engine::Engine;
use crate::executor::statement::{CreateTable, TableRef};
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
    let name = new_name(engine, caller, &statement.table)?;
    let at = |e: Error| e.with_position(statement.table.position);
    let exists = engine.registry.relation(name.namespace.as_str(), name.table.as_str()).is_ok();
    if exists && statement.if_not_exists {
        return Ok(QueryResult::empty());
    }
    let id = engine.registry.next_table_id();
    let definition = define_table(statement, name, id, engine.clock.now_ms())?;
    let table = Arc::new(engine.registry.derive(Arc::new(definition))?);
    compile_checks(engine, &table)?;
    let mut set = engine.registry.add_table(&table, false);
    let name = table.definition.name.to_string();
    engine.audit.add(&mut set, caller.did("CREATE TABLE", Some(name)));
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

/// The name of a new table or view.
///
/// # Errors
/// `42501` for reserved namespaces, `3F000` for unknown ones, `42602`.
pub(super) fn new_name(engine: &Engine, caller: &Caller, name: &TableRef) -> Result<TableName> {
    let namespace = name.namespace.as_deref().unwrap_or(&caller.namespace);
    let at = |e: Error| e.with_position(name.position);
    if RESERVED_NAMESPACES.contains(&namespace) {
        return Err(at(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("namespace \"{namespace}\" takes no tables"),
        )));
    }
    if !engine.registry.has_namespace(namespace) {
        return Err(at(undefined_namespace(namespace)));
    }
    Ok(TableName {
        namespace: Name::new("namespace", namespace).map_err(at)?,
        table: Name::new("table", &name.table).map_err(at)?,
    })
}
