//! `system.columns`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::catalog::{ColumnDefinition, TableDefinition};
use crate::executor::describe::{key_place, written_type};
use crate::executor::text_table::{TextColumn, TextTable};

/// One row for each column of each table, by namespace, table and ordinal position:
/// what DESCRIBE tells of it, and its id.
///
/// Shape: table_id BIGINT, namespace TEXT, table_name TEXT, ordinal BIGINT, column_name
/// TEXT, column_id BIGINT, type TEXT, nullable BOOLEAN, key BIGINT or NULL, default TEXT
/// or NULL, comment TEXT or NULL.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let tables = moment.engine.registry.tables()?;
    let rows: Vec<(&TableDefinition, &ColumnDefinition)> = tables
        .iter()
        .flat_map(|t| t.definition.columns.iter().map(|c| (t.definition.as_ref(), c)))
        .collect();
    let columns = || rows.iter().map(|(_, column)| *column);
    let texts = |text: &dyn Fn(&ColumnDefinition) -> Option<String>| {
        TextColumn::TextOrNull(columns().map(text).collect())
    };
    let keys = rows.iter().map(|(table, column)| key_place(table, column)).collect();
    Ok(TextTable::default()
        .numbers("table_id", rows.iter().map(|(t, _)| t.id.get()))
        .texts("namespace", rows.iter().map(|(t, _)| &t.name.namespace))
        .texts("table_name", rows.iter().map(|(t, _)| &t.name.table))
        .numbers("ordinal", columns().map(|c| c.ordinal))
        .texts("column_name", columns().map(|c| &c.name))
        .numbers("column_id", columns().map(|c| c.id.get()))
        .texts("type", columns().map(written_type))
        .with("nullable", TextColumn::Flag(columns().map(|c| c.nullable).collect()))
        .with("key", TextColumn::NumberOrNull(keys))
        .with("default", texts(&|c| c.default.as_ref().map(|d| d.expression.clone())))
        .with("comment", texts(&|c| c.comment.clone()))
        .finish())
}
