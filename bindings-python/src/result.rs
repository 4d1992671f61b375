//! `Result`: rows and Arrow over one cursor.

use std::collections::HashSet;
use std::ffi::CStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ffi::FFI_ArrowSchema;
use kalam_core::model::KalamDataType;
use kalam_core::{CancelHandle, Error, QueryResult, Result, SqlState, guarded};
use kalamdb::fork::ProcessLocal;
use pyo3::exceptions::{PyImportError, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList, PyTuple};

use crate::error::{drop_detached, engine, exception};
use crate::lookahead::{Decoded, Lookahead};
use crate::schema::{self, ResultSchema, SCHEMA_CAPSULE};
use crate::stream::{self, Batches};
use crate::value;

const STREAM_CAPSULE: &CStr = c"arrow_array_stream";

/// What a statement returned. It outlives the connection; each row can be fetched
/// once, as Python values or as Arrow.
///
/// A query runs while it is fetched. Fetching to the end, close(), and leaving a
/// `with` block all release it.
#[pyclass(frozen, name = "Result", module = "kalamdb")]
pub struct ResultSet {
    schema: SchemaRef,
    rows_affected: Option<u64>,
    batches: ProcessLocal<Mutex<Option<Batches>>>,
    lookahead: Lookahead,
    /// None once closed: what can still be stopped counts as being at work.
    cancel: ProcessLocal<Mutex<Option<CancelHandle>>>,
}

impl ResultSet {
    /// Takes over what the engine returned.
    pub fn new(query: QueryResult) -> Self {
        ResultSet {
            schema: query.schema(),
            rows_affected: query.rows_affected(),
            cancel: ProcessLocal::new(Mutex::new(Some(query.cancel_handle()))),
            batches: ProcessLocal::new(Mutex::new(Some(Batches::new(query)))),
            lookahead: Lookahead::default(),
        }
    }

    /// Whether the statement returns rows at all.
    pub fn has_columns(&self) -> bool {
        !self.schema.fields().is_empty()
    }

    /// Calls the engine with the batches; with the interpreter if they are there already,
    /// since letting go of it and taking it again costs more than handing one over.
    fn with_batches<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&mut Batches) -> Result<T> + Send,
    ) -> PyResult<T> {
        let batches = self.batches.get().map_err(|error| exception(py, &error))?;
        match batches.try_lock() {
            Ok(guard) if guard.as_ref().is_some_and(Batches::is_ready) => {
                guarded(|| closing_at_failure(guard, call)).map_err(|error| exception(py, &error))
            }
            // Another thread may hold it for long: it is not waited for with the interpreter.
            guard => {
                drop(guard);
                engine(py, || closing_at_failure(lock(batches)?, call))
            }
        }
    }

    /// Puts rows that were decoded ahead, and that nobody took, back in front.
    fn give_back(&self, py: Python<'_>, decoded: Option<Decoded>) -> PyResult<()> {
        match decoded.and_then(|decoded| decoded.rest()) {
            Some(rest) => self.with_batches(py, |batches| {
                batches.put_back(vec![rest]);
                Ok(())
            }),
            None => Ok(()),
        }
    }

    /// The next rows, decoded: one, or a few ahead of an iteration.
    fn decode(&self, py: Python<'_>) -> PyResult<Option<Decoded>> {
        let size = self.lookahead.next_size();
        let Some(batch) = self.with_batches(py, |batches| batches.next_up_to(size))? else {
            return Ok(None);
        };
        if batch.num_rows() == 1 {
            return Decoded::new(py, batch).map(Some);
        }
        match Decoded::new(py, batch.clone()) {
            Err(_) => {
                // Some row has no Python form; those before it do.
                self.lookahead.one_by_one();
                self.with_batches(py, |batches| {
                    batches.put_back(vec![batch]);
                    Ok(())
                })?;
                self.decode(py)
            }
            decoded => decoded.map(Some),
        }
    }

    /// Hands at most `limit` rows to `receive`, batch by batch. Ctrl-C between two
    /// batches stops the query.
    fn take(
        &self,
        py: Python<'_>,
        limit: usize,
        mut receive: impl FnMut(RecordBatch) -> PyResult<()>,
    ) -> PyResult<()> {
        self.give_back(py, self.lookahead.take())?;
        let mut left = limit;
        while left > 0 {
            let Some(batch) = self.with_batches(py, |batches| batches.next_up_to(left))? else {
                break;
            };
            left -= batch.num_rows();
            receive(batch)?;
            if let Err(interrupt) = py.check_signals() {
                self.close(py)?;
                return Err(interrupt);
            }
        }
        Ok(())
    }

    fn take_rows<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let rows = PyList::empty(py);
        self.take(py, limit, |batch| {
            value::rows(py, &batch)?.try_for_each(|row| rows.append(row))
        })?;
        Ok(rows)
    }

    /// Runs the query to its end and keeps the batches, so that its errors are
    /// raised as ours and not as those of the library that reads the stream.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let mut taken = Vec::new();
        self.take(py, usize::MAX, |batch| {
            taken.push(batch);
            Ok(())
        })?;
        self.with_batches(py, |batches| {
            batches.put_back(taken);
            Ok(())
        })
    }

    /// Refuses names that would overwrite each other as keys.
    fn check_distinct(&self, py: Python<'_>, method: &str) -> PyResult<()> {
        let mut seen = HashSet::new();
        match self.schema.fields().iter().find(|field| !seen.insert(field.name())) {
            None => Ok(()),
            Some(field) => {
                let error = Error::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!(
                        "{method} needs distinct column names, and \"{}\" is there twice",
                        field.name()
                    ),
                )
                .with_hint("name the columns with AS");
                Err(exception(py, &error))
            }
        }
    }

    fn table<'py>(slf: &Bound<'py, Self>, method: &str) -> PyResult<Bound<'py, PyAny>> {
        let pyarrow = require(slf.py(), "pyarrow", "arrow", method)?;
        slf.get().finish(slf.py())?;
        pyarrow.call_method1("table", (slf,))
    }
}

#[pymethods]
impl ResultSet {
    /// The next row as a tuple, or None.
    pub fn fetchone<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        // Rows decoded before fork() are the parent's too.
        self.batches.get().map_err(|error| exception(py, &error))?;
        let decoded = match self.lookahead.take() {
            Some(decoded) if !decoded.is_empty() => Some(decoded),
            _ => self.decode(py)?,
        };
        let Some(mut decoded) = decoded else { return Ok(None) };
        let row = decoded.next(py);
        self.give_back(py, self.lookahead.keep(decoded))?;
        Ok(row)
    }

    /// The next `size` rows, fewer at the end.
    #[pyo3(signature = (size=1))]
    pub fn fetchmany<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyList>> {
        self.take_rows(py, size)
    }

    /// Every remaining row.
    pub fn fetchall<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.take_rows(py, usize::MAX)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.fetchone(py)
    }

    /// The next row if it is decoded already, so that no thread has to wait for it.
    fn _next_decoded<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.batches.get().map_err(|error| exception(py, &error))?;
        let Some(mut decoded) = self.lookahead.take() else { return Ok(None) };
        let row = decoded.next(py);
        self.give_back(py, self.lookahead.keep(decoded))?;
        Ok(row)
    }

    /// The next `size` rows, which stay to be fetched.
    fn _peek<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyList>> {
        let mut taken = Vec::new();
        self.take(py, size, |batch| {
            taken.push(batch);
            Ok(())
        })?;
        let rows = PyList::empty(py);
        let decoded = taken
            .iter()
            .try_for_each(|batch| value::rows(py, batch)?.try_for_each(|row| rows.append(row)));
        self.with_batches(py, |batches| {
            batches.put_back(taken);
            Ok(())
        })?;
        decoded.map(|()| rows)
    }

    /// The first rows as a table of HTML, for notebooks. They stay to be fetched.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("kalamdb._html")?.call_method1("table", (slf,))
    }

    /// For each column (name, type, None, None, precision, scale, nullable), or None
    /// for a statement without columns.
    #[getter]
    pub fn description<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        if !self.has_columns() {
            return Ok(None);
        }
        let columns = self.schema.fields().iter().map(|field| {
            let (precision, scale) = schema::precision_and_scale(field.data_type());
            let size = None::<u64>;
            let (name, type_name) = (field.name(), KalamDataType::name_of_arrow_field(field));
            (name, type_name, size, size, precision, scale, field.is_nullable())
        });
        PyList::new(py, columns.collect::<Vec<_>>()).map(Some)
    }

    /// Rows that an INSERT, UPDATE or DELETE changed, else -1.
    #[getter]
    pub fn rowcount(&self) -> i64 {
        self.rows_affected.map_or(-1, |rows| i64::try_from(rows).unwrap_or(i64::MAX))
    }

    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        schema::names(&self.schema)
    }

    /// The columns, for any Arrow library and for people.
    #[getter]
    fn schema(&self) -> ResultSchema {
        ResultSchema(self.schema.clone())
    }

    /// The remaining rows as a pyarrow.Table, uncopied.
    fn arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::table(slf, "arrow()")
    }

    /// The same as arrow().
    fn to_arrow_table<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::table(slf, "to_arrow_table()")
    }

    /// The same as arrow().
    fn fetch_arrow_table<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::table(slf, "fetch_arrow_table()")
    }

    /// The remaining rows as a pyarrow.RecordBatchReader that runs the query while
    /// it is read.
    fn to_arrow_reader<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let pyarrow = require(slf.py(), "pyarrow", "arrow", "to_arrow_reader()")?;
        pyarrow.getattr("RecordBatchReader")?.call_method1("from_stream", (slf,))
    }

    /// The same as to_arrow_reader().
    fn fetch_record_batch<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::to_arrow_reader(slf)
    }

    /// The remaining rows as a polars.DataFrame; numbers are uncopied.
    fn pl<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let polars = require(slf.py(), "polars", "polars", "pl()")?;
        slf.get().check_distinct(slf.py(), "pl()")?;
        slf.get().finish(slf.py())?;
        polars.getattr("DataFrame")?.call1((slf,))
    }

    /// The same as pl().
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::pl(slf)
    }

    /// The same as pl().
    fn fetch_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::pl(slf)
    }

    /// The remaining rows as a pandas.DataFrame of Arrow-backed columns, uncopied.
    fn df<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let pandas = require(py, "pandas", "pandas", "df()")?;
        let kwargs = PyDict::new(py);
        kwargs.set_item("types_mapper", pandas.getattr("ArrowDtype")?)?;
        Self::table(slf, "df()")?.call_method("to_pandas", (), Some(&kwargs))
    }

    /// The same as df().
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::df(slf)
    }

    /// The same as df().
    fn fetch_df<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::df(slf)
    }

    /// The remaining rows as a list of dicts.
    fn to_dicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.check_distinct(py, "to_dicts()")?;
        let rows = PyList::empty(py);
        self.take(py, usize::MAX, |batch| {
            for row in value::rows(py, &batch)? {
                let dict = PyDict::new(py);
                for (field, item) in self.schema.fields().iter().zip(row) {
                    dict.set_item(field.name(), item)?;
                }
                rows.append(dict)?;
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// The remaining rows as a dict of numpy arrays: masked where there are NULLs,
    /// two-dimensional for EMBEDDING, of Python objects where numpy has no type.
    fn to_numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        require(py, "numpy", "arrow", "to_numpy()")?;
        slf.get().check_distinct(py, "to_numpy()")?;
        let table = Self::table(slf, "to_numpy()")?;
        py.import("kalamdb._numpy")?.call_method1("arrays", (table,))
    }

    /// Hands the remaining rows out as an Arrow PyCapsule stream and closes the
    /// result. The stream runs the query while it is read, and its errors are those
    /// of the library that reads it.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = match requested_schema {
            Some(capsule) => stream::negotiate(&self.schema, &requested(capsule)?),
            None => self.schema.clone(),
        };
        self.give_back(py, self.lookahead.take())?;
        let batches = engine(py, || lock(self.batches.get()?)?.take().ok_or_else(closed))?;
        PyCapsule::new_with_value(py, stream::export(batches, schema), STREAM_CAPSULE)
    }

    /// The schema as an Arrow PyCapsule.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema::capsule(py, &self.schema)
    }

    /// Stops the query from another thread: whoever fetches from it gets CancelledError.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let cancel = self.cancel.get().map_err(|error| exception(py, &error))?;
        if let Some(cancel) = cancel.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            cancel.cancel();
        }
        Ok(())
    }

    /// Stops the query and lets go of its rows; closing twice is fine.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.batches.get().map_err(|error| exception(py, &error))?;
        drop(self.lookahead.take());
        engine(py, || {
            let batches = lock(self.batches.get()?)?.take();
            drop(batches);
            self.cancel.get()?.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(())
        })
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        match self.rows_affected {
            Some(rows) if !self.has_columns() => format!("<kalamdb.Result: {rows} rows affected>"),
            _ => format!("<kalamdb.Result {}>", schema::summary(&self.schema)),
        }
    }
}

impl Drop for ResultSet {
    fn drop(&mut self) {
        if let Ok(batches) = self.batches.get_mut() {
            let batches = batches.get_mut().unwrap_or_else(PoisonError::into_inner).take();
            if !batches.as_ref().is_none_or(Batches::is_ready) {
                drop_detached(batches);
            }
        }
    }
}

/// Calls the engine with the batches. A failure closes the result: what comes after it must
/// not look like a regular end.
fn closing_at_failure<T>(
    mut guard: MutexGuard<'_, Option<Batches>>,
    call: impl FnOnce(&mut Batches) -> Result<T>,
) -> Result<T> {
    let Some(batches) = guard.as_mut() else { return Err(closed()) };
    let outcome = call(batches);
    if outcome.is_err() {
        *guard = None;
    }
    outcome
}

/// Locks for as long as the engine needs for a batch; never with the interpreter
/// lock held.
fn lock(batches: &Mutex<Option<Batches>>) -> Result<MutexGuard<'_, Option<Batches>>> {
    batches.lock().map_err(|_| {
        Error::new(SqlState::INTERNAL_ERROR, "result is unusable after a failure of the engine")
    })
}

fn closed() -> Error {
    Error::new(SqlState::CONNECTION_CLOSED, "result is closed")
        .with_hint("each row can be fetched once; execute the query again")
}

/// Reads the schema that a consumer asks for.
fn requested(capsule: &Bound<'_, PyAny>) -> PyResult<Schema> {
    let capsule = capsule.cast::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(SCHEMA_CAPSULE))?.cast::<FFI_ArrowSchema>();
    // SAFETY: a capsule of this name holds an ArrowSchema, which it keeps.
    Schema::try_from(unsafe { pointer.as_ref() }).map_err(|error| {
        let error = Error::new(SqlState::INVALID_PARAMETER_VALUE, error.to_string());
        exception(capsule.py(), &error)
    })
}

/// Imports an optional package, or says how to install it.
fn require<'py>(
    py: Python<'py>,
    package: &str,
    extra: &str,
    method: &str,
) -> PyResult<Bound<'py, PyModule>> {
    py.import(package).map_err(|error| {
        if !error.is_instance_of::<PyModuleNotFoundError>(py) {
            return error;
        }
        PyImportError::new_err(format!(
            "{method} needs {package}, which is not installed: pip install \"kalamdb[{extra}]\""
        ))
    })
}
