//! The condition of a CHECK as text, and back.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, Value, VisitMut, VisitorMut, visit_expressions_mut,
};

use crate::executor::cte_scope::fold;
use crate::executor::parse::parse;
use crate::executor::show_create_table::quoted_name;
use crate::executor::statement::Statement;
use crate::model::TableName;
use crate::{Error, Result, SqlState};

/// A condition as the catalog keeps it, and the columns that it names, each once.
pub(super) struct CheckExpression {
    pub(super) text: String,
    pub(super) columns: Vec<String>,
}

impl CheckExpression {
    /// Reads the condition of a CHECK of a table.
    ///
    /// # Errors
    /// `0A000` for subqueries, `42P02` for parameters, `42P17` for system columns,
    /// `42P01` for columns of other tables.
    pub(super) fn new(written: &Expr, table: &TableName) -> Result<CheckExpression> {
        let mut expr = written.clone();
        let mut names = Names { table, found: Vec::new() };
        if let ControlFlow::Break(e) = VisitMut::visit(&mut expr, &mut names) {
            return Err(e);
        }
        let text = expr.to_string();
        match parse_check(&text) {
            Ok(again) if again == expr => Ok(CheckExpression { text, columns: names.found }),
            _ => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "this condition cannot be kept as the text of a CHECK",
            )),
        }
    }
}

/// The condition, from its text.
///
/// # Errors
/// `XX001` if the text is no expression.
pub(super) fn parse_check(text: &str) -> Result<Expr> {
    let damaged = || Error::new(SqlState::DATA_CORRUPTED, "the condition of a CHECK is damaged");
    let parsed = parse(&format!("SELECT {text}"))?.pop().ok_or_else(damaged)?;
    let Statement::Query(query) = parsed.statement else { return Err(damaged()) };
    let SetExpr::Select(select) = query.body.as_ref() else { return Err(damaged()) };
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr)] => Ok(expr.clone()),
        _ => Err(damaged()),
    }
}

/// The columns that a condition of the catalog names.
///
/// # Errors
/// `XX001` if the text is no expression.
pub(crate) fn check_columns(text: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    each_column(&mut parse_check(text)?, |name| names.push(fold(name)));
    Ok(names)
}

/// A condition of the catalog with another name for one of its columns.
///
/// # Errors
/// `XX001` if the text is no expression.
pub(crate) fn renamed_check(text: &str, from: &str, to: &str) -> Result<String> {
    let mut expr = parse_check(text)?;
    each_column(&mut expr, |name| {
        if fold(name) == from {
            *name = if quoted_name(to) == to { Ident::new(to) } else { Ident::with_quote('"', to) };
        }
    });
    Ok(expr.to_string())
}

fn each_column(expr: &mut Expr, mut each: impl FnMut(&mut Ident)) {
    let _: ControlFlow<()> = visit_expressions_mut(expr, |expr| {
        if let Expr::Identifier(name) = expr {
            each(name);
        }
        ControlFlow::Continue(())
    });
}

/// Takes the table's name from before its columns, and notes them.
struct Names<'a> {
    table: &'a TableName,
    found: Vec<String>,
}

impl Names<'_> {
    fn column(&mut self, name: &Ident) -> Result<()> {
        let name = fold(name);
        if name.starts_with('_') {
            return Err(Error::new(
                SqlState::INVALID_OBJECT_DEFINITION,
                format!("column \"{name}\" cannot be checked"),
            )
            .with_hint("a CHECK sees the columns that the table declares"));
        }
        if !self.found.contains(&name) {
            self.found.push(name);
        }
        Ok(())
    }

    fn is_table(&self, qualifier: &[Ident]) -> bool {
        let parts: Vec<String> = qualifier.iter().map(fold).collect();
        let own = [self.table.namespace.as_str(), self.table.table.as_str()];
        own.ends_with(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl VisitorMut for Names<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        ControlFlow::Break(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "a subquery in CHECK is not supported",
        ))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let seen = match expr {
            Expr::Identifier(name) => self.column(name),
            Expr::CompoundIdentifier(names) => match names.split_last() {
                Some((name, qualifier)) if self.is_table(qualifier) => {
                    let name = name.clone();
                    *expr = Expr::Identifier(name.clone());
                    self.column(&name)
                }
                _ => Err(Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("\"{expr}\" is no column of table \"{}\"", self.table),
                )),
            },
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => {
                Err(Error::new(SqlState::UNDEFINED_PARAMETER, "a CHECK takes no parameters"))
            }
            _ => Ok(()),
        };
        match seen {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => ControlFlow::Break(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_renamed_wherever_it_stands() {
        for (text, expected) in [
            ("a > 0", "\"B\" > 0"),
            ("a IS NULL OR length(a) < b", "\"B\" IS NULL OR length(\"B\") < b"),
            ("b > 'a'", "b > 'a'"),
        ] {
            assert_eq!(renamed_check(text, "a", "B").expect("valid"), expected);
        }
        assert_eq!(renamed_check("\"B\" > b", "B", "c").expect("valid"), "c > b");
        assert_eq!(check_columns("a > 0 AND \"B\" < a").expect("valid"), ["a", "B", "a"]);
    }
}
