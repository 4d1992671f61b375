//! Keys: byte order is SQL order, and what is written can be read.

use std::cmp::Ordering;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::store::arbitrary::{any_value, array};

fn any_key_type() -> impl Strategy<Value = KalamDataType> {
    let types = [
        KalamDataType::Boolean,
        KalamDataType::SmallInt,
        KalamDataType::Int,
        KalamDataType::BigInt,
        KalamDataType::Float,
        KalamDataType::Double,
        KalamDataType::Decimal { precision: 38, scale: 10 },
        KalamDataType::Text,
        KalamDataType::Bytes,
        KalamDataType::Uuid,
        KalamDataType::Date,
        KalamDataType::Time,
        KalamDataType::Timestamp,
        KalamDataType::DateTime,
    ];
    prop::sample::select(types.to_vec())
}

fn any_key_types() -> impl Strategy<Value = Vec<KalamDataType>> {
    vec(any_key_type(), 1..4)
}

/// The types of a key, and some keys that share values often.
fn any_keys(count: usize) -> impl Strategy<Value = (Vec<KalamDataType>, Vec<Vec<ScalarValue>>)> {
    any_key_types().prop_flat_map(move |types| {
        let columns: Vec<_> = types
            .iter()
            .map(|data_type| {
                vec(any_value(data_type), 2)
                    .prop_flat_map(move |pool| vec(prop::sample::select(pool), count))
            })
            .collect();
        columns.prop_map(move |columns| {
            let rows = (0..count)
                .map(|row| columns.iter().map(|column| column[row].clone()).collect())
                .collect();
            (types.clone(), rows)
        })
    })
}

/// The order that SQL gives two values: floats by number, NaN last, text by bytes.
fn compare(a: &ScalarValue, b: &ScalarValue) -> Ordering {
    fn floats(a: f64, b: f64) -> Ordering {
        a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    }
    match (a, b) {
        (ScalarValue::Float32(Some(a)), ScalarValue::Float32(Some(b))) => {
            floats(f64::from(*a), f64::from(*b))
        }
        (ScalarValue::Float64(Some(a)), ScalarValue::Float64(Some(b))) => floats(*a, *b),
        _ => a.partial_cmp(b).expect("values of one type compare"),
    }
}

fn encode(codec: &KeyCodec, values: &[ScalarValue]) -> Vec<u8> {
    let mut key = Vec::new();
    codec.encode_scalars(values, &mut key).expect("values are of the key's types");
    key
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn order_of_bytes_is_order_of_values((types, rows) in any_keys(2)) {
        let codec = KeyCodec::new(types)?;
        let by_value = rows[0]
            .iter()
            .zip(&rows[1])
            .map(|(a, b)| compare(a, b))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal);
        let (a, b) = (encode(&codec, &rows[0]), encode(&codec, &rows[1]));
        prop_assert_eq!(a.cmp(&b), by_value, "{:?}", rows);
        prop_assert!(a == b || (!a.starts_with(&b) && !b.starts_with(&a)));
    }

    #[test]
    fn keys_round_trip_and_columns_encode_as_scalars((types, rows) in any_keys(3)) {
        let codec = KeyCodec::new(types.clone())?;
        let arrays: Vec<ArrayRef> = types
            .iter()
            .enumerate()
            .map(|(place, t)| array(t, rows.iter().map(|row| row[place].clone()).collect()))
            .collect();
        let encoder = codec.encoder(&arrays)?;
        for (number, row) in rows.iter().enumerate() {
            let key = encode(&codec, row);
            let mut from_column = Vec::new();
            encoder.encode(number, &mut from_column);
            prop_assert_eq!(&from_column, &key);
            let decoded = codec.decode(&key)?;
            // -0.0 and the NaNs come back canonical, which the key cannot tell apart.
            prop_assert_eq!(encode(&codec, &decoded), key);
            for (a, b) in row.iter().zip(&decoded) {
                prop_assert_eq!(compare(a, b), Ordering::Equal);
                prop_assert_eq!(a.data_type(), b.data_type());
            }
        }
    }

    #[test]
    fn a_prefix_of_the_values_is_a_prefix_of_the_key((types, rows) in any_keys(1)) {
        let codec = KeyCodec::new(types)?;
        let key = encode(&codec, &rows[0]);
        for length in 0..rows[0].len() {
            prop_assert!(key.starts_with(&encode(&codec, &rows[0][..length])));
        }
    }

    #[test]
    fn random_bytes_never_panic(types in any_key_types(), bytes in vec(any::<u8>(), 0..60)) {
        let _ = KeyCodec::new(types)?.decode(&bytes);
    }
}

#[test]
fn key_bytes_never_change() {
    use ScalarValue as S;
    let cases: Vec<(KalamDataType, S, Vec<u8>)> = vec![
        (KalamDataType::Boolean, S::Boolean(Some(true)), vec![1]),
        (KalamDataType::SmallInt, S::Int16(Some(-1)), vec![0x7F, 0xFF]),
        (KalamDataType::Int, S::Int32(Some(1)), vec![0x80, 0, 0, 1]),
        (KalamDataType::BigInt, S::Int64(Some(i64::MIN)), vec![0; 8]),
        (KalamDataType::Date, S::Date32(Some(0)), vec![0x80, 0, 0, 0]),
        (KalamDataType::Float, S::Float32(Some(-0.0)), vec![0x80, 0, 0, 0]),
        (KalamDataType::Float, S::Float32(Some(1.0)), vec![0xBF, 0x80, 0, 0]),
        (
            KalamDataType::Double,
            S::Float64(Some(-1.0)),
            vec![0x40, 0x0F, 255, 255, 255, 255, 255, 255],
        ),
        (KalamDataType::Double, S::Float64(Some(-f64::NAN)), vec![0xFF, 0xF8, 0, 0, 0, 0, 0, 0]),
        (KalamDataType::Text, S::Utf8(Some("a\0b".into())), vec![b'a', 0, 0xFF, b'b', 0, 1]),
        (KalamDataType::Text, S::Utf8(Some(String::new())), vec![0, 1]),
        (KalamDataType::Bytes, S::Binary(Some(vec![0xFF])), vec![0xFF, 0, 1]),
        (KalamDataType::Time, S::Time64Microsecond(Some(1)), vec![0x80, 0, 0, 0, 0, 0, 0, 1]),
        (
            KalamDataType::Decimal { precision: 3, scale: 1 },
            S::Decimal128(Some(-1), 3, 1),
            [vec![0x7F], vec![0xFF; 15]].concat(),
        ),
        (KalamDataType::Uuid, S::FixedSizeBinary(16, Some(vec![7; 16])), vec![7; 16]),
    ];
    for (data_type, value, bytes) in cases {
        let codec = KeyCodec::new(vec![data_type]).expect("key type");
        assert_eq!(encode(&codec, std::slice::from_ref(&value)), bytes, "{value:?}");
    }
}

#[test]
fn scopes_are_told_apart_by_their_prefix() {
    let prefix = scope_prefix(TableKind::Stream, TableId(0x0102_0304), UserKey(5));
    assert_eq!(prefix, [3, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 5]);
}

#[test]
fn types_without_an_order_are_refused_by_name() {
    for refused in [
        KalamDataType::Json,
        KalamDataType::File,
        KalamDataType::Embedding(3),
        KalamDataType::List(Box::new(KalamDataType::Int)),
    ] {
        let error = KeyCodec::new(vec![refused.clone()]).expect_err("no order");
        assert_eq!(error.sqlstate(), SqlState::FEATURE_NOT_SUPPORTED);
        assert!(error.message().contains(&refused.to_string()));
    }
}
