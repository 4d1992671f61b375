//! `system.storages`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::catalog::StorageDefinition;
use crate::executor::text_table::{TextColumn, TextTable};

/// One row for each storage, by name.
///
/// Shape: storage TEXT, type TEXT, path TEXT (a folder, of which a relative one starts in
/// the database directory, or a bucket and its prefix), shared_tables_template TEXT,
/// user_tables_template TEXT, tables BIGINT, created_at DATETIME, users BIGINT (who were
/// given it), credentials TEXT or NULL (where they are found; `***` is sealed), config TEXT
/// or NULL.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let registry = &moment.engine.registry;
    let storages = registry.storages();
    let tables = registry.tables()?;
    let tables_of = |storage: &StorageDefinition| {
        tables.iter().filter(|t| t.definition.options.storage == storage.name).count()
    };
    let credentials = storages.iter().map(|s| pairs(s.credentials.iter())).collect();
    let config = storages
        .iter()
        .map(|s| pairs(s.config.iter().map(|(key, value)| (key, format!("'{value}'")))))
        .collect();
    Ok(TextTable::default()
        .texts("storage", storages.iter().map(|s| &s.name))
        .texts("type", storages.iter().map(|s| s.kind.as_str()))
        .texts("path", storages.iter().map(|s| s.kind.place()))
        .texts("shared_tables_template", storages.iter().map(|s| s.shared_tables_template.as_str()))
        .texts("user_tables_template", storages.iter().map(|s| s.user_tables_template.as_str()))
        .numbers("tables", storages.iter().map(|s| tables_of(s)))
        .moments("created_at", storages.iter().map(|s| s.created_at_ms))
        .numbers("users", storages.iter().map(|s| registry.users_of_storage(&s.name)))
        .with("credentials", TextColumn::TextOrNull(credentials))
        .with("config", TextColumn::TextOrNull(config))
        .finish())
}

/// `name = value, ..` in one text.
fn pairs<V: ToString>(pairs: impl Iterator<Item = (impl AsRef<str>, V)>) -> Option<String> {
    let pairs: Vec<String> =
        pairs.map(|(key, value)| format!("{} = {}", key.as_ref(), value.to_string())).collect();
    if pairs.is_empty() { None } else { Some(pairs.join(", ")) }
}
