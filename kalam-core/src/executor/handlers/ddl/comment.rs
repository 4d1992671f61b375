//! `COMMENT ON`.

use super::alter_namespace;
use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::handlers::dml::undefined_column;
use crate::executor::resolve::resolve_definition;
use crate::executor::retry::retrying;
use crate::executor::statement::{ColumnName, Comment, CommentObject, TableRef};

/// Sets or removes a comment. It is part of the schema version that is there: statements
/// and transactions that run do not notice.
///
/// # Errors
/// `3F000`, `42P01`, `42703`.
pub(crate) fn run(engine: &Engine, caller: &Caller, statement: &Comment) -> Result<QueryResult> {
    let text = statement.comment.as_deref();
    match &statement.object {
        CommentObject::Namespace(name) => alter_namespace::run(engine, caller, name, text),
        CommentObject::Table(table) => on_table(engine, caller, table, None, text),
        CommentObject::Column(table, column) => on_table(engine, caller, table, Some(column), text),
    }
}

fn on_table(
    engine: &Engine,
    caller: &Caller,
    name: &TableRef,
    column: Option<&ColumnName>,
    text: Option<&str>,
) -> Result<QueryResult> {
    retrying(|| {
        let table = resolve_definition(engine, caller, name)?;
        let mut definition = table.definition.as_ref().clone();
        match column {
            None => definition.comment = text.map(str::to_owned),
            Some((column, place)) => {
                let found = definition.columns.iter_mut().find(|c| c.name.as_str() == column);
                let found =
                    found.ok_or_else(|| undefined_column(&table, column).with_position(*place))?;
                found.comment = text.map(str::to_owned);
            }
        }
        definition.note_version(String::new(), engine.clock.now_ms());
        if definition != *table.definition {
            let mut set = engine.registry.alter_table(&table, definition, false, &[])?;
            let name = table.definition.name.to_string();
            engine.audit.add(&mut set, caller.did("COMMENT", Some(name)));
            engine.store.commit(set)?;
        }
        Ok(())
    })?;
    Ok(QueryResult::empty())
}
