//! Ids, names, types and values: what the rest of the engine speaks in.

mod arrow_type;
mod assignment;
mod data_type;
mod id;
mod name;
mod role;
mod table_kind;

pub use assignment::assign;
pub use data_type::KalamDataType;
pub use id::{ColumnId, SchemaVersion, SegmentId, Seq, TableId, UserId, UserKey};
pub use name::{Name, TableName};
pub use role::Role;
pub use table_kind::{AccessLevel, TableKind};
