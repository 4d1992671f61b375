//! CREATE USER, ALTER USER, DROP USER, EXECUTE AS USER.

use std::str::FromStr;

use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::input::{Input, Parse, unsupported};
use super::statement_of;
use super::storage::storage_name;
use crate::executor::given::Given;
use crate::executor::statement::Statement;
use crate::executor::user_statement::{AlterUser, CreateUser, ExecuteAs};
use crate::model::{Role, Secret};
use crate::{Error, SqlState};

/// What follows `CREATE USER`.
pub(super) fn create_user(input: &mut Input<'_>) -> Parse<Statement> {
    let if_not_exists = input.take_if_not_exists();
    let user = user(input)?;
    input.take_word("WITH");
    let Clauses { password, role } = clauses(input)?;
    let role = role.unwrap_or(Role::User);
    Ok(Statement::CreateUser(CreateUser { if_not_exists, user, password, role }))
}

/// `ALTER USER u SET PASSWORD p | SET ROLE r | SET STORAGE s`.
pub(super) fn alter_user(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("ALTER")?;
    input.expect_word("USER")?;
    let user = user(input)?;
    if !input.take_word("SET") {
        input.expect_word("WITH")?;
    }
    if input.take_word("STORAGE") {
        let no_storage = input.take_word("NULL") || input.take_word("DEFAULT");
        let storage = if no_storage { None } else { Some(storage_name(input)?) };
        let storage = Some(storage);
        return Ok(Statement::AlterUser(AlterUser { user, password: None, role: None, storage }));
    }
    match clauses(input)? {
        Clauses { password: None, role: None } => input.refuse(),
        Clauses { password, role } => {
            Ok(Statement::AlterUser(AlterUser { user, password, role, storage: None }))
        }
    }
}

/// What follows `DROP USER`.
pub(super) fn drop_user(input: &mut Input<'_>) -> Parse<Statement> {
    let if_exists = input.take_if_exists();
    let user = user(input)?;
    Ok(Statement::DropUser { if_exists, user, purge: input.take_word("PURGE") })
}

/// `EXPORT USER u TO folder`.
pub(super) fn export_user(input: &mut Input<'_>) -> Parse<Statement> {
    input.take_words(&["EXPORT", "USER"]);
    let user = user(input)?;
    input.expect_word("TO")?;
    Ok(Statement::ExportUser { user, folder: given_text(input)? })
}

/// `EXECUTE AS USER u ( statement )`.
pub(super) fn execute_as(input: &mut Input<'_>) -> Parse<Statement> {
    input.expect_word("EXECUTE")?;
    input.expect_word("AS")?;
    input.expect_word("USER")?;
    let user = user(input)?;
    input.expect(&Token::LParen)?;
    let place = input.position();
    if input.is_word(0, "EXECUTE") {
        // Before it is parsed: nested ones would be parsed as deep as they are nested.
        return Err(unsupported("EXECUTE within EXECUTE AS USER", place));
    }
    let (tokens, end) = until_closed(input)?;
    let statement = statement_of(tokens, end)?;
    match statement {
        Statement::Transaction(_)
        | Statement::Prepare(_)
        | Statement::Deallocate { .. }
        | Statement::UseNamespace(_)
        | Statement::Set(_) => {
            Err(unsupported(format!("{} within EXECUTE AS USER", statement.name()), place))
        }
        statement => Ok(Statement::ExecuteAs(ExecuteAs { user, statement: Box::new(statement) })),
    }
}

/// Takes the tokens up to the parenthesis that closes one already taken, and it too.
fn until_closed(input: &mut Input<'_>) -> Parse<(Vec<TokenWithSpan>, Location)> {
    let mut tokens = Vec::new();
    let mut open = 0usize;
    loop {
        match &input.parser.peek_token_ref().token {
            Token::EOF => return input.refuse(),
            Token::LParen => open += 1,
            Token::RParen if open == 0 => {
                let end = input.parser.peek_token_ref().span.start;
                input.parser.advance_token();
                return Ok((tokens, end));
            }
            Token::RParen => open -= 1,
            _ => {}
        }
        tokens.push(input.parser.next_token());
    }
}

struct Clauses {
    password: Option<Given<Secret>>,
    role: Option<Role>,
}

/// `PASSWORD p` and `ROLE r`, each once at most.
fn clauses(input: &mut Input<'_>) -> Parse<Clauses> {
    let mut clauses = Clauses { password: None, role: None };
    loop {
        if clauses.password.is_none() && input.take_word("PASSWORD") {
            clauses.password = Some(match parameter(input) {
                Some(index) => Given::Parameter(index),
                None => Given::Written(Secret::new(input.text()?)),
            });
        } else if clauses.role.is_none() && input.take_word("ROLE") {
            clauses.role = Some(role(input)?);
        } else {
            return Ok(clauses);
        }
    }
}

fn role(input: &mut Input<'_>) -> Parse<Role> {
    let place = input.position();
    let name = match &input.parser.peek_token_ref().token {
        Token::Word(_) => input.name()?.0,
        _ => input.text()?,
    };
    match Role::from_str(&name) {
        Ok(Role::Anonymous) => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "role anonymous is that of sessions without a user",
        )
        .with_hint("roles of users are user, service, dba and system")
        .with_position(place)
        .into()),
        Ok(role) => Ok(role),
        Err(e) => Err(e.with_position(place).into()),
    }
}

/// A text, or a parameter.
pub(super) fn given_text(input: &mut Input<'_>) -> Parse<Given<String>> {
    Ok(match parameter(input) {
        Some(index) => Given::Parameter(index),
        None => Given::Written(input.text()?),
    })
}

/// A user: a text, a name, or a parameter.
fn user(input: &mut Input<'_>) -> Parse<Given<String>> {
    if let Some(index) = parameter(input) {
        return Ok(Given::Parameter(index));
    }
    Ok(Given::Written(match &input.parser.peek_token_ref().token {
        Token::Word(_) => input.name()?.0,
        _ => input.text()?,
    }))
}

/// Takes `$n`, which all styles of parameters are by now.
fn parameter(input: &mut Input<'_>) -> Option<usize> {
    let Token::Placeholder(text) = &input.parser.peek_token_ref().token else { return None };
    let index = text.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)?;
    input.parser.advance_token();
    Some(index)
}
