//! UNIQUE: which entries a statement's rows take and leave.

use arrow::array::{Array, ArrayRef};
use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Table, UniqueIndex};
use crate::env::has_bug;
use crate::model::{Seq, UserKey};
use crate::store::{
    Expect, RowHeader, RowWrites, View, damaged, put_unique_entry, unique_key, unique_owner,
    unique_prefix,
};
use crate::{Error, Result, SqlState};

/// The entries that the rows of one statement take and leave. An entry that one row
/// leaves another may take, so nothing is decided before the statement's last row.
#[derive(Default)]
pub(crate) struct UniqueWrites {
    /// Entries by key, with the primary key of the row that takes each.
    taken: BTreeMap<Vec<u8>, Vec<u8>>,
    left: BTreeSet<Vec<u8>>,
}

impl UniqueWrites {
    /// Notes the entries of new rows; `primary_key` appends that of a row, without scope.
    ///
    /// # Errors
    /// `23505` if two rows of the statement take the same entry.
    pub(crate) fn take(
        &mut self,
        table: &Table,
        user: UserKey,
        columns: &[ArrayRef],
        primary_key: impl Fn(usize, &mut Vec<u8>),
    ) -> Result<()> {
        let mut uniques = table.uniques.iter();
        uniques.try_for_each(|unique| self.take_of(table, user, unique, columns, &primary_key))
    }

    /// As [`UniqueWrites::take`], of one constraint.
    ///
    /// # Errors
    /// As [`UniqueWrites::take`].
    pub(crate) fn take_of(
        &mut self,
        table: &Table,
        user: UserKey,
        unique: &UniqueIndex,
        columns: &[ArrayRef],
        primary_key: &impl Fn(usize, &mut Vec<u8>),
    ) -> Result<()> {
        each_key(table, user, unique, columns, |row, key| {
            let mut owner = Vec::new();
            primary_key(row, &mut owner);
            if self.taken.contains_key(&key) {
                return Err(violation(table, &key));
            }
            self.taken.insert(key, owner);
            Ok(())
        })
    }

    /// Notes that the entries of these rows, as they were, are free.
    ///
    /// # Errors
    /// `XX000` if the columns do not fit the table.
    pub(crate) fn leave(
        &mut self,
        table: &Table,
        user: UserKey,
        columns: &[ArrayRef],
    ) -> Result<()> {
        for unique in &table.uniques {
            each_key(table, user, unique, columns, |_, key| {
                self.left.insert(key);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Adds what becomes of the entries to the writes of the rows.
    ///
    /// # Errors
    /// With `reads` `23505` if an entry is a row's that keeps it; without the commit finds
    /// out.
    pub(crate) fn finish(
        self,
        table: &Table,
        (view, reads): (&View, bool),
        rows: &mut RowWrites,
    ) -> Result<()> {
        let UniqueWrites { taken, mut left } = self;
        for (key, owner) in taken {
            let expect = if left.remove(&key) {
                let Some((seq, before)) = entry(view, &key)? else {
                    return Err(damaged("the index of a UNIQUE constraint"));
                };
                if before == owner {
                    continue;
                }
                Expect::Seq(seq)
            } else {
                if reads && entry(view, &key)?.is_some() {
                    return Err(violation(table, &key));
                }
                Expect::Absent
            };
            rows.push(
                expect,
                |out| out.extend_from_slice(&key),
                |out| put_unique_entry(&owner, out),
            );
        }
        for key in left {
            if has_bug("unique_entry_left") {
                break;
            }
            let Some((seq, _)) = entry(view, &key)? else {
                return Err(damaged("the index of a UNIQUE constraint"));
            };
            rows.push(Expect::Seq(seq), |out| out.extend_from_slice(&key), |_| {});
        }
        Ok(())
    }
}

/// Hands over, for each row of complete columns without a NULL in the columns of a UNIQUE
/// constraint, the key of its entry, and the key, without scope, of the row that has the
/// entry now.
///
/// # Errors
/// `XX001` if an entry is damaged.
pub(crate) fn each_owner(
    table: &Table,
    user: UserKey,
    unique: &UniqueIndex,
    columns: &[ArrayRef],
    view: &View,
    mut each: impl FnMut(usize, Vec<u8>, Option<Vec<u8>>) -> Result<()>,
) -> Result<()> {
    each_key(table, user, unique, columns, |row, key| {
        let owner = entry(view, &key)?.map(|(_, owner)| owner);
        each(row, key, owner)
    })
}

/// The entry of a key: the commit that wrote it, and the key of its row.
fn entry(view: &View, key: &[u8]) -> Result<Option<(Seq, Vec<u8>)>> {
    view.hot(key, |entry| Ok((RowHeader::read(entry)?.seq, unique_owner(entry).to_vec())))
}

/// Hands over the keys of the entries that rows have in one index.
fn each_key(
    table: &Table,
    user: UserKey,
    unique: &UniqueIndex,
    columns: &[ArrayRef],
    mut each: impl FnMut(usize, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let arrays: Vec<ArrayRef> = unique.positions.iter().map(|i| columns[*i].clone()).collect();
    let encoder = unique.codec.encoder_of_some(&arrays)?;
    let prefix = unique_prefix(table.definition.id, user, unique.id);
    for row in 0..arrays.first().map_or(0, |array| array.len()) {
        // NULL is no value that another row could have too.
        if arrays.iter().all(|array| array.is_valid(row)) {
            let mut key = prefix.clone();
            encoder.encode(row, &mut key);
            each(row, key)?;
        }
    }
    Ok(())
}

fn violation(table: &Table, key: &[u8]) -> Error {
    duplicate_entry(table, key).unwrap_or_else(|| damaged("the index of a UNIQUE constraint"))
}

/// The error for an entry that is there already; `None` if the key is a row's.
pub(crate) fn duplicate_entry(table: &Table, key: &[u8]) -> Option<Error> {
    let (name, detail) = unique_detail(table, key)?;
    let message = format!(
        "duplicate key in table \"{}\" violates unique constraint \"{name}\"",
        table.definition.name
    );
    let error = Error::new(SqlState::UNIQUE_VIOLATION, message);
    Some(error.with_detail(format!("key {detail} exists already")))
}

/// The constraint that an entry's key is of, and the key as `(columns) = (values)`;
/// `None` if the key is a row's.
pub(crate) fn unique_detail(table: &Table, key: &[u8]) -> Option<(String, String)> {
    let (id, values) = unique_key(key)?;
    let unique = table.uniques.iter().find(|unique| unique.id == id)?;
    let values = unique.codec.decode(values).ok()?;
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    let columns = unique.positions.iter().map(|i| table.definition.columns[*i].name.as_str());
    let columns: Vec<&str> = columns.collect();
    let detail = format!("({}) = ({})", columns.join(", "), values.join(", "));
    Some((unique.name.to_string(), detail))
}
