//! Rows of a text file, gathered until they are enough.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringBuilder};

use super::{BATCH_BYTES, BATCH_ROWS, FileBatch};

/// Rows as text, column by column.
pub(super) struct TextRows {
    columns: Vec<StringBuilder>,
    missing: Vec<Vec<bool>>,
    lines: Vec<u64>,
    bytes: usize,
}

impl TextRows {
    pub(super) fn new(columns: usize) -> TextRows {
        TextRows {
            columns: (0..columns).map(|_| StringBuilder::new()).collect(),
            missing: vec![Vec::new(); columns],
            lines: Vec::new(),
            bytes: 0,
        }
    }

    /// Begins a row, to which each column is given a value next.
    pub(super) fn begin(&mut self, line: u64) {
        self.lines.push(line);
    }

    pub(super) fn value(&mut self, column: usize, value: Option<&str>) {
        self.columns[column].append_option(value);
        self.bytes += value.map_or(0, str::len);
    }

    /// A column that the row does not have.
    pub(super) fn lacks(&mut self, column: usize) {
        self.value(column, None);
        self.missing[column].resize(self.lines.len() - 1, false);
        self.missing[column].push(true);
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// The rows so far; `None` if there are none.
    pub(super) fn take(&mut self) -> Option<FileBatch> {
        let rows = self.lines.len();
        if rows == 0 {
            return None;
        }
        let is_complete = self.missing.iter().all(Vec::is_empty);
        let missing = self.missing.iter_mut().map(|missing| {
            missing.resize(rows, false);
            BooleanArray::from(std::mem::take(missing))
        });
        let missing = if is_complete { Vec::new() } else { missing.collect() };
        self.bytes = 0;
        Some(FileBatch {
            columns: self.columns.iter_mut().map(|c| Arc::new(c.finish()) as ArrayRef).collect(),
            rows,
            lines: std::mem::take(&mut self.lines),
            missing,
        })
    }
}
