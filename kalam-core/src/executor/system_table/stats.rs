//! `system.stats`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::executor::counters::Counters;
use crate::executor::text_table::TextTable;
use crate::flush::marked_rows;

/// What one row tells: name, value, description.
type Stat = (&'static str, u64, &'static str);

/// One row for each number, by name: what the database did since it was opened, and
/// what it holds now.
///
/// Shape: name TEXT, value BIGINT, description TEXT. Cost: reads the manifest and all
/// marks.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let mut stats = counted(&Counters::of(moment.engine)).to_vec();
    stats.extend(held(moment)?);
    stats.sort_by_key(|(name, ..)| *name);
    Ok(TextTable::default()
        .texts("name", stats.iter().map(|(name, ..)| *name))
        .numbers("value", stats.iter().map(|(_, value, _)| *value))
        .texts("description", stats.iter().map(|(.., description)| *description))
        .finish())
}

/// What the database did.
fn counted(c: &Counters) -> [Stat; 26] {
    [
        ("block_cache_hits", c.block_cache_hits, "blocks that RocksDB found in its cache"),
        ("block_cache_misses", c.block_cache_misses, "blocks that RocksDB read"),
        ("bytes_committed", c.bytes_committed, "bytes that commits wrote to log and hot tier"),
        ("bytes_fetched", c.bytes_fetched, "bytes of segments fetched from object stores"),
        ("bytes_flushed", c.bytes_flushed, "bytes of the segments that flushes wrote"),
        ("bytes_uploaded", c.bytes_uploaded, "bytes of segments uploaded to object stores"),
        ("commit_groups", c.commit_groups, "batches that commits were written in"),
        ("commits", c.commits, "commits"),
        ("copy_hits", c.copy_hits, "segments of object stores opened from their local copy"),
        ("key_block_hits", c.key_block_hits, "blocks of segments' keys found decoded"),
        ("key_block_misses", c.key_block_misses, "blocks of segments' keys decoded"),
        ("parse_hits", c.parse_hits, "texts found parsed"),
        ("parse_misses", c.parses, "texts parsed"),
        ("path_hits", c.path_hits, "folders of segments made of a resolved template"),
        ("path_misses", c.path_misses, "templates of folders resolved for a table"),
        ("plan_hits", c.plan_hits, "queries that found the plan of an earlier one"),
        ("plan_misses", c.plan_misses, "queries that were planned"),
        ("rows_flushed", c.rows_flushed, "rows that flushes moved to segments"),
        ("schema_hits", c.schema_hits, "tables found in memory"),
        ("schema_misses", c.schema_misses, "tables whose definition was read"),
        ("segment_hits", c.segment_hits, "segments found open"),
        ("segment_misses", c.segment_misses, "segments opened and checked"),
        ("segments_fetched", c.segments_fetched, "segments fetched from object stores"),
        ("segments_flushed", c.segments_flushed, "segments that flushes wrote"),
        ("segments_uploaded", c.segments_uploaded, "segments uploaded to object stores"),
        ("syncs", c.syncs, "times that the log was synced to the device"),
    ]
}

/// What the database holds.
fn held(moment: &Moment<'_>) -> Result<Vec<Stat>> {
    let Moment { engine, view } = moment;
    let (mut segments, mut rows, mut bytes, mut last_flush_ms) = (0, 0, 0, 0);
    for table in engine.registry.tables()? {
        for meta in engine.tier.manifest.table_segments(table.definition.id, &view.snapshot)? {
            segments += 1;
            rows += u64::from(meta.rows);
            bytes += meta.bytes;
            last_flush_ms = last_flush_ms.max(meta.created_at_ms);
        }
    }
    let hot = engine.store.held()?;
    let running = engine.planning.runtime_env();
    let spilled = running.disk_manager.used_disk_space();
    Ok(vec![
        ("segments", segments, "segments that the manifest lists"),
        ("segment_rows", rows, "rows in segments, those that marks hide included"),
        ("segment_bytes", bytes, "bytes of segments"),
        ("marked_rows", marked_rows(&view.snapshot)?, "rows in segments that marks hide"),
        (
            "last_flush",
            u64::try_from(last_flush_ms).unwrap_or(0),
            "when the newest segment was written, in milliseconds since 1970 UTC; 0: there is none",
        ),
        ("hot_rows_estimate", hot.rows, "rows in the hot tier, about"),
        ("hot_bytes", hot.bytes, "bytes of the hot tier, in memory and on disk"),
        ("block_cache_bytes", hot.block_cache_bytes, "bytes in RocksDB's block cache"),
        ("memtable_bytes", hot.memtable_bytes, "bytes of what RocksDB has not written to files"),
        (
            "segment_cache_bytes",
            engine.tier.cache.bytes(),
            "bytes of open segments and their blocks",
        ),
        ("copy_bytes", engine.tier.copy_bytes(), "bytes of local copies of remote segments"),
        ("open_views", engine.store.epochs().count(), "views that statements and results hold"),
        ("memory_used", running.memory_pool.reserved() as u64, "bytes held by running queries"),
        ("memory_limit", engine.options.memory_limit_bytes as u64, "most bytes that they may hold"),
        ("spilled_bytes", spilled, "bytes that running queries wrote to disk"),
    ])
}
