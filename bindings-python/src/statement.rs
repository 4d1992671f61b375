//! `Statement`: SQL that was parsed and looked up before it runs.

use kalam_core::PreparedStatement;
use kalam_core::model::KalamDataType;
use kalamdb::fork::ProcessLocal;
use pyo3::prelude::*;

use crate::connection::{Connection, seconds};
use crate::error::{engine, exception};
use crate::parameter;
use crate::parameter_sets::ParamSets;
use crate::result::ResultSet;
use crate::schema::ResultSchema;

/// A statement of Connection.prepare(): parsed and looked up once, run many times, from any
/// thread. It is closed with its connection.
#[pyclass(frozen, module = "kalamdb")]
pub struct Statement {
    connection: Py<Connection>,
    prepared: ProcessLocal<PreparedStatement>,
}

impl Statement {
    /// What a connection prepared.
    pub fn new(connection: Py<Connection>, prepared: PreparedStatement) -> Self {
        Statement { connection, prepared: ProcessLocal::new(prepared) }
    }

    fn prepared(&self, py: Python<'_>) -> PyResult<&PreparedStatement> {
        self.prepared.get().map_err(|error| exception(py, &error))
    }
}

#[pymethods]
impl Statement {
    /// Runs it as Connection.execute() runs its text. When tables changed it is looked up
    /// again; NotSupportedError if its result would have other columns than before.
    #[pyo3(signature = (params=None, *, timeout=None))]
    fn execute(
        &self,
        py: Python<'_>,
        params: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<ResultSet> {
        let session = self.connection.get().session(py)?;
        let prepared = self.prepared(py)?;
        let params = parameter::params(py, params)?;
        let timeout = timeout.map(seconds).transpose().map_err(|error| exception(py, &error))?;
        engine(py, || session.execute_prepared_within(timeout, prepared, &params))
            .map(ResultSet::new)
    }

    /// Runs it as Connection.executemany() runs its text.
    fn executemany(&self, py: Python<'_>, seq_of_params: &Bound<'_, PyAny>) -> PyResult<u64> {
        let session = self.connection.get().session(py)?;
        let prepared = self.prepared(py)?;
        let names = || Ok(prepared.parameter_names().to_vec());
        let sets = ParamSets::read(seq_of_params, names)?;
        engine(py, || match &sets {
            ParamSets::Columns(columns) => session.execute_prepared_columns(prepared, columns),
            ParamSets::Each(sets) => session.execute_prepared_many(prepared, sets),
        })
    }

    /// The SQL type of each parameter: that of the column it is compared with or written
    /// to. None: any.
    #[getter]
    fn parameter_types(&self, py: Python<'_>) -> PyResult<Vec<Option<String>>> {
        let types = self.prepared(py)?.parameter_types().into_iter();
        Ok(types.map(|known| known.as_ref().map(KalamDataType::name_of_arrow_type)).collect())
    }

    /// The names of the parameters `:name`, in the order of parameter_types; empty for `?`
    /// and `$1`.
    #[getter]
    fn parameter_names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.prepared(py)?.parameter_names().to_vec())
    }

    /// The columns of the result, none for a statement that returns no rows.
    #[getter]
    fn schema(&self, py: Python<'_>) -> PyResult<ResultSchema> {
        Ok(ResultSchema(self.prepared(py)?.result_schema()))
    }

    /// The connection that prepared it.
    #[getter]
    fn connection(&self, py: Python<'_>) -> Py<Connection> {
        self.connection.clone_ref(py)
    }
}
