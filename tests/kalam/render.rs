//! Arrow values as PostgreSQL prints them.

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, RecordBatch,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, TimeUnit,
};
use arrow::util::display::array_value_to_string;

const DAY_MICROS: i64 = 86_400_000_000;

/// Every row of the batches, one string for each value.
pub fn rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| value(column, row)).collect());
        }
    }
    rows
}

/// One value; `NULL` for a missing one, `(empty)` for a text without characters.
pub fn value(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".into();
    }
    match array.data_type() {
        DataType::Float32 => float32(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => float64(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Decimal256(_, _) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        DataType::Date32 => date(i64::from(array.as_primitive::<Date32Type>().value(row))),
        DataType::Time32(_) | DataType::Time64(_) => time(micros(array, row)),
        DataType::Timestamp(_, zone) => timestamp(micros(array, row), zone.is_some()),
        DataType::FixedSizeBinary(16) => uuid(array.as_fixed_size_binary().value(row)),
        DataType::Binary => bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes(array.as_binary_view().value(row)),
        DataType::List(_) => list(array.as_list::<i32>(), row),
        DataType::LargeList(_) => list(array.as_list::<i64>(), row),
        DataType::FixedSizeList(_, _) => embedding(array.as_fixed_size_list(), row),
        _ => {
            let text = array_value_to_string(array, row).expect("the type has a text form");
            if text.is_empty() { "(empty)".into() } else { text }
        }
    }
}

/// Time or timestamp of any unit in microseconds.
fn micros(array: &ArrayRef, row: usize) -> i64 {
    let value = cast(&array.slice(row, 1), &DataType::Int64)
        .or_else(|_| {
            let wide = cast(&array.slice(row, 1), &DataType::Time64(TimeUnit::Microsecond))?;
            cast(&wide, &DataType::Int64)
        })
        .expect("times convert to integers");
    let value = value.as_primitive::<arrow::datatypes::Int64Type>().value(0);
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) | DataType::Time32(TimeUnit::Second) => {
            value * 1_000_000
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Time32(TimeUnit::Millisecond) => {
            value * 1_000
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) | DataType::Time64(TimeUnit::Nanosecond) => {
            value.div_euclid(1_000)
        }
        _ => value,
    }
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn date_parts(days: i64) -> (String, &'static str) {
    let (year, month, day) = civil(days);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

fn date(days: i64) -> String {
    let (text, era) = date_parts(days);
    text + era
}

fn time(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = micros % 1_000_000;
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}

fn timestamp(micros: i64, zone: bool) -> String {
    let (day, era) = date_parts(micros.div_euclid(DAY_MICROS));
    let zone = if zone { "+00" } else { "" };
    format!("{day} {}{zone}{era}", time(micros.rem_euclid(DAY_MICROS)))
}

fn uuid(value: &[u8]) -> String {
    let hex = hex(value);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn bytes(value: &[u8]) -> String {
    format!("\\x{}", hex(value))
}

fn hex(value: &[u8]) -> String {
    value.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list<O: OffsetSizeTrait>(array: &GenericListArray<O>, row: usize) -> String {
    let items = array.value(row);
    let items: Vec<String> = (0..items.len()).map(|i| value(&items, i)).collect();
    format!("{{{}}}", items.join(","))
}

fn embedding(array: &FixedSizeListArray, row: usize) -> String {
    let items = array.value(row);
    let items: Vec<String> = (0..items.len()).map(|i| value(&items, i)).collect();
    format!("[{}]", items.join(","))
}

fn float64(value: f64) -> String {
    special(value).unwrap_or_else(|| shortest(&format!("{value:e}"), &format!("{value}"), 15))
}

fn float32(value: f32) -> String {
    special(f64::from(value))
        .unwrap_or_else(|| shortest(&format!("{value:e}"), &format!("{value}"), 6))
}

fn special(value: f64) -> Option<String> {
    if value.is_nan() {
        Some("NaN".into())
    } else if value.is_infinite() {
        Some(if value > 0.0 { "Infinity".into() } else { "-Infinity".into() })
    } else {
        None
    }
}

/// The shortest digits that read back, with an exponent outside 1e-4 .. 1e`digits`.
fn shortest(scientific: &str, plain: &str, digits: i32) -> String {
    let (mantissa, exponent) = scientific.split_once('e').expect("{:e} writes an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} writes a number");
    if (-4..digits).contains(&exponent) {
        return plain.into();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[test]
fn values_read_as_postgresql_prints_them() {
    assert_eq!(float64(0.1), "0.1");
    assert_eq!(float64(1e300), "1e+300");
    assert_eq!(float64(1e15), "1e+15");
    assert_eq!(float64(123_456_789_012_345.0), "123456789012345");
    assert_eq!(float64(0.00001), "1e-05");
    assert_eq!(float64(f64::NEG_INFINITY), "-Infinity");
    assert_eq!(float32(1_234_567.0), "1.234567e+06");
    assert_eq!(date(0), "1970-01-01");
    assert_eq!(date(-719_162), "0001-01-01");
    assert_eq!(date(-719_163), "0001-12-31 BC");
    assert_eq!(date(2_932_896), "9999-12-31");
    assert_eq!(timestamp(-1, true), "1969-12-31 23:59:59.999999+00");
    assert_eq!(timestamp(1_500_000, false), "1970-01-01 00:00:01.5");
    assert_eq!(bytes(&[0, 255]), "\\x00ff");
}
