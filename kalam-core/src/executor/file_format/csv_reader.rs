//! CSV, read.
//!
//! Source: RFC 4180, and PostgreSQL, "COPY", CSV Format: a value that is NULL's text is
//! NULL without quotes and that text with them. No CSV library tells the two apart, which
//! would make NULLs of empty texts.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::text_rows::TextRows;
use super::{CsvLayout, FileBatch, FileReader, Malformed, ROW_BYTES_MAX};
use crate::activity::check_stop;
use crate::executor::copy_statement::Header;
use crate::{Error, Result, SqlState};

const BUFFER_BYTES: usize = 256 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a CSV file.
pub(super) struct CsvReader {
    records: Records<BufReader<File>>,
    layout: CsvLayout,
    names: Vec<String>,
    rows: TextRows,
    record: Record,
    is_begun: bool,
}

impl CsvReader {
    pub(super) fn new(file: File, path: &Path, layout: CsvLayout, names: &[&str]) -> CsvReader {
        let input = BufReader::with_capacity(BUFFER_BYTES, file);
        CsvReader {
            records: Records::new(input, path, &layout),
            layout,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            rows: TextRows::new(names.len()),
            record: Record::default(),
            is_begun: false,
        }
    }

    /// Reads the first line, which may be a header.
    fn begin(&mut self) -> Result<()> {
        self.is_begun = true;
        if self.layout.header == Some(Header::Absent) || !self.next_record()? {
            return Ok(());
        }
        let given: Vec<String> = (0..self.record.len())
            .map(|field| self.text(field).map(|text| text.trim().to_lowercase()))
            .collect::<Result<_>>()?;
        let wanted: Vec<String> = self.names.iter().map(|name| name.to_lowercase()).collect();
        match self.layout.header {
            _ if given == wanted => Ok(()),
            Some(Header::Match) => Err(self.refused("it does not name the columns")),
            Some(_) if is_permutation(&given, &wanted) => Err(self
                .refused("it names the columns in another order")
                .with_hint("name them in the statement, in the order of the file")),
            Some(_) => Ok(()),
            None => self.push(),
        }
    }

    fn refused(&self, problem: &str) -> Error {
        self.records.malformed.line(self.record.line, problem)
    }

    /// Reads the next record that is a row: an empty line is one only where a row has one
    /// value.
    fn next_record(&mut self) -> Result<bool> {
        while self.records.next(&mut self.record)? {
            if !self.record.is_empty_line() || self.names.len() == 1 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn text(&self, field: usize) -> Result<&str> {
        std::str::from_utf8(self.record.field(field)).map_err(|_| {
            let problem = "a value is not valid UTF-8";
            self.records.malformed.of(SqlState::INVALID_ENCODING, self.record.line, problem)
        })
    }

    fn push(&mut self) -> Result<()> {
        let (found, expected) = (self.record.len(), self.names.len());
        if found != expected {
            return Err(self.refused(&format!("it has {found} values for {expected} columns")));
        }
        self.rows.begin(self.record.line);
        for field in 0..found {
            let is_null = !self.record.is_quoted[field]
                && self.record.field(field) == self.layout.null.as_bytes();
            let value = std::str::from_utf8(self.record.field(field));
            match value {
                _ if is_null => self.rows.value(field, None),
                Ok(value) => self.rows.value(field, Some(value)),
                Err(_) => return self.text(field).map(drop),
            }
        }
        Ok(())
    }
}

/// Whether two lists have the same names, each once.
fn is_permutation(given: &[String], wanted: &[String]) -> bool {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names
    };
    sorted(given) == sorted(wanted)
}

impl FileReader for CsvReader {
    fn next(&mut self) -> Result<Option<FileBatch>> {
        check_stop()?;
        if !self.is_begun {
            self.begin()?;
        }
        while !self.rows.is_full() && self.next_record()? {
            self.push()?;
        }
        Ok(self.rows.take())
    }
}

/// The values of one record, in one allocation.
#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    is_quoted: Vec<bool>,
    /// The line in which it begins.
    line: u64,
}

impl Record {
    fn clear(&mut self, line: u64) {
        self.bytes.clear();
        self.ends.clear();
        self.is_quoted.clear();
        self.line = line;
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn field(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    fn end_field(&mut self, is_quoted: bool) {
        self.ends.push(self.bytes.len());
        self.is_quoted.push(is_quoted);
    }

    fn is_empty_line(&self) -> bool {
        self.bytes.is_empty() && self.is_quoted == [false]
    }
}

/// Where in a record the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the first byte of a value.
    Start,
    /// Within a value, outside of quotes.
    Plain,
    /// Within quotes.
    Quoted,
    /// Behind an escape character within quotes.
    Escaped,
    /// Behind the closing quote.
    Closed,
}

/// The records of a text.
struct Records<R> {
    input: R,
    cut: Cut,
    malformed: Malformed,
}

impl<R: BufRead> Records<R> {
    fn new(input: R, path: &Path, layout: &CsvLayout) -> Records<R> {
        let cut = Cut {
            delimiter: layout.delimiter,
            quote: layout.quote,
            escape: layout.escape,
            line: 0,
            after_return: false,
            at: At::Start,
            is_quoted: false,
        };
        Records { input, cut, malformed: Malformed(path.to_path_buf()) }
    }

    /// Reads the next record; `false` at the end.
    fn next(&mut self, record: &mut Record) -> Result<bool> {
        let is_first = self.cut.line == 0;
        self.cut.line += u64::from(is_first);
        record.clear(self.cut.line);
        let found = self.read(record)?;
        if is_first && record.bytes.starts_with(BYTE_ORDER_MARK) {
            record.bytes.drain(..BYTE_ORDER_MARK.len());
            record.ends.iter_mut().for_each(|end| *end -= BYTE_ORDER_MARK.len());
        }
        Ok(found)
    }

    fn read(&mut self, record: &mut Record) -> Result<bool> {
        loop {
            let buffer = self.input.fill_buf().map_err(|e| self.malformed.unreadable(e))?;
            if buffer.is_empty() {
                return self.end(record);
            }
            let end = buffer.iter().position(|byte| self.cut.take(*byte, record));
            let used = end.map_or(buffer.len(), |last| last + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
            if record.bytes.len() > ROW_BYTES_MAX {
                return Err(self.malformed.too_long(record.line));
            }
        }
    }

    /// Ends the last record, which need not end in a line feed.
    fn end(&mut self, record: &mut Record) -> Result<bool> {
        let Cut { at, is_quoted, .. } = self.cut;
        if matches!(at, At::Quoted | At::Escaped) {
            return Err(self.malformed.line(record.line, "a quote is not closed"));
        }
        if at == At::Start && record.len() == 0 && !is_quoted {
            return Ok(false);
        }
        self.cut.end_field(record);
        Ok(true)
    }
}

/// Cuts bytes into records.
struct Cut {
    delimiter: u8,
    quote: u8,
    escape: u8,
    /// The line of the next byte, from 1.
    line: u64,
    /// Whether the last byte was a carriage return, of which a line feed is a part.
    after_return: bool,
    at: At,
    /// Whether the value has quotes so far.
    is_quoted: bool,
}

impl Cut {
    /// Takes the next byte; whether the record ends with it.
    fn take(&mut self, byte: u8, record: &mut Record) -> bool {
        if std::mem::take(&mut self.after_return) && byte == b'\n' {
            if self.at == At::Quoted {
                record.bytes.push(byte);
            }
            return false;
        }
        let ends_line = byte == b'\n' || byte == b'\r';
        if ends_line {
            self.line += 1;
            self.after_return = byte == b'\r';
        }
        match self.at {
            At::Quoted if byte == self.escape && self.escape != self.quote => {
                self.at = At::Escaped;
            }
            At::Quoted if byte == self.quote => self.at = At::Closed,
            At::Quoted => record.bytes.push(byte),
            At::Escaped => {
                if byte != self.quote && byte != self.escape {
                    record.bytes.push(self.escape);
                }
                record.bytes.push(byte);
                self.at = At::Quoted;
            }
            _ if byte == self.quote => {
                // Two of them within quotes are one of the value.
                if self.at == At::Closed && self.escape == self.quote {
                    record.bytes.push(byte);
                }
                self.is_quoted = true;
                self.at = At::Quoted;
            }
            _ if byte == self.delimiter => self.end_field(record),
            _ if ends_line => {
                self.end_field(record);
                return true;
            }
            _ => {
                record.bytes.push(byte);
                self.at = At::Plain;
            }
        }
        false
    }

    fn end_field(&mut self, record: &mut Record) {
        record.end_field(self.is_quoted);
        (self.at, self.is_quoted) = (At::Start, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(escape: u8) -> CsvLayout {
        CsvLayout { header: None, delimiter: b',', quote: b'"', escape, null: String::new() }
    }

    /// Records as `line:value|value`, quoted ones in brackets, whatever the buffer's size.
    fn records(text: &str, escape: u8) -> Result<Vec<String>> {
        let mut of_sizes = [1, 2, 3, 1024].into_iter().map(|size| {
            let input = BufReader::with_capacity(size, text.as_bytes());
            let mut records = Records::new(input, Path::new("f.csv"), &layout(escape));
            let (mut record, mut found) = (Record::default(), Vec::new());
            while records.next(&mut record)? {
                let values: Vec<String> = (0..record.len())
                    .map(|field| {
                        let value = String::from_utf8_lossy(record.field(field)).into_owned();
                        if record.is_quoted[field] { format!("[{value}]") } else { value }
                    })
                    .collect();
                found.push(format!("{}:{}", record.line, values.join("|")));
            }
            Ok::<_, Error>(found)
        });
        let first = of_sizes.next().expect("there are sizes")?;
        for other in of_sizes {
            assert_eq!(first, other?);
        }
        Ok(first)
    }

    #[test]
    fn values_end_where_rfc_4180_says() {
        let cut = |text| records(text, b'"').expect("well-formed");
        assert_eq!(cut("a,b\n1,2\n"), ["1:a|b", "2:1|2"]);
        assert_eq!(cut("a,b\r\n1,\r\n,"), ["1:a|b", "2:1|", "3:|"]);
        assert_eq!(cut("a\rb"), ["1:a", "2:b"]);
        assert_eq!(cut("\"\",\"a\"\"b\",\"x,\ny\"\nz,,"), ["1:[]|[a\"b]|[x,\ny]", "3:z||"]);
        assert_eq!(cut("\"a\r\nb\",c\r\nd,e"), ["1:[a\r\nb]|c", "3:d|e"]);
        assert_eq!(cut("\n\na"), ["1:", "2:", "3:a"]);
        assert_eq!(cut(""), Vec::<String>::new());
        assert_eq!(cut("\u{feff}a,b"), ["1:a|b"]);
        assert_eq!(cut("\u{feff}\"a\",b"), ["1:[a]|b"]);
        assert_eq!(cut("\"\""), ["1:[]"]);
        assert_eq!(cut("\"a\" \"b\",c\"d\""), ["1:[a b]|[cd]"]);
    }

    #[test]
    fn an_escape_may_be_another_character_than_the_quote() {
        let cut = |text| records(text, b'\\').expect("well-formed");
        assert_eq!(cut(r#""a\"b","c\\d","e\f",g\h"#), [r#"1:[a"b]|[c\d]|[e\f]|g\h"#]);
    }

    #[test]
    fn a_quote_that_stays_open_is_an_error_with_its_line() {
        let error = records("a,b\nc,\"d\ne", b'"').expect_err("it stays open");
        assert_eq!(error.sqlstate(), SqlState::BAD_COPY_FILE_FORMAT);
        assert!(error.message().starts_with("line 2 of file \"f.csv\""), "{error}");
    }
}
