//! `DROP NAMESPACE`.

use super::drop_table::stage_drop;
use crate::catalog::{DEFAULT_NAMESPACE, RESERVED_NAMESPACES, undefined_namespace};
use crate::executor::QueryResult;
use crate::executor::engine::Engine;
use crate::executor::row_writer::retrying;
use crate::model::Name;
use crate::store::WriteSet;
use crate::{Error, Result, SqlState};

/// Drops a namespace, with `cascade` together with its tables: all of it in one commit.
///
/// # Errors
/// `3F000` if it is missing, `2BP01` if it holds tables, `42501` for `default` and
/// reserved namespaces.
pub(crate) fn run(
    engine: &Engine,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<QueryResult> {
    if name == DEFAULT_NAMESPACE || RESERVED_NAMESPACES.contains(&name) {
        return Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("namespace \"{name}\" cannot be dropped"),
        ));
    }
    if !engine.registry.has_namespace(name) {
        return if if_exists { Ok(QueryResult::empty()) } else { Err(undefined_namespace(name)) };
    }
    let namespace = Name::new("namespace", name)?;
    retrying(|| {
        let mut set = WriteSet::default();
        let mut dropped = Vec::new();
        if cascade {
            for table in engine.registry.tables()? {
                if table.definition.name.namespace == namespace {
                    stage_drop(engine, &mut set, &table)?;
                    dropped.push(table.definition.id);
                }
            }
        }
        engine.registry.remove_namespace(&mut set, &namespace, dropped);
        engine.store.commit(set)?;
        Ok(())
    })?;
    engine.tier.collect_garbage(&engine.store)?;
    Ok(QueryResult::empty())
}
