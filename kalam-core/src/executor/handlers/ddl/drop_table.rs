//! `DROP TABLE`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::resolve::resolve_definition;
use crate::executor::row_writer::retrying;
use crate::executor::statement::TableRef;
use crate::flush::{ScopeEdit, ScopeId};
use crate::model::{Seq, TableId};
use crate::store::{Batch, Change, Family, WriteSet, prefix_end};
use crate::{ErrorKind, Result};

/// Drops tables with all rows of all users, in one commit. The files go when no running
/// query needs them.
///
/// # Errors
/// `42P01` if one is missing.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    names: &[TableRef],
    if_exists: bool,
) -> Result<QueryResult> {
    retrying(|| {
        let mut tables: BTreeMap<TableId, Arc<Table>> = BTreeMap::new();
        for name in names {
            match resolve_definition(engine, caller, name) {
                Ok(table) => {
                    tables.insert(table.definition.id, table);
                }
                Err(e) if if_exists && e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        if tables.is_empty() {
            return Ok(());
        }
        let mut set = WriteSet::default();
        for table in tables.values() {
            stage_drop(engine, &mut set, table)?;
        }
        engine.store.commit(set)?;
        Ok(())
    })?;
    engine.tier.collect_garbage(&engine.store)?;
    Ok(QueryResult::empty())
}

/// Makes the removal of a table part of a commit: definition, hot rows and manifest
/// entries.
pub(super) fn stage_drop(engine: &Engine, set: &mut WriteSet, table: &Arc<Table>) -> Result<()> {
    engine.registry.remove_table(set, table);
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
    Ok(())
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
