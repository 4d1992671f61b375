//! `system.tables`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::catalog::TableDefinition;
use crate::executor::table_options::{compression_name, flush_policy_text};
use crate::executor::text_table::{TextColumn, TextTable};
use crate::model::TableKind;

/// One row for each table, by namespace and name.
///
/// Shape: table_id BIGINT, namespace TEXT, table_name TEXT, kind TEXT, access_level TEXT
/// or NULL (SHARED tables have one), columns BIGINT, version BIGINT, storage TEXT,
/// use_user_storage BOOLEAN, flush_policy TEXT or NULL, deleted_retention_hours BIGINT,
/// ttl_seconds BIGINT or NULL, compression TEXT, comment TEXT or NULL, created_at
/// DATETIME.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let tables = moment.engine.registry.tables()?;
    let tables: Vec<&TableDefinition> = tables.iter().map(|t| t.definition.as_ref()).collect();
    let numbers = |number: &dyn Fn(&TableDefinition) -> Option<u64>| {
        let number = |t: &&TableDefinition| number(t).map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        TextColumn::NumberOrNull(tables.iter().map(number).collect())
    };
    let texts = |text: &dyn Fn(&TableDefinition) -> Option<String>| {
        TextColumn::TextOrNull(tables.iter().map(|t| text(t)).collect())
    };
    let level = |t: &TableDefinition| {
        (t.kind == TableKind::Shared).then(|| t.options.access_level.as_str().to_owned())
    };
    let policy = |t: &TableDefinition| t.options.flush_policy.map(flush_policy_text);
    let personal = tables.iter().map(|t| t.options.use_user_storage).collect();
    let retention = tables.iter().map(|t| t.options.deleted_retention_hours);
    Ok(TextTable::default()
        .numbers("table_id", tables.iter().map(|t| t.id.get()))
        .texts("namespace", tables.iter().map(|t| &t.name.namespace))
        .texts("table_name", tables.iter().map(|t| &t.name.table))
        .texts("kind", tables.iter().map(|t| t.kind))
        .with("access_level", texts(&level))
        .numbers("columns", tables.iter().map(|t| t.columns.len()))
        .numbers("version", tables.iter().map(|t| t.version.get()))
        .texts("storage", tables.iter().map(|t| &t.options.storage))
        .with("use_user_storage", TextColumn::Flag(personal))
        .with("flush_policy", texts(&policy))
        .numbers("deleted_retention_hours", retention)
        .with("ttl_seconds", numbers(&|t| t.options.ttl_seconds))
        .texts("compression", tables.iter().map(|t| compression_name(t.options.compression)))
        .with("comment", texts(&|t| t.comment.clone()))
        .moments("created_at", tables.iter().map(|t| t.created_at_ms))
        .finish())
}
