//! Names of the columns of a query that becomes a table or a view.
//!
//! Source: PostgreSQL, "5.7. SELECT Output Columns" and `FigureColname`.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, ObjectNamePart, Query, SelectItem, SetExpr,
};

use crate::executor::cte_scope::fold;
use crate::{Error, Position, Result, SqlState};

/// What PostgreSQL calls a column that nothing gives a name to.
pub(crate) const NO_NAME: &str = "?column?";

/// Gives every column of the outermost SELECT that is neither a column nor has an
/// alias the name that PostgreSQL gives it: of a function call that of the function.
/// Where `names` has a name for it, it gets that one.
///
/// # Errors
/// `42701` if two columns have one name.
pub(crate) fn name_columns(query: &mut Query, names: &[(String, Position)]) -> Result<()> {
    let mut body = query.body.as_mut();
    loop {
        match body {
            SetExpr::SetOperation { left, .. } => body = left.as_mut(),
            SetExpr::Query(inner) => body = inner.body.as_mut(),
            SetExpr::Select(select) => {
                let mut place = Some(0);
                let mut taken = HashSet::new();
                for item in &mut select.projection {
                    let given = place.and_then(|place| names.get(place));
                    let name = name_item(item, given);
                    // Nobody knows yet how many columns a wildcard is.
                    place = place.filter(|_| name.is_some()).map(|place: usize| place + 1);
                    if let Some(name) = name.filter(|name| name != NO_NAME)
                        && !taken.insert(name.clone())
                    {
                        return Err(twice(&name));
                    }
                }
                return Ok(());
            }
            _ => return Ok(()),
        }
    }
}

/// The error for two columns of one name.
pub(crate) fn twice(name: &str) -> Error {
    Error::new(SqlState::DUPLICATE_COLUMN, format!("column \"{name}\" is defined twice"))
        .with_hint("give one of the two another name with AS")
}

/// Names a column that has no name, and returns the name; `None` for a wildcard.
fn name_item(item: &mut SelectItem, given: Option<&(String, Position)>) -> Option<String> {
    let given = given.map(|(name, _)| name.clone());
    let (expr, name) = match item {
        SelectItem::UnnamedExpr(expr) => match given {
            None if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => {
                return column_name(expr);
            }
            given => (expr.clone(), given.or_else(|| column_name(expr))),
        },
        SelectItem::ExprWithAlias { alias, .. } => return given.or_else(|| Some(fold(alias))),
        _ => return None,
    };
    let name = name.unwrap_or_else(|| NO_NAME.to_owned());
    let alias = Ident::with_quote('"', name.clone());
    *item = SelectItem::ExprWithAlias { expr, alias };
    Some(name)
}

/// The name that an expression gives to its column, if it has one.
fn column_name(expr: &Expr) -> Option<String> {
    let fixed = |name: &str| Some(name.to_owned());
    match expr {
        Expr::Identifier(name) => Some(fold(name)),
        Expr::CompoundIdentifier(names) => names.last().map(fold),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => column_name(inner),
        Expr::Cast { expr: inner, data_type, .. } => {
            column_name(inner).or_else(|| word(&data_type.to_string()))
        }
        Expr::TypedString(typed) => word(&typed.data_type.to_string()),
        Expr::Function(function) => function_name(function),
        Expr::Case { else_result, .. } => {
            else_result.as_deref().and_then(column_name).or_else(|| fixed("case"))
        }
        Expr::Exists { .. } => fixed("exists"),
        Expr::Array(_) => fixed("array"),
        Expr::Extract { .. } => fixed("extract"),
        Expr::Substring { .. } => fixed("substring"),
        Expr::Trim { .. } => fixed("btrim"),
        Expr::Position { .. } => fixed("position"),
        Expr::Ceil { .. } => fixed("ceil"),
        Expr::Floor { .. } => fixed("floor"),
        Expr::Overlay { .. } => fixed("overlay"),
        Expr::Interval(_) => fixed("interval"),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::ExprWithAlias { alias, .. }] => Some(fold(alias)),
                [SelectItem::UnnamedExpr(inner)] => column_name(inner),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn function_name(function: &Function) -> Option<String> {
    function.name.0.last().and_then(ObjectNamePart::as_ident).map(fold)
}

/// The first word of a type's name.
fn word(name: &str) -> Option<String> {
    let word: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then(|| word.to_lowercase())
}
