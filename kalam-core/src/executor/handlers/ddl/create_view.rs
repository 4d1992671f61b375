//! `CREATE VIEW`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast::Query;
use parking_lot::Mutex;

use super::create_table::new_name;
use super::drop_view::is_a_table;
use crate::catalog::{Relation, ViewColumn, ViewDefinition, ViewUse, is_registered};
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::column_names::name_columns;
use crate::executor::engine::Engine;
use crate::executor::gateway::check_plan;
use crate::executor::planner::Planner;
use crate::executor::result_columns::result_columns;
use crate::executor::retry::retrying;
use crate::executor::statement::CreateView;
use crate::executor::view::{Body, canonical_text, uses};
use crate::model::TableName;
use crate::{Error, Result, SqlState};

/// Creates a view, or replaces one by a query that shows at least the same columns.
///
/// # Errors
/// `42P07` if the name is taken, `42809` if it is a table's, `42P16` if a column of the
/// replaced view would be another or gone, `42P17` if the view would read itself, and
/// what the query gets wrong.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    statement: &CreateView,
) -> Result<QueryResult> {
    let name = new_name(engine, caller, &statement.view)?;
    let at = |e: Error| match e.sqlstate() {
        SqlState::DUPLICATE_TABLE | SqlState::WRONG_OBJECT_TYPE => {
            e.with_position(statement.view.position)
        }
        _ => e,
    };
    retrying(|| {
        let replaced = match engine.registry.relation(name.namespace.as_str(), name.table.as_str())
        {
            Ok(_) if statement.if_not_exists => return Ok(()),
            Ok(Relation::View(view)) if statement.or_replace && view.files.is_some() => {
                return Err(is_registered(&view.name));
            }
            Ok(Relation::View(view)) if statement.or_replace => Some(view),
            Ok(Relation::Table(table)) if statement.or_replace => {
                return Err(is_a_table(&table.definition.name));
            }
            _ => None,
        };
        let view = Arc::new(define(engine, caller, statement, &name, replaced.as_deref())?);
        let mut set = engine.registry.add_view(&view, replaced);
        for used in &view.uses {
            // Whatever changes a table looks at the views of it, this one included.
            if let Some(Relation::Table(table)) = engine.registry.relation_by_id(used.id)? {
                set.changes.push(engine.registry.unchanged(&table));
            }
        }
        let record = caller.did("CREATE VIEW", Some(name.to_string()));
        engine.audit.add(&mut set, record);
        match engine.store.commit(set).map_err(Error::from) {
            Err(e) if e.sqlstate() == SqlState::DUPLICATE_TABLE && statement.if_not_exists => {
                Ok(())
            }
            // Somebody else made it in between: now it is there to be replaced.
            Err(e) if e.sqlstate() == SqlState::DUPLICATE_TABLE && statement.or_replace => {
                Err(Error::new(SqlState::SERIALIZATION_FAILURE, e.message().to_owned()))
            }
            done => done.map(|_| ()),
        }
    })
    .map_err(at)?;
    Ok(QueryResult::empty())
}

fn define(
    engine: &Engine,
    caller: &Caller,
    statement: &CreateView,
    name: &TableName,
    replaced: Option<&ViewDefinition>,
) -> Result<ViewDefinition> {
    let mut query = Query::clone(&statement.query);
    name_columns(&mut query, &statement.names)?;
    let text = canonical_text(engine, &mut query, &caller.namespace)?;
    let planner = Planner::new(engine, caller, engine.store.view());
    // One level for the query that will name the view.
    let body = Body::New(Mutex::new(BTreeMap::new()));
    let (planner, plan) = planner.below(1).within_view(body).view_plan(query)?;
    check_plan(&plan, caller.role)?;
    let uses: Vec<ViewUse> = planner.body().map_or(Ok(Vec::new()), |body| uses(body, &plan))?;
    let schema = planner.optimize(&plan)?.schema().inner().clone();
    let columns = columns(&schema, statement, name)?;
    if let Some(replaced) = replaced {
        check_columns(replaced, &columns)?;
    }
    Ok(ViewDefinition {
        id: replaced.map_or_else(|| engine.registry.next_table_id(), |view| view.id),
        name: name.clone(),
        version: replaced.map_or(1, |view| view.version + 1),
        columns,
        query: text,
        uses,
        files: None,
        created_at_ms: engine.clock.now_ms(),
    })
}

fn columns(schema: &Schema, statement: &CreateView, name: &TableName) -> Result<Vec<ViewColumn>> {
    let columns = result_columns(schema, &statement.names)?;
    if columns.is_empty() {
        return Err(Error::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("view \"{name}\" has no columns"),
        )
        .with_position(statement.view.position));
    }
    Ok(columns.into_iter().map(|(name, data_type)| ViewColumn { name, data_type }).collect())
}

/// What uses a view may go on using it: its columns stay, new ones come after them.
fn check_columns(replaced: &ViewDefinition, columns: &[ViewColumn]) -> Result<()> {
    for (index, old) in replaced.columns.iter().enumerate() {
        let problem = match columns.get(index) {
            None => format!("column \"{}\" of the view would be gone", old.name),
            Some(new) if new.name != old.name => {
                format!("column \"{}\" of the view would be called \"{}\"", old.name, new.name)
            }
            Some(new) if new.data_type != old.data_type => format!(
                "column \"{}\" of the view would change its type from {} to {}",
                old.name, old.data_type, new.data_type
            ),
            Some(_) => continue,
        };
        return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, problem)
            .with_hint("add columns at the end, or drop the view first"));
    }
    Ok(())
}
