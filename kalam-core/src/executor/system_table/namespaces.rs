//! `system.namespaces`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::executor::text_table::{TextColumn, TextTable};
use crate::model::Name;

/// One row for each namespace, by name.
///
/// Shape: namespace TEXT, description TEXT or NULL, tables BIGINT, created_at DATETIME.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let namespaces = moment.engine.registry.namespaces();
    let tables = moment.engine.registry.tables()?;
    let tables_of =
        |name: &Name| tables.iter().filter(|t| t.definition.name.namespace == *name).count();
    Ok(TextTable::default()
        .texts("namespace", namespaces.iter().map(|n| &n.name))
        .with(
            "description",
            TextColumn::TextOrNull(namespaces.iter().map(|n| n.description.clone()).collect()),
        )
        .numbers("tables", namespaces.iter().map(|n| tables_of(&n.name)))
        .moments("created_at", namespaces.iter().map(|n| n.created_at_ms))
        .finish())
}
