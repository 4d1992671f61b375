//! Rows decoded ahead of an iteration.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec;

use arrow::array::RecordBatch;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::value;

/// Most rows that are decoded at once.
const ROWS_MAX: usize = 256;

/// Rows that are decoded and not yet handed out: decoding a few hundred at once
/// costs a fraction of decoding each alone. The batch stays beside them, so that
/// what nobody took as a row is still there for Arrow.
#[derive(Default)]
pub struct Lookahead {
    decoded: Mutex<Option<Decoded>>,
    rows: AtomicUsize,
}

/// A batch and its rows, some of them handed out.
pub struct Decoded {
    batch: RecordBatch,
    rows: vec::IntoIter<Py<PyTuple>>,
}

impl Decoded {
    /// Decodes a batch.
    pub fn new(py: Python<'_>, batch: RecordBatch) -> PyResult<Self> {
        let rows: Vec<_> = value::rows(py, &batch)?.map(Bound::unbind).collect();
        Ok(Decoded { batch, rows: rows.into_iter() })
    }

    /// The next row.
    pub fn next<'py>(&mut self, py: Python<'py>) -> Option<Bound<'py, PyTuple>> {
        self.rows.next().map(|row| row.into_bound(py))
    }

    /// Whether every row was handed out.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// The rows that were not handed out, as they came.
    pub fn rest(&self) -> Option<RecordBatch> {
        let left = self.rows.len();
        (left > 0).then(|| self.batch.slice(self.batch.num_rows() - left, left))
    }
}

impl Lookahead {
    /// Takes what is decoded. Whoever takes it owns it: no lock is held while code
    /// of the interpreter runs.
    pub fn take(&self) -> Option<Decoded> {
        self.lock().take()
    }

    /// Keeps what is left for the next call; what another thread kept meanwhile
    /// comes back.
    pub fn keep(&self, decoded: Decoded) -> Option<Decoded> {
        self.lock().replace(decoded)
    }

    /// How many rows to decode next: 1 at first, so that a single row costs no more
    /// than itself, then twice as many each time.
    pub fn next_size(&self) -> usize {
        let size = self.rows.load(Ordering::Relaxed).max(1);
        self.rows.store((2 * size).min(ROWS_MAX), Ordering::Relaxed);
        size
    }

    /// Goes back to one row, after a value that has no Python form: the rows before
    /// it are still to be handed out.
    pub fn one_by_one(&self) {
        self.rows.store(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Decoded>> {
        self.decoded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
