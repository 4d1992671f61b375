//! `DESCRIBE`, `SHOW CREATE TABLE` and `SHOW CREATE VIEW`.

use crate::Result;
use crate::catalog::Relation;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::describe::{describe, describe_columns, describe_view};
use crate::executor::engine::Engine;
use crate::executor::handlers::ddl::drop_view::is_a_table;
use crate::executor::resolve::{computed_table, resolve_relation};
use crate::executor::show_create_table::{show_create_table, show_create_view};
use crate::executor::statement::TableRef;

/// The columns of a table or view.
///
/// # Errors
/// `42P01`, `42501`.
pub(crate) fn run(engine: &Engine, caller: &Caller, table: &TableRef) -> Result<QueryResult> {
    if let Some(namespace) = &table.namespace {
        let view = engine.store.view();
        let computed = computed_table(engine, caller, &view, namespace, &table.table)
            .map_err(|e| e.with_position(table.position))?;
        if let Some(rows) = computed {
            return Ok(QueryResult::ready(describe_columns(&rows.schema())));
        }
    }
    Ok(QueryResult::ready(match resolve_relation(engine, caller, table)? {
        Relation::Table(table) => describe(&table.definition),
        Relation::View(view) => describe_view(&view),
    }))
}

/// The statement that would create the table or view.
///
/// # Errors
/// `42P01`, `42501`.
pub(crate) fn create_table(
    engine: &Engine,
    caller: &Caller,
    table: &TableRef,
) -> Result<QueryResult> {
    Ok(QueryResult::ready(match resolve_relation(engine, caller, table)? {
        Relation::Table(table) => show_create_table(&table.definition),
        Relation::View(view) => show_create_view(&view),
    }))
}

/// The statement that would create the view.
///
/// # Errors
/// `42P01`, `42501`, `42809` for a table.
pub(crate) fn create_view(
    engine: &Engine,
    caller: &Caller,
    view: &TableRef,
) -> Result<QueryResult> {
    match resolve_relation(engine, caller, view)? {
        Relation::Table(table) => {
            Err(is_a_table(&table.definition.name).with_position(view.position))
        }
        Relation::View(view) => Ok(QueryResult::ready(show_create_view(&view))),
    }
}
