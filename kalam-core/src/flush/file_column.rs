//! Which column of the table each column of a segment is. Columns are told by their id,
//! never by their name: names may have changed since, and may have been given again.

use arrow::datatypes::{DataType, Field, Schema};

use super::segment_writer::FIELD_ID;
use crate::Result;
use crate::model::{ColumnId, KALAM_DATA_TYPE_KEY, KalamDataType};

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
            .map(|(root, field, id)| Ok(FileColumn { id, root, data_type: written_type(field)? }))
            .collect()
    }
}

/// The type of a column that was written as a field of a file has it. An EMBEDDING is written
/// as bytes of one length; files of earlier versions have it as a list of floats.
fn written_type(field: &Field) -> Result<KalamDataType> {
    if let DataType::FixedSizeBinary(width) = field.data_type()
        && let Some(spelling) = field.metadata().get(KALAM_DATA_TYPE_KEY)
        && let Ok(KalamDataType::Embedding(dimensions)) = spelling.parse()
        && i32::from(dimensions) * 4 == *width
    {
        return Ok(KalamDataType::Embedding(dimensions));
    }
    KalamDataType::from_arrow_field(field)
}

/// The id of the column that a field of a file is; `_seq` and the hidden key have none.
fn column_id(field: &Field) -> Option<ColumnId> {
    field.metadata().get(FIELD_ID)?.parse().ok().map(ColumnId)
}
