//! Assignment: every conversion, and every refusal.

use arrow::array::{
    BooleanArray, DictionaryArray, FixedSizeListArray, Float64Array, Int8Array, Int32Array,
    Int64Array, LargeStringArray, ListArray, NullArray, StringArray, StringViewArray,
    TimestampNanosecondArray, UInt64Array, types::Int8Type,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type};
use datafusion::common::ScalarValue;

use super::*;
use crate::model::{ColumnId, Name};

fn column(data_type: &str) -> ColumnDefinition {
    let name = Name::new("column", "a").expect("valid name");
    ColumnDefinition::new(ColumnId(1), name, data_type.parse().expect("known type"))
}

fn fit(data_type: &str, array: impl Array + 'static) -> Result<ArrayRef> {
    let column = column(data_type);
    let array = assign(&column, &(Arc::new(array) as ArrayRef))?;
    assert_eq!(array.data_type(), &column.data_type.arrow_type());
    Ok(array)
}

fn text(value: &str) -> StringArray {
    StringArray::from(vec![value])
}

/// The value that a text becomes, written as a scalar.
fn read(data_type: &str, value: &str) -> ScalarValue {
    let array = fit(data_type, text(value)).expect("value fits");
    ScalarValue::try_from_array(&array, 0).expect("one value")
}

#[track_caller]
fn refused(result: Result<ArrayRef>, state: SqlState, message: &str) {
    let error = result.expect_err("the value does not fit");
    assert_eq!((error.sqlstate(), error.message()), (state, message));
}

/// Compares what arrays hold; `assert_eq!` cannot take the pointers apart.
#[track_caller]
fn assert_same(a: &ArrayRef, b: &ArrayRef) {
    assert_eq!(a.as_ref(), b.as_ref());
}

#[test]
fn integers_widen_and_narrow_with_a_check() {
    let wide = fit("BIGINT", Int8Array::from(vec![Some(-1), None])).expect("widens");
    assert_eq!(wide.as_ref(), &Int64Array::from(vec![Some(-1), None]) as &dyn Array);
    let narrow = fit("INT", Int64Array::from(vec![2_147_483_647])).expect("in range");
    assert_eq!(narrow.as_ref(), &Int32Array::from(vec![i32::MAX]) as &dyn Array);
    refused(
        fit("INT", Int64Array::from(vec![2_147_483_648])),
        SqlState::NUMERIC_OUT_OF_RANGE,
        "value 2147483648 is out of range for column \"a\" of type INT",
    );
    refused(
        fit("BIGINT", UInt64Array::from(vec![u64::MAX])),
        SqlState::NUMERIC_OUT_OF_RANGE,
        "value 18446744073709551615 is out of range for column \"a\" of type BIGINT",
    );
}

#[test]
fn floats_round_half_to_even_and_decimals_half_away() {
    let even = fit("INT", Float64Array::from(vec![0.5, 1.5, -2.5, 2.5])).expect("in range");
    assert_eq!(even.as_primitive::<Int32Type>().values().as_ref(), [0, 2, -2, 2]);
    for bad in [f64::NAN, f64::INFINITY, 1e10] {
        let error = fit("INT", Float64Array::from(vec![bad])).expect_err("no integer");
        assert_eq!(error.sqlstate(), SqlState::NUMERIC_OUT_OF_RANGE);
        let error = fit("DECIMAL(5, 2)", Float64Array::from(vec![bad])).expect_err("no decimal");
        assert_eq!(error.sqlstate(), SqlState::NUMERIC_OUT_OF_RANGE);
    }
    let bound = fit("BIGINT", Float64Array::from(vec![9_223_372_036_854_775_808.0]));
    assert!(bound.is_err());
    let decimal = fit("DECIMAL(10, 2)", Float64Array::from(vec![1.005])).expect("in range");
    let integer = assign(&column("INT"), &fit("DECIMAL(5, 1)", text("2.5")).expect("fits"));
    assert_same(&decimal, &fit("DECIMAL(10, 2)", text("1.01")).expect("fits"));
    assert_eq!(integer.expect("fits").as_primitive::<Int32Type>().value(0), 3);
    refused(
        fit("DECIMAL(4, 2)", Int64Array::from(vec![100])),
        SqlState::NUMERIC_OUT_OF_RANGE,
        "value 100 is out of range for column \"a\" of type DECIMAL(4, 2)",
    );
    assert!(fit("FLOAT", Float64Array::from(vec![1e300])).is_err());
    assert!(fit("FLOAT", Float64Array::from(vec![f64::INFINITY])).is_ok());
}

#[test]
fn text_is_read_as_any_type() {
    use ScalarValue as S;
    assert_eq!(read("INT", " 42 "), S::Int32(Some(42)));
    assert_eq!(read("BOOLEAN", "ON"), S::Boolean(Some(true)));
    assert_eq!(read("BOOLEAN", "f"), S::Boolean(Some(false)));
    assert_eq!(read("DOUBLE", "-infinity"), S::Float64(Some(f64::NEG_INFINITY)));
    assert_eq!(read("DATE", "1969-12-31"), S::Date32(Some(-1)));
    assert_eq!(read("TIME", "23:59:59.999999"), S::Time64Microsecond(Some(86_399_999_999)));
    let utc = S::TimestampMicrosecond(Some(-1), Some("UTC".into()));
    assert_eq!(read("DATETIME", "1969-12-31 23:59:59.999999"), utc);
    assert_eq!(read("DATETIME", "1970-01-01T01:59:59.999999+02:00"), utc);
    assert_eq!(
        read("TIMESTAMP", "0001-01-01T00:00:00"),
        S::TimestampMicrosecond(Some(-62_135_596_800_000_000), None)
    );
    assert_eq!(read("BYTES", "\\x00ffA1"), S::Binary(Some(vec![0, 255, 0xA1])));
    assert_eq!(read("BYTES", " é"), S::Binary(Some(vec![32, 0xC3, 0xA9])));
    let uuid = read("UUID", "67e55044-10b1-426f-9247-bb680e5fe0c8");
    assert_eq!(uuid, read("UUID", "67E5504410B1426F9247BB680E5FE0C8"));
    assert_eq!(read("JSON", "[1, {}]"), S::Utf8(Some("[1, {}]".into())));
}

#[test]
fn text_that_is_no_such_value_is_refused() {
    let invalid = SqlState::INVALID_TEXT_REPRESENTATION;
    refused(fit("INT", text("abc")), invalid, "invalid value \"abc\" for column \"a\" of type INT");
    for (data_type, bad) in [
        ("INT", "1.5"),
        ("BOOLEAN", "maybe"),
        ("DOUBLE", "one"),
        ("DECIMAL(5, 2)", "1,5"),
        ("DATE", "2024-02-30"),
        ("TIME", "25:00"),
        ("TIMESTAMP", "yesterday, around noon"),
        ("TIMESTAMP", "2024-01-01 00:00:0é"),
        ("UUID", "67e55044"),
        ("BYTES", "\\x0"),
        ("BYTES", "\\xzz"),
        ("JSON", "{"),
        ("FILE", "{\"size\": 1}"),
        ("FILE", "[\"path\"]"),
        ("EMBEDDING(2)", "1, 2"),
        ("EMBEDDING(2)", "[\"a\", 2]"),
        ("INT[]", "[[1]]"),
        ("INT[]", "{1}"),
    ] {
        let error = fit(data_type, text(bad)).expect_err(bad);
        assert_eq!(error.sqlstate(), invalid, "{data_type} {bad} {error:?}");
    }
    for (data_type, bad) in
        [("INT", "99999999999999999999"), ("DOUBLE", "1e999"), ("FLOAT", "1e39")]
    {
        let error = fit(data_type, text(bad)).expect_err(bad);
        assert_eq!(error.sqlstate(), SqlState::NUMERIC_OUT_OF_RANGE);
    }
}

#[test]
fn types_without_an_assignment_are_refused_by_name() {
    refused(
        fit("INT", BooleanArray::from(vec![true])),
        SqlState::DATATYPE_MISMATCH,
        "column \"a\" is of type INT but the expression is of type BOOLEAN",
    );
    for data_type in ["BOOLEAN", "DATE", "UUID", "JSON", "BYTES", "INT[]", "EMBEDDING(1)"] {
        let error = fit(data_type, Int32Array::from(vec![1])).expect_err(data_type);
        assert_eq!(error.sqlstate(), SqlState::DATATYPE_MISMATCH, "{data_type}");
    }
}

#[test]
fn anything_becomes_text() {
    let shown = |array: &ArrayRef| to_text(array).expect("has a text form").value(0).to_owned();
    let through = |data_type: &str, value: &str| {
        let array = fit(data_type, text(value)).expect("fits");
        let shown = shown(&array);
        // What is shown reads as the same value.
        assert_same(&fit(data_type, text(&shown)).expect("fits"), &array);
        shown
    };
    assert_eq!(through("BOOLEAN", "1"), "true");
    assert_eq!(through("DECIMAL(5, 2)", "1.5"), "1.50");
    assert_eq!(through("DATE", "2024-02-29"), "2024-02-29");
    assert_eq!(through("TIME", "01:02:03.5"), "01:02:03.500");
    assert_eq!(through("TIMESTAMP", "2024-02-29 01:02:03"), "2024-02-29T01:02:03");
    assert_eq!(through("DATETIME", "2024-02-29 01:02:03+01"), "2024-02-29T00:02:03Z");
    assert_eq!(
        through("UUID", "67E5504410B1426F9247BB680E5FE0C8"),
        "67e55044-10b1-426f-9247-bb680e5fe0c8"
    );
    assert_eq!(through("EMBEDDING(2)", "[0.1, -2]"), "[0.1, -2.0]");
    assert_eq!(through("TEXT[]", "[\"a\\\"\", null]"), "[\"a\\\"\", null]");
    assert_eq!(through("DOUBLE[]", "[1.5, \"NaN\"]"), "[1.5, \"NaN\"]");
    assert_eq!(through("BYTES", "plain"), "plain");
    let broken = fit("BYTES", text("\\xff")).expect("fits");
    let error = assign(&column("TEXT"), &broken).expect_err("not UTF-8");
    assert_eq!(error.sqlstate(), SqlState::INVALID_ENCODING);
    assert!(error.message().contains("column \"a\""));
}

#[test]
fn layouts_of_clients_become_plain() {
    let expected: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let values = [Some("x"), None];
    let dictionary: DictionaryArray<Int8Type> = values.into_iter().collect();
    assert_same(&fit("TEXT", dictionary).expect("fits"), &expected);
    assert_same(&fit("TEXT", StringViewArray::from_iter(values)).expect("fits"), &expected);
    assert_same(&fit("TEXT", LargeStringArray::from_iter(values)).expect("fits"), &expected);
    assert_eq!(fit("UUID", NullArray::new(3)).expect("fits").null_count(), 3);
}

#[test]
fn an_array_of_the_right_type_is_not_copied() {
    let array = Int64Array::from(vec![1, 2, 3]);
    let buffer = array.values().as_ptr();
    let fitted = fit("BIGINT", array).expect("fits");
    assert_eq!(fitted.as_primitive::<arrow::datatypes::Int64Type>().values().as_ptr(), buffer);
}

#[test]
fn timestamps_change_unit_downwards_and_report_overflow() {
    let nanos = TimestampNanosecondArray::from(vec![-1, 1_999]);
    let micros = fit("TIMESTAMP", nanos).expect("fits");
    let expected = arrow::array::TimestampMicrosecondArray::from(vec![-1, 1]);
    assert_eq!(micros.as_ref(), &expected as &dyn Array);
    let seconds = arrow::array::TimestampSecondArray::from(vec![i64::MAX]).with_timezone("+02:00");
    let error = fit("DATETIME", seconds).expect_err("too far");
    assert_eq!(error.sqlstate(), SqlState::DATETIME_OUT_OF_RANGE);
    let noon = arrow::array::TimestampMillisecondArray::from(vec![-43_200_000]);
    let date = fit("DATE", noon.clone()).expect("fits");
    assert_eq!(date.as_primitive::<arrow::datatypes::Date32Type>().value(0), -1);
    let time = fit("TIME", noon).expect("fits");
    assert_eq!(
        ScalarValue::try_from_array(&time, 0).expect("one value").to_string(),
        "43200000000"
    );
    let late = arrow::array::Time64MicrosecondArray::from(vec![86_400_000_000]);
    assert!(fit("TIME", late).is_err());
}

#[test]
fn vectors_come_from_lists_and_text_in_their_dimension() {
    let vector = |values: [f64; 2]| Some(values.map(Some).to_vec());
    let list = ListArray::from_iter_primitive::<Float64Type, _, _>([
        vector([1.0, 2.0]),
        None,
        vector([3.0, 4.0]),
    ]);
    let from_list = fit("EMBEDDING(2)", list).expect("fits");
    let from_text = StringArray::from(vec![Some("[1, 2]"), None, Some("[3,4.0]")]);
    assert_same(&fit("EMBEDDING(2)", from_text).expect("fits"), &from_list);
    let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        [Some(vec![Some(1.0), Some(2.0)]), None, Some(vec![Some(3.0), Some(4.0)])],
        2,
    );
    assert_same(&fit("EMBEDDING(2)", fixed.clone()).expect("fits"), &from_list);
    assert_same(&fit("EMBEDDING(2)", fixed.slice(2, 1)).expect("fits"), &from_list.slice(2, 1));
    refused(
        fit("EMBEDDING(3)", fixed),
        SqlState::INVALID_PARAMETER_VALUE,
        "column \"a\" takes vectors of 3 dimensions, got 2",
    );
    let hole = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(1.0), None])]);
    refused(
        fit("EMBEDDING(2)", hole),
        SqlState::INVALID_PARAMETER_VALUE,
        "column \"a\" takes vectors without NULL elements",
    );
    let nan = ListArray::from_iter_primitive::<Float64Type, _, _>([vector([f64::NAN, 0.0])]);
    assert!(fit("EMBEDDING(2)", nan).is_ok());
}

#[test]
fn lists_convert_element_by_element() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(9)]),
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let fitted = fit("BIGINT[]", list.slice(1, 3)).expect("fits");
    let expected = StringArray::from(vec![Some("[1, null]"), None, Some("[]")]);
    assert_same(&fit("BIGINT[]", expected.clone()).expect("fits"), &fitted);
    assert_eq!(to_text(&fitted).expect("has a text form"), expected);
    refused(
        fit("SMALLINT[]", text("[70000]")),
        SqlState::NUMERIC_OUT_OF_RANGE,
        "value 70000 is out of range for column \"a\" of type SMALLINT[]",
    );
}

#[test]
fn length_and_null_are_checked_by_column() {
    let mut short = column("TEXT");
    short.chars_max = Some(3);
    short.nullable = false;
    let fits: ArrayRef = Arc::new(StringArray::from(vec![Some("ééé"), None]));
    assert!(assign(&short, &fits).is_ok());
    let long: ArrayRef = Arc::new(text("abc "));
    refused(
        assign(&short, &long),
        SqlState::STRING_TOO_LONG,
        "value of 4 characters is too long for column \"a\" of at most 3",
    );
    let error = check_not_null(&short, "ns.t", &fits).expect_err("holds NULL");
    assert_eq!(error.sqlstate(), SqlState::NOT_NULL_VIOLATION);
    assert_eq!(error.message(), "column \"a\" of table \"ns.t\" may not be NULL");
    let untyped: ArrayRef = Arc::new(NullArray::new(1));
    assert!(check_not_null(&short, "ns.t", &untyped).is_err());
    assert_eq!(DataType::Null, *untyped.data_type());
}
