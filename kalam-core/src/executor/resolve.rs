//! Names to tables, with the right to use them.

use std::sync::Arc;

use super::caller::Caller;
use super::engine::Engine;
use super::gateway::{TableAction, authorize_namespace, authorize_table};
use super::statement::TableRef;
use crate::Result;
use crate::catalog::{RESERVED_NAMESPACES, Table};
use crate::model::UserKey;
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
    authorize_namespace(namespace, caller.role)?;
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
