//! Random values of every type, at their limits more often than not, for the tests of
//! the codecs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeListArray, Float32Array, ListArray, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::KalamDataType;

/// A value that is not NULL.
pub(super) fn any_value(data_type: &KalamDataType) -> BoxedStrategy<ScalarValue> {
    use ScalarValue as S;
    match data_type {
        KalamDataType::Boolean => any::<bool>().prop_map(|v| S::Boolean(Some(v))).boxed(),
        KalamDataType::SmallInt => any_i64(i64::from(i16::MIN), i64::from(i16::MAX))
            .prop_map(|v| S::Int16(Some(v as i16)))
            .boxed(),
        KalamDataType::Int => any_i64(i64::from(i32::MIN), i64::from(i32::MAX))
            .prop_map(|v| S::Int32(Some(v as i32)))
            .boxed(),
        KalamDataType::Date => any_i64(i64::from(i32::MIN), i64::from(i32::MAX))
            .prop_map(|v| S::Date32(Some(v as i32)))
            .boxed(),
        KalamDataType::BigInt => {
            any_i64(i64::MIN, i64::MAX).prop_map(|v| S::Int64(Some(v))).boxed()
        }
        KalamDataType::Time => {
            any_i64(0, 86_399_999_999).prop_map(|v| S::Time64Microsecond(Some(v))).boxed()
        }
        KalamDataType::Timestamp => {
            any_i64(i64::MIN, i64::MAX).prop_map(|v| S::TimestampMicrosecond(Some(v), None)).boxed()
        }
        KalamDataType::DateTime => any_i64(i64::MIN, i64::MAX)
            .prop_map(|v| S::TimestampMicrosecond(Some(v), Some(Arc::from("UTC"))))
            .boxed(),
        KalamDataType::Float => any_f32().prop_map(|v| S::Float32(Some(v))).boxed(),
        KalamDataType::Double => prop_oneof![
            any::<f64>(),
            proptest::num::f64::ANY,
            prop::sample::select(vec![
                0.0,
                -0.0,
                f64::NAN,
                -f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::MIN_POSITIVE,
                f64::MAX,
                f64::MIN,
            ]),
        ]
        .prop_map(|v| S::Float64(Some(v)))
        .boxed(),
        KalamDataType::Decimal { precision, scale } => {
            let (precision, scale) = (*precision, scale.cast_signed());
            let limit = 10i128.pow(u32::from(precision)) - 1;
            prop_oneof![3 => -limit..=limit, 1 => Just(limit), 1 => Just(-limit), 1 => Just(0)]
                .prop_map(move |v| S::Decimal128(Some(v), precision, scale))
                .boxed()
        }
        KalamDataType::Text => any_text().prop_map(|v| S::Utf8(Some(v))).boxed(),
        KalamDataType::Json => Just(S::Utf8(Some("{\"a\": [1, null]}".into()))).boxed(),
        KalamDataType::File => Just(S::Utf8(Some("{\"path\": \"a/b\"}".into()))).boxed(),
        KalamDataType::Bytes => prop_oneof![
            vec(any::<u8>(), 0..12),
            vec(prop::sample::select(vec![0u8, 1, 0xFE, 0xFF]), 0..5),
        ]
        .prop_map(|v| S::Binary(Some(v)))
        .boxed(),
        KalamDataType::Uuid => {
            any::<[u8; 16]>().prop_map(|v| S::FixedSizeBinary(16, Some(v.to_vec()))).boxed()
        }
        KalamDataType::Embedding(dimensions) => {
            vec(any_f32(), usize::from(*dimensions)).prop_map(embedding).boxed()
        }
        KalamDataType::List(element) => {
            let element = element.as_ref().clone();
            vec(any_option(&element), 0..12).prop_map(move |v| list(&element, v)).boxed()
        }
    }
}

/// A value, or NULL one time in four.
pub(super) fn any_option(data_type: &KalamDataType) -> BoxedStrategy<ScalarValue> {
    let null = null(data_type);
    prop_oneof![3 => any_value(data_type), 1 => Just(null)].boxed()
}

/// NULL of a type.
pub(super) fn null(data_type: &KalamDataType) -> ScalarValue {
    ScalarValue::try_from(&data_type.arrow_type()).expect("every type has a NULL")
}

/// A column of these values.
pub(super) fn array(data_type: &KalamDataType, values: Vec<ScalarValue>) -> ArrayRef {
    if values.is_empty() {
        return new_empty_array(&data_type.arrow_type());
    }
    let array = ScalarValue::iter_to_array(values).expect("values are of one type");
    assert_eq!(array.data_type(), &data_type.arrow_type());
    array
}

/// A vector.
pub(super) fn embedding(values: Vec<f32>) -> ScalarValue {
    let data_type = KalamDataType::Embedding(values.len() as u16).arrow_type();
    let DataType::FixedSizeList(item, size) = data_type else { unreachable!() };
    let values = Arc::new(Float32Array::from(values));
    ScalarValue::FixedSizeList(Arc::new(FixedSizeListArray::new(item, size, values, None)))
}

/// A list.
pub(super) fn list(element: &KalamDataType, values: Vec<ScalarValue>) -> ScalarValue {
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let values = array(element, values);
    ScalarValue::List(Arc::new(ListArray::new(element.list_item_field(), offsets, values, None)))
}

fn any_i64(least: i64, greatest: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => least..=greatest,
        2 => (-1000i64..1000).prop_map(move |v| v.clamp(least, greatest)),
        1 => Just(least),
        1 => Just(greatest),
    ]
}

fn any_f32() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<f32>(),
        proptest::num::f32::ANY,
        prop::sample::select(vec![
            0.0,
            -0.0,
            f32::NAN,
            -f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MIN_POSITIVE,
            f32::MAX,
        ]),
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(any::<char>(), 0..8).prop_map(String::from_iter),
        vec(prop::sample::select(vec!['\0', '\u{1}', 'a', 'b', 'é', '\u{10FFFF}']), 0..5)
            .prop_map(String::from_iter),
    ]
}
