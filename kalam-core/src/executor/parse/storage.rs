//! CREATE STORAGE, ALTER STORAGE, DROP STORAGE, STORAGE CHECK.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Input, Parse};
use crate::executor::statement::Statement;
use crate::executor::storage_statement::{
    AlterStorage, CreateStorage, GivenCredential, StorageClauses,
};
use crate::model::Secret;
use crate::{Error, SqlState};

/// What follows `CREATE STORAGE`.
pub(super) fn create_storage(input: &mut Input<'_>) -> Parse<Statement> {
    let if_not_exists = input.take_if_not_exists();
    let name = storage_name(input)?;
    input.take_word("WITH");
    let (mut kind, mut place) = (None, None);
    let mut clauses = StorageClauses::default();
    while !input.is_at_end() {
        let at = input.position();
        if kind.is_none() && input.take_word("TYPE") {
            input.take(&Token::Eq);
            kind = Some(word_or_text(input)?.to_ascii_lowercase());
        } else if place.is_none()
            && ["PATH", "BUCKET", "CONTAINER"].iter().any(|word| input.take_word(word))
        {
            input.take(&Token::Eq);
            place = Some(input.text()?);
        } else if !clause(input, &mut clauses)? {
            return Err(twice_or_unknown(input, at));
        }
        input.take(&Token::Comma);
    }
    let missing = |what: &str, hint: &str| {
        Error::new(SqlState::SYNTAX_ERROR, format!("CREATE STORAGE needs {what}"))
            .with_hint(hint.to_owned())
    };
    let kind = kind.ok_or_else(|| missing("TYPE", "TYPE is filesystem, s3, gcs or azure"))?;
    let place = place.ok_or_else(|| {
        missing("PATH or BUCKET", "PATH is a folder of a filesystem, BUCKET one of an object store")
    })?;
    Ok(Statement::CreateStorage(CreateStorage { if_not_exists, name, kind, place, clauses }))
}

/// What follows `ALTER STORAGE`.
pub(super) fn alter_storage(input: &mut Input<'_>) -> Parse<Statement> {
    let name = storage_name(input)?;
    let mut clauses = StorageClauses::default();
    loop {
        input.take_word("SET");
        let at = input.position();
        if !clause(input, &mut clauses)? {
            return Err(twice_or_unknown(input, at));
        }
        input.take(&Token::Comma);
        if input.is_at_end() {
            return Ok(Statement::AlterStorage(AlterStorage { name, clauses }));
        }
    }
}

/// What follows `DROP STORAGE`.
pub(super) fn drop_storage(input: &mut Input<'_>) -> Parse<Statement> {
    let if_exists = input.take_if_exists();
    Ok(Statement::DropStorage { if_exists, name: storage_name(input)? })
}

/// What follows `STORAGE CHECK`.
pub(super) fn check_storage(input: &mut Input<'_>) -> Parse<Statement> {
    let name = storage_name(input)?;
    Ok(Statement::CheckStorage { name, extended: input.take_word("EXTENDED") })
}

/// A storage: a name, or a text as STORAGE_ID has it.
pub(super) fn storage_name(input: &mut Input<'_>) -> Parse<String> {
    match &input.parser.peek_token_ref().token {
        Token::Word(_) => Ok(input.name()?.0),
        _ => Ok(input.text()?.to_lowercase()),
    }
}

fn word_or_text(input: &mut Input<'_>) -> Parse<String> {
    match &input.parser.peek_token_ref().token {
        Token::Word(_) => Ok(input.name()?.0),
        Token::Number(digits, _) => {
            let digits = digits.clone();
            input.parser.advance_token();
            Ok(digits)
        }
        _ => input.text(),
    }
}

/// Takes one clause that was not there yet.
fn clause(input: &mut Input<'_>, clauses: &mut StorageClauses) -> Parse<bool> {
    if clauses.shared.is_none() && input.take_word("SHARED_TABLES_TEMPLATE") {
        input.take(&Token::Eq);
        clauses.shared = Some(input.text()?);
    } else if clauses.user.is_none() && input.take_word("USER_TABLES_TEMPLATE") {
        input.take(&Token::Eq);
        clauses.user = Some(input.text()?);
    } else if clauses.credentials.is_none() && input.take_word("CREDENTIALS") {
        clauses.credentials = Some(pairs(input, credential)?);
    } else if clauses.config.is_none() && input.take_word("CONFIG") {
        clauses.config = Some(pairs(input, word_or_text)?);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// `(name = value, ..)`, perhaps empty.
fn pairs<T>(
    input: &mut Input<'_>,
    value: impl Fn(&mut Input<'_>) -> Parse<T>,
) -> Parse<Vec<(String, T)>> {
    input.expect(&Token::LParen)?;
    if input.take(&Token::RParen) {
        return Ok(Vec::new());
    }
    let mut pairs: Vec<(String, T)> = Vec::new();
    loop {
        let (name, place) = match &input.parser.peek_token_ref().token {
            Token::Word(_) => input.name()?,
            _ => (input.text()?.to_lowercase(), input.position()),
        };
        if pairs.iter().any(|(earlier, _)| *earlier == name) {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("option {name} is given twice"),
            )
            .with_position(place)
            .into());
        }
        input.expect(&Token::Eq)?;
        pairs.push((name, value(input)?));
        if !input.take(&Token::Comma) {
            input.expect(&Token::RParen)?;
            return Ok(pairs);
        }
    }
}

/// `env('NAME')`, `file('path')` or the secret itself.
fn credential(input: &mut Input<'_>) -> Parse<GivenCredential> {
    for (word, make) in [
        ("ENV", GivenCredential::Env as fn(String) -> GivenCredential),
        ("FILE", GivenCredential::File as fn(String) -> GivenCredential),
    ] {
        if input.take_word(word) {
            input.expect(&Token::LParen)?;
            let text = input.text()?;
            input.expect(&Token::RParen)?;
            return Ok(make(text));
        }
    }
    input.text().map(|text| GivenCredential::Written(Secret::new(text)))
}

fn twice_or_unknown(input: &Input<'_>, at: crate::Position) -> super::input::Failure {
    let Some(word) = input.peek_word(0) else {
        return match input.refuse::<()>() {
            Err(failure) => failure,
            Ok(()) => unreachable!("refuse always fails"),
        };
    };
    Error::new(SqlState::SYNTAX_ERROR, format!("{word} is unknown here, or stands there twice"))
        .with_hint(
            "clauses are TYPE, PATH, BUCKET, SHARED_TABLES_TEMPLATE, USER_TABLES_TEMPLATE, \
             CREDENTIALS (..) and CONFIG (..); ALTER STORAGE changes the last four",
        )
        .with_position(at)
        .into()
}
