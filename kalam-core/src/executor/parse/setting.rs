//! `SET`, `RESET` and `SHOW` of settings.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Input, Parse, unsupported};
use super::unsupported::refusal;
use crate::Position;
use crate::executor::statement::{SetSetting, ShowSetting};

/// What follows SET and is no setting.
const OTHERS: &[&str] =
    &["TRANSACTION", "TIME", "ROLE", "CONSTRAINTS", "NAMES", "CHARACTERISTICS", "AUTHORIZATION"];

/// What follows SHOW and is no setting.
const OBJECTS: &[&str] = &[
    "CATALOGS",
    "COLUMNS",
    "CREATE",
    "DATABASES",
    "FUNCTIONS",
    "INDEXES",
    "JOBS",
    "LIVE",
    "QUERIES",
    "STORAGES",
    "TIME",
    "TOPICS",
    "TRANSACTION",
    "USERS",
    "VIEWS",
];

/// `SET [SESSION] name {= | TO} value`.
pub(super) fn set(input: &mut Input<'_>) -> Parse<SetSetting> {
    let place = input.position();
    let first = usize::from(input.is_word(1, "SESSION"));
    if input.peek_word(first + 1).is_some_and(|word| OTHERS.contains(&word.as_str())) {
        return Err(refusal(input));
    }
    input.expect_word("SET")?;
    input.take_word("SESSION");
    if input.is_word(0, "LOCAL") && input.peek_word(1).is_some() {
        return Err(unsupported("SET LOCAL", place));
    }
    let (name, position) = setting_name(input)?;
    if !input.take(&Token::Eq) {
        input.expect_word("TO")?;
    }
    let value = if input.take_word("DEFAULT") { None } else { Some(value(input)?) };
    Ok(SetSetting { name: Some(name), value, position })
}

/// `RESET name | ALL`.
pub(super) fn reset(input: &mut Input<'_>) -> Parse<SetSetting> {
    input.expect_word("RESET")?;
    let position = input.position();
    let name = if input.take_word("ALL") { None } else { Some(setting_name(input)?.0) };
    Ok(SetSetting { name, value: None, position })
}

/// `SHOW name | ALL`.
pub(super) fn show(input: &mut Input<'_>) -> Parse<ShowSetting> {
    if input.peek_word(1).is_none_or(|word| OBJECTS.contains(&word.as_str())) {
        return Err(refusal(input));
    }
    input.expect_word("SHOW")?;
    let position = input.position();
    let name = if input.take_word("ALL") { None } else { Some(setting_name(input)?.0) };
    Ok(ShowSetting { name, position })
}

/// A name; those of other systems have points in them.
fn setting_name(input: &mut Input<'_>) -> Parse<(String, Position)> {
    let (mut name, position) = input.name()?;
    while input.take(&Token::Period) {
        name.push('.');
        name.push_str(&input.name()?.0);
    }
    Ok((name, position))
}

/// A text, a number, or a word.
fn value(input: &mut Input<'_>) -> Parse<String> {
    let sign = if input.take(&Token::Minus) { "-" } else { "" };
    match &input.parser.peek_token_ref().token {
        Token::Word(_) => Ok(input.name()?.0),
        Token::Number(digits, _) => {
            let digits = format!("{sign}{digits}");
            input.parser.advance_token();
            Ok(digits)
        }
        _ => input.text(),
    }
}
