//! Entries of UNIQUE constraints: which row has these values.
//!
//! They lie in the family of hot rows under a kind of their own, are written in the sets
//! that write their rows, and stay when rows go to segments.

use super::key::SCOPE_PREFIX_LEN;
use super::row::{HEADER_LEN, empty_header};
use crate::model::{ConstraintId, TableId, UserKey};

/// The first byte of an entry's key. Tables have 1 to 3.
const KIND: u8 = 4;

/// The first bytes of the entries of all owners of a table.
pub(crate) fn unique_table_prefix(table: TableId) -> Vec<u8> {
    let mut prefix = vec![KIND];
    prefix.extend_from_slice(&table.get().to_be_bytes());
    prefix
}

/// The first bytes of the entries of one owner, as long as those of rows.
pub(crate) fn unique_scope_prefix(table: TableId, user: UserKey) -> Vec<u8> {
    let mut prefix = unique_table_prefix(table);
    prefix.extend_from_slice(&user.get().to_be_bytes());
    debug_assert_eq!(prefix.len(), SCOPE_PREFIX_LEN);
    prefix
}

/// The first bytes of the entries of one constraint and one owner.
pub(crate) fn unique_prefix(table: TableId, user: UserKey, constraint: ConstraintId) -> Vec<u8> {
    let mut prefix = unique_scope_prefix(table, user);
    prefix.extend_from_slice(&constraint.get().to_be_bytes());
    prefix
}

/// Constraint and values of an entry's key; `None` if the key is a row's.
pub(crate) fn unique_key(key: &[u8]) -> Option<(ConstraintId, &[u8])> {
    if key.first() != Some(&KIND) {
        return None;
    }
    let (constraint, values) = key.get(SCOPE_PREFIX_LEN..)?.split_first_chunk::<4>()?;
    Some((ConstraintId(u32::from_be_bytes(*constraint)), values))
}

/// Appends the entry of the row with this primary key, which is without the scope. It
/// starts as a row's record does, so that its commit stamps it as one.
pub(crate) fn put_unique_entry(primary_key: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&empty_header());
    out.extend_from_slice(primary_key);
}

/// The primary key in an entry.
pub(crate) fn unique_owner(entry: &[u8]) -> &[u8] {
    entry.get(HEADER_LEN..).unwrap_or_default()
}
