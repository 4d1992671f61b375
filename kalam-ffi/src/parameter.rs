//! The values of a statement's parameters, as C binds them.

use arrow::array::RecordBatch;
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
                    let column = batch.column_by_name(name);
                    column.ok_or_else(|| mismatch(format!("parameter :{name} has no column")))
                })
                .collect::<Result<Vec<_>>>()?,
            _ if batch.num_columns() == self.len() => batch.columns().iter().collect(),
            _ => {
                let (found, count) = (batch.num_columns(), self.len());
                return Err(mismatch(format!(
                    "the statement has {count} parameters, and the rows have {found} columns"
                )));
            }
        };
        let scalar = |column: usize, row: usize| {
            ScalarValue::try_from_array(columns[column], row).map_err(|e| {
                Failure::from(Error::new(SqlState::FEATURE_NOT_SUPPORTED, e.to_string()))
            })
        };
        let set = |row: usize| {
            Ok(match &self.params {
                Params::Named(names) => Params::Named(
                    names
                        .iter()
                        .enumerate()
                        .map(|(column, (name, _))| Ok((name.clone(), scalar(column, row)?)))
                        .collect::<Result<_>>()?,
                ),
                _ => Params::Positional(
                    (0..columns.len()).map(|column| scalar(column, row)).collect::<Result<_>>()?,
                ),
            })
        };
        (0..batch.num_rows()).map(set).collect()
    }
}
