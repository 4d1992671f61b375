//! PEP 249's cursor, over `Connection` and `Result`.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kalam_core::{Error, SqlState};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::connection::{CallOptions, Connection};
use crate::error::{ProgrammingError, exception};
use crate::result::ResultSet;

/// A PEP 249 cursor: it keeps the Result of its last statement.
#[pyclass(frozen, module = "kalamdb")]
pub struct Cursor {
    connection: Py<Connection>,
    last: Mutex<Last>,
    arraysize: AtomicUsize,
}

/// What the cursor did last.
enum Last {
    Nothing,
    Query(Py<ResultSet>),
    Many(u64),
    Closed,
}

impl Cursor {
    /// A cursor that has run nothing.
    pub fn new(connection: Py<Connection>) -> Self {
        Cursor { connection, last: Mutex::new(Last::Nothing), arraysize: AtomicUsize::new(1) }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, last: Last) {
        let previous = mem::replace(&mut *self.last(), last);
        // Dropping a result runs code of the interpreter: not under the lock.
        drop(previous);
    }

    fn open_connection(&self, py: Python<'_>) -> PyResult<&Connection> {
        if matches!(*self.last(), Last::Closed) {
            let error = Error::new(SqlState::CONNECTION_CLOSED, "cursor is closed")
                .with_hint("take another from Connection.cursor()");
            return Err(exception(py, &error));
        }
        let connection = self.connection.get();
        connection.session(py)?;
        Ok(connection)
    }

    /// The result of the last statement, if it has columns.
    fn rows(&self, py: Python<'_>) -> PyResult<Py<ResultSet>> {
        self.open_connection(py)?;
        match &*self.last() {
            Last::Query(result) if result.get().has_columns() => Ok(result.clone_ref(py)),
            _ => Err(ProgrammingError::new_err("there are no rows to fetch: run a query first")),
        }
    }
}

#[pymethods]
impl Cursor {
    /// Runs SQL; the cursor itself comes back.
    #[pyo3(signature = (operation, parameters=None))]
    fn execute<'py>(
        slf: &Bound<'py, Self>,
        operation: &str,
        parameters: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let connection = slf.get().open_connection(py)?;
        slf.get().replace(Last::Nothing);
        let result = connection.run(py, operation, parameters, &CallOptions::default())?;
        slf.get().replace(Last::Query(Py::new(py, result)?));
        Ok(slf.clone())
    }

    /// Runs a write for each set of parameters, all or none; the cursor comes back.
    fn executemany<'py>(
        slf: &Bound<'py, Self>,
        operation: &str,
        seq_of_parameters: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let connection = slf.get().open_connection(py)?;
        slf.get().replace(Last::Nothing);
        let affected = connection.run_many(py, operation, seq_of_parameters)?;
        slf.get().replace(Last::Many(affected));
        Ok(slf.clone())
    }

    /// The next row, or None.
    fn fetchone<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.rows(py)?.get().fetchone(py)
    }

    /// The next `size` rows, `arraysize` if it is not given.
    #[pyo3(signature = (size=None))]
    fn fetchmany<'py>(&self, py: Python<'py>, size: Option<usize>) -> PyResult<Bound<'py, PyList>> {
        let size = size.unwrap_or_else(|| self.arraysize.load(Ordering::Relaxed));
        self.rows(py)?.get().fetchmany(py, size)
    }

    /// Every remaining row.
    fn fetchall<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.rows(py)?.get().fetchall(py)
    }

    /// Seven items for each column, or None if the last statement has none.
    #[getter]
    fn description<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let result = match &*self.last() {
            Last::Query(result) => result.clone_ref(py),
            _ => return Ok(None),
        };
        result.get().description(py)
    }

    /// Rows that the last statement changed, or -1.
    #[getter]
    fn rowcount(&self) -> i64 {
        match &*self.last() {
            Last::Query(result) => result.get().rowcount(),
            Last::Many(affected) => i64::try_from(*affected).unwrap_or(i64::MAX),
            Last::Nothing | Last::Closed => -1,
        }
    }

    /// How many rows fetchmany() fetches by default; 1 at first.
    #[getter]
    fn arraysize(&self) -> usize {
        self.arraysize.load(Ordering::Relaxed)
    }

    #[setter]
    fn set_arraysize(&self, size: usize) {
        self.arraysize.store(size, Ordering::Relaxed);
    }

    /// The connection that made the cursor.
    #[getter]
    fn connection(&self, py: Python<'_>) -> Py<Connection> {
        self.connection.clone_ref(py)
    }

    /// Does nothing: parameters are sized by themselves.
    fn setinputsizes(&self, sizes: &Bound<'_, PyAny>) {
        let _ = sizes;
    }

    /// Does nothing: columns are sized by themselves.
    #[pyo3(signature = (size, column=None))]
    fn setoutputsize(&self, size: usize, column: Option<usize>) {
        let _ = (size, column);
    }

    /// Lets go of the last result; the cursor is unusable from now on.
    fn close(&self) {
        self.replace(Last::Closed);
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.fetchone(py)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().open_connection(slf.py())?;
        Ok(slf.clone())
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.close();
    }
}
