//! INSERT.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::assignment::assignments;
use super::input::{Input, Parse, unsupported};
use super::modify::{alias, refuse_clauses, returning, selection, starts_query, value};
use super::query;
use crate::executor::modify_statement::{
    ConflictTarget, ConflictUpdate, Ctes, Insert, InsertSource, InsertValue, OnConflict,
};
use crate::executor::statement::{Statement, TableRef};
use crate::{Error, SqlState};

/// `INSERT INTO t [AS x] [(a, b)] VALUES .. | DEFAULT VALUES | query [ON CONFLICT ..]
/// [RETURNING ..]`.
pub(super) fn insert(input: &mut Input<'_>, ctes: Ctes) -> Parse<Statement> {
    input.expect_word("INSERT")?;
    if input.is_word(0, "OR") {
        return Err(unsupported("INSERT OR", input.position()));
    }
    input.expect_word("INTO")?;
    let table = input.table()?;
    let alias = alias(input)?;
    let has_columns =
        input.parser.peek_token_ref().token == Token::LParen && !starts_query(input, 1);
    let columns = if has_columns { input.names()? } else { Vec::new() };
    let source = if input.take_words(&["DEFAULT", "VALUES"]) {
        InsertSource::DefaultValues
    } else if input.take_word("VALUES") {
        InsertSource::Values(rows(input)?)
    } else if starts_query(input, 0) {
        InsertSource::Query(query::query(input)?)
    } else {
        return input.refuse();
    };
    refuse_clauses(input, "INSERT", &[&["ON", "DUPLICATE"]])?;
    let on_conflict = on_conflict(input, &table, alias.as_deref())?;
    let returning = returning(input)?;
    Ok(Statement::Insert(Box::new(Insert {
        ctes,
        table,
        alias,
        columns,
        source,
        on_conflict,
        returning,
    })))
}

fn rows(input: &mut Input<'_>) -> Parse<Vec<Vec<InsertValue>>> {
    let mut length = None;
    input.separated(|input| {
        let place = input.position();
        input.expect(&Token::LParen)?;
        let row = input.separated(value)?;
        input.expect(&Token::RParen)?;
        let expected = *length.get_or_insert(row.len());
        if row.len() != expected {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!("rows of VALUES differ in length: {expected} and {}", row.len()),
            )
            .with_position(place)
            .into());
        }
        Ok(row)
    })
}

/// `ON CONFLICT [(a, b) | ON CONSTRAINT c] DO NOTHING | DO UPDATE SET .. [WHERE ..]`.
fn on_conflict(
    input: &mut Input<'_>,
    table: &TableRef,
    alias: Option<&str>,
) -> Parse<Option<OnConflict>> {
    let place = input.position();
    if !input.take_words(&["ON", "CONFLICT"]) {
        return Ok(None);
    }
    let mut position = input.position();
    let target = if input.take_words(&["ON", "CONSTRAINT"]) {
        position = input.position();
        ConflictTarget::Constraint(input.name()?.0)
    } else if input.parser.peek_token_ref().token == Token::LParen {
        let columns = input.names()?;
        refuse_clauses(input, "ON CONFLICT", &[&["WHERE"]])?;
        ConflictTarget::Columns(columns)
    } else {
        ConflictTarget::Any
    };
    if input.take_words(&["DO", "NOTHING"]) {
        return Ok(Some(OnConflict { target, position, update: None }));
    }
    if !input.take_words(&["DO", "UPDATE", "SET"]) {
        return input.refuse();
    }
    if target == ConflictTarget::Any {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "ON CONFLICT DO UPDATE needs the columns or the constraint that are unique",
        )
        .with_position(place)
        .with_hint("write ON CONFLICT (primary key columns) DO UPDATE")
        .into());
    }
    let assignments = assignments(input, table, alias)?;
    let selection = selection(input)?;
    Ok(Some(OnConflict {
        target,
        position,
        update: Some(ConflictUpdate { assignments, selection }),
    }))
}
