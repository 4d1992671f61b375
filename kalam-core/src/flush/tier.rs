//! The cold tier as the layers above hold it: manifest, files, open segments.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;

use super::local_folder::LocalFolder;
use super::manifest::{GARBAGE, Garbage, Manifest};
use super::object_client::client;
use super::object_io::ObjectIo;
use super::object_place::ObjectPlace;
use super::remote_cache::RemoteCache;
use super::remote_traffic::RemoteCounts;
use super::segment::SegmentMeta;
use super::segment_cache::{OpenSegment, SegmentCache};
use super::segment_file::{SegmentPlace, SegmentSource};
use super::turns::Turns;
use crate::catalog::{DEFAULT_STORAGE, SchemaRegistry, StorageDefinition, StorageKind};
use crate::env::{HostKey, IdSource, fault_point, has_bug};
use crate::error::io_error;
use crate::model::{Name, SegmentId};
use crate::store::{Store, WriteSet, sync_directory};
use crate::{Error, ErrorKind, Options, Result, SqlState};

/// Folder of the copies of remote segments, in the database directory.
const REMOTE_CACHE_FOLDER: &str = "cache";

/// How long a storage that failed is left alone.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// What flushes wrote since the database was opened.
#[derive(Default)]
pub(crate) struct FlushCounters {
    pub(crate) rows: AtomicU64,
    pub(crate) segments: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl FlushCounters {
    /// Counts new segments.
    pub(super) fn add<'a>(&self, segments: impl Iterator<Item = &'a SegmentMeta>) {
        for meta in segments {
            self.rows.fetch_add(u64::from(meta.rows), Ordering::Relaxed);
            self.segments.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(meta.bytes, Ordering::Relaxed);
        }
    }
}

/// Manifest, files and open segments of a database.
pub(crate) struct ColdTier {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) cache: SegmentCache,
    pub(crate) ids: Arc<IdSource>,
    pub(crate) segment_rows_max: usize,
    pub(crate) flushed: FlushCounters,
    registry: Arc<SchemaRegistry>,
    /// The key that secrets of storages are sealed with.
    pub(crate) host_key: HostKey,
    /// Each with the definition that it was made of.
    places: DashMap<Name, (Arc<StorageDefinition>, Arc<SegmentPlace>)>,
    /// Storages that failed to delete, and when.
    away: DashMap<Name, Instant>,
    object_io: Arc<ObjectIo>,
    remote_cache: Option<Arc<RemoteCache>>,
    /// What whoever flushes a scope, or adds segments to it, holds.
    pub(super) flushing: Turns,
    /// What whoever compacts a scope holds. Flushes go on meanwhile.
    pub(super) compacting: Turns,
    /// The database directory; `None` in memory.
    directory: Option<PathBuf>,
}

impl ColdTier {
    /// # Errors
    /// `22023` if the key of the host would lie in the database directory.
    pub(crate) fn new(
        store: &Arc<Store>,
        registry: &Arc<SchemaRegistry>,
        ids: &Arc<IdSource>,
        directory: Option<&Path>,
        options: &Options,
    ) -> Result<ColdTier> {
        Ok(ColdTier {
            manifest: Arc::new(Manifest::new(store.clone())),
            cache: SegmentCache::new((options.cache_bytes / 4 * 3) as u64),
            ids: ids.clone(),
            segment_rows_max: options.segment_rows_max,
            flushed: FlushCounters::default(),
            registry: registry.clone(),
            host_key: HostKey::new(&options.host_key_file, directory)?,
            places: DashMap::new(),
            away: DashMap::new(),
            object_io: Arc::default(),
            remote_cache: directory.map(|directory| {
                let folder = directory.join(REMOTE_CACHE_FOLDER);
                Arc::new(RemoteCache::new(folder, options.remote_cache_bytes as u64, ids))
            }),
            flushing: Turns::default(),
            compacting: Turns::default(),
            directory: directory.map(Path::to_path_buf),
        })
    }

    /// The place of a storage's files.
    ///
    /// # Errors
    /// `42704` if the storage is not there, `58030` if a credential of it is not.
    pub(crate) fn place(&self, storage: &Name) -> Result<Arc<SegmentPlace>> {
        let definition = self.registry.storage(storage)?;
        if let Some(known) = self.places.get(storage)
            && known.0.is_same_place(&definition)
        {
            return Ok(known.1.clone());
        }
        let place = Arc::new(match (&definition.kind, &self.directory) {
            (StorageKind::Filesystem { path }, Some(directory)) => {
                SegmentPlace::Folder(LocalFolder::new(directory.join(path)))
            }
            (StorageKind::Filesystem { .. }, None) => SegmentPlace::Memory(DashMap::new()),
            _ => {
                let client = client(&definition, &self.host_key)?;
                SegmentPlace::Object(ObjectPlace::new(
                    client,
                    &self.object_io,
                    self.remote_cache.as_ref(),
                ))
            }
        });
        // Two threads may come here at once; both must get the same memory.
        let mut known =
            self.places.entry(storage.clone()).or_insert((definition.clone(), place.clone()));
        if !known.0.is_same_place(&definition) {
            *known = (definition, place);
        }
        Ok(known.1.clone())
    }

    /// A number that no segment had before.
    pub(crate) fn new_segment_id(&self) -> SegmentId {
        if has_bug("file_number_reused") {
            static LAST: AtomicU64 = AtomicU64::new(0);
            return SegmentId(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        }
        SegmentId(u64::try_from(self.ids.snowflake()).unwrap_or_default())
    }

    /// What went to and came from object stores.
    pub(crate) fn remote_counts(&self) -> RemoteCounts {
        self.object_io.traffic.counts()
    }

    /// Bytes of the local copies of remote segments; 0 as long as nobody asked for one.
    pub(crate) fn copy_bytes(&self) -> u64 {
        self.remote_cache.as_ref().map_or(0, |cache| cache.bytes())
    }

    /// The folder of a filesystem storage's path.
    pub(crate) fn folder(&self, path: &str) -> PathBuf {
        self.directory.as_deref().unwrap_or(Path::new("")).join(path)
    }

    /// Forgets the place of a storage that is gone.
    pub(crate) fn forget_place(&self, storage: &Name) {
        self.places.remove(storage);
        self.away.remove(storage);
    }

    /// Notes, durably, a file that is about to be written. Of `local` only that there is one:
    /// its folder is looked through after a crash. Of storages that are not looked through
    /// each file; the commit that lists it removes the note; what is left is garbage.
    ///
    /// # Errors
    /// `53100`, `58030`.
    pub(crate) fn announce(&self, storage: &Name, segment: SegmentId, path: &str) -> Result<()> {
        if storage.as_str() == DEFAULT_STORAGE {
            return self.manifest.unlisted.begin(self.manifest.store());
        }
        let mut set = WriteSet::default();
        let file = Garbage { segment, storage: storage.clone(), path: path.into() };
        GARBAGE.put(&mut set, &segment, &file);
        self.registry.needs_storage(&mut set, storage);
        self.manifest.store().commit(set)?;
        fault_point("storage.announced")
    }

    /// Says, for the next open, that it need not look for files that no commit lists, if that
    /// is so. Where this fails it looks for them.
    pub(crate) fn settle(&self) {
        let store = self.manifest.store();
        if self.directory.is_none() || store.is_poisoned() || store.is_closed() {
            return;
        }
        if let Err(e) = self.manifest.unlisted.settle(store) {
            tracing::warn!(error = %e, "the next open looks through the folder of segments");
        }
    }

    /// Deletes a file that no commit will list, now or when its storage is back, after
    /// `error`.
    pub(crate) fn discard(&self, storage: &Name, segment: SegmentId, path: &str, error: &Error) {
        if self.manifest.store().is_poisoned() {
            // The log may have the commit that lists it. The next open knows.
            return;
        }
        let file = Garbage { segment, storage: storage.clone(), path: path.into() };
        if self.place(storage).is_ok_and(|place| place.is_remote()) {
            if error.kind() == ErrorKind::Unavailable {
                // Whoever waits for the error has waited for the storage already.
                self.away.insert(storage.clone(), Instant::now());
            }
            // An upload that was given up may still arrive. So the note of it stays, and
            // the next open deletes the object again.
            if !self.delete_file(&file) {
                self.manifest.add_garbage([file]);
            }
            return;
        }
        self.manifest.add_garbage([file]);
        if let Err(e) = self.collect_garbage(self.manifest.store()) {
            tracing::warn!(error = %e, path, "a segment of a failed flush stays for now");
        }
    }

    /// Compares a file with what the manifest says of it.
    ///
    /// # Errors
    /// `XX001` if they differ, `58030`.
    pub(crate) fn verify(&self, meta: &Arc<SegmentMeta>) -> Result<()> {
        let source = self.place(&meta.storage)?.open_original(&meta.path)?;
        OpenSegment::open(meta, source, &self.cache.schemas).map(|_| ())
    }

    /// The database directory; `None` in memory.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Folders that nothing but the database may write to: a copy of it that lies in one
    /// would be taken for a part of it.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let Some(directory) = &self.directory else { return Vec::new() };
        let mut folders = vec![directory.clone()];
        for storage in self.registry.storages() {
            if let StorageKind::Filesystem { path } = &storage.kind {
                folders.push(directory.join(path));
            }
        }
        folders
    }

    /// The open segment.
    ///
    /// # Errors
    /// `XX001` if its bytes are not those that were written.
    pub(crate) fn open(&self, meta: &Arc<SegmentMeta>) -> Result<Arc<OpenSegment>> {
        let opened = |source| OpenSegment::open(meta, source, &self.cache.schemas);
        self.cache.segment(meta.id, || self.read(meta, opened))
    }

    /// Lets `read` have the bytes of a segment; once more, if those of a local copy turn
    /// out to be damaged.
    ///
    /// # Errors
    /// `XX001`, `58030`, what `read` raises.
    pub(crate) fn read<T>(
        &self,
        meta: &SegmentMeta,
        read: impl Fn(SegmentSource) -> Result<T>,
    ) -> Result<T> {
        let place = self.place(&meta.storage)?;
        let is_copy = place.has_copy(&meta.path);
        match read(place.open(&meta.path)?) {
            Err(e) if is_copy && e.sqlstate() == SqlState::DATA_CORRUPTED => {
                tracing::warn!(path = meta.path, "a copy of a segment is damaged, fetching it");
                read(place.open_original(&meta.path)?)
            }
            outcome => outcome,
        }
    }

    /// Deletes files that no view needs any more. What cannot be deleted now stays noted:
    /// its storage is asked again later, and after the next open.
    pub(crate) fn collect_garbage(&self, store: &Store) -> Result<()> {
        let garbage = self.manifest.take_garbage();
        if garbage.is_empty() {
            return Ok(());
        }
        match self.delete_garbage(store, &garbage) {
            Ok(left) => self.manifest.add_garbage(left),
            Err(e) => {
                // What is deleted twice is gone all the same.
                self.manifest.add_garbage(garbage);
                return Err(e);
            }
        }
        Ok(())
    }

    /// Returns what could not be deleted.
    fn delete_garbage(&self, store: &Store, garbage: &[Garbage]) -> Result<Vec<Garbage>> {
        // The commit that took the files out of the list.
        if !has_bug("deletion_before_sync") {
            store.sync()?;
        }
        fault_point("garbage.before_delete")?;
        let mut set = WriteSet::default();
        let mut left = Vec::new();
        let mut deleted = Vec::new();
        self.cache.forget(&garbage.iter().map(|file| file.segment).collect());
        for file in garbage {
            if self.delete_file(file) {
                GARBAGE.delete(&mut set, &file.segment);
                deleted.push(file);
            } else {
                left.push(file.clone());
            }
        }
        self.sync_deletions(deleted)?;
        fault_point("garbage.before_commit")?;
        if left.len() < garbage.len() {
            store.commit(set)?;
        }
        Ok(left)
    }

    /// Makes the deletion of files durable, before their notes go: without one, a file that
    /// came back after a power failure would stay for ever.
    pub(super) fn sync_deletions<'a>(
        &self,
        files: impl IntoIterator<Item = &'a Garbage>,
    ) -> Result<()> {
        let folder_of = |file: &Garbage| {
            let place = self.place(&file.storage).ok()?;
            let folder = place.folder()?.join(&file.path);
            // An empty folder went with its file.
            folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_path_buf)
        };
        let folders: BTreeSet<PathBuf> = files.into_iter().filter_map(folder_of).collect();
        folders.iter().try_for_each(|folder| {
            sync_directory(folder).map_err(|e| io_error("sync folder", folder, e))
        })
    }

    /// Whether the file is gone now. Its local copy is in any case.
    fn delete_file(&self, file: &Garbage) -> bool {
        self.forget_copy(file);
        if self.is_away(&file.storage) {
            return false;
        }
        match self.place(&file.storage).and_then(|place| place.delete(&file.path)) {
            Ok(()) => true,
            // Of a storage that was dropped.
            Err(e) if e.sqlstate() == SqlState::UNDEFINED_OBJECT => true,
            Err(e) => {
                tracing::warn!(error = %e, path = file.path, "a file stays for now");
                if e.sqlstate() != SqlState::QUERY_CANCELED {
                    self.away.insert(file.storage.clone(), Instant::now());
                }
                false
            }
        }
    }

    fn forget_copy(&self, file: &Garbage) {
        let Some(cache) = &self.remote_cache else { return };
        // The folder of copies is made when the first one is, and not here.
        let definition = self.registry.storage(&file.storage);
        if definition.is_ok_and(|d| d.kind.is_remote()) {
            cache.remove(&file.path);
        }
    }

    /// Notes that the storage works, whatever it did before.
    pub(super) fn answered(&self, storage: &Name) {
        self.away.remove(storage);
    }

    /// Forgets that storages failed, for whoever needs to know how they are now.
    pub(crate) fn ask_again(&self) {
        self.away.clear();
    }

    /// Whether the storage failed just now.
    fn is_away(&self, storage: &Name) -> bool {
        self.away.get(storage).is_some_and(|since| since.elapsed() < ASK_AGAIN)
    }
}
