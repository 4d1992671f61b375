//! Rules that the rows of a table keep, beside its key.

use serde::{Deserialize, Serialize};

use crate::model::{ColumnId, ConstraintId, Name};

/// A condition that no row of the table may answer with false. NULL passes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckConstraint {
    /// The name, of which the table has no other.
    pub name: Name,
    /// The condition as SQL, canonical: over the table's columns, without a qualifier.
    pub expression: String,
}

/// Columns in which no two rows of one owner agree. Rows with a NULL in one of them agree
/// with none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UniqueConstraint {
    /// In the keys of its entries; never reused within the table. From 1.
    pub id: ConstraintId,
    /// The name, of which the table has no other.
    pub name: Name,
    /// The columns, in the order of the entries' keys.
    pub columns: Vec<ColumnId>,
}
