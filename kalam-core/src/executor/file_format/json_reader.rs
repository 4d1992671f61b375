//! JSON objects, one after another or in one array, read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::text_rows::TextRows;
use super::{FileBatch, FileReader, Malformed, ROW_BYTES_MAX};
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::executor::functions::json_text::{self, Kind};
use crate::model::KalamDataType;
use crate::{Error, Result, SqlState};

const BUFFER_BYTES: usize = 256 << 10;

/// Reads a JSON file: each object is a row, each of its members a value.
pub(super) struct JsonReader {
    objects: Objects<BufReader<File>>,
    columns: Vec<Column>,
    rows: TextRows,
    text: Vec<u8>,
}

struct Column {
    name: String,
    /// Whether a value stays as it is written.
    is_json: bool,
}

impl JsonReader {
    /// `names` are columns of the table; one that is not fails when it is resolved.
    pub(super) fn new(file: File, path: &Path, table: &Table, names: &[&str]) -> JsonReader {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            is_json: table.definition.column(name).is_some_and(|column| {
                matches!(column.data_type, KalamDataType::Json | KalamDataType::File)
            }),
        };
        JsonReader {
            objects: Objects::new(BufReader::with_capacity(BUFFER_BYTES, file), path),
            columns: names.iter().map(column).collect(),
            rows: TextRows::new(names.len()),
            text: Vec::new(),
        }
    }

    fn push(&mut self, line: u64) -> Result<()> {
        let malformed = &self.objects.malformed;
        let text = std::str::from_utf8(&self.text)
            .map_err(|_| malformed.of(SqlState::INVALID_ENCODING, line, "it is not valid UTF-8"))?;
        let located = |e: Error| malformed.line(line, e.detail().unwrap_or(e.message()));
        json_text::check(text).map_err(located)?;
        let members = json_text::members(text).map_err(located)?;
        self.rows.begin(line);
        let mut known = 0;
        for (place, column) in self.columns.iter().enumerate() {
            let Some((_, value)) = members.iter().find(|(key, _)| *key == column.name) else {
                self.rows.lacks(place);
                continue;
            };
            known += 1;
            match json_text::kind(value) {
                Kind::Null => self.rows.value(place, None),
                Kind::String if !column.is_json => {
                    let value = json_text::string(value).map_err(located)?;
                    self.rows.value(place, Some(&value));
                }
                _ => self.rows.value(place, Some(value.trim_end())),
            }
        }
        if known < members.len() {
            let is_known = |key: &str| self.columns.iter().any(|column| column.name == key);
            let other = members.iter().find(|(key, _)| !is_known(key));
            let name = other.map_or("", |(key, _)| key.as_ref());
            return Err(malformed.of(
                SqlState::UNDEFINED_COLUMN,
                line,
                &format!("there is no column \"{name}\""),
            ));
        }
        Ok(())
    }
}

impl FileReader for JsonReader {
    fn next(&mut self) -> Result<Option<FileBatch>> {
        check_stop()?;
        while !self.rows.is_full() {
            let Some(line) = self.objects.next(&mut self.text)? else { break };
            self.push(line)?;
        }
        Ok(self.rows.take())
    }
}

/// Cuts a text into the objects that it holds.
struct Objects<R> {
    input: R,
    /// The line of the next byte, from 1.
    line: u64,
    place: Place,
    malformed: Malformed,
}

/// Where between objects the text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the first byte.
    Begin,
    /// Between objects that stand by themselves.
    Between,
    /// In an array, before an object.
    Element,
    /// In an array, behind an object.
    Separator,
    /// Behind the array.
    End,
}

impl<R: BufRead> Objects<R> {
    fn new(input: R, path: &Path) -> Objects<R> {
        let malformed = Malformed(path.to_path_buf());
        Objects { input, line: 1, place: Place::Begin, malformed }
    }

    /// The next byte that is no white space, which stays.
    fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let buffer = self.input.fill_buf().map_err(|e| self.malformed.unreadable(e))?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.line += buffer[..blank].iter().filter(|byte| **byte == b'\n').count() as u64;
            let next = buffer.get(blank).copied();
            self.input.consume(blank);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Puts the next object into `text` and returns the line in which it begins.
    fn next(&mut self, text: &mut Vec<u8>) -> Result<Option<u64>> {
        loop {
            let next = self.peek()?;
            let (step, is_taken) = match (self.place, next) {
                (Place::Begin, Some(b'[')) => (Place::Element, true),
                (Place::Begin, _) => (Place::Between, false),
                (Place::Between | Place::Element, Some(b'{')) => {
                    let line = self.line;
                    self.object(text)?;
                    if self.place == Place::Element {
                        self.place = Place::Separator;
                    }
                    return Ok(Some(line));
                }
                (Place::Separator, Some(b',')) => (Place::Element, true),
                (Place::Element | Place::Separator, Some(b']')) => (Place::End, true),
                (Place::Between | Place::End, None) => return Ok(None),
                (Place::Between | Place::Element, Some(_)) => {
                    return Err(self.malformed.line(self.line, "an object is expected"));
                }
                (Place::Separator | Place::Element, _) => {
                    return Err(self.malformed.line(self.line, "the array does not end"));
                }
                (Place::End, Some(_)) => {
                    return Err(self.malformed.line(self.line, "there is more behind the array"));
                }
            };
            self.place = step;
            if is_taken {
                self.input.consume(1);
            }
        }
    }

    /// Takes the object that comes next: up to the brace that closes the first.
    fn object(&mut self, text: &mut Vec<u8>) -> Result<()> {
        text.clear();
        let line = self.line;
        let (mut depth, mut in_text, mut is_escaped) = (0u32, false, false);
        loop {
            let buffer = self.input.fill_buf().map_err(|e| self.malformed.unreadable(e))?;
            if buffer.is_empty() {
                return Err(self.malformed.line(line, "the object does not end"));
            }
            let mut used = 0;
            let mut is_over = false;
            for byte in buffer {
                used += 1;
                self.line += u64::from(*byte == b'\n');
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' if in_text => is_escaped = true,
                    b'"' => in_text = !in_text,
                    b'{' if !in_text => depth += 1,
                    b'}' if !in_text => {
                        depth -= 1;
                        is_over = depth == 0;
                    }
                    _ => {}
                }
                if is_over {
                    break;
                }
            }
            text.extend_from_slice(&buffer[..used]);
            self.input.consume(used);
            if is_over {
                return Ok(());
            }
            if text.len() > ROW_BYTES_MAX {
                return Err(self.malformed.too_long(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(text: &str) -> Result<Vec<(u64, String)>> {
        let input = BufReader::with_capacity(3, text.as_bytes());
        let mut objects = Objects::new(input, Path::new("f.json"));
        let (mut object, mut found) = (Vec::new(), Vec::new());
        while let Some(line) = objects.next(&mut object)? {
            found.push((line, String::from_utf8_lossy(&object).into_owned()));
        }
        Ok(found)
    }

    #[test]
    fn objects_stand_by_themselves_or_in_an_array() {
        let two = [(1, "{\"a\": \"}\\\"\"}".to_owned()), (2, "{\"b\": {}}".to_owned())];
        assert_eq!(objects("{\"a\": \"}\\\"\"}\n{\"b\": {}}\n").expect("well-formed"), two);
        assert_eq!(objects("[{\"a\": \"}\\\"\"},\n {\"b\": {}} ]").expect("well-formed"), two);
        assert_eq!(objects(" [ ] ").expect("well-formed"), []);
        assert_eq!(objects("").expect("well-formed"), []);
        assert_eq!(objects("{}{}").expect("well-formed").len(), 2);
    }

    #[test]
    fn what_is_between_objects_is_an_error_with_its_line() {
        for (text, line) in [
            ("1", 1),
            ("{}\n{}\nx", 3),
            ("[{}\n{}]", 2),
            ("[{},", 1),
            ("[{}]\n{}", 2),
            ("{}\n{", 2),
        ] {
            let error = objects(text).expect_err(text);
            assert_eq!(error.sqlstate(), SqlState::BAD_COPY_FILE_FORMAT, "{text}");
            let begin = format!("line {line} of file \"f.json\"");
            assert!(error.message().starts_with(&begin), "{text}: {error}");
        }
    }
}
