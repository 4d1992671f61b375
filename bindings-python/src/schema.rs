//! The columns of a result, for Arrow and for people.

use std::ffi::CStr;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ffi::FFI_ArrowSchema;
use kalam_core::model::KalamDataType;
use kalam_core::{Error, SqlState};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::error::exception;

/// The name that the PyCapsule interface gives to schemas.
pub const SCHEMA_CAPSULE: &CStr = c"arrow_schema";

/// The columns of a result: names, SQL types, and the Arrow schema for any
/// library that reads `__arrow_c_schema__`.
#[pyclass(frozen, name = "Schema", module = "kalamdb")]
pub struct ResultSchema(pub SchemaRef);

#[pymethods]
impl ResultSchema {
    /// The names of the columns, in order.
    #[getter]
    fn names(&self) -> Vec<String> {
        names(&self.0)
    }

    /// The SQL types of the columns, in order.
    #[getter]
    fn types(&self) -> Vec<String> {
        self.0.fields().iter().map(|field| KalamDataType::name_of_arrow_field(field)).collect()
    }

    fn __len__(&self) -> usize {
        self.0.fields().len()
    }

    fn __repr__(&self) -> String {
        format!("<kalamdb.Schema {}>", summary(&self.0))
    }

    /// The schema as an Arrow PyCapsule.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule(py, &self.0)
    }
}

/// The names of the columns, in order.
pub fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// Digits in all and after the point, for types that have them.
pub fn precision_and_scale(data_type: &DataType) -> (Option<u8>, Option<i8>) {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (Some(*precision), Some(*scale)),
        _ => (None, None),
    }
}

/// `(id BIGINT, body TEXT)`.
pub fn summary(schema: &Schema) -> String {
    let columns = schema
        .fields()
        .iter()
        .map(|field| format!("{} {}", field.name(), KalamDataType::name_of_arrow_field(field)));
    format!("({})", columns.collect::<Vec<_>>().join(", "))
}

/// The schema as an Arrow PyCapsule.
pub fn capsule<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema).map_err(|error| {
        exception(py, &Error::new(SqlState::FEATURE_NOT_SUPPORTED, error.to_string()))
    })?;
    PyCapsule::new_with_value(py, schema, SCHEMA_CAPSULE)
}
