//! What a scan takes over of the query above it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};

/// Every filter is taken, to choose what is read by: users, segments, key ranges, row
/// groups, pages. The filter above still decides about each row.
pub(super) fn chosen_by(filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    vec![TableProviderFilterPushDown::Inexact; filters.len()]
}

/// The columns that are left of a schema.
///
/// # Errors
/// One for a place that the schema does not have.
pub(super) fn projected(
    schema: SchemaRef,
    projection: Option<&Vec<usize>>,
) -> DataFusionResult<SchemaRef> {
    match projection {
        Some(projection) => Ok(Arc::new(schema.project(projection)?)),
        None => Ok(schema),
    }
}
