//! Values that were written in a narrower type than their column has now.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::{CastOptions, cast_with_options};

use super::assignment::to_widened_text;
use super::{ColumnDefinition, KalamDataType};
use crate::{Error, Result, SqlState};

impl ColumnDefinition {
    /// The type that a value stored as `from` is brought to before it becomes text;
    /// `None` if the column's own type is reached without text.
    ///
    /// FLOAT 0.1 that became DOUBLE and then TEXT reads as the text of the DOUBLE:
    /// whether a flush lies between the two changes may not be seen.
    #[must_use]
    pub fn text_after(&self, from: &KalamDataType) -> Option<KalamDataType> {
        let becomes_text = self.data_type == KalamDataType::Text && *from != KalamDataType::Text;
        becomes_text.then(|| self.text_of.clone().unwrap_or_else(|| from.clone()))
    }

    /// Values that were written in the type `from`, in the column's type.
    ///
    /// # Errors
    /// `XX001` if `from` is no earlier type of the column.
    pub(crate) fn widen(&self, array: &ArrayRef, from: &KalamDataType) -> Result<ArrayRef> {
        if *from == self.data_type {
            return Ok(array.clone());
        }
        match self.text_after(from) {
            None => widen_number(array, from, &self.data_type),
            Some(before) => {
                let before = widen_number(array, from, &before)?;
                Ok(Arc::new(to_widened_text(&before)?))
            }
        }
    }
}

fn widen_number(array: &ArrayRef, from: &KalamDataType, to: &KalamDataType) -> Result<ArrayRef> {
    let refused = || {
        Error::new(SqlState::DATA_CORRUPTED, format!("a column of type {to} is stored as {from}"))
    };
    if from == to {
        return Ok(array.clone());
    }
    if !from.widens_to(to) || *to == KalamDataType::Text {
        return Err(refused());
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, &to.arrow_type(), &options).map_err(|e| refused().with_source(e))
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, BinaryArray, Date32Array, Float32Array, Int16Array};

    use super::*;
    use crate::model::{ColumnId, Name};

    fn text_column(text_of: KalamDataType) -> ColumnDefinition {
        let name = Name::new("column", "c").expect("valid name");
        let column = ColumnDefinition::new(ColumnId(1), name, KalamDataType::Text);
        ColumnDefinition { text_of: Some(text_of), ..column }
    }

    fn read(text_of: KalamDataType, from: &KalamDataType, array: &ArrayRef) -> Vec<String> {
        let text = text_column(text_of).widen(array, from).expect("widens");
        text.as_string::<i32>().iter().map(|v| v.unwrap_or("NULL").to_owned()).collect()
    }

    #[test]
    fn text_is_that_of_the_last_type_before_it() {
        let tenth: ArrayRef = Arc::new(Float32Array::from(vec![Some(0.1), None]));
        let direct = read(KalamDataType::Float, &KalamDataType::Float, &tenth);
        assert_eq!(direct, ["0.1", "NULL"]);
        let through = read(KalamDataType::Double, &KalamDataType::Float, &tenth);
        assert_eq!(through, ["0.10000000149011612", "NULL"]);
        let small: ArrayRef = Arc::new(Int16Array::from(vec![-7]));
        assert_eq!(read(KalamDataType::BigInt, &KalamDataType::SmallInt, &small), ["-7"]);
    }

    #[test]
    fn every_stored_value_has_a_text() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"ab"[..], &[0xFF, 0]]));
        assert_eq!(read(KalamDataType::Bytes, &KalamDataType::Bytes, &bytes), ["ab", "\\xff00"]);
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), Some(i32::MAX), None]));
        let shown = read(KalamDataType::Date, &KalamDataType::Date, &dates);
        assert_eq!(shown, ["1970-01-01", "2147483647", "NULL"]);
    }

    #[test]
    fn what_is_no_earlier_type_is_damage() {
        let column = text_column(KalamDataType::Int);
        let array: ArrayRef = Arc::new(BinaryArray::from(vec![&b"ab"[..]]));
        let error = column.widen(&array, &KalamDataType::Bytes).expect_err("refused");
        assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
    }
}
