//! The single truth of a table.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::stored_history::shared_columns;
use super::{CheckConstraint, ColumnDefinition, UniqueConstraint};
use crate::model::{
    AccessLevel, ColumnId, ConstraintId, Name, SchemaVersion, TableId, TableKind, TableName,
};

/// A table: identity, kind, options, columns, and every earlier version of the
/// columns, so that old rows and files can always be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// Never reused.
    pub id: TableId,
    /// Namespace and name.
    pub name: TableName,
    /// Who owns the rows.
    pub kind: TableKind,
    /// From 1; counts up with each ALTER TABLE that changes anything.
    pub version: SchemaVersion,
    /// Current columns, by ordinal position.
    pub columns: Vec<ColumnDefinition>,
    /// Columns of the primary key, in key order. Empty: the hidden key.
    pub primary_key: Vec<ColumnId>,
    /// CHECK constraints, by name.
    #[serde(default)]
    pub checks: Vec<CheckConstraint>,
    /// UNIQUE constraints, in the order in which they were added.
    #[serde(default)]
    pub uniques: Vec<UniqueConstraint>,
    /// The last id of a UNIQUE constraint; ids are never reused.
    #[serde(default)]
    pub last_constraint_id: ConstraintId,
    /// The next column id; ids are never reused.
    pub next_column_id: ColumnId,
    /// Options of `WITH (..)`.
    pub options: TableOptions,
    /// Every version of the columns, oldest first, the current one included.
    #[serde(with = "super::stored_history")]
    pub history: Vec<SchemaVersionEntry>,
    /// What `COMMENT ON TABLE` says.
    pub comment: Option<String>,
    /// Milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

/// One version of a table's columns.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaVersionEntry {
    /// The version.
    pub version: SchemaVersion,
    /// The columns as they were, by ordinal position; versions share those that they
    /// have in common.
    pub columns: Vec<Arc<ColumnDefinition>>,
    /// The statement's effect in words, such as `add column "x"`.
    pub change: String,
    /// Milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

/// The options of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableOptions {
    /// The storage of the table's segments.
    pub storage: Name,
    /// Whether a user's own storage, if they have one, takes precedence.
    pub use_user_storage: bool,
    /// When the hot tier is flushed; `None`: only on request.
    pub flush_policy: Option<FlushPolicy>,
    /// How long deleted rows stay visible under `_deleted`.
    pub deleted_retention_hours: u32,
    /// How long rows of a STREAM table live.
    pub ttl_seconds: Option<u64>,
    /// Who may use a SHARED table.
    pub access_level: AccessLevel,
    /// Compression of the segments.
    pub compression: Compression,
}

impl TableOptions {
    /// How long rows that have a time to go stay, in milliseconds: rows of a STREAM table
    /// since they were written, rows of others since they were deleted.
    pub(crate) fn stay_ms(&self) -> i64 {
        let seconds = self.ttl_seconds.unwrap_or(u64::from(self.deleted_retention_hours) * 3600);
        i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
    }
}

/// Thresholds of the hot tier, counted per scope; either one triggers a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlushPolicy {
    /// Rows, 1 to 10,000,000.
    pub rows: Option<u32>,
    /// Seconds, 1 to 604,800.
    pub interval_seconds: Option<u32>,
}

/// Compression of segment pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// zstd, level 3.
    Zstd,
    /// LZ4 raw blocks.
    Lz4,
    /// snappy.
    Snappy,
    /// No compression.
    None,
}

impl TableDefinition {
    /// The column with this name, which is already folded.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|c| c.name.as_str() == name)
    }

    /// The column with this id in the current version.
    #[must_use]
    pub fn column_by_id(&self, id: ColumnId) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|c| c.id == id)
    }

    /// Whether rows that were made for `earlier`, a version of this table, and checked as
    /// that one says, are what this one says of rows: nothing has to be checked again, and
    /// whoever reads them knows them as rows of that version.
    #[must_use]
    pub fn takes_rows_of(&self, earlier: &TableDefinition) -> bool {
        let fits = |column: &ColumnDefinition| {
            // A column that they do not have shows them its initial value.
            let Some(before) = earlier.column_by_id(column.id) else { return true };
            (column.nullable || !before.nullable)
                && (column.chars_max.is_none() || column.chars_max == before.chars_max)
                && (column.data_type == before.data_type || !self.primary_key.contains(&column.id))
        };
        self.id == earlier.id
            && self.name == earlier.name
            && self.primary_key == earlier.primary_key
            && self.checks == earlier.checks
            && self.uniques == earlier.uniques
            && self.columns.iter().all(fits)
    }

    /// Whether rows are keyed by the hidden generated key.
    #[must_use]
    pub fn has_hidden_key(&self) -> bool {
        self.primary_key.is_empty()
    }

    /// The columns of a version, by ordinal position.
    #[must_use]
    pub fn columns_at(&self, version: SchemaVersion) -> Option<&[Arc<ColumnDefinition>]> {
        let entry = self.history.binary_search_by_key(&version, |entry| entry.version).ok()?;
        Some(&self.history[entry].columns)
    }

    /// Notes the current columns in the history: as a new version, or as what the
    /// newest one is now.
    pub(crate) fn note_version(&mut self, change: String, now_ms: i64) {
        let columns = shared_columns(&self.columns, self.history.last());
        match self.history.last_mut() {
            Some(last) if last.version == self.version => last.columns = columns,
            _ => self.history.push(SchemaVersionEntry {
                version: self.version,
                columns,
                change,
                created_at_ms: now_ms,
            }),
        }
    }

    /// The user columns as Arrow sees them: what `SELECT *` returns.
    #[must_use]
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns.iter().map(ColumnDefinition::query_field).collect::<Vec<_>>(),
        ))
    }

    /// Whether `user` owns rows of their own in this table.
    #[must_use]
    pub fn is_per_user(&self) -> bool {
        self.kind != TableKind::Shared
    }
}
