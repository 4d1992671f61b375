//! The catalog: what exists, under which names, in which versions.

mod constraint;
mod default_value;
mod namespace;
mod path_template;
mod placement;
mod registered_files;
mod registry;
mod relation;
mod storage;
mod stored_history;
mod table;
mod table_definition;
mod user;
mod view_definition;

pub use crate::model::{ColumnDefault, ColumnDefinition};
pub use constraint::{CheckConstraint, UniqueConstraint};
pub(crate) use default_value::DefaultValue;
pub use namespace::{DEFAULT_NAMESPACE, Namespace, RESERVED_NAMESPACES};
pub use path_template::{PathTemplate, TablePath};
pub(crate) use placement::Placement;
pub use registered_files::{RegisteredFile, RegisteredFiles};
pub use registry::SchemaRegistry;
pub(crate) use registry::undefined_namespace;
pub use relation::Relation;
pub(crate) use relation::is_registered;
pub use storage::{Credential, DEFAULT_STORAGE, StorageDefinition, StorageKind};
pub(crate) use storage::{SHARED_TABLES_TEMPLATE, USER_TABLES_TEMPLATE};
pub use table::{DELETED_COLUMN, HIDDEN_KEY_COLUMN, SEQ_COLUMN, Table};
pub(crate) use table::{UniqueIndex, initial_value, seq_field};
pub use table_definition::{
    Compression, FlushPolicy, SchemaVersionEntry, TableDefinition, TableOptions,
};
pub(crate) use user::UserDirectory;
pub use user::UserRecord;
pub use view_definition::{UsedColumn, ViewColumn, ViewDefinition, ViewUse};
