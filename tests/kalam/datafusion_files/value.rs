//! Arrow values as DataFusion's files write them.

use std::str::FromStr;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type,
};
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use bigdecimal::BigDecimal;

/// Digits after the point that the files give of a float.
const FLOAT_DIGITS: i64 = 12;

/// Every row of the batches, one string for each value. A text of several lines that
/// ends a row becomes a row for each line.
pub fn rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter().map(|column| value(column, row)).collect();
            push_lines(&mut rows, values);
        }
    }
    rows
}

fn push_lines(rows: &mut Vec<Vec<String>>, mut row: Vec<String>) {
    let Some(last) = row.pop_if(|value| value.contains('\n')) else {
        rows.push(row);
        return;
    };
    rows.push(row);
    for (index, line) in last.split('\n').enumerate() {
        let text = line.trim_start();
        let indent = "-".repeat(line.len() - text.len());
        rows.push(vec![format!("{:02}){indent}{text}", index + 1)]);
    }
}

fn value(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return "NULL".into();
    }
    match array.data_type() {
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(row).to_string()),
        DataType::Float32 => float(array.as_primitive::<Float32Type>().value(row).to_string()),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row).to_string()),
        DataType::Decimal32(_, _) => {
            decimal(&array.as_primitive::<Decimal32Type>().value_as_string(row))
        }
        DataType::Decimal64(_, _) => {
            decimal(&array.as_primitive::<Decimal64Type>().value_as_string(row))
        }
        DataType::Decimal128(_, _) => {
            decimal(&array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Decimal256(_, _) => {
            decimal(&array.as_primitive::<Decimal256Type>().value_as_string(row))
        }
        DataType::Utf8 => text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => text(array.as_string_view().value(row)),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            value(dictionary.values(), dictionary.normalized_keys()[row])
        }
        _ => {
            let formatter = ArrayFormatter::try_new(array.as_ref(), &format())
                .expect("every type of the engine has a text form");
            formatter.value(row).to_string()
        }
    }
}

/// The formats of DataFusion's defaults.
fn format() -> FormatOptions<'static> {
    FormatOptions::new()
        .with_null("NULL")
        .with_date_format(Some("%Y-%m-%d"))
        .with_datetime_format(Some("%Y-%m-%dT%H:%M:%S%.f"))
        .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.f"))
        .with_time_format(Some("%H:%M:%S%.f"))
        .with_duration_format(DurationFormat::Pretty)
}

fn text(value: &str) -> String {
    if value.is_empty() {
        return "(empty)".into();
    }
    value.trim_end_matches('\n').replace('\0', "\\0")
}

fn float(value: String) -> String {
    match value.as_str() {
        "NaN" => value,
        "inf" => "Infinity".into(),
        "-inf" => "-Infinity".into(),
        finite => number(finite).round(FLOAT_DIGITS).normalized().to_plain_string(),
    }
}

fn decimal(value: &str) -> String {
    number(value).normalized().to_plain_string()
}

fn number(value: &str) -> BigDecimal {
    BigDecimal::from_str(value).expect("numbers print as numbers")
}
