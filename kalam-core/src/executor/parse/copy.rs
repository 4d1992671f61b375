//! COPY.

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Query, SelectItem, SetExpr, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Failure, Input, Parse, unsupported};
use super::query;
use super::user::given_text;
use crate::executor::built_query::{query_of, quoted, relation_of, select_of};
use crate::executor::copy_statement::{CopyFrom, CopyOptions, CopyTo, FileFormat, Header};
use crate::executor::given::Given;
use crate::executor::statement::{ColumnName, Statement, TableRef};
use crate::{Error, Position, SqlState};

/// `COPY t [(a, b)] FROM | TO path [options]`, `COPY (query) TO path [options]`.
pub(super) fn copy(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("COPY")?;
    if input.take(&Token::LParen) {
        let query = query::query(input)?;
        input.expect(&Token::RParen)?;
        input.expect_word("TO")?;
        let (path, options) = file(input, true)?;
        return Ok(Statement::CopyTo(Box::new(CopyTo { table: None, query, path, options })));
    }
    let table = input.table()?;
    let has_columns = input.parser.peek_token_ref().token == Token::LParen;
    let columns = if has_columns { input.names()? } else { Vec::new() };
    if input.take_word("FROM") {
        let (path, options) = file(input, false)?;
        return Ok(Statement::CopyFrom(Box::new(CopyFrom { table, columns, path, options })));
    }
    input.expect_word("TO")?;
    let (path, options) = file(input, true)?;
    let query = all_of(&table, &columns);
    Ok(Statement::CopyTo(Box::new(CopyTo { table: Some(table), query, path, options })))
}

/// `SELECT columns FROM t`.
fn all_of(table: &TableRef, columns: &[ColumnName]) -> Box<Query> {
    let items = if columns.is_empty() {
        vec![SelectItem::Wildcard(Default::default())]
    } else {
        let item = |(name, _): &ColumnName| SelectItem::UnnamedExpr(Expr::Identifier(quoted(name)));
        columns.iter().map(item).collect()
    };
    let mut relation = relation_of(&table.table, None);
    if let TableFactor::Table { name, .. } = &mut relation {
        let parts = table.namespace.iter().chain([&table.table]);
        *name = ObjectName::from(parts.map(|part| quoted(part)).collect::<Vec<_>>());
    }
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    Box::new(query_of(SetExpr::Select(Box::new(select_of(items, from, None)))))
}

/// A path and the options behind it.
fn file(input: &mut Input<'_>, writes: bool) -> Parse<(Given<String>, CopyOptions)> {
    let place = input.position();
    for word in ["STDIN", "STDOUT", "PROGRAM"] {
        if input.is_word(0, word) {
            return Err(unsupported(format!("COPY with {word}"), place));
        }
    }
    let path = given_text(input)?;
    let mut options = CopyOptions::default();
    let with = input.take_word("WITH");
    if input.take(&Token::LParen) {
        input.separated(|input| option(input, &mut options, writes))?;
        input.expect(&Token::RParen)?;
    } else {
        // The form of PostgreSQL before version 9, which is still the one most written.
        let mut count = 0;
        while !input.is_at_end() {
            option(input, &mut options, writes)?;
            count += 1;
        }
        if with && count == 0 {
            return input.refuse();
        }
    }
    if input.is_word(0, "WHERE") {
        return Err(unsupported("COPY .. WHERE", input.position()));
    }
    Ok((path, options))
}

fn option(input: &mut Input<'_>, options: &mut CopyOptions, writes: bool) -> Parse<()> {
    let place = input.position();
    let Some(name) = input.peek_word(0) else { return input.refuse() };
    input.parser.advance_token();
    input.take_word("AS");
    match name.as_str() {
        "FORMAT" => options.format = Some(format(input, place)?),
        "CSV" => options.format = Some(FileFormat::Csv),
        "HEADER" => options.header = Some(header(input, writes)?),
        "DELIMITER" | "DELIM" | "SEP" => options.delimiter = Some(byte(input, &name)?),
        "QUOTE" => options.quote = Some(byte(input, &name)?),
        "ESCAPE" => options.escape = Some(byte(input, &name)?),
        "NULL" | "NULLSTR" => options.null = Some(input.text()?),
        "OVERWRITE" if writes => options.overwrite = switch(input)?,
        "ENCODING" => encoding(input)?,
        _ => return Err(unsupported(format!("COPY option {name}"), place)),
    }
    Ok(())
}

fn refused(message: String, place: Position, hint: &'static str) -> Failure {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
        .with_position(place)
        .with_hint(hint)
        .into()
}

/// A word, or a text that is one.
fn word(input: &mut Input<'_>) -> Parse<String> {
    match input.peek_word(0) {
        Some(word) => {
            input.parser.advance_token();
            Ok(word)
        }
        None => input.text().map(|text| text.to_ascii_uppercase()),
    }
}

fn format(input: &mut Input<'_>, place: Position) -> Parse<FileFormat> {
    match word(input)?.as_str() {
        "PARQUET" => Ok(FileFormat::Parquet),
        "CSV" => Ok(FileFormat::Csv),
        "JSON" => Ok(FileFormat::Json),
        "TEXT" | "BINARY" => Err(unsupported("this format of PostgreSQL", place)),
        other => Err(refused(
            format!("format \"{}\" is unknown", other.to_ascii_lowercase()),
            place,
            "the formats are parquet, csv and json",
        )),
    }
}

fn header(input: &mut Input<'_>, writes: bool) -> Parse<Header> {
    if !writes && input.take_word("MATCH") {
        return Ok(Header::Match);
    }
    Ok(if switch(input)? { Header::Present } else { Header::Absent })
}

/// `[TRUE | FALSE | ON | OFF | 1 | 0]`; nothing is TRUE.
fn switch(input: &mut Input<'_>) -> Parse<bool> {
    let next = input.parser.peek_token_ref().token.clone();
    let (value, is_taken) = match &next {
        Token::Number(digits, _) if digits == "1" => (true, true),
        Token::Number(digits, _) if digits == "0" => (false, true),
        Token::Word(word) => match word.value.to_ascii_uppercase().as_str() {
            "TRUE" | "ON" => (true, true),
            "FALSE" | "OFF" => (false, true),
            _ => (true, false),
        },
        Token::Comma | Token::RParen | Token::EOF => (true, false),
        _ => return input.refuse(),
    };
    if is_taken {
        input.parser.advance_token();
    }
    Ok(value)
}

/// A text of one byte that may stand between values.
fn byte(input: &mut Input<'_>, option: &str) -> Parse<u8> {
    let place = input.position();
    let text = input.text()?;
    let text = if text == "\\t" { "\t" } else { &text };
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Ok(*byte),
        _ => Err(refused(
            format!("{option} is one ASCII character, and no end of a line"),
            place,
            "a tab is E'\\t'",
        )),
    }
}

fn encoding(input: &mut Input<'_>) -> Parse<()> {
    let place = input.position();
    match word(input)?.as_str() {
        "UTF8" | "UTF-8" => Ok(()),
        other => Err(unsupported(format!("encoding {other}"), place)),
    }
}
