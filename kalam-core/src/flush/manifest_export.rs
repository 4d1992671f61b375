//! `manifest.json` beside the segments, for other tools. The engine never reads it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::manifest::{ScopeManifest, SegmentState};
use super::tier::ColdTier;
use crate::Result;
use crate::catalog::{Placement, Table};
use crate::env::fault_point;
use crate::error::io_error;
use crate::model::{Name, ScopeId, TableId};
use crate::store::Store;

/// Name of the published manifest, in a folder that is the table's own.
const FILE: &str = "manifest.json";

/// Its name in a folder that other tables may have too: where the template lets them, and
/// where segments of the table still are although new ones go elsewhere, as after a change
/// of its name, which another table may have by now.
fn shared_file(table: TableId) -> String {
    format!("manifest-{table}.json")
}

/// What a manifest's name ends with until it is written.
const NEW_SUFFIX: &str = ".new";

/// Whether a file with this name is a published manifest, or one that a crash kept from
/// being published.
pub(super) fn is_manifest(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let name = name.strip_suffix(NEW_SUFFIX).unwrap_or(name);
    let id = || name.strip_prefix("manifest-")?.strip_suffix(".json")?.parse::<u32>().ok();
    name == FILE || id().is_some()
}

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
    let definition = &table.definition;
    for (storage, folder) in folders {
        let Ok(place) = tier.place(storage) else { continue };
        let Some(root) = place.folder() else { continue };
        let text = text.get_or_insert_with(|| document(table, &manifest));
        let folder_of_new = (&placement.storage, placement.folder.as_str());
        let is_own = !placement.is_shared && (storage, folder) == folder_of_new;
        let folder = root.join(folder);
        let name = if is_own { FILE.to_owned() } else { shared_file(definition.id) };
        if !is_own && is_of(&folder.join(FILE), definition.id) {
            let _ = fs::remove_file(folder.join(FILE));
        }
        if let Err(e) = publish(&folder, &name, text) {
            tracing::warn!(error = %e, "a published manifest is out of date");
        }
    }
}

fn publish(folder: &Path, name: &str, text: &[u8]) -> Result<()> {
    let new = folder.join(format!("{name}{NEW_SUFFIX}"));
    fs::write(&new, text).map_err(|e| io_error("write", &new, e))?;
    fault_point("manifest.before_rename")?;
    let target = folder.join(name);
    fs::rename(&new, &target).map_err(|e| io_error("write", &target, e))
}

/// Whether a published manifest is that of a table.
fn is_of(manifest: &Path, table: TableId) -> bool {
    let text = fs::read(manifest).ok();
    let document = text.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    document.is_some_and(|document| document["table_id"] == json!(table))
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
        "table_id": table.definition.id,
        "version": manifest.version,
        "segments": segments,
    });
    serde_json::to_vec_pretty(&document).expect("a JSON value serializes")
}
