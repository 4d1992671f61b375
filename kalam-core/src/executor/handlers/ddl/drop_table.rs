//! `DROP TABLE`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::Result;
use crate::catalog::{RESERVED_NAMESPACES, Table};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::row_writer::retrying;
use crate::executor::statement::TableRef;
use crate::flush::{ScopeEdit, ScopeId};
use crate::model::Seq;
use crate::store::{Batch, Change, Family, WriteSet, prefix_end};
use crate::{Error, ErrorKind, SqlState};

/// Drops tables with all rows of all users. The names are looked up before the
/// first table goes.
///
/// # Errors
/// `42P01` if one is missing.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    names: &[TableRef],
    if_exists: bool,
) -> Result<QueryResult> {
    let mut tables = Vec::new();
    for TableRef { namespace, table, position } in names {
        let namespace = namespace.as_deref().unwrap_or(&caller.namespace);
        if RESERVED_NAMESPACES.contains(&namespace) {
            return Err(Error::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("tables of namespace \"{namespace}\" cannot be dropped"),
            )
            .with_position(*position));
        }
        match engine.registry.table(namespace, table) {
            Ok(table) => tables.push(table),
            Err(e) if if_exists && e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e.with_position(*position)),
        }
    }
    for table in &tables {
        drop_table(engine, caller, table)?;
    }
    Ok(QueryResult::empty())
}

/// Drops one table: definition, hot rows and manifest entries in one commit; the
/// files go when no running query needs them.
pub(super) fn drop_table(engine: &Engine, caller: &Caller, table: &Arc<Table>) -> Result<()> {
    retrying(|| {
        let mut set = WriteSet::default();
        engine.registry.remove_table(&mut set, table);
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
        let mut prefix = vec![table.definition.kind.key_byte()];
        prefix.extend_from_slice(&id.get().to_be_bytes());
        set.changes.push(Box::new(RemoveRows { prefix }));
        let name = table.definition.name.to_string();
        engine.audit.add(&mut set, caller.did("DROP TABLE", Some(name)));
        engine.store.commit(set)?;
        Ok(())
    })?;
    engine.tier.collect_garbage(&engine.store)
}

/// Removes every hot row of a table.
struct RemoveRows {
    prefix: Vec<u8>,
}

impl Change for RemoveRows {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn stage(&mut self, _seq: Seq, batch: &mut Batch<'_>) {
        batch.delete_range(Family::Hot, &self.prefix, &prefix_end(&self.prefix));
    }

    fn publish(&mut self, _epoch: u64) {}

    fn removed_rows(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        Some((self.prefix.clone(), prefix_end(&self.prefix)))
    }

    fn is_exclusive(&self) -> bool {
        true
    }
}
