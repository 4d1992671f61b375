//! Names to tables, with the right to use them.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::caller::Caller;
use super::engine::Engine;
use super::gateway::{TableAction, authorize_system_table, authorize_table, may};
use super::information_schema::information_schema_table;
use super::statement::TableRef;
use super::system_table::{Moment, SYSTEM_NAMESPACE, system_table};
use super::view::is_visible;
use crate::Result;
use crate::catalog::{RESERVED_NAMESPACES, Relation, Table, ViewDefinition};
use crate::model::UserKey;
use crate::store::View;
use crate::{Error, SqlState};

/// The table that a statement names.
///
/// # Errors
/// `42P01` or `3F000` with the name's position, `42501` if the caller may not.
pub(crate) fn resolve_table(
    engine: &Engine,
    caller: &Caller,
    name: &TableRef,
    action: TableAction,
) -> Result<Arc<Table>> {
    let namespace = name.namespace.as_deref().unwrap_or(&caller.namespace);
    if namespace == SYSTEM_NAMESPACE {
        authorize_system_table(&name.table, caller.role)
            .map_err(|e| e.with_position(name.position))?;
    }
    if action == TableAction::Write && RESERVED_NAMESPACES.contains(&namespace) {
        return Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("tables of namespace \"{namespace}\" are read-only"),
        )
        .with_position(name.position));
    }
    let table = engine
        .registry
        .table(namespace, &name.table)
        .map_err(|e| e.with_position(name.position))?;
    authorize_table(action, &table.definition, caller.role)?;
    Ok(table)
}

/// The table whose definition a statement changes. The role to change any was asked for
/// before.
///
/// # Errors
/// `42P01` with the name's position, `42501` for tables of reserved namespaces.
pub(crate) fn resolve_definition(
    engine: &Engine,
    caller: &Caller,
    name: &TableRef,
) -> Result<Arc<Table>> {
    let namespace = name.namespace.as_deref().unwrap_or(&caller.namespace);
    if RESERVED_NAMESPACES.contains(&namespace) {
        return Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("tables of namespace \"{namespace}\" cannot be changed or dropped"),
        )
        .with_position(name.position));
    }
    engine.registry.table(namespace, &name.table).map_err(|e| e.with_position(name.position))
}

/// The table or view that a statement describes.
///
/// # Errors
/// `42P01` with the name's position, `42501` if the caller may not read it, or what the
/// view reads.
pub(crate) fn resolve_relation(
    engine: &Engine,
    caller: &Caller,
    name: &TableRef,
) -> Result<Relation> {
    let namespace = name.namespace.as_deref().unwrap_or(&caller.namespace);
    if namespace == SYSTEM_NAMESPACE {
        authorize_system_table(&name.table, caller.role)
            .map_err(|e| e.with_position(name.position))?;
    }
    let relation = engine
        .registry
        .relation(namespace, &name.table)
        .map_err(|e| e.with_position(name.position))?;
    match &relation {
        Relation::Table(table) => {
            authorize_table(TableAction::Read, &table.definition, caller.role)?;
        }
        Relation::View(view) if is_visible(engine, view, caller.role) => {}
        Relation::View(view) => {
            return Err(Error::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!(
                    "role {} may not read {} \"{}\"",
                    caller.role,
                    if view.files.is_some() { "table" } else { "view" },
                    view.name
                ),
            ));
        }
    }
    Ok(relation)
}

/// The rows of a table that no one stores, of `system` or information_schema, as far as
/// the caller may see them; `None` for other namespaces.
///
/// # Errors
/// `42501` for `system` below role dba, `42P01` if the namespace has no such table.
pub(crate) fn computed_table(
    engine: &Engine,
    caller: &Caller,
    view: &Arc<View>,
    namespace: &str,
    table: &str,
) -> Result<Option<RecordBatch>> {
    match namespace {
        SYSTEM_NAMESPACE => {
            authorize_system_table(table, caller.role)?;
            system_table(table, &Moment { engine, view }).map(Some)
        }
        "information_schema" => {
            let namespaces: Vec<_> =
                engine.registry.namespaces().iter().map(|n| n.name.clone()).collect();
            let tables: Vec<_> =
                visible_tables(engine, caller)?.iter().map(|t| t.definition.clone()).collect();
            let views = visible_views(engine, caller);
            let found = information_schema_table(table, &namespaces, &tables, &views);
            let found = found.ok_or_else(|| {
                Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("table \"information_schema.{table}\" does not exist"),
                )
            });
            found.map(Some)
        }
        _ => Ok(None),
    }
}

/// The tables that the caller may read.
pub(crate) fn visible_tables(engine: &Engine, caller: &Caller) -> Result<Vec<Arc<Table>>> {
    let mut tables = engine.registry.tables()?;
    tables.retain(|t| may(TableAction::Read, &t.definition, caller.role));
    Ok(tables)
}

/// The views of which the caller may read all that they read.
pub(crate) fn visible_views(engine: &Engine, caller: &Caller) -> Vec<Arc<ViewDefinition>> {
    let mut views = engine.registry.views();
    views.retain(|view| is_visible(engine, view, caller.role));
    views
}

/// The scope that the caller reads: `None` if they own no rows yet.
pub(crate) fn read_scope(
    engine: &Engine,
    caller: &Caller,
    table: &Table,
) -> Result<Option<UserKey>> {
    if table.definition.is_per_user() {
        engine.users.key_of(&caller.user)
    } else {
        Ok(Some(UserKey::SHARED))
    }
}

/// The scope that the caller writes.
pub(crate) fn write_scope(engine: &Engine, caller: &Caller, table: &Table) -> Result<UserKey> {
    if table.definition.is_per_user() {
        engine.users.ensure_key(&caller.user)
    } else {
        Ok(UserKey::SHARED)
    }
}
