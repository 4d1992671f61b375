//! `UNREGISTER TABLE`.

use super::drop_table::{drop_relations, find};
use super::drop_view::is_a_table;
use crate::catalog::{Relation, ViewDefinition};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::statement::TableRef;
use crate::{Error, Result, SqlState};

/// Takes the name from the files of a registered table, which stay as they are.
///
/// # Errors
/// `42P01` if it is missing, `42809` if it is none, `2BP01` without `cascade` if a view
/// uses it.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    name: &TableRef,
    if_exists: bool,
    cascade: bool,
) -> Result<QueryResult> {
    drop_relations(engine, caller, cascade, || {
        let found = find(caller, name, if_exists, |namespace| {
            match engine.registry.relation(namespace, &name.table)? {
                Relation::View(view) if view.files.is_some() => Ok(view),
                Relation::View(view) => Err(is_no_registered_table(&view)),
                Relation::Table(table) => {
                    Err(is_a_table(&table.definition.name).with_hint("write DROP TABLE"))
                }
            }
        })?;
        Ok((Vec::new(), found.into_iter().collect()))
    })?;
    Ok(QueryResult::empty())
}

fn is_no_registered_table(view: &ViewDefinition) -> Error {
    Error::new(
        SqlState::WRONG_OBJECT_TYPE,
        format!("\"{}\" is a view, not a registered table", view.name),
    )
    .with_hint("write DROP VIEW")
}
