//! Arrow's IPC format: what goes between processes.

use std::io::Cursor;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::writer::StreamWriter;
use kalam_core::{Error, Result, SqlState};

/// How a file begins; a stream has no such mark.
const FILE_MARK: &[u8] = b"ARROW1";

/// Batches as a stream in IPC format.
///
/// # Errors
/// `0A000` for what the format has no form for.
pub fn write(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let write = || {
        let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
        batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.into_inner()
    };
    write().map_err(|error| Error::new(SqlState::FEATURE_NOT_SUPPORTED, error.to_string()))
}

/// The batches of a stream or of a file in IPC format.
///
/// # Errors
/// `22P04` for anything else.
pub fn read(bytes: Vec<u8>) -> Result<Box<dyn RecordBatchReader + Send>> {
    let no_ipc = |error: ArrowError| {
        let message = format!("the bytes are no Arrow IPC: {error}");
        Error::new(SqlState::BAD_COPY_FILE_FORMAT, message)
            .with_hint("pass what tableToIPC() or a stream writer of Arrow makes")
    };
    let is_file = bytes.starts_with(FILE_MARK);
    let bytes = Cursor::new(bytes);
    if is_file {
        return Ok(Box::new(FileReader::try_new(bytes, None).map_err(no_ipc)?));
    }
    Ok(Box::new(StreamReader::try_new(bytes, None).map_err(no_ipc)?))
}
