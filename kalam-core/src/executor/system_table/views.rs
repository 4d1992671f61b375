//! `system.views`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::executor::text_table::TextTable;

/// One row for each view, by namespace and name.
///
/// Shape: view_id BIGINT, namespace TEXT, view_name TEXT, version BIGINT, columns BIGINT,
/// definition TEXT (its query), created_at DATETIME.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let mut views = moment.engine.registry.views();
    views.retain(|view| view.files.is_none());
    Ok(TextTable::default()
        .numbers("view_id", views.iter().map(|v| v.id.get()))
        .texts("namespace", views.iter().map(|v| &v.name.namespace))
        .texts("view_name", views.iter().map(|v| &v.name.table))
        .numbers("version", views.iter().map(|v| v.version))
        .numbers("columns", views.iter().map(|v| v.columns.len()))
        .texts("definition", views.iter().map(|v| &v.query))
        .moments("created_at", views.iter().map(|v| v.created_at_ms))
        .finish())
}
