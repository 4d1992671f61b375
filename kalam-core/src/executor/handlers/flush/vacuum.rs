//! `VACUUM`.

use std::sync::Arc;

use super::compact_table::{compactor, report};
use crate::Result;
use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::resolve_table;
use crate::executor::row_writer::retrying;
use crate::executor::statement::TableRef;
use crate::flush::{Choice, CompactReport};
use crate::store::prefix_end;

/// Removes what nobody can see of one table, or of all: rows of STREAM tables whose time is
/// over, older versions of rows, deleted rows after their retention, files that no result
/// reads any more. Space returns to the system.
///
/// Returns a row for each table: `table` TEXT, `rows` BIGINT (written), `segments` BIGINT
/// (written), `replaced` BIGINT (segments), `dropped` BIGINT (rows).
///
/// # Errors
/// `42P01`, `53100` or `58030` if a file cannot be written.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    table: Option<&TableRef>,
) -> Result<QueryResult> {
    let tables = match table {
        Some(table) => vec![resolve_table(engine, caller, table, TableAction::Read)?],
        None => engine.registry.tables()?,
    };
    let mut reports = Vec::with_capacity(tables.len());
    for table in tables {
        let done = vacuum(engine, &table)?;
        reports.push((table, done));
    }
    engine.tier.collect_garbage(&engine.store)?;
    Ok(report(&reports))
}

fn vacuum(engine: &Engine, table: &Arc<Table>) -> Result<CompactReport> {
    let compactor = compactor(engine);
    let report = retrying(|| compactor.maintain(table, Choice::All))?;
    let definition = &table.definition;
    let mut prefix = vec![definition.kind.key_byte()];
    prefix.extend_from_slice(&definition.id.get().to_be_bytes());
    engine.store.compact_hot(&(prefix.clone()..prefix_end(&prefix)));
    Ok(report)
}
