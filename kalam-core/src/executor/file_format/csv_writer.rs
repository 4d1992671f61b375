//! CSV, written.

use std::io::Write;

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;

use super::value_text::value_text;
use super::{CsvLayout, FileWriter, NewFile, kalam_type};
use crate::Result;
use crate::executor::copy_statement::Header;
use crate::model::KalamDataType;

/// Writes a CSV file. NULL is its text without quotes; a value that is that text has them.
pub(super) struct CsvWriter {
    file: NewFile,
    layout: CsvLayout,
    types: Vec<Option<KalamDataType>>,
    line: Vec<u8>,
}

impl CsvWriter {
    /// Writes the header, unless there is to be none.
    ///
    /// # Errors
    /// `53100`, `58030`.
    pub(super) fn new(file: NewFile, layout: CsvLayout, schema: &SchemaRef) -> Result<CsvWriter> {
        let types = (0..schema.fields().len()).map(|column| kalam_type(schema, column)).collect();
        let mut writer = CsvWriter { file, layout, types, line: Vec::new() };
        if writer.layout.header != Some(Header::Absent) {
            let names = schema.fields().iter().map(|field| Some(field.name().as_str()));
            writer.row(names);
            writer.put()?;
        }
        Ok(writer)
    }

    fn row<'v>(&mut self, values: impl Iterator<Item = Option<&'v str>>) {
        let CsvLayout { delimiter, quote, escape, null, .. } = &self.layout;
        for (place, value) in values.enumerate() {
            if place > 0 {
                self.line.push(*delimiter);
            }
            let Some(value) = value else {
                self.line.extend_from_slice(null.as_bytes());
                continue;
            };
            let is_special = |byte: u8| [*delimiter, *quote, b'\r', b'\n'].contains(&byte);
            if value != null && !value.is_empty() && !value.bytes().any(is_special) {
                self.line.extend_from_slice(value.as_bytes());
                continue;
            }
            self.line.push(*quote);
            for byte in value.bytes() {
                if byte == *quote || byte == *escape {
                    self.line.push(*escape);
                }
                self.line.push(byte);
            }
            self.line.push(*quote);
        }
        self.line.push(b'\n');
    }

    /// Writes the lines so far.
    fn put(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.line);
        self.line.clear();
        written.map_err(|e| self.file.unwritable(e))
    }
}

impl FileWriter for CsvWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().zip(&self.types);
        let texts = columns
            .map(|(array, data_type)| value_text(array, data_type.as_ref()))
            .collect::<Result<Vec<StringArray>>>()?;
        for row in 0..batch.num_rows() {
            self.row(texts.iter().map(|text| text.is_valid(row).then(|| text.value(row))));
        }
        self.put()
    }

    fn finish(self: Box<Self>) -> Result<NewFile> {
        Ok(self.file)
    }
}
