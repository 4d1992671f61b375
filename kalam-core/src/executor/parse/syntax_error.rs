//! Errors of the parser, with the place and a caret below it.

use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, TokenizerError};

use super::input::Input;
use crate::executor::limits;
use crate::executor::placeholder::position;
use crate::{Error, Position, SqlState};

/// Characters of a line shown on either side of the place.
const LINE_CHARS_SHOWN: usize = 60;

/// Characters of a token shown in the message.
const TOKEN_CHARS_SHOWN: usize = 40;

/// Text that does not split into tokens, such as an open string.
pub(super) fn from_tokenizer(sql: &str, error: TokenizerError) -> Error {
    let mut what = error.message;
    if let Some(first) = what.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let error_at = position(error.location);
    with_caret(
        sql,
        Error::new(SqlState::SYNTAX_ERROR, format!("syntax error: {what}")).with_position(error_at),
    )
}

/// What the parser of expressions and queries refused; `end` is where the
/// statement ends.
pub(super) fn from_parser(input: &Input<'_>, end: Location, error: ParserError) -> Error {
    if matches!(error, ParserError::RecursionLimitExceeded) {
        return limits::exceeded("statement is nested too deeply".to_owned());
    }
    let refused = match offending_token(input, &error) {
        TokenWithSpan { token: Token::EOF, .. } => at_end(end),
        token => at_token(&token),
    };
    refused.with_source(error)
}

/// Takes what could be a password or a credential out of an error about a text that holds
/// one.
pub(super) fn conceal(sql: &str, error: Error) -> Error {
    if !holds_secret(sql) {
        return error;
    }
    let message = match error.sqlstate() {
        SqlState::SYNTAX_ERROR => "syntax error in a text with a secret, which is not shown",
        _ => error.message(),
    };
    let concealed = Error::new(error.sqlstate(), message.to_owned());
    match error.position() {
        Some(place) => concealed.with_position(place),
        None => concealed,
    }
}

fn holds_secret(sql: &str) -> bool {
    holds_password(sql) || holds_credential(sql)
}

/// Whether a text may hold a secret of a storage: a word for one in CREATE STORAGE or ALTER
/// STORAGE. A text that does not split into tokens may hold one wherever it has the word.
fn holds_credential(sql: &str) -> bool {
    let has =
        |text: &str| ["credential", "secret", "token", "key"].iter().any(|w| text.contains(w));
    let lower = sql.to_ascii_lowercase();
    if !lower.contains("storage") || !has(&lower) {
        return false;
    }
    let Ok(tokens) = super::split(sql) else { return true };
    let words = tokens.iter().filter_map(|token| match &token.token {
        Token::Word(word) => Some(word.value.to_ascii_lowercase()),
        _ => None,
    });
    let words: Vec<String> = words.collect();
    let of_storage =
        words.windows(2).any(|w| matches!(w[0].as_str(), "create" | "alter") && w[1] == "storage");
    of_storage && words.iter().any(|word| has(word))
}

/// Whether a text may hold a password: the word PASSWORD and a text after it, or
/// anywhere in CREATE USER or ALTER USER. A text that does not split into tokens may
/// hold one wherever it has the word.
fn holds_password(sql: &str) -> bool {
    const WORD: &str = "password";
    if !sql.as_bytes().windows(WORD.len()).any(|w| w.eq_ignore_ascii_case(WORD.as_bytes())) {
        return false;
    }
    let Ok(mut tokens) = super::split(sql) else { return true };
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let is_word = |at: usize, word: &str| {
        let token = tokens.get(at).map(|token| &token.token);
        matches!(token, Some(Token::Word(found)) if found.value.eq_ignore_ascii_case(word))
    };
    let of_user = (0..tokens.len()).any(|at| {
        (is_word(at, "CREATE") || is_word(at, "ALTER"))
            && is_word(at + 1, "USER")
            && !is_word(at + 2, "TABLE")
    });
    of_user
        || tokens.iter().enumerate().skip(1).any(|(at, token)| {
            let is_text = matches!(
                token.token,
                Token::SingleQuotedString(_)
                    | Token::EscapedStringLiteral(_)
                    | Token::DollarQuotedString(_)
                    | Token::NationalStringLiteral(_)
                    | Token::UnicodeStringLiteral(_)
            );
            is_text && is_word(at - 1, WORD)
        })
}

/// `syntax error at or near "token"`.
pub(super) fn at_token(found: &TokenWithSpan) -> Error {
    let text = found.token.to_string();
    let shown = match text.char_indices().nth(TOKEN_CHARS_SHOWN) {
        Some((cut, _)) => format!("{}..", &text[..cut]),
        None => text,
    };
    Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{shown}\""))
        .with_position(position(found.span.start))
}

fn at_end(end: Location) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, "syntax error at end of statement")
        .with_position(position(end))
}

/// The token that the parser stopped at. It has either taken it already or only
/// looked at it, and says which by its location alone.
fn offending_token(input: &Input<'_>, error: &ParserError) -> TokenWithSpan {
    let next = input.parser.peek_token_ref();
    let current = input.parser.get_current_token();
    let said = error.to_string();
    let is_meant = |token: &TokenWithSpan| said.ends_with(&token.span.start.to_string());
    if current.token != Token::EOF && !is_meant(next) && is_meant(current) {
        return current.clone();
    }
    next.clone()
}

/// Adds the line of the error's place in the text, and a caret below it, to the
/// detail. For errors of later steps too, which know the place and not the text.
pub(crate) fn with_caret(sql: &str, error: Error) -> Error {
    let Some(place) = error.position().filter(|_| !holds_secret(sql)) else {
        return error;
    };
    let lines = underlined(sql, place);
    match error.detail().map(str::to_owned) {
        Some(detail) => error.with_detail(format!("{detail}\n{lines}")),
        None => error.with_detail(lines),
    }
}

fn underlined(sql: &str, place: Position) -> String {
    let as_index = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let line = sql.split('\n').nth(as_index(place.line)).unwrap_or_default();
    let column = as_index(place.column);
    let skipped = column.saturating_sub(LINE_CHARS_SHOWN);
    let shown: String = line
        .chars()
        .skip(skipped)
        .take(2 * LINE_CHARS_SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let prefix = format!("line {}: ", place.line);
    let indent = prefix.chars().count() + column - skipped;
    format!("{prefix}{}\n{:indent$}^", shown.trim_end(), "")
}
