//! Parquet, written.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{FileWriter, NewFile};
use crate::{Error, Result, SqlState};

/// Writes a Parquet file, compressed by zstd.
pub(super) struct ParquetWriter {
    writer: ArrowWriter<NewFile>,
}

impl ParquetWriter {
    /// # Errors
    /// `42804` for a column whose type Parquet has not.
    pub(super) fn new(file: NewFile, schema: &SchemaRef) -> Result<ParquetWriter> {
        let level = ZstdLevel::try_new(3).expect("3 is a zstd level");
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(|e| {
            Error::new(SqlState::DATATYPE_MISMATCH, format!("Parquet has no such column: {e}"))
                .with_source(e)
        })?;
        Ok(ParquetWriter { writer })
    }
}

impl FileWriter for ParquetWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let written = self.writer.write(batch);
        written.map_err(|e| failed(self.writer.inner(), e))
    }

    fn finish(self: Box<Self>) -> Result<NewFile> {
        self.writer.into_inner().map_err(|e| {
            Error::new(SqlState::IO_ERROR, format!("cannot write the file: {e}")).with_source(e)
        })
    }
}

fn failed(file: &NewFile, error: ParquetError) -> Error {
    match error {
        ParquetError::External(e) => match e.downcast::<std::io::Error>() {
            Ok(e) => file.unwritable(*e),
            Err(e) => file.unwritable(std::io::Error::other(e)),
        },
        e => file.unwritable(std::io::Error::other(e)),
    }
}
