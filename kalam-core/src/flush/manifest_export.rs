//! `manifest.json` beside the segments, for other tools. The engine never reads it.

use std::fs;
use std::sync::Arc;

use serde_json::json;

use super::tier::ColdTier;
use crate::catalog::{Placement, Table};
use crate::model::ScopeId;
use crate::store::Store;

/// Name of the published manifest.
pub(crate) const FILE: &str = "manifest.json";

/// Writes the scope's manifest beside its segments. It follows the commit and may
/// be missing or old after a crash, so a failure is a warning.
pub(crate) fn export_manifest(
    tier: &ColdTier,
    store: &Store,
    table: &Arc<Table>,
    scope: ScopeId,
    placement: &Placement,
) {
    let Ok(place) = tier.place(&placement.storage) else { return };
    let Some(root) = place.folder() else { return };
    let Ok(manifest) = tier.manifest.scope(scope, &store.view()) else { return };
    let segments: Vec<_> = manifest
        .segments
        .iter()
        .map(|s| {
            json!({
                "path": s.meta.path,
                "rows": s.meta.rows,
                "deleted_rows": s.dead.iter().collect::<Vec<_>>(),
                "bytes": s.meta.bytes,
                "xxh3_128": s.meta.checksum,
                "schema_version": s.meta.schema_version,
                "min_seq": s.meta.min_seq,
                "max_seq": s.meta.max_seq,
            })
        })
        .collect();
    let document = json!({
        "format": 1,
        "table": table.definition.name.to_string(),
        "version": manifest.version,
        "segments": segments,
    });
    let target = root.join(&placement.folder).join(FILE);
    let new = target.with_extension("json.new");
    let text = serde_json::to_vec_pretty(&document).expect("a JSON value serializes");
    if let Err(e) = fs::write(&new, text).and_then(|()| fs::rename(&new, &target)) {
        tracing::warn!(error = %e, path = %target.display(), "the published manifest is out of date");
    }
}
