//! Schemas of files, each parsed once for all files that were written with it.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::{
    ARROW_SCHEMA_META_KEY, FieldLevels, ProjectionMask, parquet_to_arrow_field_levels,
    parquet_to_arrow_schema,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::SchemaDescriptor;
use quick_cache::sync::Cache;

use super::file_column::FileColumn;

/// Schemas that are kept: some of every table whose files are read often.
const SCHEMAS_MAX: usize = 1024;

/// Sets of columns whose levels are kept for one schema.
const LEVELS_MAX: usize = 64;

/// The columns of a file.
pub(crate) struct FileSchema {
    arrow: SchemaRef,
    /// The table's columns among them.
    pub(crate) columns: Vec<FileColumn>,
    /// What readers of some of the columns need to know of them, by their numbers.
    levels: Cache<Vec<usize>, Arc<FieldLevels>>,
}

impl FileSchema {
    fn of(metadata: &ParquetMetaData) -> Result<FileSchema> {
        let file = metadata.file_metadata();
        let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
        let columns = FileColumn::all(&schema).map_err(|e| ParquetError::External(Box::new(e)))?;
        // What else the file says of itself is not the same in others.
        let arrow = Arc::new(Schema::new(schema.fields));
        Ok(FileSchema { arrow, columns, levels: Cache::new(LEVELS_MAX) })
    }

    /// Some columns of a file with this schema, which Parquet has as `file`.
    ///
    /// # Errors
    /// If they have types that they cannot be read as.
    pub(super) fn levels(
        &self,
        file: &SchemaDescriptor,
        roots: &[usize],
    ) -> Result<Arc<FieldLevels>> {
        self.levels.get_or_insert_with(roots, || {
            let mask = ProjectionMask::roots(file, roots.iter().copied());
            parquet_to_arrow_field_levels(file, mask, Some(self.arrow.fields())).map(Arc::new)
        })
    }
}

/// Schemas by the text that a file has of its own.
///
/// To parse it is half of what a small file's footer costs, and the result most of what
/// such a file holds while it is open: a table with a file for each user has as many of them
/// as users, all with one schema.
pub(crate) struct FileSchemas(Cache<String, Arc<FileSchema>>);

impl Default for FileSchemas {
    fn default() -> Self {
        FileSchemas(Cache::new(SCHEMAS_MAX))
    }
}

impl FileSchemas {
    /// A footer as readers take it, and the schema.
    ///
    /// # Errors
    /// If the text does not describe the columns that the file has, or one has a type that
    /// no column of a table has.
    pub(super) fn footer(
        &self,
        metadata: ParquetMetaData,
    ) -> Result<(ArrowReaderMetadata, Arc<FileSchema>)> {
        let entries = metadata.file_metadata().key_value_metadata();
        let text = entries
            .and_then(|entries| entries.iter().find(|entry| entry.key == ARROW_SCHEMA_META_KEY))
            .and_then(|entry| entry.value.as_deref())
            .ok_or_else(|| ParquetError::General("it has no Arrow schema".into()))?;
        let parse = || FileSchema::of(&metadata).map(Arc::new);
        let schema = self.0.get_or_insert_with(text, parse)?;
        let options = ArrowReaderOptions::new().with_schema(schema.arrow.clone());
        Ok((ArrowReaderMetadata::try_new(Arc::new(metadata), options)?, schema))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::{DataType, Field};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::{KeyValue, ParquetMetaDataReader};

    use super::*;
    use crate::flush::segment_writer::FIELD_ID;

    /// The footer of a file with one column, and with an entry of its own.
    fn footer(column: ArrayRef, entry: &str) -> ParquetMetaData {
        let field = Field::new("a", column.data_type().clone(), false)
            .with_metadata([(FIELD_ID.to_owned(), "7".to_owned())].into());
        let schema = Arc::new(Schema::new(vec![field]));
        let batch = RecordBatch::try_new(schema.clone(), vec![column]).expect("it is one column");
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).expect("it is valid");
        writer.write(&batch).expect("memory takes it");
        writer.append_key_value_metadata(KeyValue::new("entry".into(), entry.to_owned()));
        let file = Bytes::from(writer.into_inner().expect("memory takes it"));
        ParquetMetaDataReader::new().parse_and_finish(&file).expect("it was just written")
    }

    #[test]
    fn files_that_were_written_alike_share_a_schema_that_says_nothing_of_one_of_them() {
        let schemas = FileSchemas::default();
        let numbers = |value, entry| footer(Arc::new(Int64Array::from(vec![value])), entry);
        let read = |metadata| schemas.footer(metadata).expect("it is ours");
        let (first, one) = read(numbers(1, "one"));
        let (second, same) = read(numbers(2, "another"));
        assert!(Arc::ptr_eq(&one, &same));
        assert!(
            Arc::ptr_eq(first.schema(), second.schema()) && first.schema().metadata().is_empty()
        );
        assert_eq!((one.columns.len(), one.columns[0].id.get()), (1, 7));
        let (texts, other) = read(footer(Arc::new(StringArray::from(vec!["x"])), "one"));
        assert!(!Arc::ptr_eq(&one, &other));
        assert_eq!(texts.schema().field(0).data_type(), &DataType::Utf8);
    }
}
