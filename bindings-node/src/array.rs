//! Values in: JavaScript values of one column as an Arrow array.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, NullArray,
    UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType};
use kalam_core::model::{KalamDataType, ValuePlace};
use kalam_core::{Error, Result, ScalarValue, SqlState};
use napi::sys::{TypedarrayType as T, napi_typedarray_type};

/// The items of a typed array, copied: JavaScript may change them while the engine reads.
pub fn typed_array(kind: napi_typedarray_type, bytes: &[u8]) -> ArrayRef {
    fn items<N: ArrowNativeType>(bytes: &[u8]) -> ScalarBuffer<N> {
        let count = bytes.len() / size_of::<N>();
        // Copied to where the type may lie.
        ScalarBuffer::new(Buffer::from_slice_ref(bytes), 0, count)
    }
    match kind {
        T::int8_array => Arc::new(Int8Array::new(items(bytes), None)),
        T::int16_array => Arc::new(Int16Array::new(items(bytes), None)),
        T::uint16_array => Arc::new(UInt16Array::new(items(bytes), None)),
        T::int32_array => Arc::new(Int32Array::new(items(bytes), None)),
        T::uint32_array => Arc::new(UInt32Array::new(items(bytes), None)),
        T::float32_array => Arc::new(Float32Array::new(items(bytes), None)),
        T::float64_array => Arc::new(Float64Array::new(items(bytes), None)),
        T::bigint64_array => Arc::new(Int64Array::new(items(bytes), None)),
        T::biguint64_array => Arc::new(UInt64Array::new(items(bytes), None)),
        _ => Arc::new(UInt8Array::new(items(bytes), None)),
    }
}

/// Values as an array of the one type that holds all of them.
///
/// # Errors
/// `42804` if there is none.
pub fn unite(values: &[ScalarValue], place: ValuePlace<'_>) -> Result<ArrayRef> {
    let mut common: Option<DataType> = None;
    for value in values.iter().filter(|value| !value.is_null()) {
        let own = value.data_type();
        common = Some(match common.take() {
            None => own,
            Some(common) if common == own => own,
            Some(common) => wider(&common, &own).ok_or_else(|| mixed(place, &common, &own))?,
        });
    }
    let Some(common) = common else { return Ok(Arc::new(NullArray::new(values.len()))) };
    let cast = |value: &ScalarValue| {
        let is_own = !value.is_null() && value.data_type() == common;
        if is_own { Ok(value.clone()) } else { value.cast_to(&common) }
    };
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("{place}: {error}"))
    };
    let same: Vec<ScalarValue> =
        values.iter().map(cast).collect::<std::result::Result<_, _>>().map_err(|e| failed(&e))?;
    ScalarValue::iter_to_array(same).map_err(|e| failed(&e))
}

/// The type that holds the values of both.
fn wider(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType as D;
    let both = |a: fn(&DataType) -> bool, b: fn(&DataType) -> bool| {
        (a(one) && b(other)) || (a(other) && b(one))
    };
    let is_integer = |t: &DataType| matches!(t, D::Int64 | D::UInt64);
    let is_float = |t: &DataType| matches!(t, D::Float64);
    let is_decimal = |t: &DataType| matches!(t, D::Decimal128(..));
    if both(is_integer, is_float) {
        return Some(D::Float64);
    }
    if both(is_integer, is_integer) || both(is_integer, is_decimal) {
        return Some(D::Decimal128(KalamDataType::DECIMAL_PRECISION_MAX, 0));
    }
    None
}

fn mixed(place: ValuePlace<'_>, one: &DataType, other: &DataType) -> Error {
    Error::new(
        SqlState::DATATYPE_MISMATCH,
        format!("{place} has values of types {one} and {other}"),
    )
    .with_hint("give a column values of one type")
}
