//! The end of rows of STREAM tables whose time is over.

use super::retention::Outlived;
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::TableDefinition;
use crate::env::fault_point;
use crate::model::Seq;
use crate::store::{
    Batch, Change, Family, RowHeader, SCOPE_PREFIX_LEN, Store, WatchedKeys, WriteSet, prefix_end,
    table_prefix,
};

/// Neighbouring rows that are removed as a range; fewer go one by one, because RocksDB looks
/// at every range that is deleted above a key.
const ROWS_OF_RANGE: usize = 32;
/// Rows removed in one commit.
const ROWS_OF_COMMIT: u64 = 65_536;
/// Removed rows that are worth a compaction of the hot tier.
const ROWS_TO_COMPACT: u64 = 50_000;

/// How much of a table is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Of each owner of rows whose keys grow with time: the rows up to the first that stays.
    /// What lies behind it because its key was chosen by hand is left.
    Front,
    /// Every row.
    Whole,
}

/// Removes rows of a STREAM table, of every user, that are older than `limit`. Writers go
/// on: a key that they write meanwhile stays.
///
/// Files of RocksDB are not dropped by themselves (`DeleteFilesInRange`): that disregards
/// snapshots, and a query that began before the limit still reads the rows. A range deletion
/// respects them, and compaction skips what it covers.
///
/// # Errors
/// `58030`, `57014`.
pub(super) fn evict(
    store: &Store,
    table: &TableDefinition,
    limit: Seq,
    look: Look,
) -> Result<Outlived> {
    let prefix = table_prefix(table.kind, table.id);
    let range = prefix.clone()..prefix_end(&prefix);
    let stops_early = look == Look::Front && is_in_time_order(table);
    let mut outlived = Outlived::default();
    let (watch, view) = store.watch(range.clone());
    let mut cursor = view.snapshot.cursor(Family::Hot, &range.start, &range.end);
    let mut going = Going::default();
    let mut seen = 0u64;
    while let Some((key, record)) = cursor.entry()? {
        seen += 1;
        if seen.is_multiple_of(4096) {
            check_stop()?;
        }
        let seq = RowHeader::read(record)?.seq;
        if seq < limit {
            going.push(key);
            cursor.advance();
        } else {
            going.end_run();
            outlived.next = outlived.next.into_iter().chain([seq]).min();
            if stops_early {
                let next_owner = prefix_end(&key[..SCOPE_PREFIX_LEN]);
                cursor.seek(&next_owner);
            } else {
                cursor.advance();
            }
        }
        if going.rows >= ROWS_OF_COMMIT {
            outlived.removed += commit(store, &mut going, watch.keys())?;
        }
    }
    outlived.removed += commit(store, &mut going, watch.keys())?;
    drop((cursor, view, watch));
    if outlived.removed >= ROWS_TO_COMPACT {
        store.compact_hot(&range);
    }
    Ok(outlived)
}

/// Whether keys grow with time as long as nobody chooses them by hand.
fn is_in_time_order(table: &TableDefinition) -> bool {
    let Some(first) = table.primary_key.first() else { return true };
    let default = table.column_by_id(*first).and_then(|column| column.default.as_ref());
    default.is_some_and(|default| {
        ["SNOWFLAKE_ID()", "UUID_V7()", "ULID()"].contains(&default.expression.as_str())
    })
}

fn commit(store: &Store, going: &mut Going, watched: WatchedKeys) -> Result<u64> {
    going.end_run();
    let going = std::mem::take(going);
    if going.rows == 0 {
        return Ok(0);
    }
    let rows = going.rows;
    let mut set = WriteSet::default();
    set.changes.push(Box::new(Eviction { going, watched }));
    fault_point("eviction.before_commit")?;
    store.commit(set)?;
    Ok(rows)
}

/// Rows that go.
#[derive(Default)]
struct Going {
    rows: u64,
    /// From the first key up to but without the second.
    ranges: Vec<(Vec<u8>, Vec<u8>)>,
    keys: Vec<Vec<u8>>,
    /// The neighbours of the last one: those that may still go one by one, and the last.
    run: Vec<Vec<u8>>,
    last: Vec<u8>,
    run_rows: usize,
}

impl Going {
    fn push(&mut self, key: &[u8]) {
        self.rows += 1;
        self.run_rows += 1;
        if self.run_rows <= ROWS_OF_RANGE {
            self.run.push(key.to_vec());
        }
        self.last.clear();
        self.last.extend_from_slice(key);
    }

    /// The next row that goes is no neighbour of the last one.
    fn end_run(&mut self) {
        if self.run_rows < ROWS_OF_RANGE {
            self.keys.append(&mut self.run);
        } else {
            let mut end = std::mem::take(&mut self.last);
            end.push(0);
            self.ranges.push((self.run.swap_remove(0), end));
            self.run.clear();
        }
        self.run_rows = 0;
    }
}

/// Removes rows that nobody sees any more, but those whose keys were written since.
struct Eviction {
    going: Going,
    watched: WatchedKeys,
}

impl Change for Eviction {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn stage(&mut self, _seq: Seq, batch: &mut Batch<'_>) {
        let written = self.watched.sorted();
        for key in &self.going.keys {
            if written.binary_search(key).is_err() {
                batch.delete(Family::Hot, key);
            }
        }
        for (from, to) in &self.going.ranges {
            let mut from = from.clone();
            let first = written.partition_point(|key| *key < from);
            for key in written[first..].iter().take_while(|key| *key < to) {
                if from < *key {
                    batch.delete_range(Family::Hot, &from, key);
                }
                from.clone_from(key);
                from.push(0);
            }
            if from < *to {
                batch.delete_range(Family::Hot, &from, to);
            }
        }
    }

    fn publish(&mut self, _epoch: u64) {}

    fn is_visible(&self) -> bool {
        false
    }

    fn is_exclusive(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_are_ranges_and_short_ones_keys() {
        let mut going = Going::default();
        for key in 0..40u8 {
            going.push(&[key]);
        }
        going.end_run();
        going.end_run();
        for key in [60u8, 61] {
            going.push(&[key]);
        }
        going.end_run();
        assert_eq!(going.ranges, [(vec![0], vec![39, 0])]);
        assert_eq!(going.keys, [vec![60], vec![61]]);
        assert_eq!(going.rows, 42);
    }
}
