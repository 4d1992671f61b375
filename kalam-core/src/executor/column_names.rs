//! Names of the columns of a query that becomes a table or a view.
//!
//! Source: PostgreSQL, "5.7. SELECT Output Columns" and `FigureColname`.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, ObjectNamePart, Query, SelectItem, SetExpr,
};

use crate::Position;
use crate::executor::cte_scope::fold;

/// What PostgreSQL calls a column that nothing gives a name to.
pub(crate) const NO_NAME: &str = "?column?";

/// Gives every column of the outermost SELECT that is neither a column nor has an
/// alias the name that PostgreSQL gives it: of a function call that of the function.
/// Where `names` has a name for it, it gets that one.
pub(crate) fn name_columns(query: &mut Query, names: &[(String, Position)]) {
    let mut body = query.body.as_mut();
    loop {
        match body {
            SetExpr::SetOperation { left, .. } => body = left.as_mut(),
            SetExpr::Query(inner) => body = inner.body.as_mut(),
            SetExpr::Select(select) => {
                let mut place = Some(0);
                for item in &mut select.projection {
                    name_item(item, place.and_then(|place| names.get(place)));
                    // Nobody knows yet how many columns a wildcard is.
                    let is_one =
                        matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
                    place = place.filter(|_| is_one).map(|place: usize| place + 1);
                }
                return;
            }
            _ => return,
        }
    }
}

fn name_item(item: &mut SelectItem, given: Option<&(String, Position)>) {
    let SelectItem::UnnamedExpr(expr) = item else { return };
    let name = match given {
        Some((name, _)) => name.clone(),
        None if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => return,
        None => column_name(expr).unwrap_or_else(|| NO_NAME.to_owned()),
    };
    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', name) };
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
