//! Values as text files have them: what the assignment of text reads back.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::Result;
use crate::model::{KalamDataType, to_text};

/// Each value as text. Bytes are `\x` and hexadecimal digits.
///
/// # Errors
/// `42804` for types without a text form, `22008` for dates past the calendar.
pub(super) fn value_text(
    array: &ArrayRef,
    data_type: Option<&KalamDataType>,
) -> Result<StringArray> {
    let hex = |bytes: &[u8]| format!("\\x{}", hex::encode(bytes));
    match (data_type, array.data_type()) {
        (_, DataType::Binary) => {
            Ok(array.as_binary::<i32>().iter().map(|bytes| bytes.map(hex)).collect())
        }
        (_, DataType::LargeBinary | DataType::BinaryView) => {
            let plain = cast(array, &DataType::Binary).map_err(|e| {
                crate::Error::new(crate::SqlState::INTERNAL_ERROR, "bytes cannot be read")
                    .with_source(e)
            })?;
            value_text(&plain, data_type)
        }
        (Some(KalamDataType::List(element)), DataType::List(_))
            if matches!(**element, KalamDataType::Json | KalamDataType::File) =>
        {
            let lists = array.as_list::<i32>();
            (0..lists.len())
                .map(|row| {
                    let is_valid = lists.is_valid(row);
                    is_valid.then(|| json_list(&lists.value(row))).transpose()
                })
                .collect()
        }
        _ => to_text(array),
    }
}

/// A list of JSON texts as one.
fn json_list(elements: &ArrayRef) -> Result<String> {
    let elements = to_text(elements)?;
    let elements: Vec<&str> = elements.iter().map(|text| text.unwrap_or("null")).collect();
    Ok(format!("[{}]", elements.join(", ")))
}
