//! Schemas of files, each parsed once for all files that were written with it.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, parquet_to_arrow_schema};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use quick_cache::sync::Cache;

use super::file_column::FileColumn;

/// Schemas that are kept: some of every table whose files are read often.
const SCHEMAS_MAX: usize = 1024;

/// The columns of a file.
pub(crate) struct FileSchema {
    arrow: SchemaRef,
    /// The table's columns among them.
    pub(crate) columns: Vec<FileColumn>,
}

impl FileSchema {
    fn of(metadata: &ParquetMetaData) -> Result<FileSchema> {
        let file = metadata.file_metadata();
        let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
        let columns = FileColumn::all(&schema).map_err(|e| ParquetError::External(Box::new(e)))?;
        // What else the file says of itself is not the same in others.
        Ok(FileSchema { arrow: Arc::new(Schema::new(schema.fields)), columns })
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
