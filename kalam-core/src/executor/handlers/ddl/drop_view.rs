//! `DROP VIEW`.

use super::drop_table::{drop_relations, find};
use crate::catalog::{Relation, is_registered};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::statement::TableRef;
use crate::{Error, Result, SqlState};

/// Drops views in one commit.
///
/// # Errors
/// `42P01` if one is missing, `42809` if one is a table, `2BP01` without `cascade` if
/// another view uses one.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    names: &[TableRef],
    if_exists: bool,
    cascade: bool,
) -> Result<QueryResult> {
    drop_relations(engine, caller, cascade, || {
        let mut views = Vec::new();
        for name in names {
            let found = find(caller, name, if_exists, |namespace| {
                match engine.registry.relation(namespace, &name.table)? {
                    Relation::View(view) if view.files.is_some() => Err(is_registered(&view.name)),
                    Relation::View(view) => Ok(view),
                    Relation::Table(table) => Err(is_a_table(&table.definition.name)),
                }
            })?;
            views.extend(found);
        }
        Ok((Vec::new(), views))
    })?;
    Ok(QueryResult::empty())
}

/// The error where a table stands for a view.
pub(crate) fn is_a_table(name: &crate::model::TableName) -> Error {
    Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is a table, not a view"))
        .with_hint("write TABLE instead of VIEW")
}
