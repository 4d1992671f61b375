//! Functions of our own, in queries and as column defaults.

mod checked_sum;
mod constant;
mod default_value;
mod id_functions;
mod json;
mod session_functions;
mod vector_argument;
mod vector_functions;

pub(crate) use checked_sum::checked_sum;
pub(crate) use default_value::{DefaultContext, table_defaults};
pub(crate) use id_functions::id_functions;
pub(in crate::executor) use json::{is_json, text as json_text};
pub(crate) use json::{json_cast, json_functions};
pub(crate) use session_functions::session_functions;
pub(in crate::executor) use vector_argument::constant_vector;
pub(crate) use vector_functions::vector_functions;

use arrow::array::ArrayRef;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::ColumnarValue;

use crate::{Error, SqlState};

/// A failure of DataFusion where none can happen.
fn unexpected(e: DataFusionError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "value does not form an array").with_source(e)
}

/// An error of ours on its way through DataFusion.
fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The one value that a function of constants has.
fn as_scalar(array: &ArrayRef) -> DataFusionResult<ColumnarValue> {
    Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(array, 0)?))
}
