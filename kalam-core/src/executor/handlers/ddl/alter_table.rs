//! `ALTER TABLE`.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Value};

use crate::catalog::Table;
use crate::executor::QueryResult;
use crate::executor::all_rows::any_row;
use crate::executor::alter_table::{Altered, Promise, alter_table};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::functions::DefaultContext;
use crate::executor::resolve::resolve_definition;
use crate::executor::row_writer::retrying;
use crate::executor::statement::AlterTable;
use crate::store::View;
use crate::{Error, ErrorKind, Result, SqlState};

/// Alters a table: all actions or none, as one new schema version. Rows and segments stay
/// as they are, and are read as the new version has them.
///
/// A statement that promises something of all rows, as SET NOT NULL does, reads them
/// while commits of rows of the table wait.
///
/// # Errors
/// `42P01`, `42P07`, `42701`, `42703`, `42P16`, `23502` for a row that breaks a NOT NULL,
/// `0A000` with the way out for what would change rows, and what a new column gets wrong.
pub(crate) fn run(engine: &Engine, caller: &Caller, statement: &AlterTable) -> Result<QueryResult> {
    retrying(|| run_once(engine, caller, statement))?;
    Ok(QueryResult::empty())
}

fn run_once(engine: &Engine, caller: &Caller, statement: &AlterTable) -> Result<()> {
    let table = match resolve_definition(engine, caller, &statement.table) {
        Err(e) if statement.if_exists && e.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let context = DefaultContext {
        now_us: engine.clock.now_us(),
        user: caller.user.as_str(),
        role: caller.role.as_str(),
        ids: &engine.ids,
    };
    let Some(altered) = alter_table(&table.definition, &statement.actions, &context)? else {
        return Ok(());
    };
    engine.registry.storage(&altered.definition.options.storage)?;
    if altered.promises.is_empty() {
        return commit(engine, &table, altered);
    }
    let _held = table.hold_commits();
    engine.registry.check_current(&table)?;
    let view = engine.store.view();
    for promise in &altered.promises {
        make_sure(engine, caller, &table, &view, promise)?;
    }
    commit(engine, &table, altered)
}

fn commit(engine: &Engine, table: &Arc<Table>, altered: Altered) -> Result<()> {
    let promises = !altered.promises.is_empty();
    let set = engine.registry.alter_table(table, altered.definition, promises)?;
    engine.store.commit(set)?;
    Ok(())
}

/// Looks for a live row that breaks a promise.
fn make_sure(
    engine: &Engine,
    caller: &Caller,
    table: &Arc<Table>,
    view: &Arc<View>,
    promise: &Promise,
) -> Result<()> {
    let broken = match promise {
        Promise::NotNull(column) => {
            Expr::IsNull(Box::new(Expr::Identifier(Ident::with_quote('"', column))))
        }
        Promise::NoRowsWithout(_) | Promise::NoRowsWithOwn(..) => Expr::value(Value::Boolean(true)),
    };
    if any_row(engine, caller, table, view, &broken)? {
        return Err(refusal(table, promise));
    }
    Ok(())
}

/// The error for a promise that a row breaks. It does not tell whose row.
fn refusal(table: &Table, promise: &Promise) -> Error {
    let name = &table.definition.name;
    let holds_null = |column: &str| {
        Error::new(
            SqlState::NOT_NULL_VIOLATION,
            format!("column \"{column}\" of table \"{name}\" holds NULL"),
        )
    };
    match promise {
        Promise::NotNull(column) => holds_null(column)
            .with_hint("rows of every user count; UPDATE them, or give the column a default first"),
        Promise::NoRowsWithout(column) => holds_null(column)
            .with_hint("the table has rows: add the column with a DEFAULT, which they then show"),
        Promise::NoRowsWithOwn(column, default) => Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!(
                "rows of table \"{name}\" cannot get values of {default} for the new column \
                 \"{column}\""
            ),
        )
        .with_hint(format!(
            "add the column without default, then ALTER COLUMN {column} SET DEFAULT {default}: \
             rows that are there show NULL until they are updated"
        )),
    }
}
