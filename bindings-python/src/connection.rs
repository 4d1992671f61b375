//! `Connection`: one user's session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kalam_core::{
    AppendMode, Error, IsolationLevel, NamedData, Params, Result, Session, SqlState,
    TransactionStatus, WithinTransaction,
};
use kalamdb::fork::ProcessLocal;
use pyo3::prelude::*;

use crate::cursor::Cursor;
use crate::error::{drop_detached, engine, exception};
use crate::parameter_sets::ParamSets;
use crate::result::ResultSet;
use crate::statement::Statement;
use crate::table_definition::{checked_name, create_table, kind};
use crate::{input, interrupt, parameter, schema};

/// What one user does with a database. Threads may share it.
///
/// Every statement commits by itself, except between begin() and commit(). Closing it
/// rolls an open transaction back, and releases the database when no other connection
/// and no unread Result is left. As a context manager it closes at the end.
#[pyclass(frozen, weakref, module = "kalamdb")]
pub struct Connection {
    session: ProcessLocal<Mutex<Option<Arc<Session>>>>,
}

impl Connection {
    /// A connection over a session, with a progress bar if its settings ask for one.
    pub fn new(py: Python<'_>, session: Session) -> PyResult<Bound<'_, Self>> {
        session.set_stop_request(Some(interrupt::raised));
        let shows_progress = session.shows_progress();
        let session = ProcessLocal::new(Mutex::new(Some(Arc::new(session))));
        let connection = Bound::new(py, Connection { session })?;
        if shows_progress {
            py.import("kalamdb._progress")?.call_method1("watch", (&connection,))?;
        }
        Ok(connection)
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
        options: &CallOptions<'_>,
    ) -> PyResult<ResultSet> {
        let session = self.session(py)?;
        let params = parameter::params(py, params)?;
        let timeout = options.timeout.map(seconds).transpose().map_err(|e| exception(py, &e))?;
        let readers = options.readers()?;
        let call = || {
            if readers.is_empty() {
                return session.execute_within(timeout, sql, &params);
            }
            let mut data = NamedData::default();
            for (name, reader) in readers {
                data.insert(&name, reader)?;
            }
            session.execute_reading(&data, timeout, sql, &params)
        };
        engine(py, call).map(ResultSet::new)
    }

    /// Runs a statement for each set of parameters, all or none.
    pub fn run_many(&self, py: Python<'_>, sql: &str, sets: &Bound<'_, PyAny>) -> PyResult<u64> {
        let session = self.session(py)?;
        let names = || {
            let prepared = engine(py, || session.prepare(sql))?;
            Ok(prepared.parameter_names().to_vec())
        };
        let sets = ParamSets::read(sets, names)?;
        engine(py, || match &sets {
            ParamSets::Columns(columns) => session.execute_columns(sql, columns),
            ParamSets::Each(sets) => session.execute_many(sql, sets),
        })
    }
}

/// What a call says beside its SQL and its parameters.
#[derive(Default)]
pub struct CallOptions<'py> {
    /// Data by name, for this statement alone.
    pub data: Option<BTreeMap<String, Bound<'py, PyAny>>>,
    /// How many seconds to wait.
    pub timeout: Option<f64>,
}

impl CallOptions<'_> {
    fn readers(&self) -> PyResult<Vec<(String, input::Reader)>> {
        let data = self.data.iter().flatten();
        data.map(|(name, data)| Ok((name.clone(), input::reader(data)?))).collect()
    }
}

#[pymethods]
impl Connection {
    /// Runs SQL and returns a Result of its own. A write is committed on return, unless a
    /// transaction is open.
    ///
    /// `params` is a sequence for `?` and `$1`, a mapping for `:name`. `data` is a dict of
    /// what append() takes: the statement reads it by its names, which go before those of
    /// tables; nothing is copied or stored. `timeout` is how many seconds the statement and
    /// its rows are waited for before CancelledError; without it the setting
    /// statement_timeout says.
    #[pyo3(signature = (sql, params=None, *, data=None, timeout=None))]
    fn execute<'py>(
        &self,
        py: Python<'py>,
        sql: &str,
        params: Option<&Bound<'py, PyAny>>,
        data: Option<BTreeMap<String, Bound<'py, PyAny>>>,
        timeout: Option<f64>,
    ) -> PyResult<ResultSet> {
        self.run(py, sql, params, &CallOptions { data, timeout })
    }

    /// The same as execute().
    #[pyo3(signature = (sql, params=None, *, data=None, timeout=None))]
    fn sql<'py>(
        &self,
        py: Python<'py>,
        sql: &str,
        params: Option<&Bound<'py, PyAny>>,
        data: Option<BTreeMap<String, Bound<'py, PyAny>>>,
        timeout: Option<f64>,
    ) -> PyResult<ResultSet> {
        self.run(py, sql, params, &CallOptions { data, timeout })
    }

    /// Runs statements that are separated by semicolons, each in a commit of its own unless
    /// a transaction is open, up to the first that fails. Their rows are not kept.
    fn executescript(&self, py: Python<'_>, sql: &str) -> PyResult<()> {
        let session = self.session(py)?;
        engine(py, || session.execute(sql, &Params::None).map(drop))
    }

    /// Parses one statement and looks it up, to run it many times.
    fn prepare(slf: &Bound<'_, Self>, sql: &str) -> PyResult<Statement> {
        let session = slf.get().session(slf.py())?;
        let prepared = engine(slf.py(), || session.prepare(sql))?;
        Ok(Statement::new(slf.clone().unbind(), prepared))
    }

    /// How a query is run, in lines. With `analyze` it runs, and the lines have figures.
    #[pyo3(signature = (sql, params=None, *, analyze=false))]
    fn explain(
        &self,
        py: Python<'_>,
        sql: &str,
        params: Option<&Bound<'_, PyAny>>,
        analyze: bool,
    ) -> PyResult<String> {
        let session = self.session(py)?;
        let params = parameter::params(py, params)?;
        let lines = engine(py, || session.explain(sql, &params, analyze)).map(ResultSet::new)?;
        let lines = lines.fetchall(py)?;
        let lines = lines.iter().map(|row| row.get_item(0)?.extract::<String>());
        Ok(lines.collect::<PyResult<Vec<_>>>()?.join("\n"))
    }

    /// Keeps data for this connection: statements read it by its name, which goes before
    /// that of a table, until unregister(). `data` is what append() takes; it is not copied.
    fn register(&self, py: Python<'_>, name: &str, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let session = self.session(py)?;
        let reader = input::reader(data)?;
        engine(py, || session.register(name, reader))
    }

    /// Forgets what register() keeps under a name.
    fn unregister(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let session = self.session(py)?;
        engine(py, || session.unregister(name))
    }

    /// Stops every statement of this connection that is at work in another thread, and
    /// every Result of it that is still read: each raises CancelledError. A commit that
    /// has begun is not taken back.
    fn interrupt(&self, py: Python<'_>) -> PyResult<()> {
        self.session(py)?.interrupt();
        Ok(())
    }

    /// How much of the statements of this connection that are at work in other threads, and
    /// of its Results that are still read, is done: from 0 to 100, or None if nothing is at
    /// work or the whole is not known. Rows that a filter skips are in the whole.
    fn query_progress(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let session = self.session(py)?;
        let fraction = engine(py, || Ok(session.progress().and_then(|done| done.fraction())))?;
        Ok(fraction.map(|fraction| fraction * 100.0))
    }

    /// Runs an INSERT, UPDATE, DELETE or MERGE for each set of parameters of an iterable, or
    /// for each row of Arrow data, in one commit: all or none. Returns the rows affected.
    ///
    /// Columns of Arrow data are the parameters `?` and `$1` in their order, and `:name` by
    /// their names.
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
    /// polars, pandas, DuckDB relations, a Result), an iterable of dicts or of tuples with
    /// a value for each column, or a dict of columns. Columns match by name; missing ones
    /// take their default. `mode` is 'append' (an existing key refuses all) or 'upsert' (it
    /// is replaced).
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
        let names = || {
            let rows = engine(py, || {
                let rows = format!("SELECT * FROM {} LIMIT 0", checked_name(table)?);
                session.execute(&rows, &Params::None)
            })?;
            Ok(schema::names(&rows.schema()))
        };
        let reader = input::reader_for(data, Some(&names))?;
        engine(py, || session.append(table, reader, mode))
    }

    /// Makes a table with the columns of `data`, appends the rows, and returns how many.
    ///
    /// `type` is 'shared', 'user' or 'stream'. Without `primary_key`, a list of columns, the
    /// key is hidden. A table whose rows do not fit is dropped again. Definitions cannot run
    /// in a transaction.
    #[pyo3(signature = (name, data, *, r#type="shared", primary_key=None))]
    fn create_table(
        &self,
        py: Python<'_>,
        name: &str,
        data: &Bound<'_, PyAny>,
        r#type: &str,
        primary_key: Option<Vec<String>>,
    ) -> PyResult<u64> {
        let session = self.session(py)?;
        let kind = kind(r#type).map_err(|error| exception(py, &error))?;
        let reader = input::reader(data)?;
        let create = create_table(name, kind, &reader.schema(), &primary_key.unwrap_or_default());
        let create = create.map_err(|error| exception(py, &error))?;
        engine(py, || {
            session.execute(&create, &Params::None)?;
            session.append(name, reader, AppendMode::Append).inspect_err(|_| {
                // What the rows did wrong is the error, not what becomes of the table.
                let _ = session.execute(&format!("DROP TABLE IF EXISTS {name}"), &Params::None);
            })
        })
    }

    /// Collects rows for a table and appends them when there are `rows`, and at the end of a
    /// `with` block.
    #[pyo3(signature = (table, *, mode="append", rows=10_000))]
    fn appender<'py>(
        slf: &Bound<'py, Self>,
        table: &str,
        mode: &str,
        rows: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        slf.get().session(py)?;
        mode.parse::<AppendMode>().map_err(|error| exception(py, &error))?;
        py.import("kalamdb._appender")?.call_method1("Appender", (slf, table, mode, rows))
    }

    /// A connection of another user, with role 'user' at most this one's. Of a user who
    /// holds a higher role than this connection there is none.
    fn as_user<'py>(&self, py: Python<'py>, user: &str) -> PyResult<Bound<'py, Connection>> {
        let session = self.session(py)?;
        Connection::new(py, engine(py, || session.as_user(user))?)
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

    /// A transaction around a `with` block: committed at its end, rolled back if the block
    /// raises.
    #[pyo3(signature = (isolation="repeatable read"))]
    fn transaction<'py>(slf: &Bound<'py, Self>, isolation: &str) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        slf.get().session(py)?;
        isolation.parse::<IsolationLevel>().map_err(|error| exception(py, &error))?;
        py.import("kalamdb._transaction")?.call_method1("Transaction", (slf, isolation))
    }

    /// Whether a transaction is open.
    #[getter]
    fn in_transaction(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.session(py)?.transaction_status() != TransactionStatus::Idle)
    }

    /// What becomes of the statements of a text in a transaction: 'reads', 'writes' and
    /// 'refused'.
    fn _within_transaction(&self, py: Python<'_>, sql: &str) -> PyResult<Vec<&'static str>> {
        let session = self.session(py)?;
        let effects = engine(py, || session.within_transaction(sql))?;
        let word = |effect| match effect {
            WithinTransaction::Reads => "reads",
            WithinTransaction::Writes => "writes",
            WithinTransaction::Refused => "refused",
        };
        Ok(effects.into_iter().map(word).collect())
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
        let session = self.session(py)?;
        engine(py, || session.flush(table)).map(ResultSet::new)
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
pub fn seconds(timeout: f64) -> Result<Duration> {
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
