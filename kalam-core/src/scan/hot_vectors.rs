//! Sketches of the vectors of hot rows.
//!
//! To go through a hundred thousand hot rows takes RocksDB ten times as long as to compare
//! what a sketch has of them. One is made when a scope is searched for the second time, and
//! kept until too much of it has changed: rows that were written since are looked at by
//! themselves.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::Result;
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::flush::ScopeId;
use crate::model::{ColumnId, Seq};
use crate::store::{LongWatch, RowHeader, Store, StoredColumn, View, prefix_end};
use crate::vector::Sketch;

/// Hot rows from which on a scope has a sketch: fewer are gone through in a millisecond.
const ROWS_MIN: usize = 2048;

/// Rows that may be written before a sketch is made anew: to look at them one by one takes
/// as long as the sketch of some hundred thousand.
const CHANGES_MAX: usize = 1024;

/// Scopes that were searched once and are remembered.
const SEARCHED_MAX: usize = 1024;

/// Hot rows between two looks at whether the statement is to stop.
const ROWS_UNCHECKED: usize = 4096;

/// A column of vectors of one scope.
type Place = (ScopeId, ColumnId);

/// Sketches of hot vectors, under a budget.
pub(crate) struct HotVectors {
    store: Arc<Store>,
    bytes_max: usize,
    scopes: Mutex<HashMap<Place, Known>>,
    searches: AtomicU64,
}

struct Known {
    /// The number of the last search.
    last_used: u64,
    /// `None`: the scope was searched, or its sketch is being made.
    sketch: Option<Arc<HotSketch>>,
    is_being_made: bool,
}

/// The vectors of all hot rows of a scope at a moment.
pub(super) struct HotSketch {
    pub(super) sketch: Sketch,
    keys: Vec<u8>,
    /// Where each key ends.
    ends: Vec<usize>,
    /// The newest commit that it knows of.
    seq: Seq,
    watch: LongWatch,
}

impl HotSketch {
    /// The whole key of a row.
    pub(super) fn key(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.keys[start..self.ends[row]]
    }

    fn bytes(&self) -> usize {
        self.sketch.bytes() + self.keys.capacity() + self.ends.capacity() * size_of::<usize>()
    }
}

/// A sketch as a view may use it.
pub(super) struct UsableSketch {
    pub(super) of: Arc<HotSketch>,
    /// Keys, in order, that were written since: what the sketch has of them says nothing.
    pub(super) changed: Vec<Vec<u8>>,
}

impl HotVectors {
    /// Of a store; they take `bytes_max` bytes at most.
    pub(crate) fn new(store: &Arc<Store>, bytes_max: usize) -> HotVectors {
        HotVectors {
            store: store.clone(),
            bytes_max,
            scopes: Mutex::default(),
            searches: AtomicU64::new(0),
        }
    }

    /// The sketch of a scope, if there is one for the view.
    ///
    /// # Errors
    /// `XX001` if the view's commit counter does not decode.
    pub(super) fn find(&self, place: Place, view: &View) -> Result<Option<UsableSketch>> {
        if view.is_of_transaction() {
            return Ok(None);
        }
        let found = self.scopes.lock().get_mut(&place).and_then(|known| {
            known.last_used = self.count_up();
            known.sketch.clone()
        });
        let Some(of) = found else { return Ok(None) };
        if view.seq()? < of.seq {
            return Ok(None);
        }
        match of.watch.changed() {
            Some(changed) => Ok(Some(UsableSketch { of, changed })),
            None => {
                // The end of a watch waits for a commit, which others need not.
                let gone = self.scopes.lock().remove(&place);
                drop(gone);
                Ok(None)
            }
        }
    }

    /// Notes a search that went through `rows` hot rows. The second one makes the sketch.
    ///
    /// # Errors
    /// `XX001`, `58030`, `57014`.
    pub(super) fn searched(
        &self,
        (table, position, scope): (&Table, usize, ScopeId),
        dimensions: usize,
        rows: usize,
    ) -> Result<()> {
        if rows < ROWS_MIN || Sketch::bytes_of(dimensions, rows) > self.bytes_max {
            return Ok(());
        }
        let place = (scope, table.definition.columns[position].id);
        {
            let mut scopes = self.scopes.lock();
            let searched = |known: &Known| known.sketch.is_none() && !known.is_being_made;
            if scopes.values().filter(|known| searched(known)).count() >= SEARCHED_MAX {
                scopes.retain(|_, known| !searched(known));
            }
            match scopes.get_mut(&place) {
                None => {
                    let last_used = self.count_up();
                    let known = Known { last_used, sketch: None, is_being_made: false };
                    scopes.insert(place, known);
                    return Ok(());
                }
                Some(known) if !searched(known) => return Ok(()),
                Some(known) => known.is_being_made = true,
            }
        }
        let made = self.make(table, position, scope, (dimensions, rows));
        let last_used = self.count_up();
        let mut scopes = self.scopes.lock();
        match made {
            Ok(sketch) => {
                let sketch = Some(Arc::new(sketch));
                scopes.insert(place, Known { last_used, sketch, is_being_made: false });
                self.make_room(&mut scopes);
                Ok(())
            }
            Err(e) => {
                scopes.remove(&place);
                Err(e)
            }
        }
    }

    fn count_up(&self) -> u64 {
        self.searches.fetch_add(1, Ordering::Relaxed)
    }

    fn make(
        &self,
        table: &Table,
        position: usize,
        scope: ScopeId,
        (dimensions, rows): (usize, usize),
    ) -> Result<HotSketch> {
        let prefix = table.scope_prefix(scope.user);
        let (lower, upper) = (prefix.to_vec(), prefix_end(&prefix));
        let (watch, view) = self.store.watch_for_long(lower.clone()..upper.clone(), CHANGES_MAX);
        let mut made = HotSketch {
            sketch: Sketch::new(dimensions, rows),
            keys: Vec::new(),
            ends: Vec::with_capacity(rows),
            seq: view.seq()?,
            watch,
        };
        let column = &table.definition.columns[position];
        let mut column = StoredColumn::new(column, table.layouts.clone());
        let mut cursor = view.hot_cursor(&lower, &upper);
        while let Some((key, record)) = cursor.entry()? {
            let header = RowHeader::read(record)?;
            if !header.is_deleted() {
                let stored = column.value(header.version, record)?;
                if stored.is_some_and(|stored| stored.len() != dimensions * 4) {
                    return Err(super::nearest_rows::damaged());
                }
                made.sketch.push(stored);
                made.keys.extend_from_slice(key);
                made.ends.push(made.keys.len());
                if made.ends.len().is_multiple_of(ROWS_UNCHECKED) {
                    check_stop()?;
                }
            }
            cursor.advance();
        }
        Ok(made)
    }

    /// Drops those that were not used for the longest time.
    fn make_room(&self, scopes: &mut HashMap<Place, Known>) {
        let bytes = |known: &Known| known.sketch.as_ref().map_or(0, |sketch| sketch.bytes());
        while scopes.values().map(bytes).sum::<usize>() > self.bytes_max {
            let made = scopes.iter().filter(|(_, known)| known.sketch.is_some());
            let Some((oldest, _)) = made.min_by_key(|(_, known)| known.last_used) else { return };
            let oldest = *oldest;
            scopes.remove(&oldest);
        }
    }
}
