//! UPDATE and DELETE, and the clauses that statements share which change rows.

use datafusion::sql::sqlparser::ast::{Expr, SelectItem, TableWithJoins};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::assignment::assignments;
use super::input::{Input, Parse, unsupported};
use super::query;
use crate::executor::modify_statement::{Ctes, Delete, InsertValue, Update};
use crate::executor::statement::Statement;

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
    "WHEN",
    "WHERE",
    "WITH",
];

/// `UPDATE t [alias] SET a = e, .. [FROM ..] [WHERE ..] [RETURNING ..]`.
pub(super) fn update(input: &mut Input<'_>, ctes: Ctes) -> Parse<Statement> {
    input.expect_word("UPDATE")?;
    take_only(input);
    let table = input.table()?;
    let alias = alias(input)?;
    input.expect_word("SET")?;
    let assignments = assignments(input, &table, alias.as_deref())?;
    let from = relations(input, "FROM")?;
    let selection = selection(input)?;
    refuse_clauses(input, "UPDATE", &[&["ORDER"], &["LIMIT"]])?;
    let returning = returning(input)?;
    Ok(Statement::Update(Box::new(Update {
        ctes,
        table,
        alias,
        assignments,
        from,
        selection,
        returning,
    })))
}

/// `DELETE FROM t [alias] [USING ..] [WHERE ..] [RETURNING ..]`.
pub(super) fn delete(input: &mut Input<'_>, ctes: Ctes) -> Parse<Statement> {
    input.expect_word("DELETE")?;
    input.expect_word("FROM")?;
    take_only(input);
    let table = input.table()?;
    let alias = alias(input)?;
    let using = relations(input, "USING")?;
    let selection = selection(input)?;
    refuse_clauses(input, "DELETE", &[&["ORDER"], &["LIMIT"]])?;
    let returning = returning(input)?;
    Ok(Statement::Delete(Box::new(Delete { ctes, table, alias, using, selection, returning })))
}

/// ONLY says nothing here: no table inherits from another.
pub(super) fn take_only(input: &mut Input<'_>) {
    if input.is_word(0, "ONLY") && input.peek_word(1).is_some() {
        input.parser.advance_token();
    }
}

/// Whether a query starts at the n-th next token.
pub(super) fn starts_query(input: &Input<'_>, n: usize) -> bool {
    let starts = |n| matches!(input.peek_word(n).as_deref(), Some("SELECT" | "WITH"));
    starts(n)
        || (input.parser.peek_nth_token_ref(n).token == Token::LParen
            && (starts(n + 1)
                || input.is_word(n + 1, "VALUES")
                || input.parser.peek_nth_token_ref(n + 1).token == Token::LParen))
}

/// `DEFAULT` or an expression.
pub(super) fn value(input: &mut Input<'_>) -> Parse<InsertValue> {
    if input.take_word("DEFAULT") {
        return Ok(InsertValue::Default);
    }
    query::expr(input).map(InsertValue::Expr)
}

/// `FROM a [JOIN ..], ..` after another word; empty without that word.
fn relations(input: &mut Input<'_>, word: &str) -> Parse<Vec<TableWithJoins>> {
    if input.take_word(word) { input.separated(query::relation) } else { Ok(Vec::new()) }
}

pub(super) fn selection(input: &mut Input<'_>) -> Parse<Option<Expr>> {
    if input.take_word("WHERE") { query::expr(input).map(Some) } else { Ok(None) }
}

/// `RETURNING a, b AS c, *`; empty without the word.
pub(super) fn returning(input: &mut Input<'_>) -> Parse<Vec<SelectItem>> {
    if input.take_word("RETURNING") { input.separated(query::item) } else { Ok(Vec::new()) }
}

pub(super) fn alias(input: &mut Input<'_>) -> Parse<Option<String>> {
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

pub(super) fn refuse_clauses(input: &Input<'_>, statement: &str, clauses: &[&[&str]]) -> Parse<()> {
    let is_next = |words: &[&str]| words.iter().enumerate().all(|(n, w)| input.is_word(n, w));
    match clauses.iter().find(|words| is_next(words)) {
        Some(words) => {
            Err(unsupported(format!("{statement} .. {}", words.join(" ")), input.position()))
        }
        None => Ok(()),
    }
}
