//! Parquet, read.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{BATCH_ROWS, FileBatch, FileReader};
use crate::activity::check_stop;
use crate::{Error, Result, SqlState};

/// Reads columns of a Parquet file.
pub(super) struct ParquetReader {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// For each column that is read its place in a batch: a file is read in its order.
    places: Vec<usize>,
}

impl ParquetReader {
    /// Opens the columns with these names, or all; returns their names.
    ///
    /// # Errors
    /// `22P04` if it is no Parquet file, `42703` for a column that it does not have.
    pub(super) fn new(
        file: File,
        path: &Path,
        columns: &[&str],
    ) -> Result<(ParquetReader, Vec<String>)> {
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| malformed(path, e))?;
        let schema = builder.schema().clone();
        let all = || schema.fields().iter().map(|field| field.name().as_str());
        let names: Vec<&str> = if columns.is_empty() { all().collect() } else { columns.to_vec() };
        let root = |name: &&str| {
            schema.index_of(name).map_err(|_| {
                Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("file \"{}\" has no column \"{name}\"", path.display()),
                )
            })
        };
        let roots = names.iter().map(root).collect::<Result<Vec<usize>>>()?;
        let mut in_file = roots.clone();
        in_file.sort_unstable();
        in_file.dedup();
        let place = |root: &usize| in_file.binary_search(root).expect("it is one of them");
        let places = roots.iter().map(place).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), in_file.iter().copied());
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| malformed(path, e))?;
        let names = names.into_iter().map(str::to_owned).collect();
        Ok((ParquetReader { path: path.to_path_buf(), reader, places }, names))
    }
}

impl FileReader for ParquetReader {
    fn next(&mut self) -> Result<Option<FileBatch>> {
        check_stop()?;
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.map_err(|e| malformed(&self.path, e))?;
        Ok(Some(FileBatch {
            columns: self.places.iter().map(|place| batch.column(*place).clone()).collect(),
            rows: batch.num_rows(),
            lines: Vec::new(),
            missing: Vec::new(),
        }))
    }
}

fn malformed(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        SqlState::BAD_COPY_FILE_FORMAT,
        format!("file \"{}\" cannot be read as Parquet: {error}", path.display()),
    )
    .with_source(error)
}
