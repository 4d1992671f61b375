//! The assignments of SET.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Ident, Query, SelectItem, SetExpr, TableAlias, TableAliasColumnDef,
    TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Failure, Input, Parse};
use super::modify::{starts_query, value};
use super::query;
use crate::executor::built_query::{query_of, select_of};
use crate::executor::modify_statement::{Assignment, InsertValue};
use crate::executor::statement::TableRef;
use crate::{Error, Position, SqlState};

/// `a = e, (b, c) = (e, f), ..`, of a table that the statement calls `name`.
pub(super) fn assignments(
    input: &mut Input<'_>,
    table: &TableRef,
    alias: Option<&str>,
) -> Parse<Vec<Assignment>> {
    let name = alias.unwrap_or(&table.table);
    let mut assignments = Vec::new();
    input.separated(|input| assignment(input, name, &mut assignments))?;
    Ok(assignments)
}

fn assignment(input: &mut Input<'_>, name: &str, assignments: &mut Vec<Assignment>) -> Parse<()> {
    if input.parser.peek_token_ref().token != Token::LParen {
        let (mut column, mut place) = input.name()?;
        if input.take(&Token::Period) {
            if column != name {
                return Err(Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("table \"{column}\" is not the one that is changed"),
                )
                .with_position(place)
                .into());
            }
            (column, place) = input.name()?;
        }
        input.expect(&Token::Eq)?;
        return add(assignments, column, place, value(input)?);
    }
    let columns = input.names()?;
    input.expect(&Token::Eq)?;
    let _ = input.take_word("ROW");
    let place = input.position();
    let is_query = starts_query(input, 1);
    input.expect(&Token::LParen)?;
    let values = if is_query {
        split(&*query::query(input)?, columns.len(), place)?
    } else {
        input.separated(value)?
    };
    input.expect(&Token::RParen)?;
    if values.len() != columns.len() {
        return Err(differing_length(columns.len(), values.len(), place));
    }
    columns
        .into_iter()
        .zip(values)
        .try_for_each(|((column, place), value)| add(assignments, column, place, value))
}

fn differing_length(columns: usize, values: usize, place: Position) -> Failure {
    Error::new(SqlState::SYNTAX_ERROR, format!("{columns} columns are set to {values} values"))
        .with_position(place)
        .into()
}

fn add(
    assignments: &mut Vec<Assignment>,
    column: String,
    place: Position,
    value: InsertValue,
) -> Parse<()> {
    if assignments.iter().any(|(known, ..)| *known == column) {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("column \"{column}\" is assigned twice"),
        )
        .with_position(place)
        .into());
    }
    assignments.push((column, place, value));
    Ok(())
}

/// A query of one row as a subquery for each of its columns.
fn split(query: &Query, columns: usize, place: Position) -> Parse<Vec<InsertValue>> {
    let items = plain_items(query);
    if let Some(items) = items
        && items != columns
    {
        return Err(differing_length(columns, items, place));
    }
    let one = |index| match items {
        Some(_) => with_item(query.clone(), index),
        None => of_column(query.clone(), index, columns),
    };
    let subquery = |query| InsertValue::Expr(Expr::Subquery(Box::new(query)));
    Ok((0..columns).map(|index| subquery(one(index))).collect())
}

/// How many columns the query has, if each of them could be left out without a change
/// of the others.
fn plain_items(query: &Query) -> Option<usize> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let is_plain = |item: &SelectItem| {
        matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
    };
    let plain = query.order_by.is_none()
        && !matches!(select.distinct, Some(Distinct::Distinct | Distinct::On(_)))
        && select.projection.iter().all(is_plain);
    plain.then_some(select.projection.len())
}

fn with_item(mut query: Query, index: usize) -> Query {
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![select.projection.swap_remove(index)];
    }
    query
}

/// `SELECT _<index> FROM (query) AS _row (_0, _1, ..)`.
fn of_column(query: Query, index: usize, columns: usize) -> Query {
    let name = |index: usize| Ident::with_quote('"', format!("_{index}"));
    let column = |index| TableAliasColumnDef { name: name(index), data_type: None };
    let relation = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(TableAlias {
            explicit: true,
            name: Ident::with_quote('"', "_row"),
            columns: (0..columns).map(column).collect(),
            at: None,
        }),
        sample: None,
    };
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    let item = SelectItem::UnnamedExpr(Expr::Identifier(name(index)));
    query_of(SetExpr::Select(Box::new(select_of(vec![item], from, None))))
}
