//! `DELETE`.

use datafusion::common::ScalarValue;

use super::target::Target;
use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::gateway::TableAction;
use crate::executor::resolve::{read_scope, resolve_table};
use crate::executor::statement::Delete;
use crate::executor::work::Work;

/// Deletes rows. In USER and SHARED tables they stay visible under `_deleted`.
///
/// # Errors
/// What WHERE gets wrong.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    work: &mut Work,
    statement: &Delete,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let table = resolve_table(engine, caller, &statement.table, TableAction::Write)?;
    let user = read_scope(engine, caller, &table)?.unwrap_or(crate::model::UserKey::NOBODY);
    let target = Target {
        table: &table,
        user,
        name: statement.alias.as_deref().unwrap_or(&statement.table.table),
        selection: statement.selection.as_ref(),
        values: Vec::new(),
    };
    let deleted = work.write(engine, &table, user, |view, writer| {
        let mut deleted = 0;
        for rows in target.rows(engine, caller, params, view)? {
            deleted += writer.delete(&rows.columns, rows.hidden.as_ref(), &rows.places)?;
        }
        Ok(deleted)
    })?;
    Ok(QueryResult::affected(deleted))
}
