//! `AdbcStatement`: SQL or an ingest, with what is bound to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use adbc_core::constants::{
    ADBC_STATEMENT_OPTION_INCREMENTAL, ADBC_STATEMENT_OPTION_MAX_PROGRESS,
    ADBC_STATEMENT_OPTION_PROGRESS,
};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use kalam_core::{
    CancelHandle, Error, Params, PreparedStatement, QueryResult, Result, Session, SqlState,
    TransactionStatus, WithinTransaction,
};

use super::bound::Bound;
use super::connection::{AtWork, Open};
use super::ingest::Ingest;
use super::lock;
use super::option::{Optioned, flag, flag_text, unknown_option, unsupported_option};
use super::rows::Rows;
use crate::handle::{Handled, Kind};

/// Whether columns of bound data are matched with `:name` by their names.
const BIND_BY_NAME: &str = "adbc.statement.bind_by_name";

/// A statement of a connection, which it keeps alive.
pub(super) struct AdbcStatement {
    connection: Arc<Open>,
    state: Mutex<State>,
    /// The call at work, and the result that was handed out last.
    running: Mutex<Running>,
}

#[derive(Default)]
struct State {
    sql: Option<Arc<str>>,
    prepared: Option<Arc<PreparedStatement>>,
    ingest: Ingest,
    bound: Option<Bound>,
    by_name: bool,
}

#[derive(Default)]
struct Running {
    call: Option<Arc<AtomicBool>>,
    result: Option<CancelHandle>,
}

/// What a statement did: rows, and how many it changed; -1 if it changes none.
pub(super) struct Done {
    pub(super) rows: Rows,
    pub(super) affected: i64,
}

impl Done {
    fn of(result: QueryResult) -> Done {
        let affected = result.rows_affected().map_or(-1, count);
        Done { rows: Rows::running(result), affected }
    }

    fn changed(rows: u64) -> Done {
        Done { rows: Rows::ready(Arc::new(Schema::empty()), []), affected: count(rows) }
    }
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

impl AdbcStatement {
    /// A statement that does nothing yet.
    pub(super) fn new(connection: Arc<Open>) -> AdbcStatement {
        AdbcStatement { connection, state: Mutex::default(), running: Mutex::default() }
    }

    /// Takes SQL, and forgets what was bound and where rows went.
    pub(super) fn set_sql(&self, sql: &str) {
        let mut state = lock(&self.state);
        state.sql = Some(sql.into());
        state.prepared = None;
        state.bound = None;
        state.ingest.clear();
    }

    /// Takes data, in the place of what was bound before.
    pub(super) fn bind(&self, bound: Bound) {
        lock(&self.state).bound = Some(bound);
    }

    /// Looks the SQL up.
    ///
    /// # Errors
    /// What [`Session::prepare`] raises; `0A000` for several statements, which run
    /// without; `08003` without SQL.
    pub(super) fn prepare(&self) -> Result<()> {
        self.at_work(|| {
            let mut state = lock(&self.state);
            let sql = sql_of(&state)?;
            if self.connection.session().within_transaction(&sql)?.len() > 1 {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "several statements cannot be prepared",
                )
                .with_hint("run them without, or one by one"));
            }
            state.prepared = Some(Arc::new(self.connection.session().prepare(&sql)?));
            Ok(())
        })
    }

    /// A field for each parameter, by position; type Null: any.
    ///
    /// # Errors
    /// `08003` if the statement is not prepared.
    pub(super) fn parameter_schema(&self) -> Result<SchemaRef> {
        let state = lock(&self.state);
        let prepared = state.prepared.as_ref().ok_or_else(|| {
            Error::new(SqlState::CONNECTION_CLOSED, "the statement is not prepared")
                .with_hint("call AdbcStatementPrepare first")
        })?;
        let types = prepared.parameter_types();
        let fields = (1..).zip(types).map(|(place, data_type)| {
            Field::new(format!("${place}"), data_type.unwrap_or(DataType::Null), true)
        });
        Ok(Arc::new(Schema::new(fields.collect::<Vec<Field>>())))
    }

    /// The columns of the result; the statement does not run.
    ///
    /// # Errors
    /// As [`AdbcStatement::prepare`].
    pub(super) fn result_schema(&self) -> Result<SchemaRef> {
        self.at_work(|| {
            let state = lock(&self.state);
            if state.ingest.is_set() {
                return Ok(Arc::new(Schema::empty()));
            }
            match &state.prepared {
                Some(prepared) => Ok(prepared.result_schema()),
                None => Ok(self.connection.beside().prepare(&sql_of(&state)?)?.result_schema()),
            }
        })
    }

    /// Runs it. What was bound is used up.
    ///
    /// # Errors
    /// What the statement raises; `08003` without SQL or a table to ingest into.
    pub(super) fn execute(&self) -> Result<Done> {
        self.at_work(|| {
            let mut state = lock(&self.state);
            let bound = state.bound.take();
            if state.ingest.is_set() {
                let bound = bound.ok_or_else(|| {
                    Error::new(SqlState::CONNECTION_CLOSED, "no rows are bound to ingest")
                        .with_hint("call AdbcStatementBind or AdbcStatementBindStream first")
                })?;
                return state.ingest.run(&self.connection, bound).map(Done::changed);
            }
            let sql = sql_of(&state)?;
            let effects = self.connection.session().within_transaction(&sql)?;
            let session = self.connection.session();
            match (bound, &state.prepared) {
                (None, None) => {
                    self.connection.admit(&effects)?;
                    session.execute(&sql, &Params::None).map(Done::of)
                }
                (None, Some(prepared)) => {
                    self.connection.admit(&effects)?;
                    session.execute_prepared(prepared, &Params::None).map(Done::of)
                }
                (Some(bound), prepared) => {
                    let prepared = match prepared {
                        Some(prepared) => prepared.clone(),
                        None => Arc::new(session.prepare(&sql)?),
                    };
                    let by_name = state.by_name;
                    self.execute_bound(&prepared, Sets { bound, by_name }, &effects)
                }
            }
        })
        .inspect(|done| lock(&self.running).result = done.rows.cancel_handle())
    }

    /// Runs it once for each row that is bound: all or none. The rows are read as they are
    /// needed.
    fn execute_bound(
        &self,
        prepared: &PreparedStatement,
        mut sets: Sets,
        effects: &[WithinTransaction],
    ) -> Result<Done> {
        let first = sets.next()?;
        let more = if first.is_empty() { Vec::new() } else { sets.next()? };
        self.connection.admit(effects)?;
        let session = self.connection.session();
        let returns_rows = !prepared.result_schema().fields().is_empty();
        match first.as_slice() {
            [set] if more.is_empty() => {
                return session.execute_prepared(prepared, set).map(Done::of);
            }
            all if more.is_empty() && !returns_rows => {
                return session.execute_prepared_many(prepared, all).map(Done::changed);
            }
            _ => {}
        }
        let each = |session: &Session| {
            let mut all = AllRows::new(prepared);
            for sets in [Ok(first), Ok(more)].into_iter().chain(std::iter::from_fn(|| sets.some()))
            {
                all.run(session, &sets?)?;
            }
            Ok(all.done())
        };
        if session.transaction_status() == TransactionStatus::Active {
            return all_or_none(session, || each(session));
        }
        // One moment for all, and one commit.
        let beside = self.connection.beside();
        beside.begin(self.connection.isolation()?)?;
        let done = each(&beside)?;
        beside.commit()?;
        Ok(done)
    }

    /// Reads rows that nobody wants.
    ///
    /// # Errors
    /// What the statement raises while it runs.
    pub(super) fn drain(&self, rows: Rows) -> Result<()> {
        self.at_work(|| rows.drain())
    }

    /// Stops the call that is at work and the result that is still read.
    pub(super) fn cancel(&self) {
        let running = lock(&self.running);
        if let Some(call) = &running.call {
            call.store(true, Ordering::Release);
        }
        if let Some(result) = &running.result {
            result.cancel();
        }
    }

    /// Runs a call that [`AdbcStatement::cancel`] can stop.
    fn at_work<T>(&self, call: impl FnOnce() -> Result<T>) -> Result<T> {
        let cancelled = Arc::new(AtomicBool::new(false));
        lock(&self.running).call = Some(cancelled.clone());
        let _at_work = AtWork::on(&self.connection, &cancelled);
        call()
    }
}

fn sql_of(state: &State) -> Result<Arc<str>> {
    state.sql.clone().ok_or_else(|| {
        Error::new(SqlState::CONNECTION_CLOSED, "the statement has no SQL")
            .with_hint("call AdbcStatementSetSqlQuery first")
    })
}

/// Runs a part of the open transaction of which nothing is left if it fails.
fn all_or_none<T>(session: &Session, part: impl FnOnce() -> Result<T>) -> Result<T> {
    let control = |sql: &str| session.execute(sql, &Params::None).map(drop);
    control("SAVEPOINT adbc_bound_rows")?;
    let done = part();
    match &done {
        Ok(_) => control("RELEASE SAVEPOINT adbc_bound_rows")?,
        // What the engine refuses fails the transaction; what a stream says does not.
        Err(_) if session.transaction_status() == TransactionStatus::Active => {
            control("ROLLBACK TO SAVEPOINT adbc_bound_rows; RELEASE SAVEPOINT adbc_bound_rows")?;
        }
        Err(_) => {}
    }
    done
}

/// The sets of parameters of bound rows.
struct Sets {
    bound: Bound,
    by_name: bool,
}

impl Sets {
    /// The next ones; none at the end.
    fn next(&mut self) -> Result<Vec<Params>> {
        self.bound.next_sets(self.by_name)
    }

    fn some(&mut self) -> Option<Result<Vec<Params>>> {
        match self.next() {
            Ok(sets) if sets.is_empty() => None,
            sets => Some(sets),
        }
    }
}

/// What a statement returns for one set of parameters after another.
struct AllRows<'a> {
    prepared: &'a PreparedStatement,
    /// Of the first result.
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
    affected: Option<u64>,
    runs: usize,
}

impl<'a> AllRows<'a> {
    fn new(prepared: &'a PreparedStatement) -> AllRows<'a> {
        AllRows { prepared, schema: None, batches: Vec::new(), affected: None, runs: 0 }
    }

    /// Runs the statement for each set.
    ///
    /// # Errors
    /// What it raises; `42804` if its columns depend on the parameters.
    fn run(&mut self, session: &Session, sets: &[Params]) -> Result<()> {
        if self.prepared.result_schema().fields().is_empty() && !sets.is_empty() {
            let rows = session.execute_prepared_many(self.prepared, sets)?;
            self.affected = Some(self.affected.unwrap_or(0) + rows);
            return Ok(());
        }
        for set in sets {
            let result = session.execute_prepared(self.prepared, set)?;
            self.runs += 1;
            let schema = self.schema.get_or_insert_with(|| result.schema());
            if result.schema() != *schema {
                let what = format!(
                    "the columns of the result for set {} of the parameters have other types \
                     than those for the first",
                    self.runs
                );
                return Err(Error::new(SqlState::DATATYPE_MISMATCH, what)
                    .with_hint("cast the parameters in the statement"));
            }
            if let Some(rows) = result.rows_affected() {
                self.affected = Some(self.affected.unwrap_or(0) + rows);
            }
            self.batches.extend(result.collect()?);
        }
        Ok(())
    }

    fn done(self) -> Done {
        let schema = self.schema.unwrap_or_else(|| self.prepared.result_schema());
        let affected = self.affected.map_or(-1, count);
        Done { rows: Rows::ready(schema, self.batches), affected }
    }
}

impl Handled for AdbcStatement {
    const KIND: Kind = Kind::AdbcStatement;
}

impl Optioned for AdbcStatement {
    fn set(&self, key: &str, value: &str) -> Result<()> {
        let mut state = lock(&self.state);
        match key {
            BIND_BY_NAME => {
                state.by_name = flag(key, value)?;
                Ok(())
            }
            // Results come in one piece.
            ADBC_STATEMENT_OPTION_INCREMENTAL if !flag(key, value)? => Ok(()),
            _ if state.ingest.set(key, value)? => {
                if state.ingest.is_set() {
                    state.sql = None;
                    state.prepared = None;
                }
                Ok(())
            }
            _ => Err(unsupported_option("statement", key)),
        }
    }

    fn get(&self, key: &str) -> Result<String> {
        let state = lock(&self.state);
        match key {
            BIND_BY_NAME => Ok(flag_text(state.by_name)),
            ADBC_STATEMENT_OPTION_INCREMENTAL => Ok(flag_text(false)),
            // Not known, as the interface says it.
            ADBC_STATEMENT_OPTION_PROGRESS | ADBC_STATEMENT_OPTION_MAX_PROGRESS => {
                Ok("0".to_owned())
            }
            _ => state.ingest.get(key).ok_or_else(|| unknown_option("statement", key)),
        }
    }
}
