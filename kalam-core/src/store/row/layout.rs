//! Where the columns of one schema version lie in a record.

use std::sync::Arc;

use parking_lot::RwLock;

use super::{HEADER_LEN, damaged};
use crate::Result;
use crate::model::{ColumnId, KalamDataType, SchemaVersion};

/// The columns of a schema version, by ordinal position.
pub(crate) type VersionColumns = Vec<(ColumnId, KalamDataType)>;

/// The layouts of a table: that of the current version, and those of earlier ones,
/// each made when a record of it is read for the first time. Most tables with a long
/// history have records of one or two versions.
pub(crate) struct Layouts {
    current: Arc<RowLayout>,
    earlier: RwLock<Vec<Arc<RowLayout>>>,
    columns_at: Box<dyn Fn(SchemaVersion) -> Option<VersionColumns> + Send + Sync>,
}

impl Layouts {
    /// `columns_at` knows the columns of earlier versions.
    pub(crate) fn new(
        current: RowLayout,
        columns_at: impl Fn(SchemaVersion) -> Option<VersionColumns> + Send + Sync + 'static,
    ) -> Layouts {
        Layouts {
            current: Arc::new(current),
            earlier: RwLock::default(),
            columns_at: Box::new(columns_at),
        }
    }

    /// The layout of new records.
    pub(crate) fn current(&self) -> &Arc<RowLayout> {
        &self.current
    }

    /// The layout of the records of a version.
    ///
    /// # Errors
    /// `XX001` if the table never had this version.
    pub(super) fn at(&self, version: SchemaVersion) -> Result<Arc<RowLayout>> {
        if version == self.current.version {
            return Ok(self.current.clone());
        }
        let known = self.earlier.read().iter().find(|layout| layout.version == version).cloned();
        if let Some(layout) = known {
            return Ok(layout);
        }
        let columns = (self.columns_at)(version)
            .ok_or_else(|| damaged().with_detail(format!("schema version {version} is unknown")))?;
        let layout = Arc::new(RowLayout::new(version, &columns));
        self.earlier.write().push(layout.clone());
        Ok(layout)
    }
}

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
