//! What one user does with a database.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::record_batch::RecordBatchReader;
use datafusion::common::ScalarValue;
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::activity::{Activities, StopRequest, check_stop};
use crate::executor::{
    BoundColumns, Caller, Engine, Explain, IsolationLevel, NamedData, ParamColumns, Params,
    PreparedNames, PreparedStatement, QueryResult, Statement, TransactionMode,
    TransactionStatement, WithinTransaction, Work, append, authorize, authorize_acting,
    authorize_written, control_transaction, note_refusal, note_refused_call, parse_table_name,
    replace_table, run, run_columns, run_many, set_setting, use_namespace, with_caret,
};
use crate::model::{Role, UserId};
use crate::{Error, Options, Result, SqlState};

/// How long a statement of a transaction waits for another thread's before it looks
/// whether it is to stop.
const WORK_WAIT: Duration = Duration::from_millis(20);

/// What [`Session::append`] does with a row whose key exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppendMode {
    /// Refuses all rows with `23505`.
    #[default]
    Append,
    /// Replaces the row.
    Upsert,
}

impl FromStr for AppendMode {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "append" => Ok(AppendMode::Append),
            "upsert" => Ok(AppendMode::Upsert),
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("append mode \"{text}\" is unknown"),
            )
            .with_hint("the mode is 'append' or 'upsert'")),
        }
    }
}

/// Whether a session has a transaction open, and whether it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// None: each statement commits by itself.
    Idle,
    /// One is open.
    Active,
    /// One is open and a statement of it failed: only a rollback goes.
    Failed,
}

/// How far statements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementProgress {
    /// Rows that are done.
    pub rows_done: u64,
    /// Rows that there are to do, estimated; `None` if that is not known. What filters skip
    /// is in it, so a statement may end before all are done.
    pub rows_total: Option<u64>,
}

impl StatementProgress {
    /// The part that is done, from 0 to 1; `None` if the whole is not known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people, who see some digits")]
    pub fn fraction(&self) -> Option<f64> {
        let total = self.rows_total.filter(|total| *total > 0)?;
        Some((self.rows_done as f64 / total as f64).min(1.0))
    }
}

/// What one user does with a database. It sees the user's own rows of USER and
/// STREAM tables and nothing of others. It may be used from several threads;
/// `USE` changes the namespace for all of them, and a transaction is open for all of
/// them: its statements run one after another, while those outside of a transaction run
/// side by side. Cloning makes a second session of the same user that starts in the same
/// namespace, without a transaction. Dropping a session rolls its transaction back.
pub struct Session {
    engine: Arc<Engine>,
    user: UserId,
    standing: Standing,
    namespace: RwLock<String>,
    settings: RwLock<Arc<Options>>,
    running: Activities,
    stop_request: RwLock<Option<StopRequest>>,
    prepared: PreparedNames,
    data: RwLock<NamedData>,
    read_only: AtomicBool,
    /// Locked while a statement of a transaction runs, or one that opens or ends it.
    work: Mutex<Work>,
}

/// Where a session has its rights from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The program says that it has this role.
    Vouched(Role),
    /// The user logged in. Their role is that of their account, as it is now; `born` tells
    /// that account from a later one of the same user id.
    LoggedIn { born: u64 },
}

impl Session {
    pub(crate) fn new(
        engine: Arc<Engine>,
        user: UserId,
        standing: Standing,
        namespace: String,
    ) -> Session {
        Session {
            namespace: RwLock::new(namespace),
            settings: RwLock::new(engine.options.clone()),
            running: Activities::default(),
            stop_request: RwLock::default(),
            prepared: PreparedNames::default(),
            data: RwLock::default(),
            read_only: AtomicBool::new(false),
            work: Mutex::default(),
            engine,
            user,
            standing,
        }
    }

    /// Runs one statement, or several separated by semicolons, which stop at the
    /// first failure; the result is that of the last one. Parameters are for a
    /// single statement.
    ///
    /// Outside of a transaction a write is committed when this returns. A query starts to
    /// run when its first batch is asked for, on a snapshot taken now, or on that of the
    /// transaction with the rows it has written so far.
    ///
    /// # Errors
    /// Every kind of [`ErrorKind`](crate::ErrorKind).
    pub fn execute(&self, sql: &str, params: &Params) -> Result<QueryResult> {
        self.execute_within(None, sql, params)
    }

    fn run_text(&self, sql: &str, params: &Params, data: &NamedData) -> Result<QueryResult> {
        let caller = self.caller_with(data)?;
        let statements = self.engine.parse(sql)?;
        // A batch with a statement that the role may not run does nothing.
        for parsed in statements.iter() {
            self.authorize(&caller, &parsed.statement)?;
        }
        let mut result = None;
        for parsed in statements.iter() {
            let values = parsed.placeholders.bind_order(params)?;
            // Each in the namespace that the one before it left.
            let caller = self.caller_with(data)?;
            let done = self.run(&caller, &parsed.statement, &values);
            let done = self.noted(&caller, &parsed.statement, &values, done);
            result = Some(match &parsed.statement {
                // A place in it is one in the text of PREPARE.
                Statement::Execute(_) => done?,
                _ => done.map_err(|e| with_caret(sql, e))?,
            });
        }
        Ok(result.unwrap_or_else(QueryResult::empty))
    }

    /// As [`Session::execute`], but a caller waits for the statement and its rows no longer
    /// than `timeout`, whatever `statement_timeout` says. Zero: no limit. `None`: as
    /// `statement_timeout` says.
    ///
    /// # Errors
    /// As [`Session::execute`], and `57014`.
    pub fn execute_within(
        &self,
        timeout: Option<Duration>,
        sql: &str,
        params: &Params,
    ) -> Result<QueryResult> {
        self.execute_reading(&NamedData::default(), timeout, sql, params)
    }

    /// As [`Session::execute`], but the statements find `data` by its names before they find
    /// tables, and before what [`Session::register`] keeps. `timeout` is that of
    /// [`Session::execute_within`].
    ///
    /// # Errors
    /// As [`Session::execute_within`].
    pub fn execute_reading(
        &self,
        data: &NamedData,
        timeout: Option<Duration>,
        sql: &str,
        params: &Params,
    ) -> Result<QueryResult> {
        self.call(&self.settings_within(timeout), || self.run_text(sql, params, data))
    }

    /// Refuses a statement before anything of its text runs.
    fn authorize(&self, caller: &Caller, statement: &Statement) -> Result<()> {
        self.check_writable(statement)?;
        let allowed = match statement {
            Statement::ExecuteAs(execute) => authorize_written(&self.engine, caller, execute),
            _ => authorize(statement, caller.role),
        };
        self.noted(caller, statement, &[], allowed)
    }

    /// Tells the audit log if a statement was refused.
    fn noted<T>(
        &self,
        caller: &Caller,
        statement: &Statement,
        params: &[ScalarValue],
        outcome: Result<T>,
    ) -> Result<T> {
        note_refusal(&self.engine, caller, statement, params, outcome)
    }

    fn run(
        &self,
        caller: &Caller,
        statement: &Statement,
        params: &[ScalarValue],
    ) -> Result<QueryResult> {
        match statement {
            Statement::Transaction(control) => {
                control_transaction(&self.engine, &mut *self.lock_work()?, control)?;
                return Ok(QueryResult::empty());
            }
            Statement::Execute(execute) => {
                let (statement, values) =
                    self.prepared.find(&self.engine, caller, execute, params)?;
                return self.run_prepared(caller, &statement, &values);
            }
            _ => {}
        }
        self.on_work(|work| {
            work.admit(statement)?;
            match statement {
                Statement::UseNamespace(name) => {
                    *self.namespace.write() = use_namespace(&self.engine, caller, name)?;
                }
                Statement::Set(set) => {
                    let mut settings = self.settings.write();
                    *settings = Arc::new(set_setting(&settings, &self.engine.options, set)?);
                }
                Statement::Prepare(prepare) => {
                    self.prepared.prepare(&self.engine, caller, prepare)?;
                }
                Statement::Deallocate { name } => self.prepared.deallocate(name.as_deref())?,
                _ => {
                    let result = run(&self.engine, caller, work, statement, params)?;
                    return Ok(work.watch(result));
                }
            }
            Ok(QueryResult::empty())
        })
    }

    /// What becomes of each statement of a text in a transaction. EXECUTE may write, whatever
    /// it runs. Nothing runs, and no open transaction fails.
    ///
    /// # Errors
    /// `42601` and what else parsing raises.
    pub fn within_transaction(&self, sql: &str) -> Result<Vec<WithinTransaction>> {
        self.engine.check_open()?;
        let statements = self.engine.parse(sql)?;
        let effect = |statement: &Statement| match statement {
            Statement::Execute(_) => WithinTransaction::Writes,
            other => other.within_transaction(),
        };
        Ok(statements.iter().map(|parsed| effect(&parsed.statement)).collect())
    }

    /// Parses one statement and looks it up, so that it can be run many times, by this
    /// session or another, and tells its parameters and its columns before it runs.
    ///
    /// # Errors
    /// What the statement gets wrong, `42501` if this session may not run it, `22023`
    /// for several statements.
    pub fn prepare(&self, sql: &str) -> Result<PreparedStatement> {
        self.failing_transaction(|| {
            let caller = self.caller()?;
            let parsed = self.engine.parse_one(sql)?;
            let prepared = PreparedStatement::new(&self.engine, &caller, parsed.clone());
            self.noted(&caller, &parsed.statement, &[], prepared).map_err(|e| with_caret(sql, e))
        })
    }

    /// Runs a prepared statement as [`Session::execute`] runs its text.
    ///
    /// # Errors
    /// As [`Session::execute`], and `0A000` if the result would have other columns
    /// than when the statement was prepared.
    pub fn execute_prepared(
        &self,
        statement: &PreparedStatement,
        params: &Params,
    ) -> Result<QueryResult> {
        self.execute_prepared_within(None, statement, params)
    }

    /// Runs a prepared statement as [`Session::execute_within`] runs its text.
    ///
    /// # Errors
    /// As [`Session::execute_prepared`], and `57014`.
    pub fn execute_prepared_within(
        &self,
        timeout: Option<Duration>,
        statement: &PreparedStatement,
        params: &Params,
    ) -> Result<QueryResult> {
        self.call(&self.settings_within(timeout), || {
            let caller = self.caller()?;
            let done = self.run_prepared(&caller, statement, params);
            self.noted(&caller, &statement.parsed().statement, &[], done)
        })
    }

    fn run_prepared(
        &self,
        caller: &Caller,
        statement: &PreparedStatement,
        params: &Params,
    ) -> Result<QueryResult> {
        let parsed = statement.parsed();
        self.check_writable(&parsed.statement)?;
        authorize(&parsed.statement, caller.role)?;
        let values = statement.bind(&self.engine, caller, params)?;
        self.run(caller, &parsed.statement, &values)
    }

    /// Runs a prepared statement as [`Session::execute_many`] runs its text.
    ///
    /// # Errors
    /// As [`Session::execute_prepared`].
    pub fn execute_prepared_many(
        &self,
        statement: &PreparedStatement,
        params: &[Params],
    ) -> Result<u64> {
        self.failing_transaction(|| {
            let caller = self.caller()?;
            let bound: Vec<Vec<ScalarValue>> = params
                .iter()
                .map(|params| statement.bind(&self.engine, &caller, params))
                .collect::<Result<_>>()?;
            self.run_sets(&caller, &statement.parsed().statement, &bound)
        })
    }

    /// Runs a prepared statement as [`Session::execute_columns`] runs its text.
    ///
    /// # Errors
    /// As [`Session::execute_prepared`].
    pub fn execute_prepared_columns(
        &self,
        statement: &PreparedStatement,
        sets: &ParamColumns,
    ) -> Result<u64> {
        self.failing_transaction(|| {
            let caller = self.caller()?;
            let bound = statement.bind_columns(&self.engine, &caller, sets)?;
            self.run_bound(&caller, &statement.parsed().statement, &bound)
        })
    }

    fn run_bound(
        &self,
        caller: &Caller,
        statement: &Statement,
        sets: &[BoundColumns],
    ) -> Result<u64> {
        self.check_writable(statement)?;
        let done = self.on_work(|work| {
            work.admit(statement)?;
            run_columns(&self.engine, caller, work, statement, sets)
        });
        self.noted(caller, statement, &[], done)
    }

    fn run_sets(
        &self,
        caller: &Caller,
        statement: &Statement,
        sets: &[Vec<ScalarValue>],
    ) -> Result<u64> {
        self.check_writable(statement)?;
        let done = self.on_work(|work| {
            work.admit(statement)?;
            run_many(&self.engine, caller, work, statement, sets)
        });
        self.noted(caller, statement, &[], done)
    }

    /// Hands the open transaction to `statement`, locked, or nothing to lock.
    fn on_work<T>(&self, statement: impl FnOnce(&mut Work) -> Result<T>) -> Result<T> {
        let mut work = self.lock_work()?;
        match &mut *work {
            Work::Transaction(_) => statement(&mut work),
            Work::Autocommit => {
                drop(work);
                statement(&mut Work::Autocommit)
            }
        }
    }

    /// Waits for the statement of the transaction that another thread runs.
    fn lock_work(&self) -> Result<MutexGuard<'_, Work>> {
        loop {
            check_stop()?;
            if let Some(work) = self.work.try_lock_for(WORK_WAIT) {
                return Ok(work);
            }
        }
    }

    /// Runs a call of which a failure fails the open transaction.
    fn failing_transaction<T>(&self, call: impl FnOnce() -> Result<T>) -> Result<T> {
        self.call(&self.settings(), call)
    }

    fn settings(&self) -> Arc<Options> {
        self.settings.read().clone()
    }

    /// The settings, with another limit on the time of a statement if there is one.
    fn settings_within(&self, timeout: Option<Duration>) -> Arc<Options> {
        let settings = self.settings();
        match timeout {
            Some(timeout) => {
                Arc::new(Options { statement_timeout: timeout, ..Options::clone(&settings) })
            }
            None => settings,
        }
    }

    /// As [`Session::failing_transaction`], under these settings.
    fn call<T>(&self, settings: &Arc<Options>, call: impl FnOnce() -> Result<T>) -> Result<T> {
        self.engine.check_open()?;
        let activity = self.running.start(settings, *self.stop_request.read());
        let _entered = activity.enter();
        let outcome = call();
        if outcome.is_err() {
            self.work.lock().fail();
        }
        outcome
    }

    /// Stops every statement of this session that is at work, on whatever thread, and
    /// every result of it that is still read: each fails with `57014`, within 100 ms. A
    /// commit that has begun is not taken back. The session goes on; an open transaction
    /// is failed if a statement of it was stopped. Does nothing if nothing is at work.
    pub fn interrupt(&self) {
        self.running.interrupt();
    }

    /// How far the statements of this session are that are at work, on whatever thread, with
    /// the results of them that are still read; `None` if nothing is at work. A query counts
    /// the rows that its scans gave, a flush those that it moved. Counts hot rows when it is
    /// asked for a query for the first time, up to a million: some hundred milliseconds.
    #[must_use]
    pub fn progress(&self) -> Option<StatementProgress> {
        let (done, total) = self.running.progress()?;
        Some(StatementProgress { rows_done: done, rows_total: (total > 0).then_some(total) })
    }

    /// Whether a program that runs statements of this session should show how far they are:
    /// the setting `progress`.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        self.settings().progress
    }

    /// Makes threads that wait in this session, or in a result of it, call `request` every
    /// 50 ms or so; when it answers true, the statement that the thread waits for is
    /// stopped as by [`Session::interrupt`]. Holds for statements that begin later.
    pub fn set_stop_request(&self, request: Option<StopRequest>) {
        *self.stop_request.write() = request;
    }

    /// Opens a transaction. Its snapshot is taken by its first statement.
    ///
    /// # Errors
    /// `25001` if one is open.
    pub fn begin(&self, isolation: IsolationLevel) -> Result<()> {
        let mode = TransactionMode { isolation, read_only: false };
        self.control(&TransactionStatement::Begin(mode))
    }

    /// Commits the open transaction: durable as the options say, and visible, when this
    /// returns. The transaction is over whether this succeeds or not.
    ///
    /// # Errors
    /// `25P01` if none is open; `40001` if another commit was first, after which the
    /// transaction can be run again; `25P02` if a statement of it had failed. All of it
    /// is rolled back then.
    pub fn commit(&self) -> Result<()> {
        self.control(&TransactionStatement::Commit)
    }

    /// Forgets everything that the open transaction wrote, and ends it.
    ///
    /// # Errors
    /// `25P01` if none is open.
    pub fn rollback(&self) -> Result<()> {
        self.control(&TransactionStatement::Rollback)
    }

    fn control(&self, statement: &TransactionStatement) -> Result<()> {
        self.failing_transaction(|| {
            control_transaction(&self.engine, &mut *self.lock_work()?, statement)
        })
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn transaction_status(&self) -> TransactionStatus {
        match &*self.work.lock() {
            Work::Autocommit => TransactionStatus::Idle,
            Work::Transaction(open) if open.is_failed() => TransactionStatus::Failed,
            Work::Transaction(_) => TransactionStatus::Active,
        }
    }

    /// Runs one INSERT, UPDATE, DELETE or MERGE for each set of parameters, each on what the
    /// earlier ones left, in one commit: all of them or none. Returns the rows affected.
    ///
    /// # Errors
    /// As [`Session::execute`], and `0A000` for RETURNING.
    pub fn execute_many(&self, sql: &str, params: &[Params]) -> Result<u64> {
        self.failing_transaction(|| {
            let caller = self.caller()?;
            let parsed = self.engine.parse_one(sql)?;
            let bound: Vec<Vec<ScalarValue>> =
                params.iter().map(|p| parsed.placeholders.bind_order(p)).collect::<Result<_>>()?;
            self.run_sets(&caller, &parsed.statement, &bound).map_err(|e| with_caret(sql, e))
        })
    }

    /// As [`Session::execute_many`], with a set of parameters in each row of Arrow data. An
    /// INSERT that does nothing but write them costs what [`Session::append`] does.
    ///
    /// # Errors
    /// As [`Session::execute_many`].
    pub fn execute_columns(&self, sql: &str, sets: &ParamColumns) -> Result<u64> {
        self.failing_transaction(|| {
            let caller = self.caller()?;
            let parsed = self.engine.parse_one(sql)?;
            let bound = sets.bind_order(&parsed.placeholders)?;
            self.run_bound(&caller, &parsed.statement, &bound).map_err(|e| with_caret(sql, e))
        })
    }

    /// Appends Arrow data in one commit, or in the open transaction; columns match by
    /// name, missing ones take their default. Returns the number of rows.
    ///
    /// # Errors
    /// `42703` for a column that the table does not have, `23505` for a duplicate
    /// key, and what INSERT raises.
    pub fn append(
        &self,
        table: &str,
        data: Box<dyn RecordBatchReader + Send>,
        mode: AppendMode,
    ) -> Result<u64> {
        self.failing_transaction(|| {
            let caller = self.caller()?;
            if self.is_read_only() {
                return Err(read_only("an append"));
            }
            let done = self.on_work(|work| {
                work.admit_write("an append")?;
                let upsert = mode == AppendMode::Upsert;
                append(&self.engine, &caller, work, table, data, upsert)
            });
            note_refused_call(&self.engine, &caller, "APPEND", table, done)
        })
    }

    /// Moves the hot rows of a table, or of all tables, to segments, as STORAGE FLUSH does:
    /// a row for each table that says what was written.
    ///
    /// # Errors
    /// As STORAGE FLUSH TABLE and STORAGE FLUSH ALL.
    pub fn flush(&self, table: Option<&str>) -> Result<QueryResult> {
        self.failing_transaction(|| {
            let statement = match table {
                None => Statement::FlushAll { namespace: None },
                Some(table) => Statement::FlushTable { table: parse_table_name(table)? },
            };
            self.run_made(&statement, &[])
        })
    }

    /// How a statement would run, as EXPLAIN says it: rows of text. With `analyze` it runs.
    ///
    /// # Errors
    /// As EXPLAIN; positions are those in `sql`.
    pub fn explain(&self, sql: &str, params: &Params, analyze: bool) -> Result<QueryResult> {
        self.failing_transaction(|| {
            let parsed = self.engine.parse_one(sql)?;
            let values = parsed.placeholders.bind_order(params)?;
            let statement = Box::new(parsed.statement.clone());
            let explain = Explain { analyze, verbose: false, statement };
            let explain = Statement::Explain(explain);
            self.run_made(&explain, &values).map_err(|e| with_caret(sql, e))
        })
    }

    /// Runs a statement without a text.
    fn run_made(&self, statement: &Statement, params: &[ScalarValue]) -> Result<QueryResult> {
        let caller = self.caller()?;
        self.authorize(&caller, statement)?;
        let done = self.run(&caller, statement, params);
        self.noted(&caller, statement, params, done)
    }

    /// Gives the table `by` the name of another one of its namespace, which is dropped with
    /// the rows of all users if it is there: one commit, so that no statement finds neither
    /// or both. Not part of a transaction.
    ///
    /// # Errors
    /// As DROP TABLE and ALTER TABLE .. RENAME TO: `42P01` if `by` is not there, `2BP01` if a
    /// view uses what is dropped, `0A000` in a transaction.
    pub fn replace_table(&self, table: &str, by: &str) -> Result<()> {
        self.failing_transaction(|| {
            let caller = self.caller()?;
            let done = self.on_work(|work| replace_table(&self.engine, &caller, work, table, by));
            note_refused_call(&self.engine, &caller, "REPLACE TABLE", table, done)
        })
    }

    /// A session of another user, with role `user` (or this session's, if that is
    /// lower), in the same namespace. The embedding program vouches for the identity.
    ///
    /// # Errors
    /// `42501` for another user if this session's role is below `service`, or below the
    /// role that the user holds.
    pub fn as_user(&self, user: &str) -> Result<Session> {
        self.engine.check_open()?;
        let caller = self.caller()?;
        let user = UserId::new(user)?;
        let is_self = user == self.user;
        let held = self.engine.accounts.role_of(&user);
        let allowed = authorize_acting(&caller, &user, held);
        note_refused_call(&self.engine, &caller, "AS USER", user.as_str(), allowed)?;
        let standing = if is_self { self.standing } else { Standing::Vouched(Role::User) };
        let session = Session::new(self.engine.clone(), user, standing, caller.namespace);
        session.set_read_only(self.is_read_only());
        Ok(session)
    }

    /// Who the session acts for.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// What the session may do: of a user who logged in, the role that they hold now, and
    /// `anonymous` once they were dropped.
    #[must_use]
    pub fn role(&self) -> Role {
        self.standing_role().unwrap_or(Role::Anonymous)
    }

    fn standing_role(&self) -> Option<Role> {
        match self.standing {
            Standing::Vouched(role) => Some(role),
            Standing::LoggedIn { born } => {
                let account = self.engine.accounts.get(&self.user)?;
                (account.born == born).then_some(account.role)
            }
        }
    }

    /// The namespace of unqualified names.
    #[must_use]
    pub fn namespace(&self) -> String {
        self.namespace.read().clone()
    }

    /// # Errors
    /// `28P01` if the user logged in and was dropped since.
    fn caller(&self) -> Result<Caller> {
        let Some(role) = self.standing_role() else {
            return Err(Error::new(
                SqlState::INVALID_PASSWORD,
                format!("user \"{}\" was dropped", self.user),
            )
            .with_hint("log in again"));
        };
        let caller = Caller::new(self.user.clone(), role, self.namespace());
        Ok(caller.with_data(self.data.read().clone()))
    }

    fn caller_with(&self, data: &NamedData) -> Result<Caller> {
        let caller = self.caller()?;
        if data.is_empty() {
            return Ok(caller);
        }
        let both = caller.data.with(data);
        Ok(caller.with_data(both))
    }

    /// Keeps Arrow data under a name that statements of this session read until
    /// [`Session::unregister`], as [`NamedData`] says. It is read to its end now.
    ///
    /// # Errors
    /// As [`NamedData::insert`].
    pub fn register(&self, name: &str, data: Box<dyn RecordBatchReader + Send>) -> Result<()> {
        self.call(&self.settings(), || {
            // Reading takes a while, and may call back into this session.
            let mut read = NamedData::default();
            read.insert(name, data)?;
            let mut kept = self.data.write();
            *kept = kept.with(&read);
            Ok(())
        })
    }

    /// Forgets what [`Session::register`] kept under a name. Results that read it go on.
    ///
    /// # Errors
    /// `42P01` if nothing has the name.
    pub fn unregister(&self, name: &str) -> Result<()> {
        self.engine.check_open()?;
        if self.data.write().remove(name) {
            return Ok(());
        }
        Err(Error::new(SqlState::UNDEFINED_TABLE, format!("no data is registered as \"{name}\"")))
    }

    /// Whether every statement that writes is refused.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    /// Refuses every statement that writes, defines or maintains anything with `25006`, or
    /// no longer. Sessions that are made of this one begin as it is.
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Relaxed);
    }

    fn check_writable(&self, statement: &Statement) -> Result<()> {
        let reads = statement.within_transaction() == WithinTransaction::Reads;
        if reads || !self.is_read_only() { Ok(()) } else { Err(read_only(statement.name())) }
    }

    /// Makes unqualified names resolve in a namespace, as USE does.
    ///
    /// # Errors
    /// `3F000` for an unknown namespace.
    pub fn use_namespace(&self, namespace: &str) -> Result<()> {
        let name = use_namespace(&self.engine, &self.caller()?, namespace)?;
        *self.namespace.write() = name;
        Ok(())
    }
}

impl Clone for Session {
    fn clone(&self) -> Session {
        let session =
            Session::new(self.engine.clone(), self.user.clone(), self.standing, self.namespace());
        session.set_read_only(self.is_read_only());
        session
    }
}

fn read_only(what: &str) -> Error {
    Error::new(SqlState::READ_ONLY, format!("{what} cannot run in a read-only session"))
        .with_hint("connect without read_only to change anything")
}
