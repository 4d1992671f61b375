//! One column of a table.

use arrow::datatypes::Field;
use serde::{Deserialize, Serialize};

use super::{ColumnId, KALAM_DATA_TYPE_KEY, KalamDataType, Name};

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDefinition {
    /// Stable; never reused within the table. From 1.
    pub id: ColumnId,
    /// Place in `SELECT *`, from 1; keeps its gaps when columns are dropped.
    pub ordinal: u32,
    /// The name, folded.
    pub name: Name,
    /// The exact type.
    pub data_type: KalamDataType,
    /// Largest length in characters, from `VARCHAR(n)` or `CHAR(n)`.
    pub chars_max: Option<u32>,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// What a missing value becomes.
    pub default: Option<ColumnDefault>,
    /// What `COMMENT` says.
    pub comment: Option<String>,
    /// What rows show that were written before the column was added: the bytes that a
    /// record has for the value. `None`: NULL. A later change of the default leaves it.
    #[serde(default, with = "super::hex_option", skip_serializing_if = "Option::is_none")]
    pub initial: Option<Vec<u8>>,
    /// Of a column that became TEXT: the type that it had before. Older values are
    /// brought to that type first, then written as its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_of: Option<KalamDataType>,
    /// Whether rows may show NULL although the column is NOT NULL now: deleted ones,
    /// which SET NOT NULL does not look at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once_nullable: bool,
}

/// What a missing value becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct ColumnDefault {
    /// The expression as SQL, canonical: what SHOW CREATE TABLE prints and what is
    /// evaluated, once for each row.
    pub expression: String,
}

impl AsRef<ColumnDefinition> for ColumnDefinition {
    fn as_ref(&self) -> &ColumnDefinition {
        self
    }
}

impl ColumnDefinition {
    /// A column that takes NULL, without default and comment.
    #[must_use]
    pub fn new(id: ColumnId, name: Name, data_type: KalamDataType) -> ColumnDefinition {
        ColumnDefinition {
            id,
            ordinal: id.get(),
            name,
            data_type,
            chars_max: None,
            nullable: true,
            default: None,
            comment: None,
            initial: None,
            text_of: None,
            once_nullable: false,
        }
    }

    /// Whether NULL can occur among all rows, deleted ones included.
    #[must_use]
    pub fn may_hold_null(&self) -> bool {
        self.nullable || self.once_nullable
    }

    /// The Arrow field, with the exact type in its metadata.
    #[must_use]
    pub fn arrow_field(&self) -> Field {
        self.data_type.arrow_field(self.name.as_str(), self.nullable)
    }

    /// The Arrow field in queries: the exact type is in the metadata only if the
    /// Arrow type is not enough to tell it. Plans compare metadata, and a column that
    /// is computed has none.
    #[must_use]
    pub fn query_field(&self) -> Field {
        let mut field = self.arrow_field();
        if KalamDataType::from_arrow_type(field.data_type()).is_ok_and(|t| t == self.data_type) {
            field.metadata_mut().remove(KALAM_DATA_TYPE_KEY);
        }
        field
    }
}
