//! Queries of one table that need no planner: what they read, of which table, and under
//! which comparisons.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, ObjectName, Query, Select, SelectItem, SetExpr, TableFactor,
    Value,
};

use super::caller::Caller;
use super::cte_scope::fold;
use super::engine::Engine;
use crate::catalog::{RESERVED_NAMESPACES, Table};

/// The SELECT of a query, if it reads one relation under a condition: with the relation's
/// name, and its alias if it has one. ORDER BY and LIMIT of the query are not looked at.
pub(super) fn plain_select(query: &Query) -> Option<(&Select, &ObjectName, Option<String>)> {
    let plain_query = query.with.is_none() && query.fetch.is_none() && query.locks.is_empty();
    let SetExpr::Select(select) = &*query.body else { return None };
    let plain_groups = matches!(
        &select.group_by,
        GroupByExpr::Expressions(groups, modifiers) if groups.is_empty() && modifiers.is_empty()
    );
    let plain_select = plain_groups
        && select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.named_window.is_empty()
        && select.exclude.is_none()
        && select.into.is_none();
    let [from] = select.from.as_slice() else { return None };
    if !plain_query || !plain_select || !from.joins.is_empty() {
        return None;
    }
    match &from.relation {
        TableFactor::Table {
            name,
            alias,
            args: None,
            version: None,
            sample: None,
            with_ordinality: false,
            ..
        } => {
            let alias = match alias {
                None => None,
                Some(alias) if alias.columns.is_empty() => Some(fold(&alias.name)),
                Some(_) => return None,
            };
            Some((select, name, alias))
        }
        _ => None,
    }
}

/// The table that a name stands for; `None` for what is no table of a user, and for one that is
/// not there: planning words the error.
pub(super) fn named_table(
    engine: &Engine,
    caller: &Caller,
    name: &ObjectName,
) -> Option<Arc<Table>> {
    let parts: Vec<String> =
        name.0.iter().map(|part| part.as_ident().map(fold)).collect::<Option<_>>()?;
    let (namespace, table) = match parts.as_slice() {
        [table] if caller.data.has(None, table) => return None,
        [table] => (caller.namespace.as_str(), table),
        [namespace, table] => (namespace.as_str(), table),
        _ => return None,
    };
    if RESERVED_NAMESPACES.contains(&namespace) {
        return None;
    }
    engine.registry.table(namespace, table).ok()
}

/// What the table is called in the query.
pub(super) fn relation_name(name: &ObjectName, alias: Option<String>) -> Option<String> {
    alias.or_else(|| name.0.last()?.as_ident().map(fold))
}

/// A column, how it is compared, and with what.
pub(super) type Comparison<'a> = (&'a Expr, &'a BinaryOperator, ScalarValue);

/// Comparisons of columns with values, joined by AND; `None`: the condition is another.
pub(super) fn comparisons<'a>(
    expr: &'a Expr,
    params: &'a [ScalarValue],
) -> Option<Vec<Comparison<'a>>> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq};
    match expr {
        Expr::Nested(inner) => comparisons(inner, params),
        Expr::BinaryOp { left, op: And, right } => {
            let mut all = comparisons(left, params)?;
            all.extend(comparisons(right, params)?);
            Some(all)
        }
        Expr::BinaryOp { left, op: op @ (Eq | Lt | LtEq | Gt | GtEq), right } => {
            Some(vec![(left, op, value(right, params)?)])
        }
        _ => None,
    }
}

/// The value of a literal or of a parameter.
pub(super) fn value(expr: &Expr, params: &[ScalarValue]) -> Option<ScalarValue> {
    let Expr::Value(value) = expr else { return None };
    match &value.value {
        Value::Number(text, _) => text.parse().ok().map(|n| ScalarValue::Int64(Some(n))),
        Value::SingleQuotedString(text) => Some(ScalarValue::Utf8(Some(text.clone()))),
        Value::Placeholder(name) => {
            let index: usize = name.strip_prefix('$')?.parse().ok()?;
            params.get(index.checked_sub(1)?).cloned()
        }
        _ => None,
    }
}

/// The column that an expression names, if it is one of the relation's.
pub(super) fn column_name(expr: &Expr, relation: &str) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(fold(ident)),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] if fold(table) == relation => Some(fold(column)),
            _ => None,
        },
        _ => None,
    }
}

/// Positions and output names of the columns that a select list asks for, if it asks
/// for nothing else.
pub(crate) fn projection(
    items: &[SelectItem],
    table: &Table,
    relation: &str,
) -> Option<Vec<(usize, String)>> {
    let mut columns: Vec<(usize, String)> = Vec::new();
    for item in items {
        let (expr, alias) = match item {
            SelectItem::Wildcard(options) if *options == Default::default() => {
                let all = table.schema.fields().iter().enumerate();
                columns.extend(all.map(|(i, f)| (i, f.name().clone())));
                continue;
            }
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(fold(alias))),
            _ => return None,
        };
        let name = column_name(expr, relation)?;
        let position = table.schema.index_of(&name).ok()?;
        columns.push((position, alias.unwrap_or(name)));
    }
    let mut names: Vec<&String> = columns.iter().map(|(_, name)| name).collect();
    names.sort_unstable();
    let distinct = names.windows(2).all(|pair| pair[0] != pair[1]);
    (distinct && !columns.is_empty()).then_some(columns)
}

/// The schema of a result of these columns.
pub(super) fn result_schema(table: &Table, columns: &[(usize, String)]) -> SchemaRef {
    let field = |(position, name): &(usize, String)| -> Field {
        table.schema.field(*position).clone().with_name(name)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Columns that are compared by `=`, and at most one list of values of a column: `column IN
/// (..)`, joined by AND; `None`: the condition is another, or has no list.
pub(super) fn equals_and_list<'a>(
    expr: &'a Expr,
    params: &'a [ScalarValue],
) -> Option<(Vec<Comparison<'a>>, (&'a Expr, Vec<ScalarValue>))> {
    match expr {
        Expr::Nested(inner) => equals_and_list(inner, params),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let of_left = equals_and_list(left, params);
            let (list, others) = match of_left {
                Some(list) => (list, right),
                None => (equals_and_list(right, params)?, left),
            };
            let (mut equal, list) = list;
            equal.extend(comparisons(others, params)?);
            Some((equal, list))
        }
        Expr::InList { expr, list, negated: false } => {
            let values = list.iter().map(|item| value(item, params));
            Some((Vec::new(), (&**expr, values.collect::<Option<_>>()?)))
        }
        _ => None,
    }
}
