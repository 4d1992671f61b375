//! `SHOW MANIFEST FOR`.

use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::{read_scope, resolve_table};
use crate::executor::segment_rows::{add_segments, segments_of_scopes, segments_of_table};
use crate::executor::statement::TableRef;
use crate::executor::text_table::TextTable;
use crate::executor::work::Work;
use crate::flush::ScopeId;
use crate::model::Role;

/// The segments of a table: those of the caller's scope, for dba and above those of
/// every user. `system.manifest` has the same rows and more columns.
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
    let segments = if caller.role >= Role::Dba {
        segments_of_table(engine, &view, id)?
    } else {
        let scope = read_scope(engine, caller, &table)?.map(|user| ScopeId { table: id, user });
        segments_of_scopes(engine, &view, scope)?
    };
    Ok(QueryResult::ready(add_segments(TextTable::default(), &segments).finish()))
}
