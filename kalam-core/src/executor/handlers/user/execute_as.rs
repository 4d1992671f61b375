//! `EXECUTE AS USER`.

use std::sync::Arc;

use datafusion::common::ScalarValue;

use crate::executor::QueryResult;
use crate::executor::audit::{object, subject_of};
use crate::executor::caller::Caller;
use crate::executor::dispatch;
use crate::executor::engine::Engine;
use crate::executor::gateway::{authorize, authorize_acting};
use crate::executor::statement::WithinTransaction;
use crate::executor::user_statement::ExecuteAs;
use crate::executor::work::Work;
use crate::security::{AuditRecord, Outcome};
use crate::{Result, SqlState};

/// Runs a statement with the identity and the rights of another user.
///
/// # Errors
/// `42501` if the caller may not act for the user, or the user may not run it, and
/// what the statement raises.
pub(crate) fn run(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    execute: &ExecuteAs,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let subject = subject(engine, caller, execute, params)?;
    recorded(engine, &subject, work, execute, &|work| {
        dispatch::run(engine, &subject, work, &execute.statement, params)
    })
}

/// Runs a statement for another user with each set of parameters, in one commit.
///
/// # Errors
/// As [`run`], and `42P02` if the user is a parameter.
pub(crate) fn run_many(
    engine: &Arc<Engine>,
    caller: &Caller,
    work: &mut Work,
    execute: &ExecuteAs,
    sets: &[Vec<ScalarValue>],
) -> Result<u64> {
    let subject = subject(engine, caller, execute, &[])?;
    recorded(engine, &subject, work, execute, &|work| {
        dispatch::run_many(engine, &subject, work, &execute.statement, sets)
    })
}

/// The caller of the statement inside.
///
/// # Errors
/// `42501` if the caller may not act for the user, or the user may not run it.
pub(crate) fn subject(
    engine: &Engine,
    caller: &Caller,
    execute: &ExecuteAs,
    params: &[ScalarValue],
) -> Result<Caller> {
    let user = execute.user.user(params)?;
    // As oneself, a session keeps the role it has, which a program may have vouched for.
    let role = if user == caller.user { caller.role } else { engine.accounts.role_of(&user) };
    authorize_acting(caller, &user, role)?;
    let subject = caller.as_subject(user, role);
    authorize(&execute.statement, subject.role)?;
    Ok(subject)
}

/// Runs `statement` with a record of it. A write by itself takes the record into its
/// commit. Of everything else the record is written first: rows that were read are
/// read, whatever becomes of the transaction.
fn recorded<T>(
    engine: &Arc<Engine>,
    subject: &Caller,
    work: &mut Work,
    execute: &ExecuteAs,
    statement: &dyn Fn(&mut Work) -> Result<T>,
) -> Result<T> {
    let inner = &execute.statement;
    let record: AuditRecord =
        subject.did("EXECUTE AS USER", object(subject, inner)).with_detail(inner.name());
    let is_write = inner.within_transaction() == WithinTransaction::Writes;
    if !is_write || matches!(work, Work::Transaction(_)) {
        engine.audit.write(record)?;
        return statement(work);
    }
    let done = work.together(engine, |work| {
        if let Work::Transaction(transaction) = work {
            transaction.record(record.clone());
        }
        statement(work)
    });
    if let Err(e) = &done
        && e.sqlstate() != SqlState::INSUFFICIENT_PRIVILEGE
    {
        let detail = format!("{}: {}", inner.name(), e.sqlstate());
        engine.audit.refuse(record.with_outcome(Outcome::Failed).with_detail(detail));
    }
    done
}

/// What a batch is checked for before any statement of it runs: a user that is written
/// in the text. One that is a parameter is known only when the statement runs, alone.
///
/// # Errors
/// As [`subject`].
pub(crate) fn authorize_written(
    engine: &Engine,
    caller: &Caller,
    execute: &ExecuteAs,
) -> Result<()> {
    match subject_of(execute, &[]) {
        Some(_) => subject(engine, caller, execute, &[]).map(|_| ()),
        None => Ok(()),
    }
}
