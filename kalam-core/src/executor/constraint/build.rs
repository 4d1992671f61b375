//! Constraints that a table gets when it has rows, of all users in both tiers.

use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator};

use super::check_expression::parse_check;
use super::unique::UniqueWrites;
use crate::catalog::{CheckConstraint, Table, UniqueIndex};
use crate::executor::all_rows::{any_row, rows_of, scopes};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::store::{KeyEncoder, RowWrites, View};
use crate::{Error, Result, SqlState};

/// Refuses a CHECK that a row answers with false. It does not tell whose row.
///
/// # Errors
/// `23514`, and what the condition raises for a row.
pub(crate) fn holds(
    engine: &Engine,
    caller: &Caller,
    table: &Arc<Table>,
    view: &Arc<View>,
    check: &CheckConstraint,
) -> Result<()> {
    let condition = Box::new(Expr::Nested(Box::new(parse_check(&check.expression)?)));
    let fails = Expr::UnaryOp { op: UnaryOperator::Not, expr: condition };
    if !any_row(engine, caller, table, view, &fails)? {
        return Ok(());
    }
    Err(Error::new(
        SqlState::CHECK_VIOLATION,
        format!(
            "rows of table \"{}\" violate check constraint \"{}\"",
            table.definition.name, check.name
        ),
    )
    .with_hint("rows of every user count"))
}

/// The entries that a UNIQUE constraint has for the rows that a view shows.
///
/// # Errors
/// `23505` if two rows of one owner have the same values. It does not tell which.
pub(crate) fn entries_of_rows(
    engine: &Engine,
    caller: &Caller,
    table: &Arc<Table>,
    view: &Arc<View>,
    unique: &UniqueIndex,
) -> Result<RowWrites> {
    let mut rows = RowWrites::default();
    for user in scopes(engine, table, view)? {
        let mut entries = UniqueWrites::default();
        for (columns, hidden) in rows_of(engine, caller, table, view, user)? {
            let keys = key_encoder(table, &columns, hidden.as_ref())?;
            let taken =
                entries.take_of(table, user, unique, &columns, &|row, out| keys.encode(row, out));
            taken.map_err(|e| match e.sqlstate() {
                SqlState::UNIQUE_VIOLATION => shared_values(table, unique),
                _ => e,
            })?;
        }
        entries.finish(table, (view, false), &mut rows)?;
    }
    Ok(rows)
}

fn key_encoder(
    table: &Table,
    columns: &[ArrayRef],
    hidden: Option<&ArrayRef>,
) -> Result<KeyEncoder> {
    match hidden {
        Some(hidden) => table.key_codec.encoder(std::slice::from_ref(hidden)),
        None => {
            let keys: Vec<_> = table.key_positions.iter().map(|i| columns[*i].clone()).collect();
            table.key_codec.encoder(&keys)
        }
    }
}

fn shared_values(table: &Table, unique: &UniqueIndex) -> Error {
    Error::new(
        SqlState::UNIQUE_VIOLATION,
        format!(
            "rows of table \"{}\" share values of unique constraint \"{}\"",
            table.definition.name, unique.name
        ),
    )
    .with_hint("rows of every user count, each user's by themselves")
}
