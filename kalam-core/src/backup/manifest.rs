//! What a backup consists of.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::io_error;
use crate::flush::SegmentMeta;
use crate::model::{Name, Seq};
use crate::store::sync_directory;
use crate::{Error, Result, SqlState};

/// Version of the layout that this build writes and reads.
const FORMAT_VERSION: u32 = 1;
const FORMAT_WORDS: &str = "kalamdb backup ";
/// Name of the manifest: the file that makes a folder a backup.
pub(super) const FILE: &str = "BACKUP";
pub(super) const FILE_NEW: &str = "BACKUP.new";
/// Folder of the segments.
const SEGMENTS: &str = "segments";

/// What a backup consists of. All files are relative to its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BackupManifest {
    /// The database, as RocksDB calls it.
    pub(super) database: String,
    /// Counts up with each backup into the folder. 0: none was finished yet.
    pub(super) generation: u64,
    /// Milliseconds since 1970 UTC.
    pub(super) created_at_ms: i64,
    /// The newest commit in it.
    pub(super) seq: Seq,
    /// The files of the hot tier, catalog and manifest, in the folder of the generation.
    pub(super) state: Vec<StateFile>,
    /// The segments that the state lists.
    pub(super) segments: Vec<SegmentFile>,
}

/// One file of RocksDB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StateFile {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// XXH3-128 of the whole file, in hexadecimal.
    pub(super) checksum: String,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SegmentFile {
    /// The storage that it was in.
    pub(super) storage: Name,
    /// The file, relative to its storage.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// XXH3-128 of the whole file, in hexadecimal.
    pub(super) checksum: String,
}

impl SegmentFile {
    pub(super) fn of(meta: &SegmentMeta) -> SegmentFile {
        SegmentFile {
            storage: meta.storage.clone(),
            path: meta.path.clone(),
            bytes: meta.bytes,
            checksum: meta.checksum.clone(),
        }
    }

    /// Its file in the backup.
    pub(super) fn file(&self) -> PathBuf {
        [SEGMENTS, self.storage.as_str(), &self.path].iter().collect()
    }
}

impl BackupManifest {
    /// That of a folder into which nothing was backed up yet.
    pub(super) fn empty(database: &str) -> BackupManifest {
        BackupManifest {
            database: database.to_owned(),
            generation: 0,
            created_at_ms: 0,
            seq: Seq(0),
            state: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// The folder of a generation's state.
    pub(super) fn state_folder(generation: u64) -> String {
        format!("state-{generation:08}")
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.state.iter().map(|f| f.bytes).chain(self.segments.iter().map(|f| f.bytes)).sum()
    }

    /// Reads the manifest of a folder; `None` if it has none.
    ///
    /// # Errors
    /// `XX001` if it is damaged, `0A000` if a newer version wrote it, `58030`.
    pub(super) fn read(folder: &Path) -> Result<Option<BackupManifest>> {
        let file = folder.join(FILE);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io_error("read", &file, e)),
        };
        let damaged = || {
            Error::new(
                SqlState::DATA_CORRUPTED,
                format!("the manifest of backup \"{}\" is damaged", folder.display()),
            )
            .with_hint("use another backup, or make a new one in an empty folder")
        };
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let (first, body) = (&bytes[..end], &bytes[end + 1..]);
        let first = std::str::from_utf8(first).map_err(|_| damaged())?;
        let words = first.strip_prefix(FORMAT_WORDS).and_then(|words| words.split_once(' '));
        let (version, checksum) = words.ok_or_else(damaged)?;
        match version.parse::<u32>() {
            Ok(FORMAT_VERSION) => {}
            Ok(newer) if newer > FORMAT_VERSION => {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!(
                        "backup \"{}\" has format {newer}, this version reads up to \
                         {FORMAT_VERSION}",
                        folder.display()
                    ),
                )
                .with_hint("use a newer version of KalamDB"));
            }
            _ => return Err(damaged()),
        }
        if checksum != format!("{:032x}", xxh3_128(body)) {
            return Err(damaged());
        }
        serde_json::from_slice(body).map(Some).map_err(|e| damaged().with_source(e))
    }

    /// Makes this the manifest of a folder, durably and in one step.
    ///
    /// # Errors
    /// `53100`, `58030`; the folder then has the manifest that it had.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let body = serde_json::to_vec(self).expect("a manifest has string keys and plain values");
        let new = folder.join(FILE_NEW);
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&new)?;
            writeln!(file, "{FORMAT_WORDS}{FORMAT_VERSION} {:032x}", xxh3_128(&body))?;
            file.write_all(&body)?;
            file.sync_all()?;
            fs::rename(&new, folder.join(FILE))?;
            sync_directory(folder)
        };
        write().map_err(|e| io_error("write", &folder.join(FILE), e))
    }
}
