//! The query of a view as text that means the same for ever.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Query, TableFactor, Value, ValueWithSpan, Visit, VisitMut,
    Visitor, VisitorMut,
};

use crate::catalog::ViewDefinition;
use crate::executor::cte_scope::{CteScopes, Found, fold};
use crate::executor::engine::Engine;
use crate::executor::gateway::{REGISTERED_LEAST, TableAction, may};
use crate::executor::named_relations::reads_system;
use crate::executor::query_shape::{deep_stack, parameter_index};
use crate::executor::show_create_table::quoted_name;
use crate::executor::statement::Statement;
use crate::model::Role;
use crate::{Error, Result, SqlState};

/// Writes the namespace before every table without one, and gives the query as text.
///
/// # Errors
/// `42P02` if it has parameters, `0A000` if its text would be another query.
pub(crate) fn canonical_text(
    engine: &Engine,
    query: &mut Query,
    namespace: &str,
) -> Result<String> {
    if Visit::visit(query, &mut Parameters).is_break() {
        return Err(Error::new(
            SqlState::UNDEFINED_PARAMETER,
            "the query of a view takes no parameters",
        ));
    }
    let _ = VisitMut::visit(query, &mut Qualify { namespace, scopes: CteScopes::new() });
    let text = query.to_string();
    match parse_text(engine, &text) {
        Ok(again) if again == *query => Ok(text),
        _ => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "this query cannot be kept as the text of a view",
        )),
    }
}

/// The query of a view, from its text.
///
/// # Errors
/// `XX001` if the text is no query.
pub(crate) fn parse_text(engine: &Engine, text: &str) -> Result<Query> {
    match &engine.parse_one(text)?.statement {
        Statement::Query(query) => Ok(deep_stack(|| Query::clone(query))),
        _ => Err(Error::new(SqlState::DATA_CORRUPTED, "the query of a view is damaged")),
    }
}

/// Whether a role may read everything that a view reads.
pub(crate) fn is_visible(engine: &Engine, view: &ViewDefinition, role: Role) -> bool {
    let registry = &engine.registry;
    // What no one stores has no id, so it is looked for in the text.
    let may_read_text = |text: &str| {
        role >= Role::Dba || parse_text(engine, text).is_ok_and(|query| !reads_system(&query))
    };
    let may_read = |view: &ViewDefinition| match &view.files {
        Some(_) => role >= REGISTERED_LEAST,
        None => may_read_text(&view.query),
    };
    may_read(view)
        && registry.read_by(view).into_iter().all(|id| match registry.table_by_id(id) {
            Ok(Some(table)) => may(TableAction::Read, &table.definition, role),
            _ => registry.view(id).is_some_and(|inner| may_read(&inner)),
        })
}

struct Parameters;

impl Visitor for Parameters {
    type Break = ();

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        match &value.value {
            Value::Placeholder(_) if parameter_index(&value.value).is_some() => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

struct Qualify<'a> {
    namespace: &'a str,
    scopes: CteScopes<()>,
}

impl VisitorMut for Qualify<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.scopes.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.scopes.leave(());
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor
            && let [ObjectNamePart::Identifier(table)] = name.0.as_slice()
            && matches!(self.scopes.find(&fold(table)), Found::Nothing)
        {
            *name = ObjectName::from(vec![identifier(self.namespace), table.clone()]);
        }
        ControlFlow::Continue(())
    }
}

fn identifier(name: &str) -> Ident {
    if quoted_name(name) == name { Ident::new(name) } else { Ident::with_quote('"', name) }
}
