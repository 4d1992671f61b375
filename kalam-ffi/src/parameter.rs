//! The values of a statement's parameters, as C binds them.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use kalam_core::{Error, Params, ScalarValue, SqlState};

use crate::failure::{Failure, Result};

/// The values that are bound, one place for each parameter.
pub struct Values {
    params: Params,
    /// Which places have a value.
    bound: Vec<bool>,
}

impl Values {
    /// Nothing yet, for `count` parameters, which have names or none has.
    pub fn new(count: usize, names: &[String]) -> Values {
        let params = if names.is_empty() {
            Params::Positional(vec![ScalarValue::Null; count])
        } else {
            Params::Named(names.iter().map(|name| (name.clone(), ScalarValue::Null)).collect())
        };
        Values { params, bound: vec![false; count] }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bound.len()
    }

    /// Sets one of them, counted from 1.
    ///
    /// # Errors
    /// One of the argument if there is no such parameter.
    pub fn set(&mut self, index: u32, value: ScalarValue) -> Result<()> {
        let count = self.bound.len();
        let place = (index as usize).checked_sub(1).filter(|place| *place < count);
        let Some(place) = place else {
            let what = format_args!("is {index}, and the statement has {count} parameters");
            return Err(Failure::argument("index", what).with_hint("parameters count from 1"));
        };
        match &mut self.params {
            Params::Positional(values) => values[place] = value,
            Params::Named(values) => values[place].1 = value,
            Params::None => {}
        }
        self.bound[place] = true;
        Ok(())
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.bound.fill(false);
    }

    /// The values, once each has one.
    ///
    /// # Errors
    /// `42P02` for the first that has none.
    pub fn complete(&self) -> Result<&Params> {
        match self.bound.iter().position(|bound| !bound) {
            None => Ok(&self.params),
            Some(place) => {
                let what = format!("parameter {} has no value", place + 1);
                Err(Error::new(SqlState::UNDEFINED_PARAMETER, what)
                    .with_hint("bind one, NULL by kalam_stmt_bind_null()")
                    .into())
            }
        }
    }

    /// A set of values for each row of a batch. Columns stand for parameters by their
    /// place, or by their name where parameters have names.
    ///
    /// # Errors
    /// `42P02` for another number of columns, or a parameter without a column.
    pub fn sets(&self, batch: &RecordBatch) -> Result<Vec<Params>> {
        let mismatch =
            |what: String| Failure::from(Error::new(SqlState::UNDEFINED_PARAMETER, what));
        let columns = match &self.params {
            Params::Named(names) => names
                .iter()
                .map(|(name, _)| {
                    let column = batch.column_by_name(name).cloned();
                    column.ok_or_else(|| mismatch(format!("parameter :{name} has no column")))
                })
                .collect::<Result<Vec<_>>>()?,
            _ if batch.num_columns() == self.len() => batch.columns().to_vec(),
            _ => {
                let (found, count) = (batch.num_columns(), self.len());
                return Err(mismatch(format!(
                    "the statement has {count} parameters, and the rows have {found} columns"
                )));
            }
        };
        let names: Option<Vec<String>> = match &self.params {
            Params::Named(names) => Some(names.iter().map(|(name, _)| name.clone()).collect()),
            _ => None,
        };
        Ok(sets_of(&columns, batch.num_rows(), names.as_deref())?)
    }
}

/// A set of values for each row of columns: by name if they have names, else by position.
///
/// # Errors
/// `0A000` for a value of a type that no parameter has.
pub fn sets_of(
    columns: &[ArrayRef],
    rows: usize,
    names: Option<&[String]>,
) -> kalam_core::Result<Vec<Params>> {
    let unsupported = |e: String| Error::new(SqlState::FEATURE_NOT_SUPPORTED, e);
    let columns = columns
        .iter()
        .map(|column| match column.data_type() {
            DataType::Dictionary(_, value) => {
                cast(column, value).map_err(|e| unsupported(e.to_string()))
            }
            _ => Ok(column.clone()),
        })
        .collect::<kalam_core::Result<Vec<ArrayRef>>>()?;
    let set = |row: usize| {
        let values = columns
            .iter()
            .map(|column| ScalarValue::try_from_array(column, row))
            .collect::<std::result::Result<Vec<ScalarValue>, _>>()
            .map_err(|e| unsupported(e.to_string()))?;
        Ok(match names {
            Some(names) => Params::Named(names.iter().cloned().zip(values).collect()),
            None if values.is_empty() => Params::None,
            None => Params::Positional(values),
        })
    };
    (0..rows).map(set).collect()
}
