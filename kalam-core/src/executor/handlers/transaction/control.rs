//! `BEGIN`, `COMMIT`, `ROLLBACK` and savepoints.

use crate::executor::engine::Engine;
use crate::executor::statement::TransactionStatement;
use crate::executor::transaction::Transaction;
use crate::executor::work::{Work, failed};
use crate::{Error, Result, SqlState};

/// Runs one of them on a session's work. COMMIT ends the transaction whether it
/// succeeds or not.
///
/// # Errors
/// `25001` for BEGIN in a transaction, `25P01` for the others outside of one, `25P02`
/// after a failed statement, `3B001` for an unknown savepoint, and what
/// [`Transaction::commit`] raises.
pub(crate) fn run(
    engine: &Engine,
    work: &mut Work,
    statement: &TransactionStatement,
) -> Result<()> {
    let open = match (&mut *work, statement) {
        (Work::Autocommit, TransactionStatement::Begin(mode)) => {
            *work = Work::Transaction(Box::new(Transaction::new(engine, *mode)));
            return Ok(());
        }
        (Work::Autocommit, _) => {
            return Err(Error::new(
                SqlState::NO_ACTIVE_TRANSACTION,
                format!("{} outside of a transaction", statement.name()),
            )
            .with_hint("open one with BEGIN"));
        }
        (Work::Transaction(open), _) => open,
    };
    match statement {
        TransactionStatement::Commit => match std::mem::take(work) {
            Work::Transaction(transaction) => transaction.commit(engine),
            Work::Autocommit => Ok(()),
        },
        TransactionStatement::Rollback => {
            *work = Work::Autocommit;
            Ok(())
        }
        TransactionStatement::RollbackTo(name) => open.rollback_to(name),
        _ if open.is_failed() => Err(failed()),
        TransactionStatement::Begin(_) => {
            Err(Error::new(SqlState::ACTIVE_TRANSACTION, "a transaction is open already")
                .with_hint("transactions do not nest; use SAVEPOINT"))
        }
        TransactionStatement::Savepoint(name) => {
            open.savepoint(name);
            Ok(())
        }
        TransactionStatement::Release(name) => open.release(name),
    }
}
