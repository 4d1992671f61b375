//! One value as the bytes that a record has for it.

use arrow::array::{Array, ArrayRef};

use super::builder::ColumnBuilder;
use crate::Result;
use crate::model::KalamDataType;
use crate::store::column::Column;

/// The bytes that a record has for the first value of an array of exactly the type's
/// Arrow type; `None` for NULL.
///
/// # Errors
/// `XX000` if the array is of another type.
pub(crate) fn stored_value(data_type: &KalamDataType, array: &ArrayRef) -> Result<Option<Vec<u8>>> {
    if array.is_null(0) {
        return Ok(None);
    }
    let column = Column::new(data_type, array)?;
    let mut bytes = Vec::new();
    match data_type.is_fixed_width() {
        Some(width) => {
            bytes.resize(width, 0);
            column.write_fixed(0, &mut bytes);
        }
        None => column.append_variable(0, &mut bytes),
    }
    Ok(Some(bytes))
}

/// An array of the one value with these bytes; `None` is NULL.
///
/// # Errors
/// `XX001` if the bytes are no value of the type.
pub(crate) fn read_stored_value(
    data_type: &KalamDataType,
    bytes: Option<&[u8]>,
) -> Result<ArrayRef> {
    let mut value = ColumnBuilder::new(data_type, 1);
    match bytes {
        Some(bytes) => value.append(bytes)?,
        None => value.append_null(),
    }
    value.finish(0)
}
