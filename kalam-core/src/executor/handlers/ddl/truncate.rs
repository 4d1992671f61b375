//! `TRUNCATE`.

use std::collections::BTreeMap;

use super::remove_rows::RemoveRows;
use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::{read_scope, resolve_table};
use crate::executor::retry::retrying;
use crate::executor::statement::TableRef;
use crate::flush::{ScopeEdit, ScopeId};
use crate::store::{WriteSet, unique_scope_prefix};

/// Removes all rows of tables in one commit, of USER and STREAM tables those of the
/// caller. Nothing of them stays visible under `_deleted`. Its cost does not depend on
/// the number of rows.
///
/// # Errors
/// `42P01` if a table is missing, `42501` if the caller may not write one.
pub(crate) fn run(engine: &Engine, caller: &Caller, names: &[TableRef]) -> Result<QueryResult> {
    retrying(|| {
        let mut set = WriteSet::default();
        let mut tables = BTreeMap::new();
        for name in names {
            let table = resolve_table(engine, caller, name, TableAction::Write)?;
            tables.insert(table.definition.id, table);
        }
        for (id, table) in &tables {
            let id = *id;
            let Some(user) = read_scope(engine, caller, table)? else { continue };
            let mut edit = ScopeEdit::new(&engine.tier.manifest, ScopeId { table: id, user });
            edit.remove_all();
            set.changes.push(engine.registry.unchanged(table));
            set.changes.push(Box::new(edit));
            set.changes.push(Box::new(RemoveRows { prefix: table.scope_prefix(user).to_vec() }));
            if !table.uniques.is_empty() {
                set.changes.push(Box::new(RemoveRows { prefix: unique_scope_prefix(id, user) }));
            }
        }
        for table in tables.values() {
            let name = table.definition.name.to_string();
            engine.audit.add(&mut set, caller.did("TRUNCATE", Some(name)));
        }
        let _commits: Vec<_> = tables.values().map(|table| table.commits()).collect();
        engine.store.commit(set)?;
        Ok(())
    })?;
    engine.tier.collect_garbage(&engine.store)?;
    Ok(QueryResult::empty())
}
