//! Rows that wait for their row group, and their order.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::interleave;

use super::encoder::Group;
use crate::activity::check_stop;
use crate::flush::key_list::KeyList;
use crate::flush::segment_writer::KEY_BLOCK_ROWS;
use crate::{Error, Result, SqlState};

/// The columns of some rows.
type Columns = Vec<ArrayRef>;

/// Rows in the order in which they came, with their keys.
#[derive(Default)]
pub(super) struct Pending {
    batches: Vec<Columns>,
    keys: KeyList,
    bytes: usize,
    /// Whether each key is above the one before it.
    is_unordered: bool,
}

impl Pending {
    pub(super) fn rows(&self) -> usize {
        self.keys.len()
    }

    /// Memory of rows and keys.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.keys.memory()
    }

    pub(super) fn is_ordered(&self) -> bool {
        !self.is_unordered
    }

    pub(super) fn first_key(&self) -> &[u8] {
        self.keys.get(0)
    }

    /// Adds rows that take `bytes`; `key` appends the key of a row.
    pub(super) fn push(
        &mut self,
        columns: Columns,
        rows: usize,
        bytes: usize,
        key: impl Fn(usize, &mut Vec<u8>),
    ) {
        let before = self.rows();
        for row in 0..rows {
            self.keys.push_with(|out| key(row, out));
        }
        let ascends = |row: usize| row == 0 || self.keys.get(row - 1) < self.keys.get(row);
        self.is_unordered = self.is_unordered || !(before..self.rows()).all(ascends);
        self.batches.push(columns);
        self.bytes += bytes;
    }

    /// Of ordered rows: takes groups of `group_rows` rows, and with `all` what is left,
    /// and hands each over with its first and last key.
    ///
    /// # Errors
    /// What `each` raises.
    pub(super) fn take_ordered(
        &mut self,
        group_rows: usize,
        all: bool,
        mut each: impl FnMut(Group, &[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let rows = self.rows();
        let mut pieces = Pieces { batches: &self.batches, batch: 0, row: 0 };
        let mut from = 0;
        while rows - from >= group_rows || (all && from < rows) {
            let to = rows.min(from + group_rows);
            let group = Group {
                rows: to - from,
                pieces: pieces.take(to - from),
                picks: Vec::new(),
                block_keys: block_keys(from..to, |row| self.keys.get(row)),
            };
            each(group, self.keys.get(from), self.keys.get(to - 1))?;
            from = to;
        }
        let mut rest = Pending { batches: pieces.take(rows - from), ..Pending::default() };
        for row in from..rows {
            rest.keys.push(self.keys.get(row));
        }
        rest.bytes = self.bytes.checked_div(rows).unwrap_or(0) * (rows - from);
        *self = rest;
        Ok(())
    }

    /// Puts the rows in order and takes groups of them as [`Pending::take_ordered`] does;
    /// `first` is told the first key before that.
    ///
    /// # Errors
    /// `57014`; what the closures raise, among them `duplicate` for a key that occurs twice.
    pub(super) fn take_sorted(
        &mut self,
        group_rows: usize,
        all: bool,
        duplicate: impl Fn(&[u8]) -> Error,
        first: impl FnOnce(&[u8]) -> Result<()>,
        mut each: impl FnMut(Group, &[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let rows = self.rows();
        let order = sorted(&self.keys, duplicate)?;
        let key = |place: usize| self.keys.get(order[place] as usize);
        first(key(0))?;
        let places = places(&self.batches);
        let batches: Arc<[Columns]> = std::mem::take(&mut self.batches).into();
        let picks = |range: std::ops::Range<usize>| -> Vec<(usize, usize)> {
            order[range].iter().map(|row| places[*row as usize]).collect()
        };
        let mut from = 0;
        while rows - from >= group_rows || (all && from < rows) {
            let to = rows.min(from + group_rows);
            let group = Group {
                rows: to - from,
                pieces: batches.to_vec(),
                picks: picks(from..to),
                block_keys: block_keys(from..to, key),
            };
            each(group, key(from), key(to - 1))?;
            from = to;
        }
        let mut rest = Pending::default();
        if from < rows {
            rest.batches.push(gathered(&batches, &picks(from..rows))?);
            for place in from..rows {
                rest.keys.push(key(place));
            }
            rest.bytes = self.bytes / rows * (rows - from);
        }
        *self = rest;
        Ok(())
    }
}

/// Goes through batches from the first row on.
struct Pieces<'a> {
    batches: &'a [Columns],
    batch: usize,
    row: usize,
}

impl Pieces<'_> {
    /// The next rows, as slices of the batches.
    fn take(&mut self, mut rows: usize) -> Vec<Columns> {
        let mut taken = Vec::new();
        while rows > 0 {
            let batch = &self.batches[self.batch];
            let length = batch.first().map_or(0, |column| column.len());
            let count = rows.min(length - self.row);
            if count > 0 {
                taken.push(batch.iter().map(|column| column.slice(self.row, count)).collect());
            }
            rows -= count;
            self.row += count;
            if self.row == length {
                self.batch += 1;
                self.row = 0;
            }
        }
        taken
    }
}

/// The key of every block's first row.
fn block_keys<'k>(rows: std::ops::Range<usize>, key: impl Fn(usize) -> &'k [u8]) -> Vec<String> {
    rows.step_by(KEY_BLOCK_ROWS).map(|row| hex::encode(key(row))).collect()
}

/// Batch and row of each row.
fn places(batches: &[Columns]) -> Vec<(usize, usize)> {
    let length = |columns: &Columns| columns.first().map_or(0, |column| column.len());
    let numbered = batches.iter().enumerate();
    numbered
        .flat_map(|(batch, columns)| (0..length(columns)).map(move |row| (batch, row)))
        .collect()
}

/// Rows that are sorted at a time, and merged with as many. Between two of these an ingest
/// looks whether it is to stop: a run of a million rows takes a tenth of a second.
const SORTED_ROWS: usize = 32 << 10;

/// The rows by key. Most comparisons need only the first eight bytes, which lie in the
/// order itself.
///
/// # Errors
/// `57014`; `duplicate` for a key that occurs twice.
fn sorted(keys: &KeyList, duplicate: impl Fn(&[u8]) -> Error) -> Result<Vec<u32>> {
    let head = |key: &[u8]| {
        let mut bytes = [0; 8];
        let length = key.len().min(8);
        bytes[..length].copy_from_slice(&key[..length]);
        u64::from_be_bytes(bytes)
    };
    let compare = |(a, a_row): &(u64, u32), (b, b_row): &(u64, u32)| {
        a.cmp(b).then_with(|| keys.get(*a_row as usize).cmp(keys.get(*b_row as usize)))
    };
    let mut order: Vec<(u64, u32)> =
        (0u32..).take(keys.len()).map(|row| (head(keys.get(row as usize)), row)).collect();
    let mut rows = SORTED_ROWS;
    loop {
        for part in order.chunks_mut(rows) {
            check_stop()?;
            // The second time on these are two parts in order, which it merges.
            part.sort_by(compare);
        }
        if rows >= order.len() {
            break;
        }
        rows *= 2;
    }
    match order.windows(2).find(|pair| compare(&pair[0], &pair[1]).is_eq()) {
        Some(pair) => Err(duplicate(keys.get(pair[1].1 as usize))),
        None => Ok(order.into_iter().map(|(_, row)| row).collect()),
    }
}

/// Rows of several batches as one.
pub(super) fn gathered(batches: &[Columns], picks: &[(usize, usize)]) -> Result<Columns> {
    let width = batches.first().map_or(0, Vec::len);
    (0..width).map(|column| gathered_column(batches, column, picks)).collect()
}

/// One column of [`gathered`].
pub(super) fn gathered_column(
    batches: &[Columns],
    column: usize,
    picks: &[(usize, usize)],
) -> Result<ArrayRef> {
    let arrays: Vec<_> = batches.iter().map(|columns| columns[column].as_ref()).collect();
    interleave(&arrays, picks).map_err(|e| {
        Error::new(SqlState::INTERNAL_ERROR, "new rows cannot be put in order").with_source(e)
    })
}
