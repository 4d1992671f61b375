//! Vectors that C passes as floats.

use std::slice;
use std::sync::Arc;

use arrow::array::{FixedSizeListArray, Float32Array};
use arrow::datatypes::{DataType, Field, FieldRef};
use kalam_core::model::KalamDataType;

use crate::failure::{Failure, Result};

/// Most elements of an EMBEDDING.
pub const ITEMS_MAX: usize = KalamDataType::EMBEDDING_DIMENSIONS_MAX as usize;

/// The field of the elements.
pub fn item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float32, false))
}

/// Floats that the caller lends for the call.
///
/// # Errors
/// One of the argument for NULL, no floats, or more than an EMBEDDING holds.
pub unsafe fn floats<'a>(data: *const f32, len: usize, name: &'static str) -> Result<&'a [f32]> {
    if !(1..=ITEMS_MAX).contains(&len) {
        let what = format_args!("has {len} elements");
        return Err(Failure::argument(name, what).with_hint("an EMBEDDING has 1 to 8192 elements"));
    }
    if data.is_null() {
        return Err(Failure::argument(name, format_args!("is NULL, with a length of {len}")));
    }
    // SAFETY: the caller lends `len` floats.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// One vector as an array of one row.
///
/// # Errors
/// As [`floats`].
pub unsafe fn f32_vector(
    data: *const f32,
    len: usize,
    name: &'static str,
) -> Result<FixedSizeListArray> {
    // SAFETY: as the caller says of this function.
    let items = Float32Array::from(unsafe { floats(data, len, name) }?.to_vec());
    Ok(FixedSizeListArray::new(item(), len as i32, Arc::new(items), None))
}
