//! `connect` and `Connection`: one user's session.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kalam_core::model::Role;
use kalam_core::{
    AppendMode, Database, Error, IsolationLevel, Options, Result, Session, SqlState,
    TransactionStatus,
};
use pyo3::prelude::*;

use crate::cursor::Cursor;
use crate::error::{engine, exception};
use crate::process::{ProcessLocal, drop_detached, survive_fork};
use crate::result::ResultSet;
use crate::{input, interrupt, parameter};

/// The user of a connection that names none; its role is `system`.
const OPENER: &str = "root";

/// Opens a database directory, creating it if it is missing, or with ":memory:"
/// one that ends with its last connection.
///
/// Without `user` and `role` the connection may do everything. With `user` it
/// acts for that user with role 'user', unless `role` says otherwise; the program
/// vouches for the identity. With `user` and `password` the user logs in and has
/// the role of their account (CREATE USER). Unqualified names resolve in
/// `namespace` ('default'). `config` keys are durability, threads, memory_limit,
/// cache_bytes, storage_path, temp_directory, statement_timeout and
/// max_result_bytes.
#[pyfunction]
#[pyo3(
    signature = (
        path=PathBuf::from(":memory:"), *, user=None, role=None, password=None, namespace=None, config=None
    ),
    text_signature = "(path=':memory:', *, user=None, role=None, password=None, namespace=None, config=None)"
)]
#[allow(
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    reason = "pyo3 hands owned values to functions, and each keyword is an argument"
)]
pub fn connect(
    py: Python<'_>,
    path: PathBuf,
    user: Option<&str>,
    role: Option<&str>,
    password: Option<&str>,
    namespace: Option<&str>,
    config: Option<HashMap<String, Bound<'_, PyAny>>>,
) -> PyResult<Connection> {
    survive_fork(py)?;
    let mut options = Options::default();
    for (key, value) in config.unwrap_or_default() {
        let value = value.str()?.to_str()?.to_owned();
        options.set(&key, &value).map_err(|error| exception(py, &error))?;
    }
    let identity = Identity::of(user, role, password).map_err(|error| exception(py, &error))?;
    let session = engine(py, || {
        let database = if path.as_os_str() == ":memory:" {
            Database::in_memory(options)?
        } else {
            Database::open(&path, options)?
        };
        identity.session(&database, namespace)
    })?;
    Ok(Connection::new(session))
}

/// Make a new database directory of a backup, as RESTORE DATABASE does. The directory must
/// be missing or empty; open it with connect() afterwards. Every byte is checked.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "pyo3 hands owned values to functions")]
pub fn restore(py: Python<'_>, backup: PathBuf, path: PathBuf) -> PyResult<()> {
    survive_fork(py)?;
    engine(py, || Database::restore(&backup, &path))
}

/// Who connects.
enum Identity<'a> {
    /// The program says so.
    Vouched { user: &'a str, role: Role },
    /// The password says so.
    LogsIn { user: &'a str, password: &'a str },
}

impl<'a> Identity<'a> {
    fn of(user: Option<&'a str>, role: Option<&str>, password: Option<&'a str>) -> Result<Self> {
        let Some(password) = password else {
            let role = match role {
                Some(role) => role.parse()?,
                None if user.is_some() => Role::User,
                None => Role::System,
            };
            return Ok(Identity::Vouched { user: user.unwrap_or(OPENER), role });
        };
        match (user, role) {
            (Some(user), None) => Ok(Identity::LogsIn { user, password }),
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "a password goes with a user, and with no role",
            )
            .with_hint("who logs in has the role of their account")),
        }
    }

    fn session(&self, database: &Database, namespace: Option<&str>) -> Result<Session> {
        match *self {
            Identity::Vouched { user, role } => database.session(user, role, namespace),
            Identity::LogsIn { user, password } => {
                let session = database.login(user, password)?;
                if let Some(namespace) = namespace {
                    session.use_namespace(namespace)?;
                }
                Ok(session)
            }
        }
    }
}

/// What one user does with a database. Threads may share it.
///
/// Every statement commits by itself, except between begin() and commit(). Closing it
/// rolls an open transaction back, and releases the database when no other connection
/// and no unread Result is left. As a context manager it closes at the end.
#[pyclass(frozen, module = "kalamdb")]
pub struct Connection {
    session: ProcessLocal<Mutex<Option<Arc<Session>>>>,
}

impl Connection {
    fn new(session: Session) -> Self {
        session.set_stop_request(Some(interrupt::raised));
        Connection { session: ProcessLocal::new(Mutex::new(Some(Arc::new(session)))) }
    }

    /// The session, or the error of a connection that is closed or was carried
    /// over fork().
    fn open_session(&self) -> Result<Arc<Session>> {
        lock(self.session.get()?).clone().ok_or_else(|| {
            Error::new(SqlState::CONNECTION_CLOSED, "connection is closed")
                .with_hint("call kalamdb.connect() again")
        })
    }

    /// The same, with its error as an exception.
    pub fn session(&self, py: Python<'_>) -> PyResult<Arc<Session>> {
        self.open_session().map_err(|error| exception(py, &error))
    }

    /// Runs a statement.
    pub fn run(
        &self,
        py: Python<'_>,
        sql: &str,
        params: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<ResultSet> {
        let session = self.session(py)?;
        let params = parameter::params(py, params)?;
        let timeout = timeout.map(seconds).transpose().map_err(|e| exception(py, &e))?;
        let call = || match timeout {
            Some(timeout) => session.execute_within(timeout, sql, &params),
            None => session.execute(sql, &params),
        };
        engine(py, call).map(ResultSet::new)
    }

    /// Runs a statement for each set of parameters, all or none.
    pub fn run_many(&self, py: Python<'_>, sql: &str, sets: &Bound<'_, PyAny>) -> PyResult<u64> {
        let session = self.session(py)?;
        let params = parameter::param_sets(sets)?;
        engine(py, || session.execute_many(sql, &params))
    }
}

#[pymethods]
impl Connection {
    /// Runs SQL and returns a Result of its own. A write is committed on return, unless a
    /// transaction is open.
    ///
    /// `params` is a sequence for `?` and `$1`, a mapping for `:name`. `timeout` is how many
    /// seconds the statement and its rows are waited for before CancelledError; without it
    /// the setting statement_timeout says.
    #[pyo3(signature = (sql, params=None, *, timeout=None))]
    fn execute(
        &self,
        py: Python<'_>,
        sql: &str,
        params: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<ResultSet> {
        self.run(py, sql, params, timeout)
    }

    /// The same as execute().
    #[pyo3(signature = (sql, params=None, *, timeout=None))]
    fn sql(
        &self,
        py: Python<'_>,
        sql: &str,
        params: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<ResultSet> {
        self.run(py, sql, params, timeout)
    }

    /// Stops every statement of this connection that is at work in another thread, and
    /// every Result of it that is still read: each raises CancelledError. A commit that
    /// has begun is not taken back.
    fn interrupt(&self, py: Python<'_>) -> PyResult<()> {
        self.session(py)?.interrupt();
        Ok(())
    }

    /// Runs an INSERT, UPDATE or DELETE for each set of parameters of an iterable,
    /// in one commit: all or none. Returns the rows affected.
    fn executemany(
        &self,
        py: Python<'_>,
        sql: &str,
        seq_of_params: &Bound<'_, PyAny>,
    ) -> PyResult<u64> {
        self.run_many(py, sql, seq_of_params)
    }

    /// Appends rows in one commit and returns how many.
    ///
    /// `data` is anything with `__arrow_c_stream__` or `__arrow_c_array__` (pyarrow,
    /// polars, pandas, DuckDB relations, a Result), an iterable of dicts, or a dict
    /// of columns. Columns match by name; missing ones take their default. `mode` is
    /// 'append' (an existing key refuses all) or 'upsert' (it is replaced).
    #[pyo3(signature = (table, data, *, mode="append"))]
    fn append(
        &self,
        py: Python<'_>,
        table: &str,
        data: &Bound<'_, PyAny>,
        mode: &str,
    ) -> PyResult<u64> {
        let session = self.session(py)?;
        let mode: AppendMode = mode.parse().map_err(|error| exception(py, &error))?;
        let reader = input::reader(data)?;
        engine(py, || session.append(table, reader, mode))
    }

    /// A connection of another user, with role 'user' at most this one's. Of a user who
    /// holds a higher role than this connection there is none.
    fn as_user(&self, py: Python<'_>, user: &str) -> PyResult<Connection> {
        let session = self.session(py)?;
        engine(py, || session.as_user(user)).map(Connection::new)
    }

    /// A PEP 249 cursor.
    fn cursor(slf: &Bound<'_, Self>) -> PyResult<Cursor> {
        slf.get().session(slf.py())?;
        Ok(Cursor::new(slf.clone().unbind()))
    }

    /// Opens a transaction, which all threads of the connection share: 'read committed',
    /// 'repeatable read' or 'serializable'. Its snapshot is taken by its first statement.
    #[pyo3(signature = (isolation="repeatable read"))]
    fn begin(&self, py: Python<'_>, isolation: &str) -> PyResult<()> {
        let session = self.session(py)?;
        let isolation: IsolationLevel = isolation.parse().map_err(|e| exception(py, &e))?;
        engine(py, || session.begin(isolation))
    }

    /// Commits the open transaction, which is over whether this succeeds or not. Outside
    /// of one it does nothing: every statement has committed by itself.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        let session = self.session(py)?;
        engine(py, || match session.transaction_status() {
            TransactionStatus::Idle => Ok(()),
            TransactionStatus::Active | TransactionStatus::Failed => session.commit(),
        })
    }

    /// Forgets what the open transaction wrote. Outside of one it raises
    /// NotSupportedError: every statement has committed by itself.
    fn rollback(&self, py: Python<'_>) -> PyResult<()> {
        let session = self.session(py)?;
        engine(py, || match session.transaction_status() {
            TransactionStatus::Idle => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "rollback() has nothing to undo: every statement commits by itself",
            )
            .with_hint("open a transaction with begin()")),
            TransactionStatus::Active | TransactionStatus::Failed => session.rollback(),
        })
    }

    /// Moves recent rows of a table, or of all, to segments (STORAGE FLUSH). The
    /// Result says what was written.
    #[pyo3(signature = (table=None))]
    fn flush(&self, py: Python<'_>, table: Option<&str>) -> PyResult<ResultSet> {
        let sql = flush_statement(table).map_err(|error| exception(py, &error))?;
        self.run(py, &sql, None, None)
    }

    /// Releases the session. Results stay readable; closing twice is fine.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        engine(py, || {
            // The lock is gone before the session is: its end may take a while.
            let session = lock(self.session.get()?).take();
            drop(session);
            Ok(())
        })
    }

    /// Whose rows the connection sees.
    #[getter]
    fn user(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.session(py)?.user().to_string())
    }

    /// 'anonymous', 'user', 'service', 'dba' or 'system'.
    #[getter]
    fn role(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.session(py)?.role().as_str())
    }

    /// Where unqualified names resolve; USE changes it.
    #[getter]
    fn namespace(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.session(py)?.namespace())
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().session(slf.py())?;
        Ok(slf.clone())
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        match self.open_session() {
            Ok(session) => {
                format!(
                    "<kalamdb.Connection user={:?} role={}>",
                    session.user().as_str(),
                    session.role()
                )
            }
            Err(error) => format!("<kalamdb.Connection: {error}>"),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Ok(session) = self.session.get_mut() {
            drop_detached(session.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

/// Locks for the blink of an eye: nothing that can fail or wait runs under it.
fn lock(session: &Mutex<Option<Arc<Session>>>) -> MutexGuard<'_, Option<Arc<Session>>> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A timeout in seconds.
fn seconds(timeout: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(timeout).ok().filter(|timeout| !timeout.is_zero()).ok_or_else(
        || {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("timeout {timeout} is not allowed"),
            )
            .with_hint("use a number of seconds above 0, or None")
        },
    )
}

/// `table` goes into the text of a statement, so nothing but a name may be in it.
fn flush_statement(table: Option<&str>) -> Result<String> {
    let Some(table) = table else { return Ok("STORAGE FLUSH ALL".into()) };
    if table.is_empty() || !table.chars().all(|c| c.is_alphanumeric() || "_.\"".contains(c)) {
        return Err(Error::new(SqlState::INVALID_NAME, format!("{table:?} is not a table name"))
            .with_hint("write it as in SQL: table or namespace.table"));
    }
    Ok(format!("STORAGE FLUSH TABLE {table}"))
}
