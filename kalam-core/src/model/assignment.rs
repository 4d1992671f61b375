//! Assignment: fitting a value to the column it is written to.

use arrow::array::ArrayRef;

use crate::Result;
use crate::catalog::ColumnDefinition;

/// Converts `array` to the column's Arrow type, as an assignment in PostgreSQL
/// would, and checks every value.
///
/// # Errors
/// Names the column, the value's problem and what is allowed.
pub fn assign(column: &ColumnDefinition, array: &ArrayRef) -> Result<ArrayRef> {
    let _ = (column, array);
    todo!()
}
