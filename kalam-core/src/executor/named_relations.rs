//! The rights to what expressions name, where they may never be evaluated.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, ObjectNamePart, Query, TableFactor, Visit, Visitor, With,
};

use super::caller::Caller;
use super::cte_scope::{CteScopes, Found, fold};
use super::engine::Engine;
use super::gateway::{TableAction, authorize_all_users, authorize_system_table, authorize_table};
use super::planner::ALL_USERS_FUNCTION;
use super::system_table::SYSTEM_NAMESPACE;
use crate::catalog::Relation;
use crate::{Error, Result};

/// Refuses an expression that names what the caller may not read. Planning refuses it
/// too; this is for expressions that are planned only when there are rows for them.
///
/// # Errors
/// `42501`, `42P01`.
pub(crate) fn authorize_expression(
    engine: &Engine,
    caller: &Caller,
    ctes: Option<&With>,
    expr: &Expr,
) -> Result<()> {
    let outer = ctes.into_iter().flat_map(|with| &with.cte_tables);
    let outer = outer.map(|cte| fold(&cte.alias.name)).collect();
    let mut named = Named { engine, caller, outer, scopes: CteScopes::new() };
    match expr.visit(&mut named) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(e) => Err(e),
    }
}

/// Whether a query names what only dba and system may read, whoever's rows they are:
/// tables of namespace `system`, and `all_users`.
pub(crate) fn reads_system(query: &Query) -> bool {
    query.visit(&mut OfSystem).is_break()
}

struct OfSystem;

impl Visitor for OfSystem {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let is_of_system = match factor {
            TableFactor::Table { name, args: None, .. } => {
                matches!(name.0.as_slice(), [.., ObjectNamePart::Identifier(namespace), _]
                    if fold(namespace) == SYSTEM_NAMESPACE)
            }
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => {
                is_all_users(name)
            }
            _ => false,
        };
        if is_of_system { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn is_all_users(name: &ObjectName) -> bool {
    matches!(name.0.as_slice(), [ObjectNamePart::Identifier(name)]
        if name.value.eq_ignore_ascii_case(ALL_USERS_FUNCTION))
}

struct Named<'a> {
    engine: &'a Engine,
    caller: &'a Caller,
    /// The CTEs of the statement around the expression.
    outer: Vec<String>,
    scopes: CteScopes<()>,
}

impl Visitor for Named<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        self.scopes.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Error> {
        self.scopes.leave(());
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        let checked = match factor {
            TableFactor::Table { name, args: None, .. } => self.relation(name),
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => {
                self.function(name)
            }
            _ => Ok(()),
        };
        match checked {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => ControlFlow::Break(e),
        }
    }
}

impl Named<'_> {
    fn relation(&self, name: &ObjectName) -> Result<()> {
        let parts: Option<Vec<String>> =
            name.0.iter().map(|part| part.as_ident().map(fold)).collect();
        let (namespace, table) = match parts.as_deref() {
            Some([table])
                if self.outer.contains(table)
                    || !matches!(self.scopes.find(table), Found::Nothing) =>
            {
                return Ok(());
            }
            Some([table]) if self.caller.data.has(None, table) => return Ok(()),
            Some([table]) => (self.caller.namespace.as_str(), table),
            Some([namespace, table]) => (namespace.as_str(), table),
            // Planning words the error.
            _ => return Ok(()),
        };
        if namespace == SYSTEM_NAMESPACE {
            return authorize_system_table(table, self.caller.role);
        }
        match self.engine.registry.relation(namespace, table) {
            Ok(Relation::Table(table)) => {
                authorize_table(TableAction::Read, &table.definition, self.caller.role)
            }
            Ok(Relation::View(_)) => Ok(()),
            Err(_) if namespace == "information_schema" => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn function(&self, name: &ObjectName) -> Result<()> {
        if is_all_users(name) {
            return authorize_all_users(self.caller.role);
        }
        Ok(())
    }
}
