//! A backup of an open database, beside its writers.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::reader::Length;

use super::file_copy::{Expected, NewFolders, copy_checked, open, read_checked, remove};
use super::folder::BackupFolder;
use super::manifest::{BackupManifest, SegmentFile, StateFile};
use crate::Result;
use crate::activity::check_stop;
use crate::env::{fault_point, has_bug};
use crate::error::io_error;
use crate::flush::{ColdTier, SegmentMeta, all_segments};
use crate::store::{Snapshot, Store, View, sync_directory};

/// What a backup works with.
pub(crate) struct Backup<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tier: &'a ColdTier,
    /// Milliseconds since 1970 UTC.
    pub(crate) now_ms: i64,
}

/// What a backup did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BackupReport {
    /// Which backup into this folder it was, from 1.
    pub(crate) generation: u64,
    /// Segments in the backup.
    pub(crate) segments: u64,
    /// Those of them that were not in the folder before.
    pub(crate) new_segments: u64,
    /// Bytes of the backup.
    pub(crate) bytes: u64,
}

impl Backup<'_> {
    /// Brings the backup in a folder up to the newest commit, or makes the first one.
    ///
    /// Writers and flushes go on. Segments that the folder has are not read again. Where
    /// folder and database are on one file system, files are hard links.
    ///
    /// # Errors
    /// `22023` if the folder lies in the database or holds something else, `55006` if
    /// another backup or restore has it, `XX001` if a segment is damaged, `53100`, `58030`,
    /// `57014`. The backup that was there is still there.
    pub(crate) fn run(&self, folder: &Path) -> Result<BackupReport> {
        let identity = self.store.identity()?;
        let mut folder = BackupFolder::open(folder, &identity, &self.tier.folders())?;
        self.remove_unlisted(&folder)?;
        let generation = folder.manifest.generation + 1;
        let state = folder.path.join(BackupManifest::state_folder(generation));
        // IMPORTANT: the view comes first. What is taken away from the manifest after it
        // was taken stays on disk as long as it is held, so every segment that the
        // checkpoint lists is there until it is in the backup.
        let view = self.store.view();
        fault_point("backup.before_checkpoint")?;
        self.store.checkpoint(&state)?;
        fault_point("backup.after_checkpoint")?;
        let snapshot = Snapshot::of_checkpoint(&state)?;
        let seq = snapshot.seq()?;
        let segments = all_segments(&snapshot)?;
        drop(snapshot);
        let mut report = BackupReport { generation, ..BackupReport::default() };
        let listed = self.take_segments(&folder, &segments, &mut report)?;
        drop::<Arc<View>>(view);
        let manifest = BackupManifest {
            database: identity,
            generation,
            created_at_ms: self.now_ms,
            seq,
            state: state_files(&state)?,
            segments: listed,
        };
        report.bytes = manifest.bytes();
        sync_directory(&folder.path).map_err(|e| io_error("sync folder", &folder.path, e))?;
        fault_point("backup.before_manifest")?;
        manifest.write(&folder.path)?;
        fault_point("backup.after_manifest")?;
        folder.manifest = manifest;
        if let Err(e) = self.remove_unlisted(&folder) {
            tracing::warn!(error = %e, "what an older backup had stays until the next backup");
        }
        Ok(report)
    }

    fn take_segments(
        &self,
        folder: &BackupFolder,
        segments: &[SegmentMeta],
        report: &mut BackupReport,
    ) -> Result<Vec<SegmentFile>> {
        let known: HashMap<PathBuf, &SegmentFile> =
            folder.manifest.segments.iter().map(|segment| (segment.file(), segment)).collect();
        let mut folders = NewFolders::default();
        let mut listed = Vec::with_capacity(segments.len());
        let left_out = usize::from(has_bug("segment_not_in_backup"));
        for meta in segments.iter().skip(left_out) {
            check_stop()?;
            let segment = SegmentFile::of(meta);
            let file = segment.file();
            let target = folder.path.join(&file);
            let is_there = known.get(&file).is_some_and(|known| **known == segment)
                && fs::metadata(&target).is_ok_and(|found| found.len() == segment.bytes);
            if !is_there {
                remove(&target)?;
                folders.make_for(&folder.path, &target)?;
                self.take_segment(meta, &target)?;
                fault_point("backup.after_segment")?;
                report.new_segments += 1;
            }
            report.segments += 1;
            listed.push(segment);
        }
        folders.sync()?;
        Ok(listed)
    }

    /// Links a segment into the backup, or copies it where that is not possible. Those of
    /// object stores are copied too: the database deletes there what a backup still needs.
    fn take_segment(&self, meta: &SegmentMeta, target: &Path) -> Result<()> {
        let place = self.tier.place(&meta.storage)?;
        let expected = Expected { bytes: meta.bytes, checksum: &meta.checksum };
        let name = Path::new(&meta.path);
        let linked =
            place.folder().is_some_and(|root| fs::hard_link(root.join(&meta.path), target).is_ok());
        self.tier.read(meta, |source| {
            if linked {
                // What is damaged already is no backup.
                return read_checked(&source, name, Some(expected), |_| Ok(())).map(|_| ());
            }
            copy_checked(&source, name, expected, target)
        })
    }

    /// Removes what the manifest does not list: what an older backup had, and what one
    /// left that stopped.
    fn remove_unlisted(&self, folder: &BackupFolder) -> Result<()> {
        let current = BackupManifest::state_folder(folder.manifest.generation);
        let entries = |path: &Path| {
            fs::read_dir(path).map_err(|e| io_error("list folder", path, e)).map(Iterator::flatten)
        };
        for entry in entries(&folder.path)? {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("state-") && *name != *current {
                remove(&entry.path())?;
            }
        }
        let listed: HashSet<PathBuf> =
            folder.manifest.segments.iter().map(|s| folder.path.join(s.file())).collect();
        remove_files(&folder.path.join("segments"), &listed)
    }
}

/// Removes the files below a folder that are not listed, and folders that are then empty.
fn remove_files(folder: &Path, listed: &HashSet<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        check_stop()?;
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_files(&path, listed)?;
        } else if !listed.contains(&path) {
            remove(&path)?;
        }
    }
    // One that is not empty stays.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Syncs the files of a checkpoint and takes their checksums.
fn state_files(state: &Path) -> Result<Vec<StateFile>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(state).map_err(|e| io_error("list folder", state, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| io_error("list folder", state, e))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with("LOG") {
            // RocksDB's words about how the checkpoint was read.
            remove(&path)?;
            continue;
        }
        let source = open(&path)?;
        let checksum = read_checked(&source, &path, None, |_| Ok(()))?;
        fs::File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|e| io_error("sync", &path, e))?;
        files.push(StateFile { name, bytes: source.len(), checksum });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    sync_directory(state).map_err(|e| io_error("sync folder", state, e))?;
    Ok(files)
}
