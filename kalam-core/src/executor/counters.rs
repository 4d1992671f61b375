//! What a database did since it was opened.

use std::sync::atomic::Ordering;

use super::engine::Engine;

/// What a database did since it was opened. `system.stats` shows the same numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Texts that were parsed; a text that comes again is not.
    pub parses: u64,
    /// Texts that were found parsed.
    pub parse_hits: u64,
    /// Queries that found the plan of an earlier one.
    pub plan_hits: u64,
    /// Queries that were planned.
    pub plan_misses: u64,
    /// Tables that were found in memory.
    pub schema_hits: u64,
    /// Tables whose definition was read.
    pub schema_misses: u64,
    /// Folders of segments that were made of a table's resolved template.
    pub path_hits: u64,
    /// Templates that were resolved for a table.
    pub path_misses: u64,
    /// Segments that were found open.
    pub segment_hits: u64,
    /// Segments that were opened, and so checked.
    pub segment_misses: u64,
    /// Blocks of segments' keys that were found decoded.
    pub key_block_hits: u64,
    /// Blocks of segments' keys that were decoded.
    pub key_block_misses: u64,
    /// Blocks that RocksDB found in its cache.
    pub block_cache_hits: u64,
    /// Blocks that RocksDB read.
    pub block_cache_misses: u64,
    /// Commits.
    pub commits: u64,
    /// Batches that the commits were written in: those that wait share one.
    pub commit_groups: u64,
    /// Times that the log was synced to the device.
    pub syncs: u64,
    /// Bytes that commits wrote to the log and the hot tier.
    pub bytes_committed: u64,
    /// Rows that flushes moved to segments.
    pub rows_flushed: u64,
    /// Segments that flushes wrote.
    pub segments_flushed: u64,
    /// Bytes of those segments.
    pub bytes_flushed: u64,
    /// Segments that were uploaded to object stores.
    pub segments_uploaded: u64,
    /// Bytes of those segments.
    pub bytes_uploaded: u64,
    /// Segments that were fetched from object stores.
    pub segments_fetched: u64,
    /// Bytes of those segments.
    pub bytes_fetched: u64,
    /// Segments of object stores that were opened from their copy on the local disk.
    pub copy_hits: u64,
}

impl Counters {
    /// Those of an engine.
    pub(crate) fn of(engine: &Engine) -> Counters {
        let (parses, parse_hits) = engine.parse_counters();
        let (plan_hits, plan_misses) = engine.plans.counters();
        let (schema_hits, schema_misses) = engine.registry.counters();
        let (path_hits, path_misses) = engine.registry.path_counters();
        let cache = &engine.tier.cache;
        let (segment_hits, segment_misses) = cache.segment_counters();
        let (key_block_hits, key_block_misses) = cache.block_counters();
        let store = engine.store.counts();
        let flushed = &engine.tier.flushed;
        let remote = engine.tier.remote_counts();
        Counters {
            parses,
            parse_hits,
            plan_hits,
            plan_misses,
            schema_hits,
            schema_misses,
            path_hits,
            path_misses,
            segment_hits,
            segment_misses,
            key_block_hits,
            key_block_misses,
            block_cache_hits: store.block_hits,
            block_cache_misses: store.block_misses,
            commits: store.commits,
            commit_groups: store.groups,
            syncs: store.syncs,
            bytes_committed: store.bytes,
            rows_flushed: flushed.rows.load(Ordering::Relaxed),
            segments_flushed: flushed.segments.load(Ordering::Relaxed),
            bytes_flushed: flushed.bytes.load(Ordering::Relaxed),
            segments_uploaded: remote.uploads,
            bytes_uploaded: remote.uploaded_bytes,
            segments_fetched: remote.fetches,
            bytes_fetched: remote.fetched_bytes,
            copy_hits: remote.copies_read,
        }
    }
}
