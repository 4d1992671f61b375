//! ALTER TABLE, ALTER NAMESPACE and COMMENT ON.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::create_table::{TableConstraint, column, option, table_constraint};
use super::input::{Input, Parse, unsupported};
use super::query;
use crate::executor::statement::{
    AlterAction, AlterTable, ColumnChange, ColumnName, Comment, CommentObject, Statement, TableRef,
};

/// First words of actions that other systems have.
const REFUSED_ACTIONS: &[&str] = &[
    "ATTACH", "CLUSTER", "DETACH", "DISABLE", "ENABLE", "FORCE", "INHERIT", "MODIFY", "NO", "OF",
    "OWNER", "REPLICA", "RESET", "SWAP", "VALIDATE",
];

/// What follows `ALTER TABLE`.
pub(super) fn alter_table(input: &mut Input<'_>) -> Parse<AlterTable> {
    let if_exists = input.take_if_exists();
    let table = input.table()?;
    let actions = match renaming(input)? {
        Some(renaming) => vec![renaming],
        None => input.separated(action)?,
    };
    Ok(AlterTable { if_exists, table, actions })
}

/// `RENAME ..`, which stands alone.
fn renaming(input: &mut Input<'_>) -> Parse<Option<AlterAction>> {
    let place = input.position();
    if !input.take_word("RENAME") {
        return Ok(None);
    }
    if input.is_word(0, "CONSTRAINT") && !input.is_word(1, "TO") {
        input.expect_word("CONSTRAINT")?;
        let from = input.name()?;
        input.expect_word("TO")?;
        return Ok(Some(AlterAction::RenameConstraint { from, to: input.name()? }));
    }
    if input.is_word(0, "TO") && !input.is_word(1, "TO") {
        input.expect_word("TO")?;
        let name = input.name()?;
        if input.parser.peek_token_ref().token == Token::Period {
            return Err(unsupported("moving a table to another namespace", place));
        }
        return Ok(Some(AlterAction::RenameTo(name)));
    }
    take_optional_column(input, "TO");
    let from = input.name()?;
    input.expect_word("TO")?;
    Ok(Some(AlterAction::RenameColumn { from, to: input.name()? }))
}

/// Takes the word COLUMN, unless it is a column's name: then this word follows.
fn take_optional_column(input: &mut Input<'_>, next: &str) {
    if input.is_word(0, "COLUMN") && (!input.is_word(1, next) || input.is_word(2, next)) {
        input.parser.advance_token();
    }
}

fn action(input: &mut Input<'_>) -> Parse<AlterAction> {
    let place = input.position();
    if input.take_word("ADD") {
        return add(input);
    }
    if input.take_word("DROP") {
        return drop(input);
    }
    if input.take_word("ALTER") {
        let _ = input.is_word(0, "COLUMN") && input.take_word("COLUMN");
        let column = input.name()?;
        return Ok(AlterAction::AlterColumn { column, change: column_change(input)? });
    }
    if input.take_word("COMMENT") {
        let _ = input.take(&Token::Eq);
        return Ok(AlterAction::Comment(text_or_null(input)?));
    }
    if input.take_word("SET") {
        if !input.take(&Token::LParen) {
            let word = input.peek_word(0).unwrap_or_default();
            return Err(unsupported(format!("ALTER TABLE .. SET {word}"), place));
        }
        let options = input.separated(option)?;
        input.expect(&Token::RParen)?;
        return Ok(AlterAction::SetOptions(options));
    }
    match input.peek_word(0) {
        Some(word) if word == "RENAME" => {
            Err(unsupported("ALTER TABLE .. RENAME together with other actions", place))
        }
        Some(word) if REFUSED_ACTIONS.contains(&word.as_str()) => {
            Err(unsupported(format!("ALTER TABLE .. {word}"), place))
        }
        _ => input.refuse(),
    }
}

/// What follows `ADD`.
fn add(input: &mut Input<'_>) -> Parse<AlterAction> {
    let place = input.position();
    match table_constraint(input)? {
        Some(TableConstraint::Check(clause)) => return Ok(AlterAction::AddCheck(clause)),
        Some(TableConstraint::Unique(clause)) => return Ok(AlterAction::AddUnique(clause)),
        Some(TableConstraint::PrimaryKey(_)) => {
            return Err(unsupported("ALTER TABLE .. ADD PRIMARY", place));
        }
        None => {}
    }
    let _ = input.is_word(0, "COLUMN") && input.take_word("COLUMN");
    let if_not_exists = input.take_if_not_exists();
    Ok(AlterAction::AddColumn { if_not_exists, column: Box::new(column(input)?) })
}

/// What follows `DROP`.
fn drop(input: &mut Input<'_>) -> Parse<AlterAction> {
    let ends = matches!(
        input.parser.peek_nth_token_ref(1).token,
        Token::EOF | Token::Comma | Token::SemiColon
    );
    if !ends && input.take_word("CONSTRAINT") {
        let if_exists = input.take_if_exists();
        let name = input.name()?;
        let _ = input.take_word("CASCADE") || input.take_word("RESTRICT");
        return Ok(AlterAction::DropConstraint { if_exists, name });
    }
    let _ = input.is_word(0, "COLUMN") && input.take_word("COLUMN");
    let if_exists = input.take_if_exists();
    let column = input.name()?;
    let cascade = input.take_word("CASCADE");
    if !cascade {
        input.take_word("RESTRICT");
    }
    Ok(AlterAction::DropColumn { if_exists, column, cascade })
}

/// What follows `ALTER COLUMN c`.
fn column_change(input: &mut Input<'_>) -> Parse<ColumnChange> {
    let place = input.position();
    if input.take_word("TYPE") || input.take_words(&["SET", "DATA", "TYPE"]) {
        let position = input.position();
        let data_type = match &input.parser.peek_token_ref().token {
            Token::Word(_) => input.parser.parse_data_type()?,
            _ => return input.refuse(),
        };
        if let Some(word) = ["USING", "COLLATE"].iter().find(|word| input.is_word(0, word)) {
            return Err(unsupported(format!("ALTER COLUMN .. TYPE .. {word}"), input.position()));
        }
        return Ok(ColumnChange::Type(data_type, position));
    }
    if input.take_words(&["SET", "DEFAULT"]) {
        let position = input.position();
        return Ok(ColumnChange::SetDefault(Box::new(query::expr(input)?), position));
    }
    if input.take_words(&["DROP", "DEFAULT"]) {
        return Ok(ColumnChange::DropDefault);
    }
    if input.take_words(&["SET", "NOT", "NULL"]) {
        return Ok(ColumnChange::SetNotNull);
    }
    if input.take_words(&["DROP", "NOT", "NULL"]) {
        return Ok(ColumnChange::DropNotNull);
    }
    if input.take_word("COMMENT") {
        return Ok(ColumnChange::Comment(text_or_null(input)?));
    }
    match (input.peek_word(0).as_deref(), input.peek_word(1)) {
        (Some(verb @ ("ADD" | "SET" | "DROP" | "RESET" | "RESTART")), Some(word)) => {
            Err(unsupported(format!("ALTER COLUMN .. {verb} {word}"), place))
        }
        _ => input.refuse(),
    }
}

/// What follows `ALTER NAMESPACE`.
pub(super) fn alter_namespace(input: &mut Input<'_>) -> Parse<Statement> {
    let (name, _) = input.name()?;
    let place = input.position();
    if input.take_words(&["SET", "DESCRIPTION"]) {
        let _ = input.take(&Token::Eq) || input.take_word("TO");
        return Ok(Statement::AlterNamespace { name, description: text_or_null(input)? });
    }
    match input.peek_word(0).as_deref() {
        Some(word @ ("RENAME" | "OWNER" | "SET")) => {
            Err(unsupported(format!("ALTER NAMESPACE .. {word}"), place))
        }
        _ => input.refuse(),
    }
}

/// What follows `COMMENT ON`.
pub(super) fn comment(input: &mut Input<'_>) -> Parse<Comment> {
    let place = input.position();
    let object = if input.take_word("NAMESPACE") || input.take_word("SCHEMA") {
        CommentObject::Namespace(input.name()?.0)
    } else if input.take_word("TABLE") {
        CommentObject::Table(input.table()?)
    } else if input.take_word("COLUMN") {
        let (table, column) = table_and_column(input)?;
        CommentObject::Column(table, column)
    } else {
        return match input.peek_word(0) {
            Some(word) => Err(unsupported(format!("COMMENT ON {word}"), place)),
            None => input.refuse(),
        };
    };
    input.expect_word("IS")?;
    Ok(Comment { object, comment: text_or_null(input)? })
}

/// `[namespace.]table.column`.
fn table_and_column(input: &mut Input<'_>) -> Parse<(TableRef, ColumnName)> {
    let (first, position) = input.name()?;
    input.expect(&Token::Period)?;
    let second = input.name()?;
    if !input.take(&Token::Period) {
        return Ok((TableRef { namespace: None, table: first, position }, second));
    }
    let table = TableRef { namespace: Some(first), table: second.0, position };
    Ok((table, input.name()?))
}

fn text_or_null(input: &mut Input<'_>) -> Parse<Option<String>> {
    if input.take_word("NULL") { Ok(None) } else { input.text().map(Some) }
}
