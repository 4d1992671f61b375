//! How large the results of functions will be, or their work, from their arguments.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, TimeUnit};
use datafusion::logical_expr::ColumnarValue;

use crate::store::column_bytes;

/// How the size of a result, or of the work, follows from the arguments of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResultSize {
    /// The first argument, as many times as the second says.
    Times,
    /// As long as the second argument says.
    Length,
    /// All arguments behind each other.
    Sum,
    /// The first argument, with the third in the place of the second.
    Replaced,
    /// The first argument, with the third in the place of what the second matches: once,
    /// or everywhere if there is a fourth.
    Matched,
    /// The first argument's items with the second between them.
    Joined,
    /// Numbers from the first argument to the second, by the third.
    Series,
    /// No memory to speak of, but work for each character of the first argument with each of
    /// the second.
    Compared,
}

/// The most pairs of characters that one result may take: some 50 ms, in which nothing stops
/// the function. These are texts of 3,000 characters; PostgreSQL takes 255.
const PAIRS_MAX: usize = 10_000_000;

/// How large the results of the function with this name are; `None` for functions whose
/// results are about as large as an argument.
pub(super) fn result_size(name: &str) -> Option<ResultSize> {
    Some(match name {
        "repeat" | "array_repeat" => ResultSize::Times,
        "lpad" | "rpad" | "array_resize" => ResultSize::Length,
        "concat" | "concat_ws" | "array_concat" => ResultSize::Sum,
        "replace" => ResultSize::Replaced,
        "regexp_replace" => ResultSize::Matched,
        "array_to_string" => ResultSize::Joined,
        "range" | "generate_series" => ResultSize::Series,
        "levenshtein" => ResultSize::Compared,
        _ => return None,
    })
}

/// Bytes of a number, or of the place of a text or list.
const ITEM_BYTES: usize = 8;

impl ResultSize {
    /// Most bytes that the result for `rows` rows can have, about.
    pub(super) fn of(self, args: &[ColumnarValue], rows: usize) -> usize {
        let one = args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if one { 1 } else { rows };
        match self {
            ResultSize::Times => product(args, rows, bytes_of),
            ResultSize::Length => product(args, rows, |arg| match arg.data_type() {
                DataType::List(_) | DataType::LargeList(_) => Box::new(|_| ITEM_BYTES),
                _ => Box::new(|_| 1),
            }),
            ResultSize::Sum => {
                args.iter().map(|arg| total(arg, rows)).fold(0, usize::saturating_add)
            }
            ResultSize::Replaced => {
                let [text, part, with, ..] = args else { return 0 };
                let (text, part, with) = (bytes_of(text), bytes_of(part), bytes_of(with));
                sum(rows, |row| {
                    let places = text(row) / part(row).max(1) + 1;
                    text(row).saturating_add(places.saturating_mul(with(row)))
                })
            }
            ResultSize::Matched => {
                let [text, _, with, ..] = args else { return 0 };
                let (text, with) = (bytes_of(text), bytes_of(with));
                let everywhere = args.len() > 3;
                sum(rows, |row| {
                    let places = if everywhere { text(row) + 1 } else { 1 };
                    text(row).saturating_add(places.saturating_mul(with(row)))
                })
            }
            ResultSize::Joined => {
                let [list, with, ..] = args else { return 0 };
                let with = bytes_of(with);
                let items = total(list, rows) / ITEM_BYTES;
                let longest = (0..rows).map(with).max().unwrap_or(0);
                total(list, rows).saturating_add(items.saturating_mul(longest))
            }
            ResultSize::Series => series(args, rows),
            ResultSize::Compared => 0,
        }
    }

    /// Whether one of the results takes more work than a function may do at once.
    pub(super) fn is_too_much(self, args: &[ColumnarValue], rows: usize) -> bool {
        let (ResultSize::Compared, [left, right, ..]) = (self, args) else { return false };
        let (left, right) = (bytes_of(left), bytes_of(right));
        (0..rows).any(|row| left(row).saturating_mul(right(row)) > PAIRS_MAX)
    }
}

type PerRow = Box<dyn Fn(usize) -> usize>;

fn sum(rows: usize, of: impl Fn(usize) -> usize) -> usize {
    (0..rows).map(of).fold(0, usize::saturating_add)
}

/// What `unit` says of the first argument, as many times as the second says.
fn product(args: &[ColumnarValue], rows: usize, unit: impl Fn(&ColumnarValue) -> PerRow) -> usize {
    let [first, second, ..] = args else { return 0 };
    let (unit, times) = (unit(first), numbers(second));
    sum(rows, |row| {
        let times = usize::try_from(times(row)).unwrap_or(0);
        unit(row).saturating_mul(times)
    })
}

/// Bytes of each row of an argument.
fn bytes_of(arg: &ColumnarValue) -> PerRow {
    match arg {
        ColumnarValue::Scalar(value) => {
            let bytes = value.to_array().map_or(0, |array| column_bytes(&[array]));
            Box::new(move |_| bytes)
        }
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 => {
                let array = array.as_string::<i32>().clone();
                Box::new(move |row| usize::try_from(array.value_length(row)).unwrap_or(0))
            }
            DataType::Utf8View => {
                let array = array.as_string_view().clone();
                Box::new(move |row| array.value(row).len())
            }
            // Rows of other types are about alike.
            _ => {
                let mean = column_bytes(std::slice::from_ref(array)).div_ceil(array.len().max(1));
                Box::new(move |_| mean)
            }
        },
    }
}

fn total(arg: &ColumnarValue, rows: usize) -> usize {
    match arg {
        ColumnarValue::Scalar(value) => {
            value.to_array().map_or(0, |array| column_bytes(&[array])).saturating_mul(rows)
        }
        ColumnarValue::Array(array) => column_bytes(std::slice::from_ref(array)),
    }
}

/// Each row of an argument as a whole number; NULL is 0. Times are nanoseconds.
fn numbers(arg: &ColumnarValue) -> Box<dyn Fn(usize) -> i64> {
    let array = match arg {
        ColumnarValue::Scalar(value) => match value.to_array() {
            Ok(array) => array,
            Err(_) => return Box::new(|_| 0),
        },
        ColumnarValue::Array(array) => array.clone(),
    };
    let is_one = matches!(arg, ColumnarValue::Scalar(_));
    if let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() {
        const DAY: i64 = 86_400_000_000_000;
        let intervals = intervals.clone();
        return Box::new(move |row| {
            let value = intervals.value(if is_one { 0 } else { row });
            let days = i64::from(value.months) * 28 + i64::from(value.days);
            days.saturating_mul(DAY).saturating_add(value.nanoseconds)
        });
    }
    let array = match array.data_type() {
        DataType::Date32 | DataType::Timestamp(..) => {
            cast(&array, &DataType::Timestamp(TimeUnit::Nanosecond, None))
        }
        _ => Ok(array),
    };
    match array.and_then(|array| cast(&array, &DataType::Int64)) {
        Ok(numbers) => {
            let numbers = numbers.as_primitive::<Int64Type>().clone();
            Box::new(move |row| {
                let row = if is_one { 0 } else { row };
                if numbers.is_null(row) { 0 } else { numbers.value(row) }
            })
        }
        Err(_) => Box::new(|_| 0),
    }
}

fn series(args: &[ColumnarValue], rows: usize) -> usize {
    let number = |index: usize| args.get(index).map(numbers);
    let (from, to) = match (number(0), number(1)) {
        (Some(from), Some(to)) => (Some(from), to),
        (Some(to), None) => (None, to),
        _ => return 0,
    };
    let by = number(2);
    let is_null = |arg: &ColumnarValue, row: usize| match arg {
        ColumnarValue::Scalar(value) => value.is_null(),
        ColumnarValue::Array(array) => array.is_null(row),
    };
    sum(rows, |row| {
        if args.iter().any(|arg| is_null(arg, row)) {
            return 0;
        }
        let from = from.as_ref().map_or(0, |from| from(row));
        let by = by.as_ref().map_or(1, |by| by(row)).unsigned_abs();
        // A step of 0 is the function's to refuse.
        let items = to(row).abs_diff(from).checked_div(by).map_or(0, |n| n.saturating_add(1));
        usize::try_from(items).unwrap_or(usize::MAX).saturating_mul(ITEM_BYTES)
    })
}
