//! Where segment bytes are: a folder, memory, or an object store.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dashmap::DashMap;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use xxhash_rust::xxh3::Xxh3;

use super::local_folder::{LocalFolder, create_file};
use super::object_place::{ObjectPlace, Upload};
use crate::env::has_bug;
use crate::error::io_error;
use crate::{Error, Result, SqlState};

/// Suffix of a file that is being written.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// A place for segments.
pub(crate) enum SegmentPlace {
    /// A folder.
    Folder(LocalFolder),
    /// Memory, for databases that live there.
    Memory(DashMap<String, Bytes>),
    /// An object store.
    Object(ObjectPlace),
}

impl SegmentPlace {
    /// Starts a file.
    ///
    /// # Errors
    /// `53100` or `58030`.
    pub(crate) fn create(&self, path: &str) -> Result<SegmentSink<'_>> {
        let target = match self {
            SegmentPlace::Memory(_) => SinkTarget::Memory(Vec::new()),
            SegmentPlace::Object(place) => match place.temporary(path)? {
                None => SinkTarget::Memory(Vec::new()),
                Some(temporary) => {
                    let out =
                        create_file(&temporary).map_err(|e| io_error("create", &temporary, e))?;
                    SinkTarget::Upload { out: BufWriter::with_capacity(1 << 18, out), temporary }
                }
            },
            SegmentPlace::Folder(folder) => {
                let file = folder.root().join(path);
                let temporary = folder.root().join(format!("{path}{TEMPORARY_SUFFIX}"));
                let out = folder.create(&temporary)?;
                SinkTarget::File { out: BufWriter::with_capacity(1 << 18, out), temporary, file }
            }
        };
        Ok(SegmentSink { place: self, path: path.into(), target, hash: Box::default(), bytes: 0 })
    }

    /// Opens a file.
    ///
    /// # Errors
    /// `XX001` if it is not there: the manifest lists it, so it must be.
    pub(crate) fn open(&self, path: &str) -> Result<SegmentSource> {
        match self {
            SegmentPlace::Folder(folder) => {
                let file = folder.root().join(path);
                let opened = File::open(&file).and_then(|f| Ok((f.metadata()?.len(), f)));
                match opened {
                    Ok((len, opened)) => Ok(SegmentSource::File(Arc::new(opened), len)),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => Err(missing(path)),
                    Err(e) => Err(io_error("open", &file, e)),
                }
            }
            SegmentPlace::Memory(files) => {
                let bytes = files.get(path).ok_or_else(|| missing(path))?;
                Ok(SegmentSource::Memory(bytes.clone()))
            }
            SegmentPlace::Object(place) => place.open(path),
        }
    }

    /// Opens the file itself, whatever copies of it there are.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_original(&self, path: &str) -> Result<SegmentSource> {
        match self {
            SegmentPlace::Object(place) => {
                place.forget_copy(path);
                place.fetch(path)
            }
            SegmentPlace::Folder(_) | SegmentPlace::Memory(_) => self.open(path),
        }
    }

    /// Whether it is on another machine.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, SegmentPlace::Object(_))
    }

    /// Whether reads are of a copy, which may be damaged while the file is not.
    pub(crate) fn has_copy(&self, path: &str) -> bool {
        matches!(self, SegmentPlace::Object(place) if place.has_copy(path))
    }

    /// Writes, reads, lists and deletes a file, up to the first step that fails.
    pub(crate) fn probe(&self, path: &str) -> Vec<(&'static str, Result<()>)> {
        const TEXT: &[u8] = b"a probe of KalamDB";
        let put = || {
            let mut sink = self.create(path)?;
            sink.write_all(TEXT).map_err(|e| io_error("write", Path::new(path), e))?;
            sink.finish().map(|_| ())
        };
        let get = || {
            let source = self.open_original(path)?;
            let read = source.read(0..source.len());
            let read = read.map_err(|e| io_error("read", Path::new(path), e))?;
            if read == TEXT { Ok(()) } else { Err(missing(path)) }
        };
        let list = || if self.lists(path)? { Ok(()) } else { Err(missing(path)) };
        let delete = || self.delete(path);
        let all: [(&str, &dyn Fn() -> Result<()>); 4] =
            [("put", &put), ("get", &get), ("list", &list), ("delete", &delete)];
        let mut done = Vec::new();
        for (step, run) in all {
            let outcome = run();
            let failed = outcome.is_err();
            done.push((step, outcome));
            if failed {
                break;
            }
        }
        done
    }

    fn lists(&self, path: &str) -> Result<bool> {
        match self {
            SegmentPlace::Memory(files) => Ok(files.contains_key(path)),
            SegmentPlace::Object(place) => {
                place.lists(path.rsplit_once('/').map_or("", |(folder, _)| folder))
            }
            SegmentPlace::Folder(local) => {
                let file = local.root().join(path);
                let folder = file.parent().unwrap_or(local.root());
                let entries =
                    fs::read_dir(folder).map_err(|e| io_error("list folder", folder, e))?;
                Ok(entries.flatten().any(|entry| entry.path() == file))
            }
        }
    }

    /// Deletes a file; one that is gone already is fine.
    pub(crate) fn delete(&self, path: &str) -> Result<()> {
        match self {
            SegmentPlace::Folder(folder) => folder.delete(&folder.root().join(path))?,
            SegmentPlace::Memory(files) => {
                files.remove(path);
            }
            SegmentPlace::Object(place) => place.delete(path)?,
        }
        Ok(())
    }

    /// The folder on disk, if it is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            SegmentPlace::Folder(folder) => Some(folder.root()),
            SegmentPlace::Memory(_) | SegmentPlace::Object(_) => None,
        }
    }
}

pub(super) fn missing(path: &str) -> Error {
    Error::new(SqlState::DATA_CORRUPTED, format!("segment \"{path}\" is missing"))
        .with_hint("restore the file from a backup")
}

/// A segment being written. Dropping it without `finish` removes it.
pub(crate) struct SegmentSink<'a> {
    place: &'a SegmentPlace,
    path: String,
    target: SinkTarget,
    hash: Box<Xxh3>,
    bytes: u64,
}

enum SinkTarget {
    File {
        out: BufWriter<File>,
        temporary: PathBuf,
        file: PathBuf,
    },
    /// A file whose bytes become an object.
    Upload {
        out: BufWriter<File>,
        temporary: PathBuf,
    },
    Memory(Vec<u8>),
    Finished,
}

impl SegmentSink<'_> {
    /// Makes the file durable under its name and returns size and checksum.
    ///
    /// IMPORTANT: data, then name, then folder; the manifest commit that lists the
    /// file comes after all three, or a power failure could leave an entry without
    /// its file.
    ///
    /// # Errors
    /// `53100` or `58030`; nothing is left behind.
    pub(crate) fn finish(mut self) -> Result<(u64, String)> {
        let checksum = format!("{:032x}", self.hash.digest128());
        match std::mem::replace(&mut self.target, SinkTarget::Finished) {
            SinkTarget::File { out, temporary, file } => {
                let SegmentPlace::Folder(folder) = self.place else { unreachable!("made by one") };
                let publish = || -> io::Result<()> {
                    let out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                    if !has_bug("file_not_synced") {
                        out.sync_all()?;
                    }
                    if has_bug("manifest_before_file") {
                        rename_later(temporary.clone(), file.clone());
                        return Ok(());
                    }
                    fs::rename(&temporary, &file)?;
                    folder.sync_names(&file)
                };
                publish().map_err(|e| {
                    let _ = fs::remove_file(&temporary);
                    io_error("write", &file, e)
                })?;
            }
            SinkTarget::Upload { out, temporary } => {
                let SegmentPlace::Object(place) = self.place else { unreachable!("made by one") };
                let written = out.into_inner().map_err(io::IntoInnerError::into_error);
                written
                    .map_err(|e| io_error("write", &temporary, e))
                    .and_then(|_| {
                        place.put(&self.path, &Upload::File(&temporary), self.bytes, &checksum)
                    })
                    .inspect_err(|_| _ = fs::remove_file(&temporary))?;
                place.keep_copy(&self.path, &temporary, self.bytes);
            }
            SinkTarget::Memory(bytes) => match self.place {
                SegmentPlace::Memory(files) => {
                    files.insert(self.path.clone(), bytes.into());
                }
                SegmentPlace::Object(place) => {
                    place.put(&self.path, &Upload::Memory(bytes.into()), self.bytes, &checksum)?;
                }
                SegmentPlace::Folder(_) => unreachable!("a folder takes files"),
            },
            SinkTarget::Finished => {}
        }
        Ok((self.bytes, checksum))
    }
}

/// A planted bug: the manifest lists the file before its name is there.
fn rename_later(temporary: PathBuf, file: PathBuf) {
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        fs::rename(temporary, file)
    });
}

impl Write for SegmentSink<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            SinkTarget::File { out, .. } | SinkTarget::Upload { out, .. } => out.write_all(data)?,
            SinkTarget::Memory(bytes) => bytes.extend_from_slice(data),
            SinkTarget::Finished => return Err(io::ErrorKind::NotConnected.into()),
        }
        self.hash.update(data);
        self.bytes += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            SinkTarget::File { out, .. } | SinkTarget::Upload { out, .. } => out.flush(),
            SinkTarget::Memory(_) | SinkTarget::Finished => Ok(()),
        }
    }
}

impl Drop for SegmentSink<'_> {
    fn drop(&mut self) {
        if let SinkTarget::File { temporary, .. } | SinkTarget::Upload { temporary, .. } =
            &self.target
        {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// An open segment file.
#[derive(Clone)]
pub(crate) enum SegmentSource {
    /// A file and its length.
    File(Arc<File>, u64),
    /// Bytes in memory.
    Memory(Bytes),
}

impl SegmentSource {
    /// Reads a range.
    pub(crate) fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let len = self.length_within(&range)?;
        match self {
            SegmentSource::File(file, _) => {
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(bytes.into())
            }
            SegmentSource::Memory(bytes) => {
                let start = range.start as usize;
                Ok(bytes.slice(start..start + len))
            }
        }
    }

    /// As [`read`](Self::read), without copying what is in memory; the rest goes to `scratch`.
    pub(crate) fn view<'a>(
        &'a self,
        range: Range<u64>,
        scratch: &'a mut Vec<u8>,
    ) -> io::Result<&'a [u8]> {
        let len = self.length_within(&range)?;
        match self {
            SegmentSource::File(file, _) => {
                if scratch.len() < len {
                    scratch.resize(len, 0);
                }
                file.read_exact_at(&mut scratch[..len], range.start)?;
                Ok(&scratch[..len])
            }
            SegmentSource::Memory(bytes) => {
                let start = range.start as usize;
                Ok(&bytes[start..start + len])
            }
        }
    }

    /// The length of a range that lies within the file.
    fn length_within(&self, range: &Range<u64>) -> io::Result<usize> {
        let is_within = range.start <= range.end && range.end <= self.len();
        let len = is_within.then(|| usize::try_from(range.end - range.start).ok()).flatten();
        len.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// XXH3-128 of all bytes, in hexadecimal.
    pub(crate) fn checksum(&self) -> io::Result<String> {
        const CHUNK_BYTES: u64 = 1 << 20;
        let mut hash = Xxh3::new();
        let mut at = 0;
        while at < self.len() {
            let end = (at + CHUNK_BYTES).min(self.len());
            hash.update(&self.read(at..end)?);
            at = end;
        }
        Ok(format!("{:032x}", hash.digest128()))
    }
}

impl Length for SegmentSource {
    fn len(&self) -> u64 {
        match self {
            SegmentSource::File(_, len) => *len,
            SegmentSource::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for SegmentSource {
    type T = io::Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        // Only page headers are read this way, and they lie in one short range.
        const READ_AHEAD_BYTES: u64 = 64 << 10;
        let end = (start + READ_AHEAD_BYTES).min(self.len());
        Ok(io::Cursor::new(self.read(start..end).map_err(ParquetError::from)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.read(start..start + length as u64).map_err(ParquetError::from)
    }
}
