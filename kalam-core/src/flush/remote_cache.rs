//! Copies of remote segments on the local disk, under a limit.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::Result;
use crate::env::IdSource;
use crate::error::io_error;

/// Suffix of a copy that is being made.
const TEMPORARY_SUFFIX: &str = ".new";

/// A folder of copies, each named as its segment's file is, whatever the folder of that;
/// ids of segments are unique in a database. What was not used for longest goes first. The time of a file's last change
/// is that of its last use, so the order survives a reopening.
pub(super) struct RemoteCache {
    folder: PathBuf,
    bytes_max: u64,
    ids: Arc<IdSource>,
    /// `None` until the folder was read, which a database without remote storages never does.
    copies: Mutex<Option<Copies>>,
    last_used: AtomicU64,
}

#[derive(Default)]
struct Copies {
    files: HashMap<String, LocalCopy>,
    bytes: u64,
}

struct LocalCopy {
    bytes: u64,
    used: u64,
}

impl RemoteCache {
    pub(super) fn new(folder: PathBuf, bytes_max: u64, ids: &Arc<IdSource>) -> RemoteCache {
        RemoteCache {
            folder,
            bytes_max,
            ids: ids.clone(),
            copies: Mutex::new(None),
            last_used: AtomicU64::new(0),
        }
    }

    /// The copy, if there is one. An open copy stays readable when it is removed.
    pub(super) fn open(&self, path: &str) -> Option<(File, u64)> {
        let name = name_of(path);
        let mut copies = self.copies.lock();
        let copies = self.read_folder(&mut copies).ok()?;
        let copy = copies.files.get_mut(name)?;
        let file = File::open(self.folder.join(name)).ok()?;
        let bytes = file.metadata().ok()?.len();
        copy.used = self.now();
        _ = file.set_times(FileTimes::new().set_modified(moment(copy.used)));
        Some((file, bytes))
    }

    /// The name of a file in which a copy is made.
    ///
    /// # Errors
    /// `58030`, `53100`.
    pub(super) fn temporary(&self, path: &str) -> Result<PathBuf> {
        let name = name_of(path);
        let mut copies = self.copies.lock();
        self.read_folder(&mut copies).map_err(|e| io_error("make folder", &self.folder, e))?;
        Ok(self.folder.join(format!("{name}.{:016x}{TEMPORARY_SUFFIX}", self.now())))
    }

    /// Keeps a finished copy and makes room for it. One that is larger than the limit is
    /// not kept; whoever has it open can read it all the same.
    pub(super) fn keep(&self, path: &str, temporary: &Path, bytes: u64) {
        let name = name_of(path);
        let mut copies = self.copies.lock();
        let Ok(copies) = self.read_folder(&mut copies) else { return };
        if bytes > self.bytes_max || fs::rename(temporary, self.folder.join(name)).is_err() {
            _ = fs::remove_file(temporary);
            return;
        }
        let used = self.now();
        if let Some(before) = copies.files.insert(name.to_owned(), LocalCopy { bytes, used }) {
            copies.bytes -= before.bytes;
        }
        copies.bytes += bytes;
        while copies.bytes > self.bytes_max {
            let oldest = copies.files.iter().min_by_key(|(_, copy)| copy.used);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { break };
            self.drop_copy(copies, &oldest);
        }
    }

    /// Bytes of all copies; 0 as long as nobody asked for one.
    pub(super) fn bytes(&self) -> u64 {
        self.copies.lock().as_ref().map_or(0, |copies| copies.bytes)
    }

    /// Removes a copy.
    pub(super) fn remove(&self, path: &str) {
        let mut copies = self.copies.lock();
        if let Ok(copies) = self.read_folder(&mut copies) {
            self.drop_copy(copies, name_of(path));
        }
    }

    fn drop_copy(&self, copies: &mut Copies, name: &str) {
        if let Some(copy) = copies.files.remove(name) {
            copies.bytes -= copy.bytes;
            _ = fs::remove_file(self.folder.join(name));
        }
    }

    /// Reads what an earlier process left, once.
    fn read_folder<'a>(&self, copies: &'a mut Option<Copies>) -> io::Result<&'a mut Copies> {
        if copies.is_none() {
            fs::create_dir_all(&self.folder)?;
            let mut found = Copies::default();
            for entry in fs::read_dir(&self.folder)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                if name.ends_with(TEMPORARY_SUFFIX) {
                    _ = fs::remove_file(entry.path());
                } else if name.ends_with(".parquet") {
                    let about = entry.metadata()?;
                    let age = about.modified()?.duration_since(SystemTime::UNIX_EPOCH);
                    let used = age.map_or(0, |age| u64::try_from(age.as_micros()).unwrap_or(0));
                    found.bytes += about.len();
                    found.files.insert(name, LocalCopy { bytes: about.len(), used });
                }
            }
            *copies = Some(found);
        }
        copies.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Microseconds since 1970, later with each call.
    fn now(&self) -> u64 {
        let now = self.ids.clock().now_ms().saturating_mul(1000);
        let now = u64::try_from(now).unwrap_or(0);
        let last = self.last_used.fetch_max(now, Ordering::Relaxed);
        if now > last { now } else { self.last_used.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

/// The last part of a segment's path.
fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn moment(micros: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
}
