//! `VACUUM`.

use super::compact_table::maintain;
use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::resolve_table;
use crate::executor::statement::TableRef;
use crate::flush::Choice;
use crate::jobs::JobKind;

/// Removes what nobody can see of one table: rows of a STREAM table whose time is over,
/// older versions of rows, deleted rows after their retention, files that no result reads
/// any more. Space returns to the system. Without a table it does so for all of them, but
/// leaves segments alone that are not worth a new file yet.
///
/// Returns a row for each table, as STORAGE COMPACT does.
///
/// # Errors
/// `42P01`, `53100` or `58030` if a file cannot be written, `57014` if the job is killed.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    table: Option<&TableRef>,
) -> Result<QueryResult> {
    let Some(table) = table else {
        let tables = engine.registry.tables()?;
        engine.audit.write(caller.did("VACUUM", None))?;
        return maintain(engine, JobKind::Cleanup, "all tables", &tables, Choice::Due);
    };
    let table = resolve_table(engine, caller, table, TableAction::Read)?;
    let definition = table.definition.clone();
    let name = definition.name.clone();
    engine.audit.write(caller.did("VACUUM", Some(name.to_string())))?;
    let result = maintain(engine, JobKind::Cleanup, &name, &[table], Choice::All)?;
    engine.tiers().free_hot(&definition);
    Ok(result)
}
