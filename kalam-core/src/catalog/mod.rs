//! The catalog: what exists, under which names, in which versions.

mod column_definition;
mod table_definition;

pub use column_definition::{ColumnDefault, ColumnDefinition};
pub use table_definition::{
    Compression, FlushPolicy, SchemaVersionEntry, TableDefinition, TableOptions,
};
