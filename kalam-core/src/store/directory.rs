//! The database directory: who holds it, and which format it is in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind as IoKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::rocks::Home;
use crate::env::fault_point;
use crate::error::io_error;
use crate::{Error, Result, SqlState};

/// Version of the directory's format that this build writes and reads.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// There from the last step on that makes a database.
const FORMAT_FILE: &str = "KALAM";
/// There from the first step on.
const FORMAT_FILE_NEW: &str = "KALAM.new";
/// There from the first to the last step of a restore.
const RESTORING_FILE: &str = "RESTORING";
const LOCK_FILE: &str = "LOCK";
const FORMAT_WORDS: &str = "kalamdb format ";

/// A locked database directory. Dropping it releases the lock.
pub(crate) struct Directory {
    path: PathBuf,
    lock: File,
    is_new: bool,
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Closing would not be enough: a process that the host is just starting holds
        // a copy of the descriptor until it runs its program.
        if let Err(e) = self.lock.unlock() {
            tracing::warn!(error = %e, "the lock of the database directory stays until the process ends");
        }
    }
}

impl Directory {
    /// Whether a directory is a database that was made to its end.
    pub(crate) fn is_at(path: &Path) -> bool {
        path.join(FORMAT_FILE).exists()
    }

    /// Locks the directory, creating it if allowed. A new one is a database when
    /// [`Directory::finish_creation`] returns.
    ///
    /// # Errors
    /// `55006` if another process holds it, `XX001` if it is something else than a
    /// database, `0A000` if a newer version wrote it, `XX001` if its format file is
    /// damaged.
    pub(crate) fn open(path: &Path, create_if_missing: bool) -> Result<Directory> {
        match fs::metadata(path) {
            Ok(meta) if !meta.is_dir() => {
                return Err(not_ours(path, "is a file, not a directory"));
            }
            Ok(_) => {}
            Err(e) if e.kind() == IoKind::NotFound && create_if_missing => {
                create_directories(path).map_err(|e| io_error("create directory", path, e))?;
            }
            Err(e) => return Err(io_error("open directory", path, e)),
        }
        if path.join(RESTORING_FILE).exists() {
            return Err(half_restored(path));
        }
        if !path.join(FORMAT_FILE).exists() {
            refuse_foreign(path)?;
            if !create_if_missing {
                return Err(not_ours(path, "is not a KalamDB database"));
            }
        }
        let lock = lock(path)?;
        // Whoever held the lock may have made the database meanwhile.
        let is_new = !path.join(FORMAT_FILE).exists();
        if is_new {
            announce_format(path)?;
        } else {
            check_format(path)?;
        }
        let path = path.canonicalize().map_err(|e| io_error("open directory", path, e))?;
        Ok(Directory { path, lock, is_new })
    }

    /// Where RocksDB is. It is made only in a directory that never was a database: one whose
    /// files are lost is damaged, and not empty.
    pub(crate) fn home(&self) -> Home {
        let hot = self.path.join("hot");
        if self.is_new { Home::New(hot) } else { Home::Existing(hot) }
    }

    /// Makes a new directory a database, when all is there that one begins with.
    ///
    /// # Errors
    /// `58030`, `53100`.
    pub(crate) fn finish_creation(&self) -> Result<()> {
        if self.is_new { give_format(&self.path) } else { Ok(()) }
    }

    /// Locks an empty directory, creating it if it is missing, for a backup to be
    /// restored into. Until [`Directory::finish_restore`] nobody can open it.
    ///
    /// # Errors
    /// `22023` if it holds anything, `55006`, `58030`, `53100`.
    pub(crate) fn begin_restore(path: &Path) -> Result<Directory> {
        let occupied = |problem: &str| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("\"{}\" {problem}", path.display()),
            )
            .with_hint("a backup is restored into an empty or missing directory")
        };
        if path.join(RESTORING_FILE).exists() {
            return Err(half_restored(path));
        }
        if path.exists() && !path.is_dir() {
            return Err(occupied("is a file, not a directory"));
        }
        create_directories(path).map_err(|e| io_error("create directory", path, e))?;
        let mut entries = fs::read_dir(path).map_err(|e| io_error("list directory", path, e))?;
        if entries.next().is_some() {
            return Err(occupied("is not empty"));
        }
        let lock = lock(path)?;
        let marker = path.join(RESTORING_FILE);
        let write = || -> std::io::Result<()> {
            let mut file = File::create_new(&marker)?;
            writeln!(file, "a backup is being restored into this directory")?;
            file.sync_all()?;
            sync_directory(path)
        };
        write().map_err(|e| io_error("write", &marker, e))?;
        let path = path.canonicalize().map_err(|e| io_error("open directory", path, e))?;
        Ok(Directory { path, lock, is_new: false })
    }

    /// Makes a directory that a backup was restored into one that can be opened.
    ///
    /// # Errors
    /// `58030`, `53100`.
    pub(crate) fn finish_restore(&self) -> Result<()> {
        announce_format(&self.path)?;
        give_format(&self.path)?;
        fault_point("restore.before_marker_goes")?;
        let marker = self.path.join(RESTORING_FILE);
        fs::remove_file(&marker)
            .and_then(|()| sync_directory(&self.path))
            .map_err(|e| io_error("remove", &marker, e))
    }

    /// The canonical path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn not_ours(path: &Path, problem: &str) -> Error {
    Error::new(SqlState::DATA_CORRUPTED, format!("\"{}\" {problem}", path.display()))
        .with_hint("name a database directory, or an empty or missing one to create a database")
}

fn half_restored(path: &Path) -> Error {
    Error::new(
        SqlState::DATA_CORRUPTED,
        format!("the restore into \"{}\" did not end", path.display()),
    )
    .with_hint("remove the directory and restore the backup again")
}

/// A crash while a database was made leaves the announcement of its format, or before that
/// the lock alone.
fn refuse_foreign(path: &Path) -> Result<()> {
    if path.join(FORMAT_FILE_NEW).is_file() {
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(|e| io_error("list directory", path, e))?;
    for entry in entries {
        if entry.map_err(|e| io_error("list directory", path, e))?.file_name() != LOCK_FILE {
            return Err(not_ours(path, "is not a KalamDB database and is not empty"));
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File> {
    let file = path.join(LOCK_FILE);
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file)
        .map_err(|e| io_error("open", &file, e))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The holder's number is for the message only; an unreadable file still
            // means that the directory is held.
            let _ = lock.read_to_string(&mut holder);
            let who = match holder.trim() {
                "" => "another process".to_string(),
                pid => format!("process {pid}"),
            };
            return Err(Error::new(
                SqlState::OBJECT_IN_USE,
                format!("database \"{}\" is in use by {who}", path.display()),
            )
            .with_hint("one process opens a database at a time; close it there first"));
        }
        Err(TryLockError::Error(e)) => return Err(io_error("lock", &file, e)),
    }
    let written = lock
        .set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| write!(lock, "{}", std::process::id()));
    written.map_err(|e| io_error("write", &file, e))?;
    Ok(lock)
}

fn check_format(path: &Path) -> Result<()> {
    let file = path.join(FORMAT_FILE);
    let text = fs::read(&file).map_err(|e| io_error("read", &file, e))?;
    let version = std::str::from_utf8(&text)
        .ok()
        .and_then(|t| t.strip_prefix(FORMAT_WORDS))
        .and_then(|t| t.trim_end().parse::<u32>().ok());
    match version {
        Some(FORMAT_VERSION) => Ok(()),
        Some(newer) if newer > FORMAT_VERSION => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!(
                "database \"{}\" has format {newer}, this version reads up to {FORMAT_VERSION}",
                path.display()
            ),
        )
        .with_hint("open it with a newer version of KalamDB")),
        _ => Err(Error::new(
            SqlState::DATA_CORRUPTED,
            format!("format file \"{}\" is damaged", file.display()),
        )),
    }
}

/// Writes the format under another name, which tells that a database is being made.
fn announce_format(path: &Path) -> Result<()> {
    let new = path.join(FORMAT_FILE_NEW);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&new)?;
        writeln!(file, "{FORMAT_WORDS}{FORMAT_VERSION}")?;
        file.sync_all()?;
        sync_directory(path)
    };
    write().map_err(|e| io_error("write", &new, e))
}

/// Gives the format its name.
fn give_format(path: &Path) -> Result<()> {
    fs::rename(path.join(FORMAT_FILE_NEW), path.join(FORMAT_FILE))
        .and_then(|()| sync_directory(path))
        .map_err(|e| io_error("write", &path.join(FORMAT_FILE), e))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a directory and those above it that are missing, and their names durable.
pub(crate) fn create_directories(path: &Path) -> std::io::Result<()> {
    // Whoever finds a directory there must not go on before its name is on the device.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock();
    let path = std::path::absolute(path)?;
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(&path)?;
    missing.into_iter().filter_map(Path::parent).try_for_each(sync_directory)
}
