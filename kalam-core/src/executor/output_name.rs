//! Names of result columns when two columns of one select would have the same.
//!
//! Plans need distinct names; SQL does not. A select that was refused for its names
//! is planned again with names of their own for the columns that have no alias.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Select, SelectItem, Statement, Visit, VisitMut, Visitor, VisitorMut,
};

/// Whether a select somewhere in the statement may have two columns of one name.
pub(crate) fn may_clash(statement: &Statement) -> bool {
    statement.visit(&mut Find).is_break()
}

/// Gives every column without an alias that may clash a name of its own: its text,
/// with a number if the select has that name already.
pub(crate) fn make_distinct(statement: &mut Statement) {
    let _ = statement.visit(&mut Rename);
}

struct Find;

impl Visitor for Find {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let mut unnamed = 0;
        let mut names = HashSet::new();
        for item in &select.projection {
            let clashes = match item {
                SelectItem::UnnamedExpr(expr) => match column_name(expr) {
                    Some(name) => !names.insert(name),
                    None => {
                        unnamed += 1;
                        unnamed > 1
                    }
                },
                SelectItem::ExprWithAlias { alias, .. } => !names.insert(&alias.value),
                _ => select.projection.len() > 1,
            };
            if clashes {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

struct Rename;

impl VisitorMut for Rename {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut taken: HashSet<String> = HashSet::new();
        let mut has_wildcard = false;
        for item in &mut select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let written = column_name(expr).map(str::to_owned);
                    let is_column = written.is_some();
                    let name = written.unwrap_or_else(|| expr.to_string());
                    let is_free = taken.insert(name.clone()) && !(is_column && has_wildcard);
                    if is_column && is_free {
                        continue;
                    }
                    let name = if is_free { name } else { numbered(&name, &mut taken) };
                    *item = SelectItem::ExprWithAlias {
                        expr: expr.clone(),
                        alias: Ident::with_quote('"', name),
                    };
                }
                SelectItem::ExprWithAlias { alias, .. } => {
                    if !taken.insert(alias.value.clone()) {
                        *alias = Ident::with_quote('"', numbered(&alias.value, &mut taken));
                    }
                }
                SelectItem::ExprWithAliases { .. } => {}
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => has_wildcard = true,
            }
        }
        ControlFlow::Continue(())
    }
}

/// The name of a column that stands alone, qualified or not.
fn column_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Identifier(name) => Some(&name.value),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.as_str()),
        _ => None,
    }
}

fn numbered(name: &str, taken: &mut HashSet<String>) -> String {
    (1..)
        .map(|number| format!("{name}_{number}"))
        .find(|name| taken.insert(name.clone()))
        .expect("there are more numbers than columns")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::parse::parse;
    use crate::executor::statement::Statement as Parsed;

    fn statement(sql: &str) -> Statement {
        match parse(sql).expect(sql).remove(0).statement {
            Parsed::Query(query) => Statement::Query(query.into_inner()),
            other => panic!("{} is no query", other.name()),
        }
    }

    #[test]
    fn columns_get_names_of_their_own() {
        for (sql, expected) in [
            ("SELECT 1, 1", "SELECT 1 AS \"1\", 1 AS \"1_1\""),
            ("SELECT a, t.a FROM t", "SELECT a, t.a AS \"a_1\" FROM t"),
            ("SELECT *, a FROM t", "SELECT *, a AS \"a_1\" FROM t"),
            ("SELECT a AS b, b FROM t", "SELECT a AS b, b AS \"b_1\" FROM t"),
        ] {
            let mut statement = statement(sql);
            assert!(may_clash(&statement), "{sql}");
            make_distinct(&mut statement);
            assert_eq!(statement.to_string(), expected);
        }
        assert!(!may_clash(&statement("SELECT a, b, a + b FROM t")));
    }
}
