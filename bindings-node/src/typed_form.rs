//! What the buffers of a column are to JavaScript.

use arrow::datatypes::{DataType, FieldRef};
use kalam_core::{Error, Result, SqlState};

/// The words that the JavaScript half makes typed arrays by: the class of the array, `text`
/// (offsets and bytes), `large-text`, `fixed` with the number of items for each value, `none`.
/// Bits of BOOLEAN are in a `Uint8Array`.
///
/// # Errors
/// `0A000` for nested types.
pub fn typed_form(field: &FieldRef) -> Result<String> {
    of(field.data_type()).ok_or_else(|| {
        let message = format!(
            "column \"{}\" has Arrow type {}, which no typed array holds",
            field.name(),
            field.data_type()
        );
        Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
            .with_hint("read it with query() or arrow()")
    })
}

fn of(data_type: &DataType) -> Option<String> {
    use DataType as D;
    let form = match data_type {
        D::Null => "none",
        D::Int8 => "Int8Array",
        D::Int16 => "Int16Array",
        D::Int32 | D::Date32 | D::Time32(_) => "Int32Array",
        D::Int64 | D::Date64 | D::Time64(_) | D::Timestamp(..) | D::Duration(_) => "BigInt64Array",
        D::UInt8 | D::Boolean => "Uint8Array",
        D::UInt16 | D::Float16 => "Uint16Array",
        D::UInt32 => "Uint32Array",
        // A decimal is the lower and the upper half of its unscaled value.
        D::UInt64 | D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) => "BigUint64Array",
        D::Float32 => "Float32Array",
        D::Float64 => "Float64Array",
        D::Utf8 | D::Binary | D::Utf8View | D::BinaryView => "text",
        D::LargeUtf8 | D::LargeBinary => "large-text",
        D::FixedSizeBinary(size) => return Some(format!("fixed {size}")),
        D::FixedSizeList(item, size) => {
            let inner = of(item.data_type()).filter(|inner| inner.ends_with("Array"))?;
            return Some(format!("fixed {size} {inner}"));
        }
        D::Dictionary(_, values) => return of(values),
        _ => return None,
    };
    Some(form.to_owned())
}
