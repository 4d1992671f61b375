//! `SHOW STATS FOR TABLE`.

use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::{read_scope, resolve_table};
use crate::executor::statement::TableRef;
use crate::executor::text_table::{TextColumn, TextTable};
use crate::executor::work::Work;
use crate::flush::ScopeId;
use crate::store::RowHeader;

#[derive(Default)]
struct Stats {
    hot_rows: u64,
    cold_rows: u64,
    deleted_rows: u64,
    segments: u64,
    hot_bytes: u64,
    cold_bytes: u64,
    marked_rows: u64,
    last_flush_ms: Option<i64>,
    remote_segments: u64,
    remote_bytes: u64,
}

/// Rows and bytes by tier, in the caller's scope.
///
/// Columns: `table` TEXT, `hot_rows`, `cold_rows`, `deleted_rows`, `segments`,
/// `cold_bytes`, `hot_bytes` (keys and records as they are written), `marked_rows` BIGINT,
/// `last_flush` DATETIME or NULL, `remote_segments`, `remote_bytes` BIGINT. Live rows;
/// `deleted_rows` are those still visible under `_deleted`, `marked_rows` the rows of
/// segments that marks hide, `last_flush` is when the newest segment was written; remote are
/// the segments that were uploaded to an object store. Cost: reads the hot rows.
///
/// # Errors
/// `42P01`, `XX001`.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    work: &mut Work,
    table: &TableRef,
) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    let view = work.view(engine)?;
    let mut stats = Stats::default();
    if let Some(user) = read_scope(engine, caller, &table)? {
        let prefix = table.scope_prefix(user);
        let upper = crate::store::prefix_end(&prefix);
        let mut cursor = view.hot_cursor(&prefix, &upper);
        let expiry = table.expiry(engine.store.clock());
        while let Some((key, record)) = cursor.entry()? {
            let header = RowHeader::read(record)?;
            if header.seq >= expiry {
                stats.deleted_rows += u64::from(header.is_deleted());
                stats.hot_rows += u64::from(!header.is_deleted());
                stats.hot_bytes += (key.len() + record.len()) as u64;
            }
            cursor.advance();
        }
        let scope = ScopeId { table: table.definition.id, user };
        for segment in &engine.tier.manifest.scope(scope, &view)?.segments {
            stats.cold_rows += segment.live_rows();
            stats.deleted_rows += segment.deleted.len();
            stats.marked_rows += segment.dead.len();
            stats.cold_bytes += segment.meta.bytes;
            stats.segments += 1;
            stats.last_flush_ms = stats.last_flush_ms.max(Some(segment.meta.created_at_ms));
            if engine.registry.storage(&segment.meta.storage)?.kind.is_remote() {
                stats.remote_segments += 1;
                stats.remote_bytes += segment.meta.bytes;
            }
        }
    }
    Ok(QueryResult::ready(
        TextTable::default()
            .texts("table", [&table.definition.name])
            .numbers("hot_rows", [stats.hot_rows])
            .numbers("cold_rows", [stats.cold_rows])
            .numbers("deleted_rows", [stats.deleted_rows])
            .numbers("segments", [stats.segments])
            .numbers("cold_bytes", [stats.cold_bytes])
            .numbers("hot_bytes", [stats.hot_bytes])
            .numbers("marked_rows", [stats.marked_rows])
            .with("last_flush", TextColumn::MomentOrNull(vec![stats.last_flush_ms]))
            .numbers("remote_segments", [stats.remote_segments])
            .numbers("remote_bytes", [stats.remote_bytes])
            .finish(),
    ))
}
