//! Files into a backup and out of it, checked as they pass.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::reader::Length;
use xxhash_rust::xxh3::Xxh3;

use crate::activity::check_stop;
use crate::error::io_error;
use crate::flush::SegmentSource;
use crate::store::sync_directory;
use crate::{Error, Result, SqlState};

const CHUNK_BYTES: u64 = 1 << 20;

/// Length and checksum of a file, as whoever wrote it noted them.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) bytes: u64,
    pub(super) checksum: &'a str,
}

/// Folders that hold new names and have to be synced.
#[derive(Default)]
pub(super) struct NewFolders(BTreeSet<PathBuf>);

impl NewFolders {
    /// Makes the folder of a file below `root`.
    ///
    /// # Errors
    /// `58030`, `53100`.
    pub(super) fn make_for(&mut self, root: &Path, file: &Path) -> Result<()> {
        let folder = file.parent().unwrap_or(root);
        if self.0.contains(folder) {
            return Ok(());
        }
        fs::create_dir_all(folder).map_err(|e| io_error("create folder", folder, e))?;
        // Any folder on the way may be new.
        let below = folder.ancestors().take_while(|f| f.starts_with(root));
        self.0.extend(below.map(Path::to_path_buf));
        Ok(())
    }

    /// Makes the names in them durable.
    ///
    /// # Errors
    /// `58030`.
    pub(super) fn sync(self) -> Result<()> {
        self.0.iter().try_for_each(|folder| {
            check_stop()?;
            sync_directory(folder).map_err(|e| io_error("sync folder", folder, e))
        })
    }
}

/// Opens a file.
///
/// # Errors
/// `XX001` if it is not there, which something lists; `58030`.
pub(super) fn open(file: &Path) -> Result<SegmentSource> {
    match File::open(file).and_then(|opened| Ok((opened.metadata()?.len(), opened))) {
        Ok((len, opened)) => Ok(SegmentSource::File(Arc::new(opened), len)),
        Err(e) if e.kind() == ErrorKind::NotFound => Err(damaged(file, "it is missing")),
        Err(e) => Err(io_error("open", file, e)),
    }
}

/// Reads a file to its end, hands its bytes to `take`, and compares it with what it
/// should be. Returns its checksum.
///
/// # Errors
/// `XX001` if it differs, `58030`, `57014`, what `take` raises.
pub(super) fn read_checked(
    source: &SegmentSource,
    name: &Path,
    expected: Option<Expected<'_>>,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<String> {
    if let Some(expected) = expected
        && expected.bytes != source.len()
    {
        let problem = format!("it has {} bytes, and had {}", source.len(), expected.bytes);
        return Err(damaged(name, &problem));
    }
    let mut hash = Xxh3::new();
    let mut at = 0;
    while at < source.len() {
        check_stop()?;
        let end = (at + CHUNK_BYTES).min(source.len());
        let bytes = source.read(at..end).map_err(|e| io_error("read", name, e))?;
        hash.update(&bytes);
        take(&bytes)?;
        at = end;
    }
    let checksum = format!("{:032x}", hash.digest128());
    match expected {
        Some(expected) if expected.checksum != checksum => {
            Err(damaged(name, "its checksum is another one"))
        }
        _ => Ok(checksum),
    }
}

/// Writes a copy of a file under a name that is not taken, and syncs its bytes.
///
/// # Errors
/// As [`read_checked`], `53100`; nothing is left behind.
pub(super) fn copy_checked(
    source: &SegmentSource,
    name: &Path,
    expected: Expected<'_>,
    target: &Path,
) -> Result<()> {
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)
        .map_err(|e| io_error("create", target, e))?;
    let written = read_checked(source, name, Some(expected), |bytes| {
        out.write_all(bytes).map_err(|e| io_error("write", target, e))
    })
    .and_then(|_| out.sync_all().map_err(|e| io_error("sync", target, e)));
    if written.is_err() {
        // The error that comes back says more than one of this.
        let _ = fs::remove_file(target);
    }
    written
}

/// Removes what is under a name, if anything is.
///
/// # Errors
/// `58030`.
pub(super) fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io_error("remove", path, e)),
        _ => Ok(()),
    }
}

fn damaged(file: &Path, problem: &str) -> Error {
    Error::new(
        SqlState::DATA_CORRUPTED,
        format!("file \"{}\" is damaged: {problem}", file.display()),
    )
    .with_hint("restore it from a backup, or use another backup")
}
