//! `system.schemas`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::catalog::{SchemaVersionEntry, TableDefinition};
use crate::executor::describe::written_columns;
use crate::executor::text_table::{TextColumn, TextTable};

/// One row for each version of each table's columns, by namespace, table and version.
///
/// Shape: table_id BIGINT, namespace TEXT, table_name TEXT, version BIGINT, is_current
/// BOOLEAN, columns BIGINT, definition TEXT (names and types, as CREATE TABLE writes
/// them), change TEXT, created_at DATETIME.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let tables = moment.engine.registry.tables()?;
    let rows: Vec<(&TableDefinition, &SchemaVersionEntry)> = tables
        .iter()
        .flat_map(|t| t.definition.history.iter().map(|v| (t.definition.as_ref(), v)))
        .collect();
    let versions = || rows.iter().map(|(_, version)| *version);
    let current = rows.iter().map(|(table, entry)| entry.version == table.version).collect();
    Ok(TextTable::default()
        .numbers("table_id", rows.iter().map(|(t, _)| t.id.get()))
        .texts("namespace", rows.iter().map(|(t, _)| &t.name.namespace))
        .texts("table_name", rows.iter().map(|(t, _)| &t.name.table))
        .numbers("version", versions().map(|v| v.version.get()))
        .with("is_current", TextColumn::Flag(current))
        .numbers("columns", versions().map(|v| v.columns.len()))
        .texts("definition", versions().map(written_columns))
        .texts("change", versions().map(|v| &v.change))
        .moments("created_at", versions().map(|v| v.created_at_ms))
        .finish())
}
