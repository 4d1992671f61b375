//! Functions of our own, in queries and as column defaults.

mod constant;
mod default_value;
mod id_functions;
mod session_functions;

pub(crate) use default_value::{DefaultContext, DefaultValue};
pub(crate) use id_functions::id_functions;
pub(crate) use session_functions::session_functions;

use datafusion::error::DataFusionError;

use crate::{Error, SqlState};

/// A failure of DataFusion where none can happen.
fn unexpected(e: DataFusionError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "value does not form an array").with_source(e)
}
