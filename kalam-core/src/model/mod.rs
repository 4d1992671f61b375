//! Ids, names, types and values: what the rest of the engine speaks in.

mod arrow_type;
mod assignment;
mod column_definition;
mod data_type;
pub(crate) mod hex_option;
mod id;
mod name;
mod role;
mod secret;
mod table_kind;
mod value_place;
mod widening;

pub use arrow_type::KALAM_DATA_TYPE_KEY;
pub use assignment::{assign, check_not_null};
pub(crate) use assignment::{to_text, to_widened_text};
pub use column_definition::{ColumnDefault, ColumnDefinition};
pub use data_type::KalamDataType;
pub(crate) use id::ScopeId;
pub use id::{ColumnId, ConstraintId, SchemaVersion, SegmentId, Seq, TableId, UserId, UserKey};
pub use name::{Name, TableName};
pub use role::Role;
pub(crate) use secret::Secret;
pub use table_kind::{AccessLevel, TableKind};
pub use value_place::ValuePlace;

#[cfg(test)]
pub(crate) use data_type::tests as arbitrary;
