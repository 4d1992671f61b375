//! What a crash leaves beside the manifest, removed at open.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::manifest::{GARBAGE, SEGMENTS};
use super::segment_file::TEMPORARY_SUFFIX;
use super::tier::ColdTier;
use crate::Result;
use crate::catalog::DEFAULT_STORAGE;
use crate::env::has_bug;
use crate::error::io_error;
use crate::model::Name;
use crate::store::{Store, WriteSet};

/// Deletes segment files that the manifest does not list: a flush that crashed
/// before its commit wrote them. Call it before anything else writes.
///
/// Only files of our own naming are touched.
///
/// # Errors
/// `58030` if a folder cannot be read, `XX001` if the manifest cannot.
pub(crate) fn remove_orphans(tier: &ColdTier, store: &Arc<Store>) -> Result<()> {
    let view = store.view();
    let garbage = GARBAGE.scan(&view.snapshot, &[])?;
    if !garbage.is_empty() {
        let mut set = WriteSet::default();
        let mut deleted = Vec::new();
        for (id, file) in garbage {
            // Another folder may be away, and a bucket is not asked before it is needed.
            let place = tier.place(&file.storage);
            let place = place.ok().filter(|place| place.folder().is_some());
            match place.map(|place| place.delete(&file.path)) {
                Some(Ok(())) => {
                    GARBAGE.delete(&mut set, &id);
                    deleted.push(file);
                }
                _ => tier.manifest.add_garbage([file]),
            }
        }
        tier.sync_deletions(&deleted)?;
        store.commit(set)?;
    }
    let storage = Name::new("storage", DEFAULT_STORAGE)?;
    let place = tier.place(&storage)?;
    let Some(root) = place.folder().filter(|root| root.is_dir()) else { return Ok(()) };
    let listed = SEGMENTS.scan(&view.snapshot, &[])?.into_iter().map(|(_, meta)| meta);
    let listed: HashSet<String> =
        listed.filter(|meta| meta.storage == storage).map(|meta| meta.path).collect();
    let mut orphans = Vec::new();
    find_files(root, root, &mut |path| {
        if is_ours(path) && !listed.contains(path) && !has_bug("orphan_left") {
            orphans.push(path.to_owned());
        }
    })?;
    for path in orphans {
        tracing::info!(path, "removing a segment that no commit lists");
        place.delete(&path)?;
    }
    Ok(())
}

/// Sixteen hexadecimal digits, `.parquet`, and perhaps the temporary suffix.
fn is_ours(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(TEMPORARY_SUFFIX).unwrap_or(name);
    name.strip_suffix(".parquet")
        .is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn find_files(root: &Path, folder: &Path, found: &mut impl FnMut(&str)) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|e| io_error("list folder", folder, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| io_error("list folder", folder, e))?;
        let path = entry.path();
        // Nothing is asked of each file: there may be one for each of many users.
        let kind = entry.file_type().map_err(|e| io_error("list", &path, e))?;
        if kind.is_dir() || kind.is_symlink() && path.is_dir() {
            find_files(root, &path, found)?;
        } else if let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            found(relative);
        }
    }
    Ok(())
}
