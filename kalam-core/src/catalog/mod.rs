//! The catalog: what exists, under which names, in which versions.

mod namespace;
mod path_template;
mod registry;
mod storage;
mod table;
mod table_definition;
mod user;

pub use crate::model::{ColumnDefault, ColumnDefinition};
pub use namespace::{DEFAULT_NAMESPACE, Namespace, RESERVED_NAMESPACES};
pub use path_template::{PathTemplate, TablePath};
pub use registry::SchemaRegistry;
pub(crate) use registry::undefined_namespace;
pub use storage::{DEFAULT_STORAGE, StorageDefinition, StorageKind};
pub(crate) use table::seq_field;
pub use table::{DELETED_COLUMN, HIDDEN_KEY_COLUMN, SEQ_COLUMN, Table};
pub use table_definition::{
    Compression, FlushPolicy, SchemaVersionEntry, TableDefinition, TableOptions,
};
pub(crate) use user::UserDirectory;
pub use user::UserRecord;
