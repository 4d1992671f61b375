//! The values of a statement's parameters.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::placeholder::Placeholders;
use super::plan_error::from_datafusion;
use crate::activity::check_stop;
use crate::{Error, Result, SqlState};

/// The values of a statement's parameters: `?` and `$1` take positional ones,
/// `:name` takes named ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Params {
    /// The statement has no parameters.
    #[default]
    None,
    /// By position, from the first.
    Positional(Vec<ScalarValue>),
    /// By name, without the colon.
    Named(Vec<(String, ScalarValue)>),
}

/// Many sets of parameters as Arrow data: each row is a set.
#[derive(Clone, Debug)]
pub enum ParamColumns {
    /// The first column is `$1`, or the first `?`. The batches have one schema.
    Positional(Vec<RecordBatch>),
    /// Columns are parameters by their names, without the colon; those that the statement
    /// does not name are not used. The batches have one schema.
    Named(Vec<RecordBatch>),
}

impl ParamColumns {
    fn batches(&self) -> &[RecordBatch] {
        match self {
            ParamColumns::Positional(batches) | ParamColumns::Named(batches) => batches,
        }
    }

    /// The columns of each batch in `$n` order, without dictionaries.
    ///
    /// # Errors
    /// `42P02` as [`Placeholders::bind_order`].
    pub(crate) fn bind_order(&self, placeholders: &Placeholders) -> Result<Vec<BoundColumns>> {
        let Some(first) = self.batches().first() else { return Ok(Vec::new()) };
        let schema = first.schema();
        let names = schema.fields().iter().map(|field| field.name());
        // The places of the columns are bound as the values of one set would be.
        let places = (0..).map(|place| ScalarValue::UInt64(Some(place)));
        let places = match self {
            ParamColumns::Positional(_) => Params::Positional(places.take(names.len()).collect()),
            ParamColumns::Named(_) => {
                let named = names.cloned().zip(places);
                let is_used = |(name, _): &(String, _)| placeholders.names.contains(name);
                Params::Named(named.filter(is_used).collect())
            }
        };
        let order = placeholders.bind_order(&places)?;
        let bound = |batch: &RecordBatch| {
            let column = |place: &ScalarValue| {
                let ScalarValue::UInt64(Some(place)) = place else {
                    return Err(Error::new(SqlState::INTERNAL_ERROR, "a place is no number"));
                };
                let place = usize::try_from(*place).ok().filter(|p| *p < batch.num_columns());
                let place = place.ok_or_else(|| {
                    Error::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        "the batches of parameters differ in their columns",
                    )
                })?;
                plain(batch.column(place))
            };
            let columns = order.iter().map(column).collect::<Result<_>>()?;
            Ok(BoundColumns { columns, rows: batch.num_rows() })
        };
        self.batches().iter().map(bound).collect()
    }
}

/// Values of a dictionary as they are themselves: a parameter has no dictionary.
fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    let DataType::Dictionary(_, values) = column.data_type() else { return Ok(column.clone()) };
    cast(column, values)
        .map_err(|e| Error::new(SqlState::INVALID_PARAMETER_VALUE, e.to_string()).with_source(e))
}

/// Sets of parameters in `$n` order.
#[derive(Clone, Debug)]
pub(crate) struct BoundColumns {
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) rows: usize,
}

impl BoundColumns {
    /// The same sets, each with its values.
    ///
    /// # Errors
    /// `0A000` for a type that has no values.
    pub(crate) fn append_sets(&self, sets: &mut Vec<Vec<ScalarValue>>) -> Result<()> {
        for row in 0..self.rows {
            check_stop()?;
            let value = |column: &ArrayRef| {
                ScalarValue::try_from_array(column, row).map_err(from_datafusion)
            };
            sets.push(self.columns.iter().map(value).collect::<Result<_>>()?);
        }
        Ok(())
    }
}
