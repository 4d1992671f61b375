//! Hot to cold: segments, the manifest that lists them, and what finds rows in them.
//!
//! **Invariant**: at any view each key is live in exactly one place - hot, or one
//! position of one segment that no deletion mark names.

mod compact_table;
mod compaction_choice;
mod eviction;
mod file_column;
mod file_schema;
mod flush_owners;
mod flush_table;
mod ingest;
mod key_list;
mod key_walk;
mod local_folder;
mod lookup;
mod manifest;
mod manifest_export;
mod mark;
mod object_client;
mod object_error;
mod object_io;
mod object_place;
mod purge;
mod read_rows;
mod recovery;
mod remote_cache;
mod remote_traffic;
mod replacement;
mod retention;
mod scope_statistics;
mod segment;
mod segment_batches;
mod segment_cache;
mod segment_file;
mod segment_pages;
mod segment_writer;
mod segments_writer;
mod sorted_rows;
mod tier;
mod tier_observer;
mod tiers;
mod turns;
mod unlisted;
mod vector_column;

pub(crate) use crate::model::ScopeId;
pub(crate) use compact_table::{Choice, CompactReport};
pub(crate) use compaction_choice::is_due;
pub(crate) use eviction::Look;
pub(crate) use file_column::FileColumn;
pub(crate) use flush_owners::HotOwner;
pub(crate) use flush_table::{FlushReport, refuse_stream};
pub(crate) use ingest::{Ingest, IngestTarget, TableOfIngest};
pub(crate) use key_walk::{KeyOrder, KeyWalk};
pub(crate) use lookup::{ColdPosition, ColdSeqs, KeyLookup};
pub(crate) use manifest::{ScopeEdit, ScopeManifest, SegmentState, all_segments};
pub(crate) use mark::{MarkKind, marked_rows, read_marks};
pub(crate) use object_client::check_storage_options;
pub(crate) use purge::{demand_purge, erase_purged, finish_purges, is_purge_pending};
pub(crate) use read_rows::{read_columns_at, read_columns_in_order, read_rows_with_seq};
pub(crate) use recovery::remove_orphans;
pub(crate) use scope_statistics::{AnalyzedColumn, STATISTICS, ScopeStatistics};
pub(crate) use segment::{ColumnStatistics as StoredStatistics, SegmentMeta};
pub(crate) use segment_cache::OpenSegment;
pub(crate) use segment_file::SegmentSource;
pub(crate) use segment_writer::segment_schema;
pub(crate) use tier::ColdTier;
pub(crate) use tier_observer::TierObserver;
pub(crate) use tiers::{Tiers, past_conflicts};
pub(crate) use vector_column::VectorColumn;

/// Decodes an entry of the manifest under this prefix, writes it and decodes it again. It
/// panics if that is another one.
///
/// # Errors
/// `XX001` if key or value do not decode; other prefixes have no entries.
#[cfg(debug_assertions)]
pub(crate) fn decode_again(prefix: u8, key: &[u8], value: &[u8]) -> crate::Result<()> {
    match prefix {
        b'S' => manifest::SEGMENTS.decode_again(key, value),
        b'G' => manifest::GARBAGE.decode_again(key, value),
        b'A' => STATISTICS.decode_again(key, value),
        mark::PREFIX => mark::decode_mark_again(key, value),
        _ => Ok(()),
    }
}
