//! Writing records from the columns of a batch.

use arrow::array::{Array, ArrayRef};

use super::layout::{RowLayout, Slot};
use super::{FORMAT, HEADER_LEN, VERSION_AT};
use crate::store::column::{Column, offset};
use crate::{Error, Result, SqlState};

/// Writes the rows of one batch as records of one layout.
pub(crate) struct RowEncoder<'a> {
    layout: &'a RowLayout,
    columns: Vec<Column>,
}

impl<'a> RowEncoder<'a> {
    /// Prepares a batch: arrays in the order of the layout, of exactly its types'
    /// Arrow types.
    ///
    /// # Errors
    /// `54000` if a row is longer than 4 GiB.
    pub(crate) fn new(layout: &'a RowLayout, arrays: &[ArrayRef]) -> Result<Self> {
        if arrays.len() != layout.columns.len() {
            return Err(Error::new(
                SqlState::INTERNAL_ERROR,
                format!("{} arrays for {} columns", arrays.len(), layout.columns.len()),
            ));
        }
        let columns = layout
            .columns
            .iter()
            .zip(arrays)
            .map(|(column, array)| Column::new(&column.data_type, array))
            .collect::<Result<Vec<_>>>()?;
        let rows = arrays.first().map_or(0, |array| array.len());
        if arrays.iter().any(|array| array.len() != rows) {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "columns differ in length"));
        }
        // Nearly always the whole batch is shorter than a row may be.
        let limit = u32::MAX as usize;
        let bound: usize = columns.iter().map(|c| c.variable_len_bound(rows)).sum();
        if bound > limit {
            let is_too_long =
                |row| columns.iter().map(|c| c.variable_len(row)).sum::<usize>() > limit;
            if (0..rows).any(is_too_long) {
                return Err(Error::new(
                    SqlState::PROGRAM_LIMIT_EXCEEDED,
                    "row is longer than 4 GiB",
                ));
            }
        }
        Ok(RowEncoder { layout, columns })
    }

    /// Appends the record of a row, with `seq` 0 and no flags; nothing is allocated
    /// but `out`. Equal rows give equal bytes.
    pub(crate) fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + self.layout.data_at, 0);
        out[start] = FORMAT;
        out[start + VERSION_AT..][..2].copy_from_slice(&self.layout.version.get().to_le_bytes());
        let data = out.len();
        for (number, (column, place)) in self.columns.iter().zip(&self.layout.columns).enumerate() {
            let is_null = column.is_null(row);
            if is_null {
                out[start + HEADER_LEN + number / 8] |= 1 << (number % 8);
            }
            match place.slot {
                Slot::Fixed { at, width } if !is_null => {
                    column.write_fixed(row, &mut out[start + at..][..width]);
                }
                Slot::Fixed { .. } => {}
                Slot::Variable { number } => {
                    if !is_null {
                        column.append_variable(row, out);
                    }
                    let end = offset(out.len() - data);
                    out[start + self.layout.offsets_at + number * 4..][..4].copy_from_slice(&end);
                }
            }
        }
    }
}
