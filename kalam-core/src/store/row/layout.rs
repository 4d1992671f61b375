//! Where the columns of one schema version lie in a record.

use super::{HEADER_LEN, damaged};
use crate::Result;
use crate::model::{ColumnId, KalamDataType, SchemaVersion};

/// Where the columns of one schema version lie in a record.
#[derive(Debug)]
pub(crate) struct RowLayout {
    pub(super) version: SchemaVersion,
    pub(super) columns: Vec<LayoutColumn>,
    /// Where the end offsets of the variable columns start.
    pub(super) offsets_at: usize,
    /// Where the data of the variable columns starts: the length of the rest.
    pub(super) data_at: usize,
}

/// One column of a layout. Its number is its bit in the null bitmap.
#[derive(Debug)]
pub(super) struct LayoutColumn {
    pub(super) id: ColumnId,
    pub(super) data_type: KalamDataType,
    pub(super) slot: Slot,
}

/// Where a value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// At this place in the record, this long.
    Fixed { at: usize, width: usize },
    /// In the data; the number counts the variable columns.
    Variable { number: usize },
}

impl RowLayout {
    /// The layout of a schema version: all its columns by ordinal position, without
    /// the hidden key.
    pub(crate) fn new(version: SchemaVersion, columns: &[(ColumnId, KalamDataType)]) -> Self {
        let mut at = HEADER_LEN + columns.len().div_ceil(8);
        let mut variables = 0;
        let columns = columns
            .iter()
            .map(|(id, data_type)| {
                let slot = match data_type.is_fixed_width() {
                    Some(width) => {
                        at += width;
                        Slot::Fixed { at: at - width, width }
                    }
                    None => {
                        variables += 1;
                        Slot::Variable { number: variables - 1 }
                    }
                };
                LayoutColumn { id: *id, data_type: data_type.clone(), slot }
            })
            .collect();
        RowLayout { version, columns, offsets_at: at, data_at: at + variables * 4 }
    }

    /// Refuses a record that ends before its data; slots, bitmap and offsets of
    /// others lie within.
    pub(super) fn check(&self, record: &[u8]) -> Result<()> {
        if record.len() < self.data_at { Err(damaged()) } else { Ok(()) }
    }

    /// Whether a column is NULL in a checked record.
    pub(super) fn is_null(record: &[u8], column: usize) -> bool {
        record[HEADER_LEN + column / 8] & (1 << (column % 8)) != 0
    }

    /// The bytes of a value in a checked record.
    pub(super) fn value<'a>(&self, record: &'a [u8], slot: Slot) -> Result<&'a [u8]> {
        match slot {
            Slot::Fixed { at, width } => Ok(&record[at..at + width]),
            Slot::Variable { number } => {
                let offset = |number: usize| {
                    let bytes = &record[self.offsets_at + number * 4..][..4];
                    u32::from_le_bytes(bytes.try_into().expect("four bytes")) as usize
                };
                let start = if number == 0 { 0 } else { offset(number - 1) };
                record[self.data_at..].get(start..offset(number)).ok_or_else(damaged)
            }
        }
    }
}
