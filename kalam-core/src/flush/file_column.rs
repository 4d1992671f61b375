//! Which column of the table each column of a segment is. Columns are told by their id,
//! never by their name: names may have changed since, and may have been given again.

use arrow::datatypes::{Field, Schema};

use super::segment_writer::FIELD_ID;
use crate::Result;
use crate::model::{ColumnId, KalamDataType};

/// A column of a segment.
#[derive(Clone, Debug)]
pub(crate) struct FileColumn {
    pub(crate) id: ColumnId,
    /// Its place among the file's columns.
    pub(crate) root: usize,
    /// The type that it was written in.
    pub(crate) data_type: KalamDataType,
}

impl FileColumn {
    /// The table's columns among those of a file.
    ///
    /// # Errors
    /// `0A000` if one has a type that no column has.
    pub(crate) fn all(file: &Schema) -> Result<Vec<FileColumn>> {
        let numbered = file.fields().iter().enumerate();
        numbered
            .filter_map(|(root, field)| Some((root, field, column_id(field)?)))
            .map(|(root, field, id)| {
                Ok(FileColumn { id, root, data_type: KalamDataType::from_arrow_field(field)? })
            })
            .collect()
    }
}

/// The id of the column that a field of a file is; `_seq` and the hidden key have none.
fn column_id(field: &Field) -> Option<ColumnId> {
    field.metadata().get(FIELD_ID)?.parse().ok().map(ColumnId)
}
