//! From a backup to a new database directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::file_copy::{Expected, NewFolders, copy_checked, open, read_checked};
use super::folder::BackupFolder;
use super::manifest::SegmentFile;
use crate::catalog::{SchemaRegistry, StorageDefinition, StorageKind};
use crate::env::{Clock, fault_point};
use crate::error::io_error;
use crate::store::{Directory, Home, Store};
use crate::{Error, Options, Result, SqlState};

/// What a restore or a check read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RestoreReport {
    /// Which backup into its folder it was.
    pub(crate) generation: u64,
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
}

impl RestoreReport {
    fn of(folder: &BackupFolder) -> RestoreReport {
        RestoreReport {
            generation: folder.manifest.generation,
            segments: folder.manifest.segments.len() as u64,
            bytes: folder.manifest.bytes(),
        }
    }
}

/// Reads every byte of a backup and compares it with the checksums that were noted.
///
/// # Errors
/// `XX001`, naming the file, if one is damaged or missing; `22023` if the folder holds no
/// finished backup, `55006` while a backup is made into it, `58030`, `57014`.
pub(crate) fn verify(backup: &Path) -> Result<RestoreReport> {
    let folder = BackupFolder::finished(backup)?;
    for file in &folder.manifest.state {
        let path = folder.state().join(inside(&file.name, &folder)?);
        let expected = Expected { bytes: file.bytes, checksum: &file.checksum };
        read_checked(&open(&path)?, &path, Some(expected), |_| Ok(()))?;
    }
    for segment in &folder.manifest.segments {
        let path = folder.path.join(inside(&segment.file().to_string_lossy(), &folder)?);
        read_checked(&open(&path)?, &path, Some(of_segment(segment)), |_| Ok(()))?;
    }
    Ok(RestoreReport::of(&folder))
}

/// Makes a database directory of a backup. Every byte is checked as it is copied.
///
/// Storages outside of the directory, object stores among them, come back as folders
/// within it, so that the new database shares no file with the one that was backed up.
///
/// # Errors
/// As [`verify`]; `22023` if the target holds anything, `53100`. After an error the target
/// is as it was; after a crash it is refused until it is removed.
pub(crate) fn restore(
    backup: &Path,
    target: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<RestoreReport> {
    let folder = BackupFolder::finished(backup)?;
    let was_there = target.exists();
    let directory = Directory::begin_restore(target)?;
    match fill(&folder, &directory, clock).and_then(|()| directory.finish_restore()) {
        Ok(()) => Ok(RestoreReport::of(&folder)),
        Err(e) => {
            if let Err(e) = clear(directory.path(), was_there) {
                tracing::warn!(error = %e, "a restore that failed left files");
            }
            Err(e)
        }
    }
}

fn fill(folder: &BackupFolder, directory: &Directory, clock: &Arc<dyn Clock>) -> Result<()> {
    let root = directory.path();
    fault_point("restore.after_marker")?;
    let mut folders = NewFolders::default();
    let hot = root.join("hot");
    for file in &folder.manifest.state {
        let name = inside(&file.name, folder)?;
        let target = hot.join(&name);
        folders.make_for(root, &target)?;
        let source = folder.state().join(&name);
        let expected = Expected { bytes: file.bytes, checksum: &file.checksum };
        copy_checked(&open(&source)?, &source, expected, &target)?;
        fault_point("restore.after_state_file")?;
    }
    let storages = bring_storages_home(hot, clock)?;
    fault_point("restore.after_state")?;
    for segment in &folder.manifest.segments {
        let storage = storages.iter().find(|s| s.name == segment.storage).ok_or_else(|| {
            Error::new(
                SqlState::DATA_CORRUPTED,
                format!(
                    "the backup has a segment of storage \"{}\", which it lacks",
                    segment.storage
                ),
            )
        })?;
        let target = root.join(storage.kind.place()).join(inside(&segment.path, folder)?);
        folders.make_for(root, &target)?;
        let source = folder.path.join(inside(&segment.file().to_string_lossy(), folder)?);
        copy_checked(&open(&source)?, &source, of_segment(segment), &target)?;
        fault_point("restore.after_segment")?;
    }
    folders.sync()?;
    fault_point("restore.before_finish")
}

/// Opens the restored hot tier, and makes every storage a folder within the directory.
/// Returns them all.
fn bring_storages_home(
    hot: PathBuf,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Arc<StorageDefinition>>> {
    let store = Store::open(&Home::Existing(hot), &Options::default(), clock.clone())?;
    let registry = Arc::new(SchemaRegistry::load(&store)?);
    for storage in registry.storages() {
        if matches!(&storage.kind, StorageKind::Filesystem { path } if is_inside(path)) {
            continue;
        }
        let home = StorageDefinition {
            kind: StorageKind::Filesystem { path: format!("storages/{}", storage.name) },
            credentials: BTreeMap::new(),
            config: BTreeMap::new(),
            ..StorageDefinition::clone(&storage)
        };
        store.commit(registry.put_storage(home, Some(&storage)))?;
    }
    let storages = registry.storages();
    store.close()?;
    Ok(storages)
}

fn of_segment(segment: &SegmentFile) -> Expected<'_> {
    Expected { bytes: segment.bytes, checksum: &segment.checksum }
}

/// A path of a manifest. Whoever made the manifest, it names nothing outside of a folder.
fn inside(path: &str, folder: &BackupFolder) -> Result<PathBuf> {
    if is_inside(path) {
        return Ok(PathBuf::from(path));
    }
    Err(Error::new(
        SqlState::DATA_CORRUPTED,
        format!("backup \"{}\" names a file outside of it", folder.path.display()),
    ))
}

fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Removes what a restore that failed made.
fn clear(root: &Path, was_there: bool) -> Result<()> {
    let cleared = if was_there {
        fs::read_dir(root).and_then(|entries| {
            entries.flatten().try_for_each(|entry| {
                let path = entry.path();
                if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
            })
        })
    } else {
        fs::remove_dir_all(root)
    };
    cleared.map_err(|e| io_error("clear", root, e))
}
