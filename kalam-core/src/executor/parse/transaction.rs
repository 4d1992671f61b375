//! `BEGIN`, `COMMIT`, `ROLLBACK` and savepoints.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::input::{Input, Parse, unsupported};
use crate::executor::statement::TransactionStatement;
use crate::executor::transaction::{IsolationLevel, TransactionMode};
use crate::{Error, SqlState};

/// Parses one of them.
pub(super) fn transaction(input: &mut Input<'_>) -> Parse<TransactionStatement> {
    if input.take_word("BEGIN") {
        take_noise(input);
        return begin(input);
    }
    if input.take_words(&["START", "TRANSACTION"]) {
        return begin(input);
    }
    if input.take_word("COMMIT") || input.take_word("END") {
        end(input, "COMMIT")?;
        return Ok(TransactionStatement::Commit);
    }
    if input.take_word("ABORT") {
        end(input, "ROLLBACK")?;
        return Ok(TransactionStatement::Rollback);
    }
    if input.take_word("ROLLBACK") {
        take_noise(input);
        if input.take_word("TO") {
            return Ok(TransactionStatement::RollbackTo(savepoint_name(input)?));
        }
        end(input, "ROLLBACK")?;
        return Ok(TransactionStatement::Rollback);
    }
    if input.take_word("SAVEPOINT") {
        return Ok(TransactionStatement::Savepoint(input.name()?.0));
    }
    if input.take_word("RELEASE") {
        return Ok(TransactionStatement::Release(savepoint_name(input)?));
    }
    input.parser.advance_token();
    input.refuse()
}

/// `WORK` and `TRANSACTION` say nothing.
fn take_noise(input: &mut Input<'_>) {
    let _ = input.take_word("WORK") || input.take_word("TRANSACTION");
}

/// `[SAVEPOINT] name`; a savepoint may itself be called `savepoint`.
fn savepoint_name(input: &mut Input<'_>) -> Parse<String> {
    if input.is_word(0, "SAVEPOINT")
        && matches!(input.parser.peek_nth_token_ref(1).token, Token::Word(_))
    {
        input.parser.advance_token();
    }
    Ok(input.name()?.0)
}

/// What may follow COMMIT and ROLLBACK.
fn end(input: &mut Input<'_>, what: &str) -> Parse<()> {
    take_noise(input);
    let place = input.position();
    if input.take_word("PREPARED") {
        return Err(unsupported(format!("{what} PREPARED"), place));
    }
    if input.take_word("AND") && !input.take_word("NO") {
        return Err(unsupported(format!("{what} AND CHAIN"), place));
    } else if input.is_word(0, "CHAIN") {
        input.parser.advance_token();
    }
    Ok(())
}

/// Modes, with or without commas between them, each kind once.
fn begin(input: &mut Input<'_>) -> Parse<TransactionStatement> {
    let (mut isolation, mut read_only, mut deferrable) = (None, None, None);
    while !input.is_at_end() {
        let place = input.position();
        let again = if input.take_words(&["ISOLATION", "LEVEL"]) {
            isolation.replace(level(input)?).is_some()
        } else if input.take_words(&["READ", "ONLY"]) {
            read_only.replace(true).is_some()
        } else if input.take_words(&["READ", "WRITE"]) {
            read_only.replace(false).is_some()
        } else if input.take_word("DEFERRABLE") || input.take_words(&["NOT", "DEFERRABLE"]) {
            // No read-only transaction has to wait for a safe moment here: every view is.
            deferrable.replace(()).is_some()
        } else {
            return input.refuse();
        };
        if again {
            let error = Error::new(SqlState::SYNTAX_ERROR, "transaction mode is given twice");
            return Err(error.with_position(place).into());
        }
        if input.take(&Token::Comma) && input.is_at_end() {
            return input.refuse();
        }
    }
    Ok(TransactionStatement::Begin(TransactionMode {
        isolation: isolation.unwrap_or_default(),
        read_only: read_only.unwrap_or(false),
    }))
}

fn level(input: &mut Input<'_>) -> Parse<IsolationLevel> {
    let levels: [(&[&str], IsolationLevel); 4] = [
        (&["READ", "COMMITTED"], IsolationLevel::ReadCommitted),
        // As in PostgreSQL: nobody sees what is not committed.
        (&["READ", "UNCOMMITTED"], IsolationLevel::ReadCommitted),
        (&["REPEATABLE", "READ"], IsolationLevel::RepeatableRead),
        (&["SERIALIZABLE"], IsolationLevel::Serializable),
    ];
    match levels.iter().find(|(words, _)| input.take_words(words)) {
        Some((_, level)) => Ok(*level),
        None => input.refuse(),
    }
}
