//! SQL text to statements. The text is tokenized once and parsed once.

mod alter_table;
mod assignment;
mod backup;
mod copy;
mod create_table;
mod create_view;
mod input;
mod insert;
mod merge;
mod modify;
mod query;
mod setting;
mod statement;
mod storage;
mod syntax_error;
mod transaction;
mod unsupported;
mod user;
mod with;

use std::sync::Arc;

use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{
    Location, Token, TokenWithSpan, Tokenizer, TokenizerError,
};

use self::input::{Failure, Input};
pub(crate) use self::syntax_error::with_caret;
use super::dialect::KalamDialect;
use super::placeholder::Placeholders;
use super::statement::{Parsed, Prepare, Statement};
use super::{limits, placeholder};
use crate::activity::check_stop;
use crate::{Error, Result, SqlState};

/// Parses a text of one or more statements separated by semicolons.
///
/// # Errors
/// `42601` with the place, `42P02` for a bad parameter number, `54000` beyond a
/// limit, `0A000` for statements of other systems.
pub(crate) fn parse(sql: &str) -> Result<Vec<Parsed>> {
    limits::check_text(sql)?;
    let mut parsed = Vec::new();
    let mut tokens = Vec::new();
    for token in tokenize(sql)? {
        if token.token == Token::SemiColon {
            parse_one(sql, std::mem::take(&mut tokens), &mut parsed)?;
        } else {
            tokens.push(token);
        }
    }
    parse_one(sql, tokens, &mut parsed)?;
    if parsed.is_empty() {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "statement is empty"));
    }
    Ok(parsed)
}

/// The tokens of a text, without white space and comments.
pub(super) fn tokenize(sql: &str) -> Result<Vec<TokenWithSpan>> {
    let mut tokens = split(sql).map_err(|e| syntax_error::from_tokenizer(sql, e))?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    for token in &mut tokens {
        if let Token::Number(digits, _) = &mut token.token {
            digits.retain(|c| c != '_');
        }
    }
    Ok(tokens)
}

/// All tokens of a text.
fn split(sql: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let mut tokens = Vec::new();
    let dialect = KalamDialect::default();
    Tokenizer::new(&dialect, sql).tokenize_with_location_into_buf(&mut tokens)?;
    Ok(tokens)
}

fn parse_one(sql: &str, tokens: Vec<TokenWithSpan>, parsed: &mut Vec<Parsed>) -> Result<()> {
    let Some(end) = tokens.last().map(|token| token.span.end) else {
        return Ok(());
    };
    check_stop()?;
    let shown = |e: Error| with_caret(sql, syntax_error::conceal(sql, e));
    limits::check_tokens(&tokens).map_err(shown)?;
    let (tokens, placeholders) = placeholder::rewrite(tokens).map_err(shown)?;
    let statement = statement_of(tokens, end).map_err(shown)?;
    parsed.push(match statement {
        // The parameters in the text are those of the statement that EXECUTE runs.
        Statement::Prepare(Prepare { name, types, statement }) => {
            let statement = Arc::new(Parsed { placeholders, ..Arc::unwrap_or_clone(statement) });
            let statement = Statement::Prepare(Prepare { name, types, statement });
            Parsed { statement, placeholders: Placeholders::default() }
        }
        statement => Parsed { statement, placeholders },
    });
    Ok(())
}

/// The statement that the tokens are; `end` is where they end.
fn statement_of(tokens: Vec<TokenWithSpan>, end: Location) -> Result<Statement> {
    let dialect = KalamDialect::for_tokens(tokens.len());
    let parser = Parser::new(&dialect)
        .with_recursion_limit(limits::PARSER_DEPTH_MAX)
        .with_tokens_with_locations(tokens);
    let mut input = Input::new(parser);
    statement::parse(&mut input).map_err(|failure| match failure {
        Failure::Known(e) => e,
        Failure::Parser(e) => syntax_error::from_parser(&input, end, e),
    })
}

#[cfg(test)]
mod tests;
