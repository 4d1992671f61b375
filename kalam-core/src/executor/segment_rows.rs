//! Segments as rows: what SHOW MANIFEST and `system.manifest` tell alike.

use std::sync::Arc;

use super::engine::Engine;
use super::text_table::TextTable;
use crate::Result;
use crate::flush::{ScopeId, SegmentState};
use crate::model::TableId;
use crate::store::View;

/// Every segment of a table, in any scope, oldest first within each.
///
/// # Errors
/// `XX001` if an entry of the manifest does not decode.
pub(crate) fn segments_of_table(
    engine: &Engine,
    view: &View,
    table: TableId,
) -> Result<Vec<Arc<SegmentState>>> {
    let manifest = &engine.tier.manifest;
    let listed = manifest.table_segments(table, &view.snapshot)?;
    let mut scopes: Vec<ScopeId> = listed.iter().map(|segment| segment.scope).collect();
    scopes.dedup();
    segments_of_scopes(engine, view, scopes)
}

/// Every segment of some scopes.
///
/// # Errors
/// As [`segments_of_table`].
pub(crate) fn segments_of_scopes(
    engine: &Engine,
    view: &View,
    scopes: impl IntoIterator<Item = ScopeId>,
) -> Result<Vec<Arc<SegmentState>>> {
    let mut segments = Vec::new();
    for scope in scopes {
        segments.extend(engine.tier.manifest.scope(scope, view)?.segments.iter().cloned());
    }
    Ok(segments)
}

/// Adds what is known of each segment.
///
/// Shape: path TEXT (relative to the storage), rows, live_rows, deleted_rows, bytes,
/// schema_version BIGINT, checksum TEXT.
pub(crate) fn add_segments(table: TextTable, segments: &[Arc<SegmentState>]) -> TextTable {
    table
        .texts("path", segments.iter().map(|s| &s.meta.path))
        .numbers("rows", segments.iter().map(|s| s.meta.rows))
        .numbers("live_rows", segments.iter().map(|s| s.live_rows()))
        .numbers("deleted_rows", segments.iter().map(|s| s.deleted.len()))
        .numbers("bytes", segments.iter().map(|s| s.meta.bytes))
        .numbers("schema_version", segments.iter().map(|s| s.meta.schema_version.get()))
        .texts("checksum", segments.iter().map(|s| &s.meta.checksum))
}
