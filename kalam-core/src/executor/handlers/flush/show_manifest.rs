//! `SHOW MANIFEST FOR`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::{read_scope, resolve_table};
use crate::executor::statement::TableRef;
use crate::executor::work::Work;
use crate::flush::{ScopeId, SegmentState};
use crate::model::Role;
use crate::{Error, Result, SqlState};

/// The segments of a table: those of the caller's scope, for dba and above those of
/// every user.
///
/// Columns: `path` TEXT (relative to the storage), `rows`, `live_rows`,
/// `deleted_rows`, `bytes`, `schema_version` BIGINT, `checksum` TEXT.
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
    let id = table.definition.id;
    let scopes: Vec<ScopeId> = if caller.role >= Role::Dba {
        let mut scopes: Vec<_> = engine
            .tier
            .manifest
            .table_segments(id, &view.snapshot)?
            .into_iter()
            .map(|segment| segment.scope)
            .collect();
        scopes.dedup();
        scopes
    } else {
        let user = read_scope(engine, caller, &table)?;
        user.into_iter().map(|user| ScopeId { table: id, user }).collect()
    };
    let mut segments: Vec<Arc<SegmentState>> = Vec::new();
    for scope in scopes {
        segments.extend(engine.tier.manifest.scope(scope, &view)?.segments.iter().cloned());
    }
    let number = |value: fn(&SegmentState) -> u64| -> ArrayRef {
        let of = |s: &Arc<SegmentState>| Some(i64::try_from(value(s)).unwrap_or(i64::MAX));
        Arc::new(segments.iter().map(of).collect::<Int64Array>())
    };
    let text = |value: fn(&SegmentState) -> &str| -> ArrayRef {
        Arc::new(segments.iter().map(|s| Some(value(s))).collect::<StringArray>())
    };
    let batch = RecordBatch::try_from_iter([
        ("path", text(|s| &s.meta.path)),
        ("rows", number(|s| s.meta.rows.into())),
        ("live_rows", number(SegmentState::live_rows)),
        ("deleted_rows", number(|s| s.deleted.len())),
        ("bytes", number(|s| s.meta.bytes)),
        ("schema_version", number(|s| s.meta.schema_version.get().into())),
        ("checksum", text(|s| &s.meta.checksum)),
    ]);
    batch.map(QueryResult::ready).map_err(|e| {
        Error::new(SqlState::INTERNAL_ERROR, "the manifest cannot be shown").with_source(e)
    })
}
