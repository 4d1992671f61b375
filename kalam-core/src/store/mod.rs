//! RocksDB: what is on disk in the hot tier, and the one way to change it.
//!
//! **Invariant**: every change of the database - rows, definitions, manifest,
//! users - is one [`WriteSet`] that went through [`Store::commit`].

#[cfg(test)]
mod arbitrary;
mod column;
mod commit;
mod commit_queue;
mod directory;
mod disk_room;
mod entity;
mod file_list;
mod key;
mod key_watch;
mod log_sync;
mod mark_set;
mod overlay;
mod read_at;
mod read_set;
mod rocks;
mod row;
mod snapshot;
mod store_counters;
mod synced_mark;
mod unique_entry;
mod write_observer;
mod write_set;

pub(crate) use column::{batch_bytes, column_bytes};
pub(crate) use commit::{CommitError, Store};
pub(crate) use directory::{Directory, create_directories, sync_directory};
pub(crate) use entity::{EntityKey, EntityStore, encode_entity, prefix_end};
pub(crate) use key::{
    KeyCodec, KeyEncoder, SCOPE_PREFIX_LEN, scope_of, scope_prefix, table_prefix,
};
pub(crate) use key_watch::{KeyWatch, LongWatch, WatchedKeys};
pub(crate) use mark_set::MarkSet;
pub(crate) use overlay::{Overlay, Run};
pub(crate) use read_set::RecentGuard;
pub(crate) use rocks::{Family, Home};
pub(crate) use row::{
    DecodeTarget, FLAG_DELETED, Layouts, RowDecoder, RowEncoder, RowHeader, RowLayout,
    StoredColumn, StoredValue, read_stored_value, set_flags, stored_value,
};
pub(crate) use snapshot::{HotCursor, Snapshot, View, damaged};
pub(crate) use unique_entry::{
    put_unique_entry, unique_key, unique_owner, unique_prefix, unique_scope_prefix,
    unique_table_prefix,
};
pub(crate) use write_observer::WriteObserver;
pub(crate) use write_set::{Batch, Change, Effect, Expect, RowWriteRef, RowWrites, WriteSet};
