//! A table in a plan that belongs to nobody.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableSource};

use super::all_users_scan::with_user_column;
use super::pushdown::chosen_by;
use super::shape::Shape;
use crate::catalog::Table;

/// Whose rows of a table a plan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of whoever executes it.
    Caller,
    /// Those of everybody, with a column that says whose a row is.
    AllUsers,
}

/// A table in a logical plan, before it is known whose rows are read and when.
///
/// IMPORTANT: it cannot be scanned. A plan may be kept and shared by users because
/// it holds these; each execution puts a [`TableScan`](super::TableScan) of its own
/// caller in their place, and a plan where that was forgotten does not run at all.
pub(crate) struct UnboundTable {
    pub(crate) table: Arc<Table>,
    pub(crate) shape: Shape,
    pub(crate) whose: Whose,
}

impl TableSource for UnboundTable {
    fn schema(&self) -> SchemaRef {
        let own = self.shape.schema(&self.table);
        match self.whose {
            Whose::Caller => own,
            Whose::AllUsers => with_user_column(&own),
        }
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(chosen_by(filters))
    }
}
