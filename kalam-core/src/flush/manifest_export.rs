//! `manifest.json` beside the segments, for other tools. The engine never reads it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use serde_json::json;

use super::manifest::{ScopeManifest, SegmentState};
use super::tier::ColdTier;
use crate::catalog::{Placement, Table};
use crate::model::{Name, ScopeId};
use crate::store::Store;

/// Name of the published manifest.
pub(crate) const FILE: &str = "manifest.json";

/// Writes the scope's manifest beside its segments, into each folder that has some. It
/// follows the commit and may be missing or old after a crash, so a failure is a warning.
/// Object stores have none.
pub(crate) fn export_manifest(
    tier: &ColdTier,
    store: &Store,
    table: &Arc<Table>,
    scope: ScopeId,
    placement: &Placement,
) {
    let Ok(manifest) = tier.manifest.scope(scope, &store.view()) else { return };
    let mut folders: BTreeSet<(&Name, &str)> = manifest
        .segments
        .iter()
        .filter_map(|s| Some((&s.meta.storage, s.meta.path.rsplit_once('/')?.0)))
        .collect();
    folders.insert((&placement.storage, &placement.folder));
    let mut text = None;
    for (storage, folder) in folders {
        let Ok(place) = tier.place(storage) else { continue };
        let Some(root) = place.folder() else { continue };
        let text = text.get_or_insert_with(|| document(table, &manifest));
        let target = root.join(folder).join(FILE);
        let new = target.with_extension("json.new");
        if let Err(e) = fs::write(&new, text).and_then(|()| fs::rename(&new, &target)) {
            tracing::warn!(error = %e, path = %target.display(), "the published manifest is out of date");
        }
    }
}

fn document(table: &Table, manifest: &ScopeManifest) -> Vec<u8> {
    let segment = |s: &Arc<SegmentState>| {
        json!({
            "storage": s.meta.storage,
            "path": s.meta.path,
            "rows": s.meta.rows,
            "deleted_rows": s.dead.iter().collect::<Vec<_>>(),
            "bytes": s.meta.bytes,
            "xxh3_128": s.meta.checksum,
            "schema_version": s.meta.schema_version,
            "min_seq": s.meta.min_seq,
            "max_seq": s.meta.max_seq,
        })
    };
    let segments: Vec<_> = manifest.segments.iter().map(segment).collect();
    let document = json!({
        "format": 1,
        "table": table.definition.name.to_string(),
        "version": manifest.version,
        "segments": segments,
    });
    serde_json::to_vec_pretty(&document).expect("a JSON value serializes")
}
