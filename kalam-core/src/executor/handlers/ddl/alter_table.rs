//! `ALTER TABLE`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Value};

use super::remove_rows::RemoveRows;
use crate::catalog::{Table, TableDefinition, UniqueConstraint, ViewDefinition};
use crate::executor::QueryResult;
use crate::executor::all_rows::{any_row, scopes};
use crate::executor::alter_table::{Altered, NewConstraint, Promise, alter_table};
use crate::executor::caller::Caller;
use crate::executor::constraint::{compile_checks, entries_of_rows, holds};
use crate::executor::engine::Engine;
use crate::executor::functions::DefaultContext;
use crate::executor::resolve::resolve_definition;
use crate::executor::retry::retrying;
use crate::executor::statement::AlterTable;
use crate::flush::Choice;
use crate::model::{ConstraintId, TableId, TableKind};
use crate::store::{Change, RowWrites, View, unique_prefix};
use crate::{Error, ErrorKind, Result, SqlState};

/// Alters a table: all actions or none, as one new schema version. Rows and segments stay
/// as they are, and are read as the new version has them.
///
/// A statement that promises something of all rows, as SET NOT NULL does, reads them
/// while commits of rows of the table wait.
///
/// # Errors
/// `42P01`, `42P07`, `42701`, `42703`, `42P16`, `23502` for a row that breaks a NOT NULL,
/// `23514` and `23505` for rows that break a new constraint,
/// `2BP01` for a column that a view uses,
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
    let next = Arc::new(engine.registry.derive(Arc::new(altered.definition.clone()))?);
    compile_checks(engine, &next)?;
    let views = views_to_drop(engine, &table, &altered)?;
    let is_kept = |unique: &UniqueConstraint| {
        altered.definition.uniques.iter().any(|kept| kept.id == unique.id)
    };
    let dropped: Vec<ConstraintId> =
        table.definition.uniques.iter().filter(|u| !is_kept(u)).map(|u| u.id).collect();
    let promises = !altered.promises.is_empty() || !altered.constraints.is_empty();
    let waits = promises || !dropped.is_empty();
    let _held = waits.then(|| table.hold_commits());
    engine.registry.check_current(&table)?;
    let view = engine.store.view();
    for promise in &altered.promises {
        make_sure(engine, caller, &table, &view, promise)?;
    }
    let mut entries = RowWrites::default();
    for constraint in &altered.constraints {
        keep_constraint(engine, caller, (&next, &view), constraint, &mut entries)?;
    }
    keep_outlived_gone(engine, &table, &altered.definition)?;
    let policy = altered.definition.options.flush_policy;
    let stay_ms = altered.definition.options.stay_ms();
    let mut set = engine.registry.alter_table(&table, altered.definition, promises, &views)?;
    set.rows = entries;
    let name = table.definition.name.to_string();
    engine.audit.add(&mut set, caller.did("ALTER TABLE", Some(name)));
    if !dropped.is_empty() {
        for user in scopes(engine, &table, &view)? {
            let prefixes =
                dropped.iter().map(|unique| unique_prefix(table.definition.id, user, *unique));
            set.changes
                .extend(prefixes.map(|prefix| Box::new(RemoveRows { prefix }) as Box<dyn Change>));
        }
    }
    engine.store.commit(set)?;
    if policy != table.definition.options.flush_policy {
        engine.flushing.policy_changed(table.definition.id);
    }
    if stay_ms != table.definition.options.stay_ms() {
        engine.maintenance.times_changed(table.definition.id);
    }
    Ok(())
}

/// Removes the rows of a STREAM table whose time is over if the next definition gives them
/// more: what is gone for every statement does not come back, and no constraint that was
/// added meanwhile has asked it.
fn keep_outlived_gone(engine: &Engine, table: &Arc<Table>, next: &TableDefinition) -> Result<()> {
    let of_now = &table.definition;
    if of_now.kind == TableKind::Stream && next.options.stay_ms() > of_now.options.stay_ms() {
        retrying(|| engine.tiers().maintain(table, Choice::All))?;
    }
    Ok(())
}

/// Looks for rows that break a constraint of the next definition of their table, and adds
/// the entries that a UNIQUE constraint needs.
fn keep_constraint(
    engine: &Engine,
    caller: &Caller,
    (next, view): (&Arc<Table>, &Arc<View>),
    constraint: &NewConstraint,
    entries: &mut RowWrites,
) -> Result<()> {
    // One that a later action took away again is not there.
    match constraint {
        NewConstraint::Check(name) => {
            match next.definition.checks.iter().find(|check| check.name == *name) {
                Some(check) => holds(engine, caller, next, view, check),
                None => Ok(()),
            }
        }
        NewConstraint::Unique(id) => {
            if let Some(unique) = next.uniques.iter().find(|unique| unique.id == *id) {
                let made = entries_of_rows(engine, caller, next, view, unique)?;
                made.iter().for_each(|entry| entries.append(&entry));
            }
            Ok(())
        }
    }
}

/// The views that go together with columns that they use.
///
/// # Errors
/// `2BP01` for a view that uses a column that goes, `0A000` for one that uses a column
/// whose type changes.
fn views_to_drop(
    engine: &Engine,
    table: &Table,
    altered: &Altered,
) -> Result<Vec<Arc<ViewDefinition>>> {
    let id = table.definition.id;
    let mut dropped: BTreeMap<TableId, Arc<ViewDefinition>> = BTreeMap::new();
    for column in &table.definition.columns {
        let after = altered.definition.column_by_id(column.id);
        if after.is_some_and(|after| after.data_type == column.data_type) {
            continue;
        }
        let readers = engine.registry.readers(id, column.id);
        if altered.cascade.contains(&column.id) {
            dropped.extend(readers.into_iter().map(|view| (view.id, view)));
            continue;
        }
        let Some(view) = readers.first() else { continue };
        let message = format!("view \"{}\" uses column \"{}\"", view.name, column.name);
        return Err(match after {
            None => Error::new(SqlState::DEPENDENT_OBJECTS, message)
                .with_hint("drop the view first, or use CASCADE to drop it too"),
            Some(_) => Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                .with_detail("the type of a column that a view uses cannot change")
                .with_hint("drop the view first, and create it again afterwards"),
        });
    }
    let ids: BTreeSet<TableId> = dropped.keys().copied().collect();
    let mut views: Vec<_> = dropped.into_values().collect();
    views.extend(engine.registry.dependents(&ids));
    Ok(views)
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
