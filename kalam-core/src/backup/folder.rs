//! The folder of a backup: which one may be, and who holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::manifest::{self, BackupManifest};
use crate::error::io_error;
use crate::store::create_directories;
use crate::{Error, Result, SqlState};

const LOCK_FILE: &str = "LOCK";

/// A locked folder of a backup. Dropping it releases the lock.
pub(super) struct BackupFolder {
    pub(super) path: PathBuf,
    pub(super) manifest: BackupManifest,
    _lock: File,
}

impl BackupFolder {
    /// Locks the folder into which the database with this identity is backed up, making
    /// it where it is missing. `taken` are folders that the database lies in.
    ///
    /// # Errors
    /// `22023` if it lies in the database or holds something else than its backup, `55006`
    /// if another backup or restore has it, `58030`.
    pub(super) fn open(path: &Path, database: &str, taken: &[PathBuf]) -> Result<BackupFolder> {
        let place = outside_of(path, taken)?;
        refuse_foreign(&place)?;
        create_directories(&place).map_err(|e| io_error("create folder", &place, e))?;
        let lock_file = place.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_file)
            .map_err(|e| io_error("open", &lock_file, e))?;
        locked(&place, lock.try_lock())?;
        let manifest = match BackupManifest::read(&place)? {
            Some(manifest) => manifest,
            None => {
                // From now on the folder is known to be a backup's.
                let manifest = BackupManifest::empty(database);
                manifest.write(&place)?;
                manifest
            }
        };
        if manifest.database != database {
            return Err(refused(path, "holds the backup of another database")
                .with_hint("give each database a folder of its own"));
        }
        Ok(BackupFolder { path: place, manifest, _lock: lock })
    }

    /// The finished backup of a folder, held so that none is made into it meanwhile.
    ///
    /// # Errors
    /// `22023` if it holds none, `XX001` if its manifest is damaged, `0A000` if a newer
    /// version wrote it, `55006`, `58030`.
    pub(super) fn finished(path: &Path) -> Result<BackupFolder> {
        let place = path.canonicalize().map_err(|e| io_error("open backup", path, e))?;
        let nothing = || refused(path, "holds no finished backup");
        if !place.is_dir() || !place.join(manifest::FILE).exists() {
            return Err(nothing().with_hint("make one with BACKUP DATABASE TO"));
        }
        let lock_file = place.join(LOCK_FILE);
        // Reading is enough, so that a backup can be on a device that is read-only.
        let lock = File::open(&lock_file).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::new(
                SqlState::DATA_CORRUPTED,
                format!("file \"{}\" of the backup is missing", lock_file.display()),
            )
            .with_hint("an empty file in its place will do"),
            _ => io_error("open", &lock_file, e),
        })?;
        locked(&place, lock.try_lock_shared())?;
        match BackupManifest::read(&place)? {
            Some(manifest) if manifest.generation > 0 => {
                Ok(BackupFolder { path: place, manifest, _lock: lock })
            }
            _ => Err(nothing()
                .with_hint("the first backup into it did not end; run BACKUP DATABASE again")),
        }
    }

    /// The folder of the state of this backup.
    pub(super) fn state(&self) -> PathBuf {
        self.path.join(BackupManifest::state_folder(self.manifest.generation))
    }
}

/// The canonical form of a path, which may not be there yet and lies in none of these
/// folders.
///
/// # Errors
/// `22023` if it lies in one, or is or lies below a file; `58030`.
pub(crate) fn outside_of(path: &Path, taken: &[PathBuf]) -> Result<PathBuf> {
    let place = future_place(path)?;
    for folder in taken {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        if place.starts_with(&folder) {
            return Err(refused(path, "lies in the database itself")
                .with_hint("name a folder outside of the database and its storages"));
        }
    }
    Ok(place)
}

/// The canonical form of a path that may not be there yet.
///
/// # Errors
/// `22023` if it is a file, or below one; `58030`.
fn future_place(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(|e| io_error("resolve", path, e))?;
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(&path);
    if !existing.is_dir() {
        return Err(refused(&path, "is a file, or lies below one"));
    }
    let rest = path.strip_prefix(existing).unwrap_or(Path::new(""));
    let root = existing.canonicalize().map_err(|e| io_error("open folder", existing, e))?;
    // A name that is not there cannot be a link, so `..` behind it goes back to `root`.
    let mut place = root;
    for part in rest.components() {
        match part {
            std::path::Component::ParentDir => {
                place.pop();
            }
            part => place.push(part),
        }
    }
    Ok(place)
}

/// A crash before the first manifest leaves at most these files.
fn refuse_foreign(place: &Path) -> Result<()> {
    if !place.exists() || place.join(manifest::FILE).exists() {
        return Ok(());
    }
    let entries = fs::read_dir(place).map_err(|e| io_error("list folder", place, e))?;
    for entry in entries {
        let name = entry.map_err(|e| io_error("list folder", place, e))?.file_name();
        if name != LOCK_FILE && name != manifest::FILE_NEW {
            return Err(refused(place, "is not empty and holds no backup")
                .with_hint("name an empty or missing folder, or that of an earlier backup"));
        }
    }
    Ok(())
}

fn locked(place: &Path, locked: std::result::Result<(), TryLockError>) -> Result<()> {
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            SqlState::OBJECT_IN_USE,
            format!("backup \"{}\" is in use by another backup or restore", place.display()),
        )
        .with_hint("try again when it is done")),
        Err(TryLockError::Error(e)) => Err(io_error("lock", &place.join(LOCK_FILE), e)),
    }
}

pub(super) fn refused(path: &Path, problem: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("folder \"{}\" {problem}", path.display()),
    )
}
