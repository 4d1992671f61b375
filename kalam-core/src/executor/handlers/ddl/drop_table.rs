//! `DROP TABLE`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::remove_rows::RemoveRows;
use crate::Result;
use crate::catalog::{RESERVED_NAMESPACES, Table, ViewDefinition};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::retry::retrying;
use crate::executor::statement::TableRef;
use crate::flush::{ScopeEdit, ScopeId};
use crate::model::TableId;
use crate::store::{WriteSet, table_prefix, unique_table_prefix};
use crate::{Error, ErrorKind, SqlState};

/// Drops tables with all rows of all users, in one commit.
///
/// # Errors
/// `42P01` if one is missing, `42809` if one is a view, `2BP01` without `cascade` if a
/// view uses one.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    names: &[TableRef],
    if_exists: bool,
    cascade: bool,
) -> Result<QueryResult> {
    drop_relations(engine, caller, cascade, || {
        let mut tables: Vec<Arc<Table>> = Vec::new();
        for name in names {
            let found = find(caller, name, if_exists, |namespace| {
                engine.registry.table(namespace, &name.table)
            })?;
            tables.extend(found);
        }
        Ok((tables, Vec::new()))
    })?;
    Ok(QueryResult::empty())
}

/// What a DROP names; nothing if it may be missing and is.
///
/// # Errors
/// `42501` for reserved namespaces, and what `look_up` raises.
pub(super) fn find<T>(
    caller: &Caller,
    name: &TableRef,
    if_exists: bool,
    look_up: impl FnOnce(&str) -> Result<T>,
) -> Result<Option<T>> {
    let namespace = name.namespace.as_deref().unwrap_or(&caller.namespace);
    if RESERVED_NAMESPACES.contains(&namespace) {
        return Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("tables of namespace \"{namespace}\" cannot be dropped"),
        )
        .with_position(name.position));
    }
    match look_up(namespace) {
        Ok(found) => Ok(Some(found)),
        Err(e) if if_exists && e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e.with_position(name.position)),
    }
}

/// Tables and views to drop.
pub(super) type Dropped = (Vec<Arc<Table>>, Vec<Arc<ViewDefinition>>);

/// Drops what `look_up` finds in one commit. The files go when no running query needs
/// them. `look_up` may run several times.
///
/// # Errors
/// As [`stage_drop`], and what `look_up` raises.
pub(super) fn drop_relations(
    engine: &Engine,
    caller: &Caller,
    cascade: bool,
    look_up: impl Fn() -> Result<Dropped>,
) -> Result<()> {
    retrying(|| {
        let (set, dropped) = stage_drop(engine, caller, cascade, look_up()?)?;
        if !dropped.is_empty() {
            engine.store.commit(set)?;
        }
        Ok(())
    })?;
    engine.tier.collect_garbage(&engine.store)
}

/// The commit that removes tables and views, with `cascade` the views that use them too:
/// definitions, hot rows and manifest entries. With the ids of all that goes.
///
/// # Errors
/// `XX001`; the commit raises `2BP01` if a view uses what is dropped.
pub(super) fn stage_drop(
    engine: &Engine,
    caller: &Caller,
    cascade: bool,
    (mut tables, mut views): Dropped,
) -> Result<(WriteSet, BTreeSet<TableId>)> {
    let mut set = WriteSet::default();
    let mut ids: BTreeSet<TableId> = BTreeSet::new();
    tables.retain(|table| ids.insert(table.definition.id));
    views.retain(|view| ids.insert(view.id));
    if ids.is_empty() {
        return Ok((set, ids));
    }
    if cascade {
        views.extend(engine.registry.dependents(&ids));
        ids.extend(views.iter().map(|view| view.id));
    }
    engine.registry.remove_relations(&mut set, &tables, &views, cascade);
    for table in &tables {
        remove_rows(engine, table, &mut set)?;
        let name = table.definition.name.to_string();
        engine.audit.add(&mut set, caller.did("DROP TABLE", Some(name)));
    }
    for view in &views {
        let did = if view.files.is_some() { "UNREGISTER TABLE" } else { "DROP VIEW" };
        engine.audit.add(&mut set, caller.did(did, Some(view.name.to_string())));
    }
    Ok((set, ids))
}

/// Removes the rows of all users.
fn remove_rows(engine: &Engine, table: &Table, set: &mut WriteSet) -> Result<()> {
    let view = engine.store.view();
    let id = table.definition.id;
    let scopes: BTreeSet<ScopeId> = engine
        .tier
        .manifest
        .table_segments(id, &view.snapshot)?
        .into_iter()
        .map(|segment| segment.scope)
        .collect();
    for scope in scopes {
        let mut edit = ScopeEdit::new(&engine.tier.manifest, scope);
        edit.remove_all();
        set.changes.push(Box::new(edit));
    }
    let prefix = table_prefix(table.definition.kind, id);
    set.changes.push(Box::new(RemoveRows { prefix }));
    if !table.uniques.is_empty() {
        set.changes.push(Box::new(RemoveRows { prefix: unique_table_prefix(id) }));
    }
    Ok(())
}
