//! A table in a plan that belongs to nobody.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableSource};

use super::shape::Shape;
use crate::catalog::Table;

/// A table in a logical plan, before it is known whose rows are read and when.
///
/// IMPORTANT: it cannot be scanned. A plan may be kept and shared by users because
/// it holds these; each execution puts a [`TableScan`](super::TableScan) of its own
/// caller in their place, and a plan where that was forgotten does not run at all.
pub(crate) struct UnboundTable {
    pub(crate) table: Arc<Table>,
    pub(crate) shape: Shape,
}

impl TableSource for UnboundTable {
    fn schema(&self) -> SchemaRef {
        self.shape.schema(&self.table)
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        // They choose segments, key ranges and pages; a filter above still decides.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}
