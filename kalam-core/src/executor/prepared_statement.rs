//! A statement that was parsed and looked up before it runs.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use parking_lot::RwLock;

use super::caller::Caller;
use super::describe_statement::{Description, describe_statement};
use super::engine::Engine;
use super::params::BoundColumns;
use super::statement::Parsed;
use super::{ParamColumns, Params};
use crate::model::KalamDataType;
use crate::{Error, Result, SqlState};

/// A statement that was parsed once, with the types of its parameters and the columns
/// of its result. It belongs to no session: any session of the database may run it,
/// each with its own role and its own rows. It may be used from several threads.
///
/// When tables change, the next execution looks the statement up again. The columns
/// of its result never change: an execution that would return others is refused.
pub struct PreparedStatement {
    parsed: Arc<Parsed>,
    description: RwLock<Description>,
}

impl PreparedStatement {
    /// Looks a statement up for a caller.
    ///
    /// # Errors
    /// What the statement gets wrong; `42501`.
    pub(crate) fn new(
        engine: &Arc<Engine>,
        caller: &Caller,
        parsed: Arc<Parsed>,
    ) -> Result<PreparedStatement> {
        let description = RwLock::new(describe_statement(engine, caller, &parsed)?);
        Ok(PreparedStatement { parsed, description })
    }

    /// The type of each parameter, from `$1` on: that of the column it is compared
    /// with or written to. `None`: a value of any type.
    #[must_use]
    pub fn parameter_types(&self) -> Vec<Option<DataType>> {
        self.description.read().parameters.clone()
    }

    /// The names of the parameters `:name`, without the colon, in the order of
    /// [`PreparedStatement::parameter_types`]; empty if they have none.
    #[must_use]
    pub fn parameter_names(&self) -> &[String] {
        &self.parsed.placeholders.names
    }

    /// The columns of the result; empty for statements that return no rows. A column
    /// that is nothing but a parameter of any type has type Null here, and that of the
    /// value when the statement runs.
    #[must_use]
    pub fn result_schema(&self) -> SchemaRef {
        self.description.read().schema.clone()
    }

    pub(crate) fn parsed(&self) -> &Arc<Parsed> {
        &self.parsed
    }

    /// The values in `$n` order, once the statement is known to be what it was.
    ///
    /// # Errors
    /// `42P02` for a wrong number of values, `42804` for one of a type that cannot
    /// become the parameter's, `0A000` if the result would have other columns than
    /// when the statement was prepared.
    pub(crate) fn bind(
        &self,
        engine: &Arc<Engine>,
        caller: &Caller,
        params: &Params,
    ) -> Result<Vec<ScalarValue>> {
        self.renew(engine, caller)?;
        let values = self.parsed.placeholders.bind_order(params)?;
        let description = self.description.read();
        for (index, (value, expected)) in values.iter().zip(&description.parameters).enumerate() {
            if let Some(expected) = expected.as_ref().filter(|_| !value.is_null()) {
                check_type(index, &value.data_type(), expected)?;
            }
        }
        Ok(values)
    }

    /// The columns of many sets in `$n` order, once the statement is known to be what it
    /// was.
    ///
    /// # Errors
    /// As [`PreparedStatement::bind`].
    pub(crate) fn bind_columns(
        &self,
        engine: &Arc<Engine>,
        caller: &Caller,
        sets: &ParamColumns,
    ) -> Result<Vec<BoundColumns>> {
        self.renew(engine, caller)?;
        let bound = sets.bind_order(&self.parsed.placeholders)?;
        let description = self.description.read();
        for set in &bound {
            let columns = set.columns.iter().zip(&description.parameters);
            for (index, (column, expected)) in columns.enumerate() {
                if let Some(expected) = expected.as_ref().filter(|_| !column.data_type().is_null())
                {
                    check_type(index, column.data_type(), expected)?;
                }
            }
        }
        Ok(bound)
    }

    /// Looks the statement up again when tables have changed.
    fn renew(&self, engine: &Arc<Engine>, caller: &Caller) -> Result<()> {
        if self.description.read().version != engine.registry.version() {
            let now = describe_statement(engine, caller, &self.parsed)?;
            let mut description = self.description.write();
            if !same_columns(&now.schema, &description.schema) {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "the columns of the result changed after the statement was prepared",
                )
                .with_hint("prepare it again"));
            }
            *description = now;
        }
        Ok(())
    }
}

fn same_columns(one: &Schema, other: &Schema) -> bool {
    let columns = |schema: &Schema| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect()
    };
    columns(one) == columns(other)
}

/// Refuses values that no conversion of an assignment brings to the type; whether the
/// value itself fits is seen when the statement runs.
fn check_type(index: usize, given: &DataType, expected: &DataType) -> Result<()> {
    let is_text =
        |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let fits = given == expected
        || is_text(given)
        || is_text(expected)
        || (given.is_numeric() && expected.is_numeric())
        || (given.is_temporal() && expected.is_temporal())
        || (is_bytes(given) && is_bytes(expected))
        || (given.is_nested() && expected.is_nested());
    if fits {
        return Ok(());
    }
    Err(Error::new(
        SqlState::DATATYPE_MISMATCH,
        format!(
            "parameter ${} is of type {}, got {}",
            index + 1,
            KalamDataType::name_of_arrow_type(expected),
            KalamDataType::name_of_arrow_type(given)
        ),
    ))
}

fn is_bytes(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(data_type, T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_))
}
