//! Segments in a folder of the file system.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dashmap::DashSet;
use parking_lot::RwLock;
use xxhash_rust::xxh3::xxh3_64;

use super::manifest_export::is_manifest;
use super::segment_file::TEMPORARY_SUFFIX;
use crate::Result;
use crate::env::has_bug;
use crate::error::io_error;
use crate::store::{create_directories, sync_directory};

/// A folder of segments, each in a folder of its scope.
pub(crate) struct LocalFolder {
    root: PathBuf,
    /// Hashes of the folders below whose entries in the folders above them are on the device
    /// since the database was opened: a flush of many users syncs each folder above theirs
    /// once, and not for each of them.
    durable: DashSet<u64>,
    /// Locked while folders that are empty are taken away.
    emptied: RwLock<()>,
}

impl LocalFolder {
    pub(super) fn new(root: PathBuf) -> LocalFolder {
        LocalFolder { root, durable: DashSet::new(), emptied: RwLock::new(()) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes a file that is not there yet, and the folders that it needs.
    ///
    /// # Errors
    /// `53100` or `58030`.
    pub(super) fn create(&self, path: &Path) -> Result<File> {
        let root = &self.root;
        create_directories(root).map_err(|e| io_error("create folder", root, e))?;
        let folder = path.parent().unwrap_or(root);
        // Whoever deletes the last file in it would take the folder away again.
        let _stays = self.emptied.read();
        fs::create_dir_all(folder).map_err(|e| io_error("create folder", folder, e))?;
        create_file(path).map_err(|e| io_error("create", path, e))
    }

    /// Makes the name of a new file durable: syncs its folder, and every folder above that
    /// may be a new entry.
    pub(super) fn sync_names(&self, file: &Path) -> io::Result<()> {
        let Some(mut folder) = file.parent().filter(|_| !has_bug("folder_not_synced")) else {
            return Ok(());
        };
        sync_directory(folder)?;
        while folder != self.root && !self.durable.contains(&hash_of(folder)) {
            let Some(above) = folder.parent() else { break };
            sync_directory(above)?;
            self.durable.insert(hash_of(folder));
            folder = above;
        }
        Ok(())
    }

    /// Deletes a file, or what a crash left of it, and the folders that it leaves empty; one
    /// that is gone already is fine.
    ///
    /// # Errors
    /// `58030`.
    pub(super) fn delete(&self, file: &Path) -> Result<()> {
        let mut temporary = file.as_os_str().to_owned();
        temporary.push(TEMPORARY_SUFFIX);
        for file in [file, temporary.as_ref()] {
            match fs::remove_file(file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("delete", file, e));
                }
                _ => {}
            }
        }
        // Folders of dropped tables and users go when they are empty.
        let _taken = self.emptied.write();
        let mut folder = file.parent();
        while let Some(f) = folder.filter(|f| *f != self.root && f.starts_with(&self.root)) {
            // A published manifest alone describes nothing.
            let Ok(entries) = fs::read_dir(f) else { break };
            let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
            if !names.iter().all(|name| is_manifest(name)) {
                break;
            }
            for name in &names {
                let _ = fs::remove_file(f.join(name));
            }
            // First this: whoever makes it anew has to sync it again.
            self.durable.remove(&hash_of(f));
            if fs::remove_dir(f).is_err() {
                break;
            }
            folder = f.parent();
        }
        Ok(())
    }
}

pub(super) fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn hash_of(folder: &Path) -> u64 {
    xxh3_64(AsRef::<OsStr>::as_ref(folder).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::LocalFolder;

    #[test]
    fn folders_that_a_file_leaves_empty_go_and_are_made_and_synced_again() {
        let home = tempfile::TempDir::new().expect("a temporary folder can be made");
        let folder = LocalFolder::new(home.path().to_owned());
        let file = |name: &str| home.path().join("a/b").join(name);
        for _ in 0..2 {
            drop(folder.create(&file("1.parquet")).expect("the folders are made"));
            folder.sync_names(&file("1.parquet")).expect("they are there");
            assert_eq!(folder.durable.len(), 2, "those of a and of b");
            fs::write(file("manifest.json"), "{}").expect("it can be written");
            fs::write(file("manifest-7.json.new"), "{}").expect("it can be written");
            folder.delete(&file("1.parquet")).expect("it can be deleted");
            assert_eq!(fs::read_dir(home.path()).expect("the root stays").count(), 0);
            assert!(folder.durable.is_empty());
        }
        drop(folder.create(&file("1.parquet")).expect("the folders are made"));
        drop(folder.create(&file("2.parquet")).expect("it is another file"));
        folder.delete(&file("1.parquet")).expect("it can be deleted");
        assert!(file("2.parquet").exists(), "a folder with a segment stays");
        assert!(folder.create(&file("2.parquet")).is_err(), "no file takes another's place");
    }

    #[test]
    fn a_folder_that_another_empties_meanwhile_stays_for_a_new_file() {
        let home = tempfile::TempDir::new().expect("a temporary folder can be made");
        let folder = LocalFolder::new(home.path().to_owned());
        std::thread::scope(|threads| {
            for thread in 0..4 {
                let (folder, home) = (&folder, home.path());
                threads.spawn(move || {
                    for number in 0..200 {
                        let file = home.join(format!("a/b/{thread}_{number}.parquet"));
                        drop(folder.create(&file).expect("it is made"));
                        folder.delete(&file).expect("it can be deleted");
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(home.path()).expect("the root stays").count(), 0);
    }
}
