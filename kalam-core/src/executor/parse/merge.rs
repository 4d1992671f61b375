//! MERGE.

use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::assignment::assignments;
use super::input::{Input, Parse, unsupported};
use super::modify::{alias, returning, take_only, value};
use super::query;
use crate::executor::cte_scope::fold;
use crate::executor::modify_statement::{Ctes, Matching, Merge, MergeAction, MergeClause};
use crate::executor::statement::{Statement, TableRef};
use crate::{Error, SqlState};

/// `MERGE INTO t [alias] USING source ON condition WHEN .. [RETURNING ..]`.
pub(super) fn merge(input: &mut Input<'_>, ctes: Ctes) -> Parse<Statement> {
    input.expect_word("MERGE")?;
    input.expect_word("INTO")?;
    take_only(input);
    let table = input.table()?;
    let alias = alias(input)?;
    input.expect_word("USING")?;
    let (source, source_name) = source(input)?;
    input.expect_word("ON")?;
    let on = query::expr(input)?;
    let mut clauses = Vec::new();
    loop {
        let clause = clause(input, &table, alias.as_deref())?;
        let is_covered = |earlier: &MergeClause| {
            earlier.matching == clause.matching && earlier.condition.is_none()
        };
        if clauses.iter().any(is_covered) {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "a WHEN clause follows one of its kind that has no condition",
            )
            .with_position(clause.position)
            .into());
        }
        clauses.push(clause);
        if !input.is_word(0, "WHEN") {
            break;
        }
    }
    let returning = returning(input)?;
    Ok(Statement::Merge(Box::new(Merge {
        ctes,
        table,
        alias,
        source,
        source_name,
        on,
        clauses,
        returning,
    })))
}

/// A table or a subquery, and its name.
fn source(input: &mut Input<'_>) -> Parse<(TableFactor, String)> {
    let place = input.position();
    let source = query::factor(input)?;
    let name = match &source {
        TableFactor::Table { name, alias, args: None, version: None, sample: None, .. } => {
            let last = name.0.last().and_then(|part| part.as_ident());
            alias.as_ref().map(|alias| &alias.name).or(last)
        }
        TableFactor::Derived { lateral: false, alias: Some(alias), sample: None, .. } => {
            Some(&alias.name)
        }
        _ => None,
    };
    match name.map(fold) {
        Some(name) => Ok((source, name)),
        None => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "MERGE reads one table or one subquery with an alias",
        )
        .with_position(place)
        .into()),
    }
}

/// `WHEN [NOT] MATCHED [BY SOURCE | BY TARGET] [AND condition] THEN action`.
fn clause(input: &mut Input<'_>, table: &TableRef, alias: Option<&str>) -> Parse<MergeClause> {
    let position = input.position();
    input.expect_word("WHEN")?;
    let matching = if input.take_word("MATCHED") {
        Matching::Matched
    } else {
        input.expect_word("NOT")?;
        input.expect_word("MATCHED")?;
        if input.take_words(&["BY", "SOURCE"]) {
            Matching::NotMatchedBySource
        } else {
            let _ = input.take_words(&["BY", "TARGET"]);
            Matching::NotMatchedByTarget
        }
    };
    let condition = if input.take_word("AND") { Some(query::expr(input)?) } else { None };
    input.expect_word("THEN")?;
    let action = if input.take_words(&["DO", "NOTHING"]) {
        MergeAction::Nothing
    } else if matching == Matching::NotMatchedByTarget {
        insert(input)?
    } else if input.take_word("DELETE") {
        MergeAction::Delete
    } else {
        input.expect_word("UPDATE")?;
        input.expect_word("SET")?;
        MergeAction::Update(assignments(input, table, alias)?)
    };
    Ok(MergeClause { matching, condition, action, position })
}

/// `INSERT [(a, b)] VALUES (..) | DEFAULT VALUES`.
fn insert(input: &mut Input<'_>) -> Parse<MergeAction> {
    let place = input.position();
    input.expect_word("INSERT")?;
    let has_columns = input.parser.peek_token_ref().token == Token::LParen;
    let columns = if has_columns { input.names()? } else { Vec::new() };
    if input.is_word(0, "OVERRIDING") {
        return Err(unsupported("INSERT .. OVERRIDING", input.position()));
    }
    if input.take_words(&["DEFAULT", "VALUES"]) {
        return Ok(MergeAction::Insert(columns, Vec::new()));
    }
    input.expect_word("VALUES")?;
    input.expect(&Token::LParen)?;
    let values = input.separated(value)?;
    input.expect(&Token::RParen)?;
    if has_columns && values.len() != columns.len() {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("INSERT has {} values for {} columns", values.len(), columns.len()),
        )
        .with_position(place)
        .into());
    }
    Ok(MergeAction::Insert(columns, values))
}
