//! JSON, written: one object on each line.

use std::io::Write;

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;

use super::value_text::value_text;
use super::{FileWriter, NewFile, kalam_type};
use crate::Result;
use crate::executor::functions::json_text::quoted;
use crate::model::KalamDataType;

/// Writes a JSON file.
pub(super) struct JsonWriter {
    file: NewFile,
    columns: Vec<Column>,
    lines: Vec<u8>,
}

struct Column {
    /// Its name as a JSON string.
    key: String,
    data_type: Option<KalamDataType>,
    /// Whether the text of a value is JSON already.
    is_bare: bool,
}

impl JsonWriter {
    pub(super) fn new(file: NewFile, schema: &SchemaRef) -> JsonWriter {
        let column = |(place, field): (usize, &arrow::datatypes::FieldRef)| {
            let data_type = kalam_type(schema, place);
            let is_bare = field.data_type().is_numeric()
                || matches!(
                    data_type,
                    Some(
                        KalamDataType::Boolean
                            | KalamDataType::Json
                            | KalamDataType::File
                            | KalamDataType::Embedding(_)
                            | KalamDataType::List(_)
                    )
                );
            Column { key: quoted(field.name()), data_type, is_bare }
        };
        let columns = schema.fields().iter().enumerate().map(column).collect();
        JsonWriter { file, columns, lines: Vec::new() }
    }
}

impl FileWriter for JsonWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().zip(&self.columns);
        let texts = columns
            .map(|(array, column)| value_text(array, column.data_type.as_ref()))
            .collect::<Result<Vec<StringArray>>>()?;
        for row in 0..batch.num_rows() {
            for (place, (text, column)) in texts.iter().zip(&self.columns).enumerate() {
                self.lines.push(if place == 0 { b'{' } else { b',' });
                self.lines.extend_from_slice(column.key.as_bytes());
                self.lines.push(b':');
                let value = text.is_valid(row).then(|| text.value(row));
                match value {
                    None => self.lines.extend_from_slice(b"null"),
                    // A text that is JSON may go over several lines; a row is one.
                    Some(value) if column.is_bare && is_json_line(value) => {
                        self.lines.extend_from_slice(value.as_bytes());
                    }
                    Some(value) if column.is_bare && value.contains(['\n', '\r']) => {
                        self.lines.extend(value.bytes().map(|byte| match byte {
                            b'\n' | b'\r' => b' ',
                            byte => byte,
                        }));
                    }
                    Some(value) => self.lines.extend_from_slice(quoted(value).as_bytes()),
                }
            }
            self.lines.extend_from_slice(if texts.is_empty() { b"{}\n" } else { b"}\n" });
        }
        let written = self.file.write_all(&self.lines);
        self.lines.clear();
        written.map_err(|e| self.file.unwritable(e))
    }

    fn finish(self: Box<Self>) -> Result<NewFile> {
        Ok(self.file)
    }
}

/// Whether a text that is a number, or JSON, can stand in a line. NaN and infinity are
/// numbers and not JSON.
fn is_json_line(value: &str) -> bool {
    !matches!(value, "NaN" | "inf" | "-inf" | "Infinity" | "-Infinity")
        && !value.contains(['\n', '\r'])
}
