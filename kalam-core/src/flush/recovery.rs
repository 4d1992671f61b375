//! What a crash leaves beside the manifest, removed at open.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::manifest::{GARBAGE, Garbage};
use super::segment_file::TEMPORARY_SUFFIX;
use super::tier::ColdTier;
use super::unlisted::listed_ids;
use crate::Result;
use crate::catalog::DEFAULT_STORAGE;
use crate::env::has_bug;
use crate::error::io_error;
use crate::model::{Name, SegmentId};
use crate::store::{Store, WriteSet};

/// Deletes segment files that the manifest does not list: a flush that crashed
/// before its commit wrote them. Call it before anything else writes.
///
/// Only files of our own naming are touched. They are looked for only if the last process
/// did not say that there are none: there may be a folder for each of many users.
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
    if tier.manifest.unlisted.were_listed(&view.snapshot)? {
        return Ok(());
    }
    let storage = Name::new("storage", DEFAULT_STORAGE)?;
    let place = tier.place(&storage)?;
    let Some(root) = place.folder().filter(|root| root.is_dir()) else { return Ok(()) };
    let listed = listed_ids(&view.snapshot)?;
    let mut orphans = Vec::new();
    find_files(root, root, &mut |path| {
        if let Some(segment) = segment_of(path)
            && !listed.contains(&segment)
            && !has_bug("orphan_left")
        {
            orphans.push(Garbage { segment, storage: storage.clone(), path: path.to_owned() });
        }
    })?;
    for Garbage { path, .. } in &orphans {
        tracing::info!(path, "removing a segment that no commit lists");
        place.delete(path)?;
    }
    // The next open may be told that it need not look for them.
    tier.sync_deletions(&orphans)
}

/// The segment that a file of our naming is of: sixteen hexadecimal digits, `.parquet`, and
/// perhaps the temporary suffix.
fn segment_of(path: &str) -> Option<SegmentId> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(TEMPORARY_SUFFIX).unwrap_or(name);
    let id = name.strip_suffix(".parquet").filter(|id| id.len() == 16)?;
    let is_ours = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| u64::from_str_radix(id, 16).ok().map(SegmentId)).flatten()
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
