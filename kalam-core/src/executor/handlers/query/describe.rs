//! `DESCRIBE` and `SHOW CREATE TABLE`.

use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::describe::{describe, describe_columns};
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::{computed_table, resolve_table};
use crate::executor::show_create_table::show_create_table;
use crate::executor::statement::TableRef;

/// The columns of a table.
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
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    Ok(QueryResult::ready(describe(&table.definition)))
}

/// The statement that would create the table.
///
/// # Errors
/// `42P01`, `42501`.
pub(crate) fn create_table(
    engine: &Engine,
    caller: &Caller,
    table: &TableRef,
) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    Ok(QueryResult::ready(show_create_table(&table.definition)))
}
