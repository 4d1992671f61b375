//! A view: a query with a name.

use serde::{Deserialize, Serialize};

use super::{RegisteredFiles, TableDefinition};
use crate::model::{ColumnId, KalamDataType, Name, TableId, TableName};

/// A view. Its rows are those of its query, planned each time for whoever asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewDefinition {
    /// From the same counter as the ids of tables; never reused.
    pub id: TableId,
    /// Namespace and name; no table has the same.
    pub name: TableName,
    /// From 1; counts up with each CREATE OR REPLACE.
    pub version: u32,
    /// What the view shows, in order: the first columns of its query.
    pub columns: Vec<ViewColumn>,
    /// The query as SQL, canonical: every relation with its namespace, as it was
    /// called when the view was made.
    pub query: String,
    /// What the names of relations in the query stand for.
    pub uses: Vec<ViewUse>,
    /// Of a registered table the files that it shows; it has no query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<RegisteredFiles>,
    /// Milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

/// A column of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewColumn {
    /// The name, folded.
    pub name: Name,
    /// The exact type.
    pub data_type: KalamDataType,
}

/// A table or view that the query of a view reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewUse {
    /// What the query calls it.
    pub name: TableName,
    /// What it is, under whatever name by now.
    pub id: TableId,
    /// Those of its columns that the query sees: no later one gets into `*`.
    pub columns: Vec<UsedColumn>,
}

/// A column of a table or view that the query of a view reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsedColumn {
    /// Its id; of a view's column its place, from 1.
    pub id: ColumnId,
    /// What the query calls it.
    pub name: Name,
    /// Its type when the view was made.
    pub data_type: KalamDataType,
}

impl ViewUse {
    /// Whether a table has every column that the query sees, with the type it had.
    #[must_use]
    pub fn fits(&self, table: &TableDefinition) -> bool {
        let is_there = |used: &UsedColumn| {
            table.column_by_id(used.id).is_some_and(|column| column.data_type == used.data_type)
        };
        self.columns.iter().all(is_there)
    }
}

impl ViewDefinition {
    /// The word for what it is: `VIEW`, or `REGISTERED` for a registered table.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.files.is_some() { "REGISTERED" } else { "VIEW" }
    }

    /// Whether the query reads the table or view itself.
    #[must_use]
    pub fn reads(&self, id: TableId) -> bool {
        self.uses.iter().any(|used| used.id == id)
    }
}
