//! The cold tier as the layers above hold it: manifest, files, open segments.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;

use super::manifest::{GARBAGE, Garbage, Manifest};
use super::segment::SegmentMeta;
use super::segment_cache::{OpenSegment, SegmentCache};
use super::segment_file::SegmentPlace;
use crate::catalog::{SchemaRegistry, StorageKind};
use crate::env::{IdSource, fault_point};
use crate::model::{Name, ScopeId};
use crate::store::{Store, WriteSet};
use crate::{Options, Result};

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
    places: DashMap<Name, Arc<SegmentPlace>>,
    flushing: DashMap<ScopeId, Arc<Mutex<()>>>,
    compacting: DashMap<ScopeId, Arc<Mutex<()>>>,
    /// The database directory; `None` in memory.
    directory: Option<PathBuf>,
}

impl ColdTier {
    pub(crate) fn new(
        store: &Arc<Store>,
        registry: &Arc<SchemaRegistry>,
        ids: &Arc<IdSource>,
        directory: Option<&Path>,
        options: &Options,
    ) -> ColdTier {
        ColdTier {
            manifest: Arc::new(Manifest::new(store.clone())),
            // A quarter as much as RocksDB's blocks: keys are the smaller part.
            cache: SegmentCache::new((options.cache_bytes / 4) as u64),
            ids: ids.clone(),
            segment_rows_max: options.segment_rows_max,
            flushed: FlushCounters::default(),
            registry: registry.clone(),
            places: DashMap::new(),
            flushing: DashMap::new(),
            compacting: DashMap::new(),
            directory: directory.map(Path::to_path_buf),
        }
    }

    /// The place of a storage's files.
    ///
    /// # Errors
    /// `42704` if the storage is not there.
    pub(crate) fn place(&self, storage: &Name) -> Result<Arc<SegmentPlace>> {
        if let Some(place) = self.places.get(storage) {
            return Ok(place.clone());
        }
        let definition = self.registry.storage(storage)?;
        let StorageKind::Filesystem { path } = &definition.kind;
        let place = Arc::new(match &self.directory {
            Some(directory) => SegmentPlace::Folder(directory.join(path)),
            None => SegmentPlace::Memory(DashMap::new()),
        });
        // Two threads may come here at once; both must get the same memory.
        Ok(self.places.entry(storage.clone()).or_insert(place).clone())
    }

    /// The database directory; `None` in memory.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Folders that nothing but the database may write to: a copy of it that lies in one
    /// would be taken for a part of it.
    ///
    /// # Errors
    /// `42704` if a storage goes away meanwhile.
    pub(crate) fn folders(&self) -> Result<Vec<PathBuf>> {
        let mut folders: Vec<PathBuf> = self.directory.iter().cloned().collect();
        for storage in self.registry.storages() {
            folders.extend(self.place(&storage.name)?.folder().map(Path::to_path_buf));
        }
        Ok(folders)
    }

    /// What whoever flushes the scope holds: one flush at a time.
    pub(crate) fn flush_turn(&self, scope: ScopeId) -> Arc<Mutex<()>> {
        self.flushing.entry(scope).or_default().clone()
    }

    /// What whoever compacts the scope holds: one compaction at a time. Flushes go on
    /// meanwhile.
    pub(crate) fn compact_turn(&self, scope: ScopeId) -> Arc<Mutex<()>> {
        self.compacting.entry(scope).or_default().clone()
    }

    /// The open segment.
    ///
    /// # Errors
    /// `XX001` if its bytes are not those that were written.
    pub(crate) fn open(&self, meta: &Arc<SegmentMeta>) -> Result<Arc<OpenSegment>> {
        self.cache.segment(meta.id, || {
            OpenSegment::open(meta, self.place(&meta.storage)?.open(&meta.path)?)
        })
    }

    /// Deletes files that no view needs any more.
    pub(crate) fn collect_garbage(&self, store: &Store) -> Result<()> {
        let garbage = self.manifest.take_garbage();
        if garbage.is_empty() {
            return Ok(());
        }
        let deleted = self.delete_garbage(store, &garbage);
        if deleted.is_err() {
            self.manifest.return_garbage(garbage);
        }
        deleted
    }

    fn delete_garbage(&self, store: &Store, garbage: &[Garbage]) -> Result<()> {
        let mut set = WriteSet::default();
        fault_point("garbage.before_delete")?;
        for file in garbage {
            self.cache.forget(file.segment);
            self.place(&file.storage)?.delete(&file.path)?;
            GARBAGE.delete(&mut set, &file.segment);
        }
        fault_point("garbage.before_commit")?;
        store.commit(set)?;
        Ok(())
    }
}
