//! `Connection`: one user's session.
#![allow(
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    reason = "napi hands owned values to methods, and each is an argument"
)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kalam_core::model::Role;
use kalam_core::{Database, Error, QueryResult, Result, Session, SqlState, TransactionStatus};
use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use napi_derive::napi;

use crate::batches::{Answer, Form};
use crate::call::{self, Call, drop_detached, promise};
use crate::connect::{OpenOptions, connected, milliseconds};
use crate::error::outcome;
use crate::exit::let_go;
use crate::input::{self, Sets};
use crate::js::{Js, Raw, raw};
use crate::parameter::params;
use crate::statement::Statement;

/// A session until it is closed, for whatever was made of it.
#[derive(Clone)]
pub struct OpenSession(Arc<Mutex<Option<Open>>>);

#[derive(Clone)]
struct Open {
    session: Arc<Session>,
    database: Database,
}

impl OpenSession {
    /// # Errors
    /// `08003`.
    pub fn get(&self) -> Result<Arc<Session>> {
        self.open().map(|open| open.session)
    }

    fn open(&self) -> Result<Open> {
        self.lock().clone().ok_or_else(|| {
            Error::new(SqlState::CONNECTION_CLOSED, "database is closed")
                .with_hint("call open() or connect() again")
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one user does with a database.
#[napi]
pub struct Connection {
    session: OpenSession,
}

impl Connection {
    /// A connection over a session of a database.
    pub fn new(database: Database, session: Session) -> Self {
        session.set_stop_request(Some(call::stop_requested));
        let open = Open { session: Arc::new(session), database };
        Connection { session: OpenSession(Arc::new(Mutex::new(Some(open)))) }
    }

    /// The connection for JavaScript.
    pub fn into_raw(js: Js, (database, session): (Database, Session)) -> napi::Result<Raw> {
        js.instance(Connection::new(database, session))
    }

    fn open(&self, env: &Env) -> napi::Result<Open> {
        outcome(Js::new(env), self.session.open())
    }

    fn session(&self, env: &Env) -> napi::Result<Arc<Session>> {
        outcome(Js::new(env), self.session.get())
    }
}

#[napi]
impl Connection {
    /// Runs SQL and answers in a form.
    #[napi]
    pub fn execute<'env>(
        &self,
        env: &'env Env,
        sql: String,
        values: Unknown<'_>,
        form: u32,
        timeout: Option<f64>,
        call: Option<&Call>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        let js = Js::new(env);
        let params = params(js, raw(&values))?;
        let timeout = outcome(js, timeout.map(milliseconds).transpose())?;
        let execute = move |session: &Arc<Session>| {
            Answer::of(session.execute_within(timeout, &sql, &params)?, Form::of(form))
        };
        promise(env, call, session, execute, Answer::into_raw)
    }

    /// Runs a statement for each of many sets of parameters, all or none.
    #[napi]
    pub fn execute_many<'env>(
        &self,
        env: &'env Env,
        sql: String,
        sets: Unknown<'_>,
        call: Option<&Call>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        let sets = input::sets(Js::new(env), raw(&sets))?;
        let execute = move |session: &Arc<Session>| match &sets {
            Sets::Columns(columns) => session.execute_columns(&sql, columns),
            Sets::Each(sets) => session.execute_many(&sql, sets),
        };
        promise(env, call, session, execute, input::count)
    }

    /// Parses SQL and looks it up.
    #[napi]
    pub fn prepare<'env>(&self, env: &'env Env, sql: String) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        let open = self.session.clone();
        promise(
            env,
            None,
            session,
            move |session| session.prepare(&sql),
            |js, prepared| js.instance(Statement::new(open, prepared)),
        )
    }

    /// How a statement would run, or ran.
    #[napi]
    pub fn explain<'env>(
        &self,
        env: &'env Env,
        sql: String,
        values: Unknown<'_>,
        analyze: bool,
        call: Option<&Call>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        let params = params(Js::new(env), raw(&values))?;
        let explain = move |session: &Arc<Session>| whole(session.explain(&sql, &params, analyze)?);
        promise(env, call, session, explain, Answer::into_raw)
    }

    /// Moves hot rows of a table, or of all, to segments.
    #[napi]
    pub fn flush<'env>(
        &self,
        env: &'env Env,
        table: Option<String>,
        call: Option<&Call>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        let flush = move |session: &Arc<Session>| whole(session.flush(table.as_deref())?);
        promise(env, call, session, flush, Answer::into_raw)
    }

    /// Appends columns, or Arrow IPC, in one commit.
    #[napi]
    pub fn append<'env>(
        &self,
        env: &'env Env,
        table: String,
        data: Unknown<'_>,
        mode: String,
        call: Option<&Call>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        let js = Js::new(env);
        let mode = outcome(js, mode.parse())?;
        let data = input::data(js, raw(&data))?;
        let append = move |session: &Arc<Session>| session.append(&table, data.reader()?, mode);
        promise(env, call, session, append, input::count)
    }

    /// Opens a transaction.
    #[napi]
    pub fn begin<'env>(
        &self,
        env: &'env Env,
        isolation: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        let isolation = outcome(Js::new(env), isolation.as_deref().map(str::parse).transpose())?
            .unwrap_or_default();
        promise(env, None, session, move |session| session.begin(isolation), |js, ()| js.null())
    }

    /// Ends the transaction.
    #[napi]
    pub fn end<'env>(&self, env: &'env Env, commits: bool) -> napi::Result<Object<'env>> {
        let end = move |session: &Arc<Session>| match commits {
            true => session.commit(),
            false => session.rollback(),
        };
        promise(env, None, self.session(env)?, end, |js, ()| js.null())
    }

    /// Whether a transaction is open: "idle", "active" or "failed".
    #[napi(getter)]
    pub fn transaction_status(&self, env: &Env) -> napi::Result<&'static str> {
        Ok(match self.session(env)?.transaction_status() {
            TransactionStatus::Idle => "idle",
            TransactionStatus::Active => "active",
            TransactionStatus::Failed => "failed",
        })
    }

    /// A second session of the same user.
    #[napi]
    pub fn duplicate(&self, env: &Env) -> napi::Result<Connection> {
        let Open { session, database } = self.open(env)?;
        Ok(Connection::new(database, Session::clone(&session)))
    }

    /// A session of another user.
    #[napi]
    pub fn as_user<'env>(&self, env: &'env Env, user: String) -> napi::Result<Object<'env>> {
        let connect = move |open: &Open| {
            open.session.as_user(&user).map(|session| (open.database.clone(), session))
        };
        promise(env, None, self.open(env)?, connect, Connection::into_raw)
    }

    /// A session of whom the options name. Only a session that may do everything vouches for
    /// somebody; anyone may log in.
    #[napi]
    pub fn connect<'env>(
        &self,
        env: &'env Env,
        options: OpenOptions,
    ) -> napi::Result<Object<'env>> {
        let connect = move |open: &Open| {
            let role = open.session.role();
            if role != Role::System && options.password.is_none() {
                return Err(Error::new(
                    SqlState::INSUFFICIENT_PRIVILEGE,
                    format!("a session of role {role} connects nobody without password"),
                )
                .with_hint("connect() from the database that open() gave, or use asUser()"));
            }
            connected(open.database.clone(), &options)
        };
        promise(env, None, self.open(env)?, connect, Connection::into_raw)
    }

    /// Makes names without namespace resolve in this one.
    #[napi]
    pub fn use_namespace<'env>(
        &self,
        env: &'env Env,
        namespace: String,
    ) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        promise(
            env,
            None,
            session,
            move |session| session.use_namespace(&namespace),
            |js, ()| js.null(),
        )
    }

    /// Stops every statement that is at work.
    #[napi]
    pub fn interrupt(&self, env: &Env) -> napi::Result<()> {
        self.session(env)?.interrupt();
        Ok(())
    }

    /// Rows that the statements at work have done, and that there are (-1: not known); nothing
    /// if nothing is at work.
    #[napi]
    #[allow(clippy::cast_precision_loss, reason = "for people, who see some digits")]
    pub fn progress<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let session = self.session(env)?;
        promise(
            env,
            None,
            session,
            |session| Ok(session.progress()),
            |js, progress| {
                let Some(progress) = progress else { return js.null() };
                let pair = js.array(2)?;
                js.put(pair, 0, js.number(progress.rows_done as f64)?)?;
                js.put(pair, 1, js.number(progress.rows_total.map_or(-1.0, |rows| rows as f64))?)?;
                Ok(pair)
            },
        )
    }

    /// Who the session acts for.
    #[napi(getter)]
    pub fn user(&self, env: &Env) -> napi::Result<String> {
        Ok(self.session(env)?.user().to_string())
    }

    /// What the session may do.
    #[napi(getter)]
    pub fn role(&self, env: &Env) -> napi::Result<String> {
        Ok(self.session(env)?.role().to_string())
    }

    /// The namespace of unqualified names.
    #[napi(getter)]
    pub fn namespace(&self, env: &Env) -> napi::Result<String> {
        Ok(self.session(env)?.namespace())
    }

    /// Whether every write is refused.
    #[napi(getter)]
    pub fn read_only(&self, env: &Env) -> napi::Result<bool> {
        Ok(self.session(env)?.is_read_only())
    }

    /// Whether it is open.
    #[napi(getter)]
    pub fn is_open(&self) -> bool {
        self.session.lock().is_some()
    }

    /// Lets go of the session; closing twice is fine.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let session = self.session.lock().take();
        let close = move |(): &()| {
            let_go(session);
            Ok(())
        };
        promise(env, None, (), close, |js, ()| js.null())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A statement may hold the same session, and then drops it as this does.
        if Arc::strong_count(&self.session.0) == 1 {
            drop_detached(self.session.lock().take());
        }
    }
}

fn whole(result: QueryResult) -> Result<Answer> {
    Answer::of(result, Form::Batches)
}
