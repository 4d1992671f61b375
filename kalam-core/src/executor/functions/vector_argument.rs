//! Arguments that are vectors: embeddings, lists of numbers, their text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Float32Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;

use crate::{Error, Result, SqlState};

/// Whether values of the type can be vectors.
pub(super) fn is_vector(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item) => {
            item.data_type().is_numeric() || item.data_type().is_null()
        }
        _ => false,
    }
}

/// The vector that a constant is as an argument; `None` for what is none, or NULL.
pub(in crate::executor) fn constant_vector(value: &ScalarValue) -> Option<Vec<f32>> {
    if !is_vector(&value.data_type()) {
        return None;
    }
    let vectors = Vectors::read(&ColumnarValue::Scalar(value.clone())).ok()?;
    vectors.get(0).map(<[f32]>::to_vec)
}

/// The vectors of one argument, side by side.
pub(super) struct Vectors {
    values: Float32Array,
    layout: Layout,
    nulls: Option<NullBuffer>,
    /// One value stands for every row.
    is_constant: bool,
}

enum Layout {
    /// Every row has this many elements.
    Fixed(usize),
    /// Row `i` has the elements from offset `i` to offset `i + 1`.
    Offsets(Vec<usize>),
}

impl Vectors {
    /// Reads an argument of a type for which [`is_vector`] holds.
    ///
    /// # Errors
    /// `22P02` for text that is no list of numbers, `22003` for a number that is none of
    /// 32 bits, `22023` for NULL elements.
    pub(super) fn read(argument: &ColumnarValue) -> Result<Vectors> {
        let (array, is_constant) = match argument {
            ColumnarValue::Array(array) => (array.clone(), false),
            ColumnarValue::Scalar(value) => (value.to_array().map_err(super::unexpected)?, true),
        };
        let nulls = array.logical_nulls();
        let (values, layout) = match array.data_type() {
            DataType::FixedSizeList(_, size) => {
                let list = array.as_fixed_size_list();
                (list.values().clone(), Layout::Fixed(usize::try_from(*size).unwrap_or_default()))
            }
            DataType::Null => {
                (Arc::new(Float32Array::from(Vec::<f32>::new())) as _, Layout::Fixed(0))
            }
            DataType::List(_) | DataType::LargeList(_) => lists(&array)?,
            _ => texts(&array)?,
        };
        let mut vectors = Vectors { values: singles(&values)?, layout, nulls, is_constant };
        vectors.check_elements(array.len())?;
        Ok(vectors)
    }

    /// The vector of a row; `None` for NULL.
    pub(super) fn get(&self, row: usize) -> Option<&[f32]> {
        let row = if self.is_constant { 0 } else { row };
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        Some(&self.values.values()[self.range(row)])
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        match &self.layout {
            Layout::Fixed(size) => row * size..(row + 1) * size,
            Layout::Offsets(offsets) => offsets[row]..offsets[row + 1],
        }
    }

    /// Refuses NULL elements; those that only NULL rows have are not looked at.
    fn check_elements(&mut self, rows: usize) -> Result<()> {
        let Some(elements) = self.values.nulls().filter(|nulls| nulls.null_count() > 0) else {
            return Ok(());
        };
        for row in 0..rows {
            if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            if self.range(row).any(|element| elements.is_null(element)) {
                return Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "a vector may not have NULL elements",
                ));
            }
        }
        Ok(())
    }
}

fn lists(array: &ArrayRef) -> Result<(ArrayRef, Layout)> {
    let offsets = |offset: i64| usize::try_from(offset).unwrap_or_default();
    Ok(match array.data_type() {
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let found = list.value_offsets().iter().map(|o| offsets(*o)).collect();
            (list.values().clone(), Layout::Offsets(found))
        }
        _ => {
            let list = array.as_list::<i32>();
            let found = list.value_offsets().iter().map(|o| offsets(i64::from(*o))).collect();
            (list.values().clone(), Layout::Offsets(found))
        }
    })
}

/// JSON arrays of numbers, as vectors are written.
fn texts(array: &ArrayRef) -> Result<(ArrayRef, Layout)> {
    let array = cast(array, &DataType::Utf8).map_err(|e| unfit(&e))?;
    let mut values: Vec<f32> = Vec::new();
    let mut offsets = vec![0];
    for text in array.as_string::<i32>() {
        if let Some(text) = text {
            let numbers: Vec<f64> = serde_json::from_str(text).map_err(|e| {
                Error::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    "invalid text of a vector, which is written '[1, 2, 3]'",
                )
                .with_detail(e.to_string())
            })?;
            for number in numbers {
                let single = number as f32;
                if single.is_infinite() {
                    return Err(out_of_range(number));
                }
                values.push(single);
            }
        }
        offsets.push(values.len());
    }
    Ok((Arc::new(Float32Array::from(values)), Layout::Offsets(offsets)))
}

/// Numbers as 32-bit floats.
fn singles(values: &ArrayRef) -> Result<Float32Array> {
    if let Some(values) = values.as_primitive_opt::<Float32Type>() {
        return Ok(values.clone());
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let found = cast_with_options(values, &DataType::Float32, &options).map_err(|e| unfit(&e))?;
    let found = found.as_primitive::<Float32Type>().clone();
    match found.iter().flatten().find(|value| value.is_infinite()) {
        Some(value) => Err(out_of_range(f64::from(value))),
        None => Ok(found),
    }
}

fn out_of_range(number: f64) -> Error {
    Error::new(
        SqlState::NUMERIC_OUT_OF_RANGE,
        format!("value {number} is out of range for an element of a vector"),
    )
}

fn unfit(error: &arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, "value is no vector")
        .with_detail(error.to_string())
}
