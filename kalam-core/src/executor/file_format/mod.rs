//! Files of other programs: rows out of them and rows into them, for COPY.
//!
//! Values of text files are read by the assignment of text to their column, so that a
//! file says what a text in SQL says.

mod csv_reader;
mod csv_writer;
mod json_reader;
mod json_writer;
mod new_file;
mod parquet_reader;
mod parquet_writer;
mod text_rows;
mod value_text;

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;

use self::csv_reader::CsvReader;
use self::csv_writer::CsvWriter;
use self::json_reader::JsonReader;
use self::json_writer::JsonWriter;
pub(super) use self::new_file::{Existing, NewFile};
use self::parquet_reader::ParquetReader;
use self::parquet_writer::ParquetWriter;
use super::copy_statement::{CopyOptions, FileFormat, Header};
use crate::catalog::Table;
use crate::error::io_error;
use crate::model::KalamDataType;
use crate::{Error, Result, SqlState};

/// Rows that are read at a time.
const BATCH_ROWS: usize = 8192;
/// Bytes of text that are read at a time, or one row.
const BATCH_BYTES: usize = 8 << 20;
/// Bytes of one row of a text file at most.
const ROW_BYTES_MAX: usize = 64 << 20;

/// Rows of a file, as it has them.
pub(super) struct FileBatch {
    /// One for each column that is read.
    pub(super) columns: Vec<ArrayRef>,
    pub(super) rows: usize,
    /// The line in which each row begins; empty: the file has no lines.
    pub(super) lines: Vec<u64>,
    /// For each column the rows that do not have it at all; empty: all have all.
    pub(super) missing: Vec<BooleanArray>,
}

/// Reads a file from its first row to its last.
pub(super) trait FileReader {
    /// The next rows, in the order of the file.
    ///
    /// # Errors
    /// `22P04` if the file is not of its format, `22021`, `54000`, `58030`.
    fn next(&mut self) -> Result<Option<FileBatch>>;
}

/// Writes a file.
pub(super) trait FileWriter {
    /// Appends rows.
    ///
    /// # Errors
    /// `53100`, `58030`, and what values without a text form raise.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Ends the content. The file has no name before [`NewFile::publish`].
    ///
    /// # Errors
    /// `53100`, `58030`.
    fn finish(self: Box<Self>) -> Result<NewFile>;
}

/// How a file is written down, with nothing left open.
pub(super) struct FileLayout {
    pub(super) format: FileFormat,
    csv: CsvLayout,
}

/// How a CSV file is written down.
#[derive(Clone)]
struct CsvLayout {
    /// `None`: the first line is one if it has the names of the columns.
    header: Option<Header>,
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: String,
}

impl FileLayout {
    /// What the options say, and what the path does where they do not.
    ///
    /// # Errors
    /// `22023` if neither tells the format, or for options that contradict each other.
    pub(super) fn new(options: &CopyOptions, path: &Path) -> Result<FileLayout> {
        let refused = |message: String| Error::new(SqlState::INVALID_PARAMETER_VALUE, message);
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let by_path = match extension.as_str() {
            "parquet" => Some(FileFormat::Parquet),
            "csv" | "tsv" => Some(FileFormat::Csv),
            "json" | "jsonl" | "ndjson" => Some(FileFormat::Json),
            _ => None,
        };
        let format = options.format.or(by_path).ok_or_else(|| {
            refused(format!("the format of file \"{}\" is not known", path.display()))
                .with_hint("write (FORMAT csv), (FORMAT json) or (FORMAT parquet)")
        })?;
        if let Some(option) = options.csv_option().filter(|_| format != FileFormat::Csv) {
            return Err(refused(format!("{option} is an option of CSV files only")));
        }
        let quote = options.quote.unwrap_or(b'"');
        let delimiter = options.delimiter.unwrap_or(if extension == "tsv" { b'\t' } else { b',' });
        let null = options.null.clone().unwrap_or_default();
        if quote == delimiter {
            return Err(refused("DELIMITER and QUOTE are the same character".into()));
        }
        if null.bytes().any(|byte| [delimiter, quote, b'\r', b'\n'].contains(&byte)) {
            return Err(refused("NULL holds a character that ends a value".into()));
        }
        let escape = options.escape.unwrap_or(quote);
        let csv = CsvLayout { header: options.header, delimiter, quote, escape, null };
        Ok(FileLayout { format, csv })
    }

    /// Opens a file for the columns of a table; none named: those that the file tells, or
    /// all. Returns the names of the columns that it reads.
    ///
    /// # Errors
    /// `58030` if it cannot be opened, `22P04` if it is not of its format.
    pub(super) fn open(
        &self,
        path: &Path,
        table: &Table,
        columns: &[&str],
    ) -> Result<(Box<dyn FileReader>, Vec<String>)> {
        let file = File::open(path).map_err(|e| io_error("open", path, e))?;
        if self.format == FileFormat::Parquet {
            let (reader, names) = ParquetReader::new(file, path, columns)?;
            return Ok((Box::new(reader), names));
        }
        let all = || table.definition.columns.iter().map(|column| column.name.as_str());
        let names: Vec<&str> = if columns.is_empty() { all().collect() } else { columns.to_vec() };
        let read: Box<dyn FileReader> = match self.format {
            FileFormat::Json => Box::new(JsonReader::new(file, path, table, &names)),
            _ => Box::new(CsvReader::new(file, path, self.csv.clone(), &names)),
        };
        Ok((read, names.into_iter().map(str::to_owned).collect()))
    }

    /// Starts the content of a file.
    ///
    /// # Errors
    /// `42804` for columns that the format has no type for.
    pub(super) fn writer(&self, file: NewFile, schema: &SchemaRef) -> Result<Box<dyn FileWriter>> {
        Ok(match self.format {
            FileFormat::Parquet => Box::new(ParquetWriter::new(file, schema)?),
            FileFormat::Csv => Box::new(CsvWriter::new(file, self.csv.clone(), schema)?),
            FileFormat::Json => Box::new(JsonWriter::new(file, schema)),
        })
    }
}

/// The type of ours that a column has, if it has one.
fn kalam_type(schema: &SchemaRef, column: usize) -> Option<KalamDataType> {
    KalamDataType::from_arrow_field(schema.field(column)).ok()
}

/// A file that is not what it should be, by its name.
struct Malformed(PathBuf);

impl Malformed {
    /// The error for what a line has wrong.
    fn line(&self, line: u64, problem: &str) -> Error {
        self.of(SqlState::BAD_COPY_FILE_FORMAT, line, problem)
    }

    fn of(&self, state: SqlState, line: u64, problem: &str) -> Error {
        Error::new(state, format!("line {line} of file \"{}\": {problem}", self.0.display()))
    }

    /// A row that does not end within the limit.
    fn too_long(&self, line: u64) -> Error {
        let problem = format!("a row has more than {ROW_BYTES_MAX} bytes");
        self.of(SqlState::PROGRAM_LIMIT_EXCEEDED, line, &problem)
    }

    fn unreadable(&self, error: std::io::Error) -> Error {
        io_error("read", &self.0, error)
    }
}
