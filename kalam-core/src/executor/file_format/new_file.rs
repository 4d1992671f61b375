//! A file that has its name when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::env::fault_point;
use crate::error::io_error;
use crate::store::sync_directory;
use crate::{Error, Result, SqlState};

/// Suffix of a file that is being written.
const PARTIAL: &str = "partial";

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::executor) enum Existing {
    Refuse,
    Replace,
}

/// A file being written beside its place. Dropping it before [`NewFile::publish`] removes
/// it.
pub(in crate::executor) struct NewFile {
    out: BufWriter<File>,
    partial: PathBuf,
    target: PathBuf,
    existing: Existing,
    is_published: bool,
}

impl NewFile {
    /// Starts a file that will be `target`, in a folder that is there. What a process that
    /// ended left of one goes.
    ///
    /// # Errors
    /// `22023` if something is there and may not be replaced, `55006` if the same file is
    /// being written, `53100`, `58030`.
    pub(in crate::executor) fn create(target: &Path, existing: Existing) -> Result<NewFile> {
        match fs::symlink_metadata(target) {
            Ok(found) if existing == Existing::Replace && found.is_file() => {}
            Ok(_) => return Err(in_the_way(target, existing)),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(io_error("open", target, e)),
        }
        let partial = target.with_added_extension(PARTIAL);
        let out = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&partial)
            .map_err(|e| io_error("create", &partial, e))?;
        // The lock goes with its process, so what a crash left is nobody's. A file that got
        // its name between the two lines is no partial one any more.
        let is_ours = |out: &File| -> io::Result<bool> {
            Ok(fs::metadata(&partial)?.ino() == out.metadata()?.ino())
        };
        if out.try_lock().is_err() || !is_ours(&out).unwrap_or(false) {
            return Err(Error::new(
                SqlState::OBJECT_IN_USE,
                format!("file \"{}\" is being written", target.display()),
            )
            .with_hint("try again when that is done"));
        }
        out.set_len(0).map_err(|e| io_error("write", &partial, e))?;
        let (out, target) = (BufWriter::with_capacity(1 << 18, out), target.to_path_buf());
        Ok(NewFile { out, partial, target, existing, is_published: false })
    }

    /// Makes the file durable, and gives it its name.
    ///
    /// # Errors
    /// `22023` if another file has the name by now, `53100`, `58030`.
    pub(in crate::executor) fn publish(mut self) -> Result<()> {
        self.out.flush().map_err(|e| self.unwritable(e))?;
        fault_point("copy.before_sync")?;
        self.out.get_ref().sync_all().map_err(|e| self.unwritable(e))?;
        fault_point("copy.before_rename")?;
        self.name().map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => in_the_way(&self.target, self.existing),
            _ => self.unwritable(e),
        })?;
        self.is_published = true;
        let folder = self.target.parent().map_or(Ok(()), sync_directory);
        folder.map_err(|e| self.unwritable(e))
    }

    fn name(&self) -> io::Result<()> {
        if self.existing == Existing::Refuse {
            // Renaming would replace what came meanwhile; a new name for nothing does not.
            drop(File::create_new(&self.target)?);
            return fs::rename(&self.partial, &self.target).inspect_err(|_| {
                let _ = fs::remove_file(&self.target);
            });
        }
        fs::rename(&self.partial, &self.target)
    }

    /// The error for a write that failed.
    pub(super) fn unwritable(&self, error: io::Error) -> Error {
        io_error("write", &self.target, error)
    }
}

fn in_the_way(target: &Path, existing: Existing) -> Error {
    let error = Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("\"{}\" is there already", target.display()),
    );
    match existing {
        Existing::Refuse => error.with_hint("write (OVERWRITE true) to replace a file"),
        Existing::Replace => error.with_hint("only a regular file can be replaced"),
    }
}

impl Write for NewFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.out.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_published {
            let _ = fs::remove_file(&self.partial);
        }
    }
}
