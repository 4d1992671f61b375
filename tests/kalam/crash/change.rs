//! Rows of a writer, and what a change makes of them.

use std::collections::BTreeMap;

/// The tables of the child, in namespace `crash`.
pub(super) const TABLES: [&str; 2] = ["s", "u"];

/// Rows of one writer in one table: key to value.
pub(super) type Rows = BTreeMap<u64, u64>;

/// Rows of one writer in all tables.
pub(super) type Tables = [Rows; 2];

/// One announced change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) step: u64,
    /// One letter for each table.
    tables: String,
    verb: String,
    first: u64,
    last: u64,
    value: u64,
}

impl Change {
    /// What an `intent` announces, by its words.
    pub(super) fn of(words: &[&str]) -> Change {
        let number = |i: usize| -> u64 { words[i].parse().expect("the child writes numbers") };
        Change {
            step: number(2),
            tables: words[3].into(),
            verb: words[4].into(),
            first: number(5),
            last: number(6),
            value: number(7),
        }
    }

    /// The rows after the change, and how many it affects; `None` for a duplicate key.
    pub(super) fn apply(&self, tables: &Tables) -> Option<(Tables, u64)> {
        let mut after = tables.clone();
        let mut affected = 0;
        let named = TABLES.iter().zip(&mut after).filter(|(name, _)| self.tables.contains(**name));
        for (_, rows) in named {
            let (changed, count) = self.apply_to(rows)?;
            *rows = changed;
            affected += count;
        }
        Some((after, affected))
    }

    fn apply_to(&self, rows: &Rows) -> Option<(Rows, u64)> {
        let mut after = rows.clone();
        let keys = self.first..=self.last;
        match self.verb.as_str() {
            "insert" | "batch" | "ingest" => {
                if keys.clone().any(|k| rows.contains_key(&k)) {
                    return None;
                }
                after.extend(keys.clone().map(|k| (k, self.value + k)));
                Some((after, self.last - self.first + 1))
            }
            "update" | "updates" => {
                let mut changed = 0;
                for (key, value) in after.range_mut(keys) {
                    changed += u64::from(*value != self.value + key);
                    *value = self.value + key;
                }
                Some((after, changed))
            }
            "delete" | "deletes" => {
                after.retain(|k, _| !keys.contains(k));
                let deleted = (rows.len() - after.len()) as u64;
                Some((after, deleted))
            }
            "transaction" => {
                after.extend(keys.map(|k| (k, self.value + k)));
                Some((after, self.last - self.first + 1))
            }
            verb => panic!("the child speaks of {verb:?}"),
        }
    }
}
