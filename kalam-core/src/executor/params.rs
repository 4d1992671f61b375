//! The values of a statement's parameters.

use datafusion::common::ScalarValue;

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
