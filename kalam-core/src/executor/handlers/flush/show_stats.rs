//! `SHOW STATS FOR TABLE`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::{read_scope, resolve_table};
use crate::executor::statement::TableRef;
use crate::executor::work::Work;
use crate::flush::ScopeId;
use crate::store::RowHeader;
use crate::{Error, Result, SqlState};

/// Rows and bytes by tier, in the caller's scope.
///
/// Columns: `table` TEXT, `hot_rows`, `cold_rows`, `deleted_rows`, `segments`,
/// `cold_bytes` BIGINT. Live rows; `deleted_rows` are those still visible under
/// `_deleted`. Cost: reads the keys of the hot rows.
///
/// # Errors
/// `42P01`.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    work: &mut Work,
    table: &TableRef,
) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    let view = work.view(engine)?;
    let (mut hot, mut cold, mut deleted, mut segments, mut bytes) = (0u64, 0, 0, 0u64, 0);
    if let Some(user) = read_scope(engine, caller, &table)? {
        let prefix = table.scope_prefix(user);
        let upper = crate::store::prefix_end(&prefix);
        let mut cursor = view.hot_cursor(&prefix, &upper);
        let expiry = table.expiry(engine.clock.now_ms());
        while let Some((_, record)) = cursor.entry()? {
            let header = RowHeader::read(record)?;
            if header.seq >= expiry {
                deleted += u64::from(header.is_deleted());
                hot += u64::from(!header.is_deleted());
            }
            cursor.advance();
        }
        let scope = ScopeId { table: table.definition.id, user };
        for segment in &engine.tier.manifest.scope(scope, &view)?.segments {
            cold += segment.live_rows();
            deleted += segment.deleted.len();
            bytes += segment.meta.bytes;
            segments += 1;
        }
    }
    let number = |n: u64| -> ArrayRef {
        Arc::new(Int64Array::from(vec![i64::try_from(n).unwrap_or(i64::MAX)]))
    };
    let name: ArrayRef = Arc::new(StringArray::from(vec![table.definition.name.to_string()]));
    let batch = RecordBatch::try_from_iter([
        ("table", name),
        ("hot_rows", number(hot)),
        ("cold_rows", number(cold)),
        ("deleted_rows", number(deleted)),
        ("segments", number(segments)),
        ("cold_bytes", number(bytes)),
    ]);
    batch.map(QueryResult::ready).map_err(|e| {
        Error::new(SqlState::INTERNAL_ERROR, "the statistics cannot be shown").with_source(e)
    })
}
