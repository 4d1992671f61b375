//! Where a statement reads and writes.

use std::sync::Arc;

use super::engine::Engine;
use super::query_result::QueryResult;
use super::retry::{retrying, retrying_while};
use super::row_writer::RowWriter;
use super::statement::{Statement, WithinTransaction};
use super::transaction::Transaction;
use crate::catalog::Table;
use crate::model::{Seq, UserKey};
use crate::store::View;
use crate::{Error, Result, SqlState};

/// Where a statement reads and writes. A handler asks it for a view and says what it
/// does with a view and a writer; when and how that commits is not the handler's.
#[derive(Default)]
pub(crate) enum Work {
    /// Each statement is a commit of its own.
    #[default]
    Autocommit,
    /// Statements are parts of a transaction.
    Transaction(Box<Transaction>),
}

impl Work {
    /// What a statement that writes nothing reads. Call it once for a statement.
    ///
    /// # Errors
    /// `40001` if a transaction cannot go on.
    pub(crate) fn view(&mut self, engine: &Engine) -> Result<Arc<View>> {
        match self {
            Work::Autocommit => Ok(engine.store.view()),
            Work::Transaction(transaction) => transaction.view(engine),
        }
    }

    /// Runs a statement that writes rows of one scope. `statement` reads the view and
    /// leaves its writes in the writer; it may run several times, each time on a newer
    /// view, so it keeps nothing of an earlier run. A failed statement writes nothing.
    ///
    /// # Errors
    /// What `statement` raises; `23505` naming the key, `40001` after many tries or if the
    /// table was altered, after which its name has to be looked up again, `58030`, `53100`.
    pub(crate) fn write<T>(
        &mut self,
        engine: &Engine,
        table: &Arc<Table>,
        user: UserKey,
        statement: impl FnMut(&Arc<View>, &mut RowWriter<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write_numbered(engine, table, user, statement).map(|(outcome, _)| outcome)
    }

    /// As [`Work::write`], with the `_seq` that the written rows show from now on to
    /// whoever runs the statement; `None` if it wrote nothing.
    ///
    /// # Errors
    /// As [`Work::write`].
    pub(crate) fn write_numbered<T>(
        &mut self,
        engine: &Engine,
        table: &Arc<Table>,
        user: UserKey,
        mut statement: impl FnMut(&Arc<View>, &mut RowWriter<'_>) -> Result<T>,
    ) -> Result<(T, Option<Seq>)> {
        match self {
            Work::Autocommit => retrying_while(
                || engine.registry.is_current(table) && !engine.users.is_purged(user),
                || {
                    let view = engine.store.view();
                    // Only a definition that is current now knows every row of the view.
                    engine.registry.check_current(table)?;
                    let mut writer = RowWriter::new(engine, table, user, view.clone())?;
                    let outcome = statement(&view, &mut writer)?;
                    Ok((outcome, writer.commit()?))
                },
            ),
            Work::Transaction(transaction) => transaction.write(engine, table, user, statement),
        }
    }

    /// Runs several statements as one commit: in the open transaction, or in one of
    /// their own. `statements` may run several times.
    ///
    /// # Errors
    /// What the statements and the commit raise.
    pub(crate) fn together<T>(
        &mut self,
        engine: &Engine,
        mut statements: impl FnMut(&mut Work) -> Result<T>,
    ) -> Result<T> {
        match self {
            Work::Transaction(_) => statements(self),
            Work::Autocommit => retrying(|| {
                let mut work = Work::Transaction(Box::new(Transaction::implicit(engine)));
                let outcome = statements(&mut work)?;
                if let Work::Transaction(transaction) = work {
                    transaction.commit(engine)?;
                }
                Ok(outcome)
            }),
        }
    }

    /// Refuses statements that the state of the transaction does not allow.
    ///
    /// # Errors
    /// `25P02` after a failed statement, `25006` for writes in READ ONLY, `0A000` for
    /// statements that cannot be rolled back.
    pub(crate) fn admit(&self, statement: &Statement) -> Result<()> {
        let Work::Transaction(transaction) = self else { return Ok(()) };
        if transaction.is_failed() {
            return Err(failed());
        }
        match statement.within_transaction() {
            WithinTransaction::Reads => Ok(()),
            WithinTransaction::Writes => self.admit_write(statement.name()),
            WithinTransaction::Refused => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("{} cannot run in a transaction", statement.name()),
            )
            .with_hint("run it before BEGIN or after COMMIT")),
        }
    }

    /// As [`Work::admit`], for a write that is called `what`.
    ///
    /// # Errors
    /// `25P02`, `25006`.
    pub(crate) fn admit_write(&self, what: &str) -> Result<()> {
        match self {
            Work::Transaction(transaction) if transaction.is_failed() => Err(failed()),
            Work::Transaction(transaction) if transaction.is_read_only() => Err(Error::new(
                SqlState::READ_ONLY,
                format!("{what} cannot run in a READ ONLY transaction"),
            )),
            Work::Transaction(_) | Work::Autocommit => Ok(()),
        }
    }

    /// A result that fails the transaction if it breaks while it is read.
    pub(crate) fn watch(&self, result: QueryResult) -> QueryResult {
        match self {
            Work::Transaction(transaction) => result.failing(transaction.failure()),
            Work::Autocommit => result,
        }
    }

    /// A statement failed: in a transaction only ROLLBACK goes now.
    pub(crate) fn fail(&self) {
        if let Work::Transaction(transaction) = self {
            transaction.fail();
        }
    }
}

/// The refusal after a failed statement.
pub(crate) fn failed() -> Error {
    Error::new(
        SqlState::IN_FAILED_TRANSACTION,
        "a statement of the transaction failed; statements are refused until it ends",
    )
    .with_hint("run ROLLBACK, or ROLLBACK TO a savepoint")
}
