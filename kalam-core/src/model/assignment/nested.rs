//! Assignment to EMBEDDING and lists.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, ListArray, StringArray,
    UInt32Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, FieldRef};
use serde_json::Value;

use super::{KalamDataType, Target};
use crate::{Error, Result, SqlState};

impl Target<'_> {
    /// Vectors from lists of numbers or their JSON text.
    pub(super) fn embedding(self, dimensions: u16, array: &ArrayRef) -> Result<ArrayRef> {
        let arrow_type = self.data_type.arrow_type();
        if array.data_type() == &arrow_type {
            return Ok(array.clone());
        }
        let size = usize::from(dimensions);
        let DataType::FixedSizeList(item, _) = arrow_type else {
            unreachable!("EMBEDDING is a fixed-size list");
        };
        match array.data_type() {
            DataType::Utf8 => self.text_to_embedding(array.as_string(), &item, size),
            DataType::FixedSizeList(_, length) => {
                let list = array.as_fixed_size_list();
                let length = usize::try_from(*length).unwrap_or_default();
                if length != size && list.null_count() < list.len() {
                    return Err(self.wrong_dimension(size, length));
                }
                if length != size {
                    return Ok(new_null_array(&self.data_type.arrow_type(), list.len()));
                }
                let start = |row| row * size;
                self.vectors(&item, size, list, list.values(), start)
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets();
                for row in (0..list.len()).filter(|row| list.is_valid(*row)) {
                    let length = list.value(row).len();
                    if length != size {
                        return Err(self.wrong_dimension(size, length));
                    }
                }
                let start = |row: usize| usize::try_from(offsets[row]).unwrap_or_default();
                self.vectors(&item, size, list, list.values(), start)
            }
            _ => Err(self.mismatch(array)),
        }
    }

    /// Lays the vectors of `list` side by side. `start` is where a row's vector begins in
    /// `values`; every row that is not NULL has `size` values there.
    fn vectors(
        self,
        item: &FieldRef,
        size: usize,
        list: &dyn Array,
        values: &ArrayRef,
        start: impl Fn(usize) -> usize,
    ) -> Result<ArrayRef> {
        let (nulls, rows) = (list.nulls(), list.len());
        let is_valid = |row: usize| nulls.is_none_or(|n| n.is_valid(row));
        let values = self.unpack(values)?;
        if values.data_type() == &DataType::Null && (0..rows).any(is_valid) {
            return Err(self.null_element());
        }
        if values.data_type() != &DataType::Null && !values.data_type().is_numeric() {
            return Err(self.mismatch(&values));
        }
        // Side by side already, as every client that sends vectors sends them.
        if nulls.is_none() && (1..rows).all(|row| start(row) == start(row - 1) + size) {
            let shown =
                if rows == 0 { values.slice(0, 0) } else { values.slice(start(0), rows * size) };
            if shown.null_count() > 0 {
                return Err(self.null_element());
            }
            return self.build(item, size, self.single(&shown)?, None);
        }
        let mut laid_out = Vec::with_capacity(rows * size);
        for row in 0..rows {
            if !is_valid(row) {
                laid_out.resize(laid_out.len() + size, 0.0);
                continue;
            }
            // Only what a row shows is converted: values under NULL rows may be anything.
            let vector = values.slice(start(row), size);
            if vector.null_count() > 0 {
                return Err(self.null_element());
            }
            laid_out.extend_from_slice(self.single(&vector)?.values());
        }
        self.build(item, size, Float32Array::from(laid_out), nulls.cloned())
    }

    fn build(
        self,
        item: &FieldRef,
        size: usize,
        values: Float32Array,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let size = i32::try_from(size).expect("dimensions fit u16");
        let array = FixedSizeListArray::try_new(item.clone(), size, Arc::new(values), nulls)
            .map_err(|e| self.unfit(&e))?;
        Ok(Arc::new(array))
    }

    fn text_to_embedding(
        self,
        array: &StringArray,
        item: &FieldRef,
        size: usize,
    ) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(array.len() * size);
        for text in array {
            let Some(text) = text else {
                values.resize(values.len() + size, 0.0);
                continue;
            };
            let vector: Vec<Option<f64>> = serde_json::from_str(text)
                .map_err(|e| self.invalid(text).with_detail(e.to_string()))?;
            if vector.len() != size {
                return Err(self.wrong_dimension(size, vector.len()));
            }
            for value in vector {
                let value = value.ok_or_else(|| self.null_element())?;
                values.push(self.double_to_single(value)?);
            }
        }
        self.build(item, size, Float32Array::from(values), array.nulls().cloned())
    }

    fn wrong_dimension(self, expected: usize, got: usize) -> Error {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("column \"{}\" takes vectors of {expected} dimensions, got {got}", self.column),
        )
    }

    fn null_element(self) -> Error {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("column \"{}\" takes vectors without NULL elements", self.column),
        )
    }

    /// Lists from lists, element by element, or from their JSON text.
    pub(super) fn list(self, element: &KalamDataType, array: &ArrayRef) -> Result<ArrayRef> {
        if array.data_type() == &self.data_type.arrow_type()
            && !matches!(element, KalamDataType::Json | KalamDataType::File | KalamDataType::Time)
        {
            return Ok(array.clone());
        }
        let list = match array.data_type() {
            DataType::Utf8 => self.text_to_list(array.as_string())?,
            DataType::List(_) => array.as_list::<i32>().clone(),
            DataType::FixedSizeList(item, _) => cast(array, &DataType::List(item.clone()))
                .map_err(|e| self.unfit(&e))?
                .as_list::<i32>()
                .clone(),
            _ => return Err(self.mismatch(array)),
        };
        let list = compact(list).map_err(|e| self.unfit(&e))?;
        let offsets = list.value_offsets();
        let (first, last) = (offsets[0], offsets[list.len()]);
        let shown = list.values().slice(first as usize, (last - first) as usize);
        let values = self.element(element).convert(&shown)?;
        let offsets = offsets.iter().map(|o| o - first).collect::<Vec<_>>();
        let array = ListArray::try_new(
            element.list_item_field(),
            OffsetBuffer::new(offsets.into()),
            values,
            list.nulls().cloned(),
        )
        .map_err(|e| self.unfit(&e))?;
        Ok(Arc::new(array))
    }

    /// JSON arrays as lists of text, which the elements' own conversion reads.
    fn text_to_list(self, array: &StringArray) -> Result<ListArray> {
        let mut elements: Vec<Option<String>> = Vec::new();
        let mut lengths = Vec::with_capacity(array.len());
        for text in array {
            let before = elements.len();
            if let Some(text) = text {
                let values: Vec<Value> = serde_json::from_str(text)
                    .map_err(|e| self.invalid(text).with_detail(e.to_string()))?;
                for value in values {
                    elements.push(match value {
                        Value::Null => None,
                        Value::String(text) if !self.holds_json() => Some(text),
                        Value::Array(_) | Value::Object(_) if !self.holds_json() => {
                            return Err(self.invalid(text));
                        }
                        value => Some(value.to_string()),
                    });
                }
            }
            lengths.push(elements.len() - before);
        }
        ListArray::try_new(
            KalamDataType::Text.list_item_field(),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(StringArray::from(elements)),
            array.nulls().cloned(),
        )
        .map_err(|e| self.unfit(&e))
    }

    /// Whether the elements are themselves JSON text.
    fn holds_json(self) -> bool {
        matches!(
            self.data_type,
            KalamDataType::List(element)
                if matches!(**element, KalamDataType::Json | KalamDataType::File)
        )
    }
}

/// Drops values that only NULL rows refer to, so that they are never converted.
fn compact(list: ListArray) -> Result<ListArray, arrow::error::ArrowError> {
    let hides_values = (0..list.len()).any(|row| list.is_null(row) && list.value_length(row) > 0);
    if !hides_values {
        return Ok(list);
    }
    let rows: UInt32Array =
        (0u32..).take(list.len()).map(|row| list.is_valid(row as usize).then_some(row)).collect();
    Ok(take(&list, &rows, None)?.as_list::<i32>().clone())
}
