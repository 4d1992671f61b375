//! Statements about the tiers.

pub(crate) mod analyze;
pub(crate) mod compact_table;
pub(crate) mod flush_table;
pub(crate) mod show_manifest;
pub(crate) mod show_stats;
pub(crate) mod vacuum;

use std::sync::Arc;

use crate::Result;
use crate::catalog::{Table, undefined_namespace};
use crate::executor::engine::Engine;
use crate::model::TableKind;

/// The tables that have segments, of one namespace or of all.
///
/// # Errors
/// `3F000`.
fn tables_with_segments(engine: &Engine, namespace: Option<&str>) -> Result<Vec<Arc<Table>>> {
    if let Some(namespace) = namespace
        && !engine.registry.has_namespace(namespace)
    {
        return Err(undefined_namespace(namespace));
    }
    let mut tables = engine.registry.tables()?;
    tables.retain(|table| {
        let definition = &table.definition;
        definition.kind != TableKind::Stream
            && namespace.is_none_or(|name| definition.name.namespace.as_str() == name)
    });
    Ok(tables)
}
