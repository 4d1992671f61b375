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
    WithinTransaction,
};

use super::bound::Bound;
use super::connection::{AtWork, Open};
use super::handle::{Handles, lock};
use super::ingest::Ingest;
use super::option::{Optioned, flag, flag_text, unknown_option, unsupported_option};
use super::stream::Rows;

/// The statements that callers hold.
pub(super) static STATEMENTS: Handles<AdbcStatement> = Handles::new("statement");

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
            let done = match (bound, &state.prepared) {
                (None, None) => {
                    self.connection.admit(&effects)?;
                    session.execute(&sql, &Params::None).map(Done::of)
                }
                (None, Some(prepared)) => {
                    self.connection.admit(&effects)?;
                    session.execute_prepared(prepared, &Params::None).map(Done::of)
                }
                (Some(bound), prepared) => {
                    let sets = bound.into_sets(state.by_name)?;
                    let prepared = match prepared {
                        Some(prepared) => prepared.clone(),
                        None => Arc::new(session.prepare(&sql)?),
                    };
                    self.execute_sets(&prepared, &sets, &effects)
                }
            }?;
            Ok(done)
        })
        .inspect(|done| lock(&self.running).result = done.rows.cancel_handle())
    }

    /// Runs it once for each set of parameters: all or none.
    fn execute_sets(
        &self,
        prepared: &PreparedStatement,
        sets: &[Params],
        effects: &[WithinTransaction],
    ) -> Result<Done> {
        self.connection.admit(effects)?;
        let session = self.connection.session();
        let schema = prepared.result_schema();
        if let [set] = sets {
            return session.execute_prepared(prepared, set).map(Done::of);
        }
        if schema.fields().is_empty() {
            return session.execute_prepared_many(prepared, sets).map(Done::changed);
        }
        if !self.connection.commits_each_statement() {
            return all_rows(session, prepared, sets);
        }
        // One moment for all, and one commit.
        let beside = self.connection.beside();
        beside.begin(self.connection.isolation()?)?;
        let done = all_rows(&beside, prepared, sets)?;
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

/// Runs a statement for each set of parameters, and reads all rows.
fn all_rows(session: &Session, prepared: &PreparedStatement, sets: &[Params]) -> Result<Done> {
    let mut schema = prepared.result_schema();
    let mut batches: Vec<RecordBatch> = Vec::new();
    let mut affected: Option<u64> = None;
    for (place, set) in sets.iter().enumerate() {
        let result = session.execute_prepared(prepared, set)?;
        if place == 0 {
            schema = result.schema();
        } else if result.schema() != schema {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("the columns of the result for set {} of the parameters have other types than those for the first", place + 1),
            )
            .with_hint("cast the parameters in the statement"));
        }
        if let Some(rows) = result.rows_affected() {
            affected = Some(affected.unwrap_or(0) + rows);
        }
        batches.extend(result.collect()?);
    }
    Ok(Done { rows: Rows::ready(schema, batches), affected: affected.map_or(-1, count) })
}

impl Optioned for AdbcStatement {
    fn handle(token: *const std::ffi::c_void) -> Result<Arc<Self>> {
        STATEMENTS.get(token)
    }

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
