//! `DESCRIBE`, `SHOW CREATE TABLE` and `SHOW CREATE VIEW`.

use crate::catalog::{Relation, is_registered};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::describe::{
    describe, describe_columns, describe_history, describe_version, describe_view,
};
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::handlers::ddl::drop_view::is_a_table;
use crate::executor::resolve::{computed_table, resolve_relation, resolve_table};
use crate::executor::show_create_table::{show_create_table, show_create_view};
use crate::executor::statement::TableRef;
use crate::model::SchemaVersion;
use crate::{Error, Result, SqlState};

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

/// The schema versions of a table.
///
/// # Errors
/// `42P01`, `42501`.
pub(crate) fn history(engine: &Engine, caller: &Caller, table: &TableRef) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    Ok(QueryResult::ready(describe_history(&table.definition)))
}

/// The columns that a table had in a schema version.
///
/// # Errors
/// `42P01`, `42501`, `22023` for a version that it never had.
pub(crate) fn version(
    engine: &Engine,
    caller: &Caller,
    table: &TableRef,
    version: u64,
) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    let definition = &table.definition;
    let columns =
        u16::try_from(version).ok().map(SchemaVersion).and_then(|v| definition.columns_at(v));
    let columns = columns.ok_or_else(|| {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("table \"{}\" has no schema version {version}", definition.name),
        )
        .with_hint(format!("versions are 1 to {}", definition.version))
    })?;
    Ok(QueryResult::ready(describe_version(&definition.primary_key, columns)))
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
    let at = view.position;
    match resolve_relation(engine, caller, view)? {
        Relation::Table(table) => Err(is_a_table(&table.definition.name).with_position(at)),
        Relation::View(view) if view.files.is_some() => {
            Err(is_registered(&view.name).with_position(at))
        }
        Relation::View(view) => Ok(QueryResult::ready(show_create_view(&view))),
    }
}
