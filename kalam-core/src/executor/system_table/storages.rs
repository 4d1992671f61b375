//! `system.storages`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::catalog::{StorageDefinition, StorageKind};
use crate::executor::text_table::TextTable;

/// One row for each storage, by name.
///
/// Shape: storage TEXT, type TEXT, path TEXT (a relative one starts in the database
/// directory), shared_tables_template TEXT, user_tables_template TEXT, tables BIGINT,
/// created_at DATETIME.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let storages = moment.engine.registry.storages();
    let tables = moment.engine.registry.tables()?;
    let tables_of = |storage: &StorageDefinition| {
        tables.iter().filter(|t| t.definition.options.storage == storage.name).count()
    };
    let place = |storage: &StorageDefinition| match &storage.kind {
        StorageKind::Filesystem { path } => ("filesystem", path.clone()),
    };
    Ok(TextTable::default()
        .texts("storage", storages.iter().map(|s| &s.name))
        .texts("type", storages.iter().map(|s| place(s).0))
        .texts("path", storages.iter().map(|s| place(s).1))
        .texts("shared_tables_template", storages.iter().map(|s| s.shared_tables_template.as_str()))
        .texts("user_tables_template", storages.iter().map(|s| s.user_tables_template.as_str()))
        .numbers("tables", storages.iter().map(|s| tables_of(s)))
        .moments("created_at", storages.iter().map(|s| s.created_at_ms))
        .finish())
}
