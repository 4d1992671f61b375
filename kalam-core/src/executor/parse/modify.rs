//! INSERT, UPDATE and DELETE.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Input, Parse, unsupported};
use super::query;
use crate::executor::statement::{
    Delete, Insert, InsertSource, InsertValue, Statement, TableRef, Update,
};
use crate::{Error, Position, SqlState};

/// Words that end a table name without an alias.
const NO_ALIAS: &[&str] = &[
    "DEFAULT",
    "FROM",
    "LIMIT",
    "ON",
    "ORDER",
    "RETURNING",
    "SELECT",
    "SET",
    "TABLE",
    "USING",
    "VALUES",
    "WHERE",
    "WITH",
];

/// `INSERT INTO t [(a, b)] VALUES .. | DEFAULT VALUES | query`.
pub(super) fn insert(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("INSERT")?;
    if input.is_word(0, "OR") {
        return Err(unsupported("INSERT OR", input.position()));
    }
    input.expect_word("INTO")?;
    let table = input.table()?;
    // Only RETURNING and ON CONFLICT can use the alias, so it needs no place.
    alias(input)?;
    let has_columns = input.parser.peek_token_ref().token == Token::LParen && !is_query(input, 1);
    let columns = if has_columns { input.names()? } else { Vec::new() };
    let source = if input.take_words(&["DEFAULT", "VALUES"]) {
        InsertSource::DefaultValues
    } else if input.take_word("VALUES") {
        InsertSource::Values(rows(input)?)
    } else if is_query(input, 0) {
        InsertSource::Query(query::query(input)?)
    } else {
        return input.refuse();
    };
    refuse_clauses(input, "INSERT", &[&["ON", "CONFLICT"], &["ON", "DUPLICATE"], &["RETURNING"]])?;
    Ok(Statement::Insert(Insert { table, columns, source }))
}

fn is_query(input: &Input<'_>, n: usize) -> bool {
    let starts = |n| matches!(input.peek_word(n).as_deref(), Some("SELECT" | "WITH"));
    starts(n)
        || (input.parser.peek_nth_token_ref(n).token == Token::LParen
            && (starts(n + 1)
                || input.is_word(n + 1, "VALUES")
                || input.parser.peek_nth_token_ref(n + 1).token == Token::LParen))
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

/// `DEFAULT` or an expression.
fn value(input: &mut Input<'_>) -> Parse<InsertValue> {
    if input.take_word("DEFAULT") {
        return Ok(InsertValue::Default);
    }
    query::expr(input).map(InsertValue::Expr)
}

/// `UPDATE t [alias] SET a = e, .. [WHERE ..]`.
pub(super) fn update(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("UPDATE")?;
    let _ = input.is_word(0, "ONLY") && input.peek_word(1).is_some() && input.take_word("ONLY");
    let table = input.table()?;
    let alias = alias(input)?;
    input.expect_word("SET")?;
    let mut assignments = Vec::new();
    input.separated(|input| assign(input, &table, alias.as_deref(), &mut assignments))?;
    refuse_clauses(input, "UPDATE", &[&["FROM"]])?;
    let selection = selection(input)?;
    refuse_clauses(input, "UPDATE", &[&["RETURNING"], &["ORDER"], &["LIMIT"]])?;
    Ok(Statement::Update(Update { table, alias, assignments, selection }))
}

type Assignments = Vec<(String, Position, InsertValue)>;

/// `a = e` or `(a, b) = (e, f)`.
fn assign(
    input: &mut Input<'_>,
    table: &TableRef,
    alias: Option<&str>,
    assignments: &mut Assignments,
) -> Parse<()> {
    if input.parser.peek_token_ref().token != Token::LParen {
        let (mut column, mut place) = input.name()?;
        if input.take(&Token::Period) {
            if column != alias.unwrap_or(&table.table) {
                return Err(Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("table \"{column}\" is not the one that UPDATE changes"),
                )
                .with_position(place)
                .into());
            }
            (column, place) = input.name()?;
        }
        input.expect(&Token::Eq)?;
        return add_assignment(assignments, column, place, value(input)?);
    }
    let columns = input.names()?;
    input.expect(&Token::Eq)?;
    let _ = input.take_word("ROW");
    let place = input.position();
    if is_query(input, 0) {
        return Err(unsupported("UPDATE with a query for several columns", place));
    }
    input.expect(&Token::LParen)?;
    let values = input.separated(value)?;
    input.expect(&Token::RParen)?;
    if values.len() != columns.len() {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("UPDATE sets {} columns to {} values", columns.len(), values.len()),
        )
        .with_position(place)
        .into());
    }
    columns
        .into_iter()
        .zip(values)
        .try_for_each(|((column, place), value)| add_assignment(assignments, column, place, value))
}

fn add_assignment(
    assignments: &mut Assignments,
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

/// `DELETE FROM t [alias] [WHERE ..]`.
pub(super) fn delete(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("DELETE")?;
    input.expect_word("FROM")?;
    let _ = input.is_word(0, "ONLY") && input.peek_word(1).is_some() && input.take_word("ONLY");
    let table = input.table()?;
    let alias = alias(input)?;
    refuse_clauses(input, "DELETE", &[&["USING"]])?;
    let selection = selection(input)?;
    refuse_clauses(input, "DELETE", &[&["RETURNING"], &["ORDER"], &["LIMIT"]])?;
    Ok(Statement::Delete(Delete { table, alias, selection }))
}

fn selection(input: &mut Input<'_>) -> Parse<Option<Expr>> {
    if input.take_word("WHERE") { query::expr(input).map(Some) } else { Ok(None) }
}

fn alias(input: &mut Input<'_>) -> Parse<Option<String>> {
    if input.take_word("AS") {
        return input.name().map(|(alias, _)| Some(alias));
    }
    let takes = match &input.parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_none() => {
            !NO_ALIAS.contains(&word.value.to_ascii_uppercase().as_str())
        }
        Token::Word(_) => true,
        _ => false,
    };
    if takes { input.name().map(|(alias, _)| Some(alias)) } else { Ok(None) }
}

fn refuse_clauses(input: &Input<'_>, statement: &str, clauses: &[&[&str]]) -> Parse<()> {
    let is_next = |words: &[&str]| words.iter().enumerate().all(|(n, w)| input.is_word(n, w));
    match clauses.iter().find(|words| is_next(words)) {
        Some(words) => {
            Err(unsupported(format!("{statement} .. {}", words.join(" ")), input.position()))
        }
        None => Ok(()),
    }
}
