//! Row records: every type at its limits, golden bytes, damaged bytes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray, new_null_array};
use arrow::datatypes::Int64Type;
use datafusion::common::ScalarValue;
use proptest::collection::vec;
use proptest::prelude::*;

use super::layout::VersionColumns;
use super::*;
use crate::model::arbitrary::{any_scalar_type, any_type};
use crate::model::{ColumnDefinition, ColumnId, KalamDataType, Name};
use crate::store::arbitrary::{any_option, array, embedding, list, null};
use crate::store::key::KeyCodec;

fn columns(types: &[KalamDataType]) -> Vec<(ColumnId, KalamDataType)> {
    (1u32..).map(ColumnId).zip(types.iter().cloned()).collect()
}

fn layout(version: u16, types: &[KalamDataType]) -> Arc<RowLayout> {
    Arc::new(RowLayout::new(SchemaVersion(version), &columns(types)))
}

fn definition(id: ColumnId, data_type: KalamDataType) -> ColumnDefinition {
    ColumnDefinition::new(id, Name::new("column", "c").expect("valid name"), data_type)
}

fn targets(types: &[KalamDataType]) -> Vec<DecodeTarget> {
    columns(types).into_iter().map(|(id, t)| DecodeTarget::column(&definition(id, t))).collect()
}

/// Layouts of which the first is the current one; the others have these columns.
fn layouts(
    version: u16,
    types: &[KalamDataType],
    earlier: &[(u16, &[KalamDataType])],
) -> Arc<Layouts> {
    let earlier: Vec<(SchemaVersion, VersionColumns)> =
        earlier.iter().map(|(version, types)| (SchemaVersion(*version), columns(types))).collect();
    let find = move |version| earlier.iter().find(|(v, _)| *v == version).map(|(_, c)| c.clone());
    Arc::new(Layouts::new(RowLayout::new(SchemaVersion(version), &columns(types)), find))
}

fn record(layout: &RowLayout, arrays: &[ArrayRef], row: usize) -> Vec<u8> {
    let mut out = Vec::new();
    RowEncoder::new(layout, arrays).expect("arrays match the layout").encode(row, &mut out);
    out
}

/// Types of a table and a few rows of arrays of them.
fn any_table() -> impl Strategy<Value = (Vec<KalamDataType>, Vec<ArrayRef>)> {
    (vec(any_type(), 0..12), 1usize..5).prop_flat_map(|(types, rows)| {
        let arrays: Vec<_> = types
            .iter()
            .cloned()
            .map(|data_type| {
                vec(any_option(&data_type), rows).prop_map(move |v| array(&data_type, v))
            })
            .collect();
        arrays.prop_map(move |arrays| (types.clone(), arrays))
    })
}

/// One column through a record and back.
fn round_trip(data_type: &KalamDataType, values: Vec<ScalarValue>) {
    let types = std::slice::from_ref(data_type);
    let written = array(data_type, values);
    let layout = layout(1, types);
    let mut decoder =
        RowDecoder::new(targets(types), layouts(1, types, &[]), 8).expect("targets fit");
    for row in 0..written.len() {
        let record = record(&layout, std::slice::from_ref(&written), row);
        decoder.push(&[], &record).expect("record is whole");
    }
    assert_eq!(&decoder.finish().expect("record is whole")[0], &written, "{data_type}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn rows_of_every_type_round_trip((types, arrays) in any_table(), skip in 0usize..2) {
        let layout = layout(3, &types);
        let rows = arrays.first().map_or(0, |a| a.len());
        let skip = skip.min(rows);
        // Sliced arrays must read as their copies do.
        let arrays: Vec<ArrayRef> = arrays.iter().map(|a| a.slice(skip, rows - skip)).collect();
        let mut decoder = RowDecoder::new(targets(&types), layouts(3, &types, &[]), rows)?;
        let mut records = Vec::new();
        for row in 0..rows - skip {
            records.clear();
            RowEncoder::new(&layout, &arrays)?.encode(row, &mut records);
            decoder.push(&[], &records)?;
        }
        prop_assert_eq!(decoder.len(), rows - skip);
        let decoded = decoder.finish()?;
        prop_assert_eq!(decoder.len(), 0);
        for (read, written) in decoded.iter().zip(&arrays) {
            prop_assert_eq!(read, written);
        }
    }

    #[test]
    fn records_and_keys_of_single_values_are_those_of_arrays((types, arrays) in any_table()) {
        let layout = layout(3, &types);
        for row in 0..arrays.first().map_or(0, |a| a.len()) {
            let expected = record(&layout, &arrays, row);
            let read = layout.values(&expected)?;
            let scalars: Vec<ScalarValue> = arrays
                .iter()
                .map(|a| ScalarValue::try_from_array(a, row).expect("the row is there"))
                .collect();
            // What an assignment has to look at is never stored as it is.
            let stored = |(number, (data_type, value))| {
                StoredValue::of(data_type, value).unwrap_or(read[number])
            };
            let values: Vec<StoredValue<'_>> =
                types.iter().zip(&scalars).enumerate().map(stored).collect();
            for values in [&read, &values] {
                let mut again = Vec::new();
                layout.encode_values(values, &mut again);
                prop_assert_eq!(&again, &expected);
            }
            for (number, data_type) in types.iter().enumerate() {
                let Ok(codec) = KeyCodec::new(vec![data_type.clone()]) else { continue };
                if values[number] == StoredValue::Null {
                    continue;
                }
                let (mut of_array, mut of_value) = (Vec::new(), Vec::new());
                codec.encoder(&[arrays[number].slice(row, 1)])?.encode(0, &mut of_array);
                codec.encode_stored(std::iter::once(values[number]), &mut of_value)?;
                prop_assert_eq!(of_array, of_value);
            }
        }
    }

    #[test]
    fn damaged_records_are_errors_and_never_panic(
        (types, arrays) in any_table(),
        position: prop::sample::Index,
        byte: u8,
        length: prop::sample::Index,
    ) {
        prop_assume!(!arrays.is_empty());
        let layout = layout(1, &types);
        let whole = record(&layout, &arrays, 0);
        let read = |record: &[u8]| -> Result<Vec<ArrayRef>> {
            let mut decoder = RowDecoder::new(targets(&types), layouts(1, &types, &[]), 1)?;
            decoder.push(&[], record)?;
            decoder.finish()
        };
        let mut flipped = whole.clone();
        flipped[position.index(whole.len())] = byte;
        if let Err(error) = read(&flipped) {
            prop_assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
        }
        let short = &whole[..length.index(whole.len())];
        if let Err(error) = read(short) {
            prop_assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
        }
    }

    #[test]
    fn random_bytes_never_panic(
        types in vec(any_type(), 0..5),
        mut bytes in vec(any::<u8>(), 0..120),
        looks_right: bool,
    ) {
        if looks_right && bytes.len() > 4 {
            bytes[..4].copy_from_slice(&[1, 1, 0, 0]);
        }
        let _ = RowHeader::read(&bytes);
        let mut decoder = RowDecoder::new(targets(&types), layouts(1, &types, &[]), 1)?;
        if decoder.push(&bytes, &bytes).is_ok() {
            let _ = decoder.finish();
        }
    }

    #[test]
    fn any_scalar_widens_to_text(data_type in any_scalar_type()) {
        let narrow = layout(1, std::slice::from_ref(&data_type));
        let wide = [KalamDataType::Text];
        let earlier = [data_type.clone()];
        let layouts = layouts(2, &wide, &[(1, &earlier)]);
        let mut decoder = RowDecoder::new(targets(&wide), layouts, 1)?;
        let written = new_null_array(&data_type.arrow_type(), 1);
        decoder.push(&[], &record(&narrow, &[written], 0))?;
        prop_assert!(decoder.finish()?[0].is_null(0));
    }
}

#[test]
fn record_bytes_never_change() {
    let types = [
        KalamDataType::Int,
        KalamDataType::Text,
        KalamDataType::Boolean,
        KalamDataType::Text,
        KalamDataType::Embedding(1),
        KalamDataType::List(Box::new(KalamDataType::SmallInt)),
        KalamDataType::List(Box::new(KalamDataType::Text)),
        KalamDataType::Date,
        KalamDataType::BigInt,
    ];
    let int16 = |v| ScalarValue::Int16(v);
    let text = |v: &str| ScalarValue::Utf8(Some(v.into()));
    let values = [
        ScalarValue::Int32(Some(-2)),
        text("hi"),
        ScalarValue::Boolean(Some(true)),
        null(&types[3]),
        embedding(vec![1.0]),
        list(&KalamDataType::SmallInt, vec![int16(Some(5)), int16(None)]),
        list(&KalamDataType::Text, vec![text("x"), ScalarValue::Utf8(None), text("yz")]),
        null(&types[7]),
        ScalarValue::Int64(Some(7)),
    ];
    let arrays: Vec<ArrayRef> = types.iter().zip(values).map(|(t, v)| array(t, vec![v])).collect();
    let mut record = record(&layout(0x0201, &types), &arrays, 0);
    set_seq(&mut record, Seq(0x0807_0605_0403_0201));
    set_flags(&mut record, FLAG_DELETED);
    #[rustfmt::skip]
    let expected = [
        1, 0x01, 0x02, 1, 1, 2, 3, 4, 5, 6, 7, 8,   // format, version, flags, seq
        0b1000_1000, 0,                             // columns 4 and 8 are NULL
        0xFE, 0xFF, 0xFF, 0xFF,                     // INT -2
        1,                                          // true
        0, 0, 0, 0,                                 // DATE NULL
        7, 0, 0, 0, 0, 0, 0, 0,                     // BIGINT 7
        2, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 0,         // ends of both TEXT and EMBEDDING
        15, 0, 0, 0, 35, 0, 0, 0,                   // ends of the lists
        b'h', b'i',
        0, 0, 0x80, 0x3F,                           // 1.0
        2, 0, 0, 0, 0b10, 5, 0, 0, 0,               // {5, NULL}
        3, 0, 0, 0, 0b10, 1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, b'x', b'y', b'z',
    ];
    assert_eq!(record, expected);
    let header = RowHeader::read(&record).expect("record is whole");
    assert_eq!(header.version, SchemaVersion(0x0201));
    assert_eq!(header.seq, Seq(0x0807_0605_0403_0201));
    assert!(header.is_deleted());
}

#[test]
fn values_at_the_limits_round_trip() {
    use ScalarValue as S;
    round_trip(&KalamDataType::BigInt, vec![S::Int64(Some(i64::MIN)), S::Int64(Some(i64::MAX))]);
    let decimal = KalamDataType::Decimal { precision: 38, scale: 10 };
    let limit = 10i128.pow(38) - 1;
    round_trip(
        &decimal,
        [Some(limit), Some(-limit), None].map(|v| S::Decimal128(v, 38, 10)).to_vec(),
    );
    round_trip(&KalamDataType::Date, vec![S::Date32(Some(i32::MIN)), S::Date32(Some(i32::MAX))]);
    round_trip(&KalamDataType::Timestamp, vec![S::TimestampMicrosecond(Some(-1), None)]);
    let floats = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE];
    round_trip(&KalamDataType::Double, floats.map(|v| S::Float64(Some(v))).to_vec());
    let megabyte = "é\0".repeat(350_000);
    round_trip(
        &KalamDataType::Text,
        vec![S::Utf8(Some(String::new())), S::Utf8(Some(megabyte)), S::Utf8(None)],
    );
    round_trip(&KalamDataType::Bytes, vec![S::Binary(Some(vec![0; 1000])), S::Binary(None)]);
    for dimensions in [1, 8192] {
        let vector = (0..dimensions).map(|n| n as f32 - 0.5).collect();
        let data_type = KalamDataType::Embedding(dimensions);
        round_trip(&data_type, vec![null(&data_type), embedding(vector)]);
    }
    let element = KalamDataType::Text;
    let long = vec![S::Utf8(Some("x".into())); 1000];
    let data_type = KalamDataType::List(Box::new(element.clone()));
    round_trip(&data_type, vec![list(&element, vec![]), null(&data_type), list(&element, long)]);
}

#[test]
fn records_of_earlier_versions_are_widened_and_filled() {
    let old = [
        KalamDataType::SmallInt,
        KalamDataType::Float,
        KalamDataType::Decimal { precision: 5, scale: 1 },
        KalamDataType::DateTime,
    ];
    let new = [
        KalamDataType::BigInt,
        KalamDataType::Double,
        KalamDataType::Decimal { precision: 9, scale: 3 },
        KalamDataType::Text,
        KalamDataType::Text,
        KalamDataType::Int,
    ];
    let (old_layout, new_layout) = (layout(1, &old), layout(2, &new));
    let mut wanted = targets(&new);
    let filled = definition(ColumnId(5), KalamDataType::Text);
    wanted[4] =
        DecodeTarget::column(&ColumnDefinition { initial: Some(b"filled".to_vec()), ..filled });
    let mut decoder =
        RowDecoder::new(wanted, layouts(2, &new, &[(1, &old)]), 2).expect("targets fit");
    let old_arrays = [
        array(&old[0], vec![ScalarValue::Int16(Some(-3))]),
        array(&old[1], vec![ScalarValue::Float32(Some(0.5))]),
        array(&old[2], vec![ScalarValue::Decimal128(Some(-15), 5, 1)]),
        array(&old[3], vec![ScalarValue::TimestampMicrosecond(Some(0), Some("UTC".into()))]),
    ];
    decoder.push(&[], &record(&old_layout, &old_arrays, 0)).expect("record is whole");
    let new_arrays: Vec<ArrayRef> =
        new.iter().map(|t| new_null_array(&t.arrow_type(), 1)).collect();
    decoder.push(&[], &record(&new_layout, &new_arrays, 0)).expect("record is whole");
    let read = decoder.finish().expect("records are whole");
    let value = |column: usize| ScalarValue::try_from_array(&read[column], 0).expect("a value");
    assert_eq!(value(0), ScalarValue::Int64(Some(-3)));
    assert_eq!(value(1), ScalarValue::Float64(Some(0.5)));
    assert_eq!(value(2), ScalarValue::Decimal128(Some(-1500), 9, 3));
    assert_eq!(value(3), ScalarValue::Utf8(Some("1970-01-01T00:00:00Z".into())));
    assert_eq!(value(4), ScalarValue::Utf8(Some("filled".into())));
    assert_eq!(value(5), ScalarValue::Int32(None));
    assert!(read.iter().all(|column| column.is_null(1)));
}

#[test]
fn narrowing_and_unknown_versions_are_errors() {
    let wide = layout(1, &[KalamDataType::BigInt]);
    let narrowed = RowDecoder::new(
        targets(&[KalamDataType::Int]),
        layouts(1, &[KalamDataType::BigInt], &[]),
        1,
    );
    assert!(narrowed.is_err());
    let mut decoder = RowDecoder::new(vec![], layouts(2, &[], &[]), 1).expect("counts");
    let one = new_null_array(&KalamDataType::BigInt.arrow_type(), 1);
    let error = decoder.push(&[], &record(&wide, &[one], 0)).expect_err("version 1 is unknown");
    assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
    assert!(decoder.finish().is_err());
}

#[test]
fn system_columns_and_constants_come_beside_the_columns() {
    let types = [KalamDataType::Int, KalamDataType::Text];
    let layout = layout(1, &types);
    let arrays: [ArrayRef; 2] =
        [Arc::new(Int32Array::from(vec![1, 2])), Arc::new(StringArray::from(vec!["a", "b"]))];
    let wanted = vec![
        DecodeTarget::Seq,
        DecodeTarget::column(&definition(ColumnId(2), KalamDataType::Text)),
        DecodeTarget::Deleted,
        DecodeTarget::HiddenKey,
        DecodeTarget::Constant(ScalarValue::Utf8(Some("ann".into()))),
    ];
    let mut decoder = RowDecoder::new(wanted, layouts(1, &types, &[]), 2).expect("targets fit");
    for row in 0..2u8 {
        let mut record = record(&layout, &arrays, usize::from(row));
        set_seq(&mut record, Seq(100 + u64::from(row)));
        set_flags(&mut record, row);
        let mut key = vec![0x80, 0, 0, 0, 0, 0, 0];
        key.push(7 + row);
        decoder.push(&key, &record).expect("record is whole");
    }
    let read = decoder.finish().expect("records are whole");
    assert_eq!(read[0].as_primitive::<Int64Type>().values().as_ref(), [100, 101]);
    assert_eq!(read[1].as_string::<i32>().value(1), "b");
    assert_eq!(read[2].as_boolean().iter().collect::<Vec<_>>(), [Some(false), Some(true)]);
    assert_eq!(read[3].as_primitive::<Int64Type>().values().as_ref(), [7, 8]);
    assert_eq!(read[4].as_string::<i32>().value(1), "ann");
    let mut counter = RowDecoder::new(vec![], layouts(1, &types, &[]), 0).expect("counts");
    counter.push(&[], &record(&layout, &arrays, 0)).expect("record is whole");
    assert_eq!(counter.len(), 1);
    assert_eq!(counter.finish().expect("nothing to decode").len(), 0);
}

#[test]
fn a_value_stored_alone_reads_back() {
    for (data_type, value) in [
        (KalamDataType::SmallInt, ScalarValue::Int16(Some(-5))),
        (KalamDataType::Text, ScalarValue::Utf8(Some("é".into()))),
        (KalamDataType::Embedding(2), embedding(vec![1.0, -0.0])),
        (KalamDataType::Uuid, null(&KalamDataType::Uuid)),
    ] {
        let written = array(&data_type, vec![value]);
        let bytes = stored_value(&data_type, &written).expect("of the type");
        let read = read_stored_value(&data_type, bytes.as_deref()).expect("whole");
        assert_eq!(&read, &written, "{data_type}");
    }
    assert!(read_stored_value(&KalamDataType::Int, Some(&[1, 2])).is_err());
}
