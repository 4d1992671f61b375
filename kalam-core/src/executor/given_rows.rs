//! Rows that a statement has at hand, as a relation that its expressions read.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{Column, Result as DataFusionResult, TableReference};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::TableFactor;

use super::plan_error::from_datafusion;
use crate::Result;

/// The name of the relation in queries. Planning looks for it before CTEs and tables,
/// none of which anybody would call so.
pub(crate) const GIVEN_RELATION: &str = "rows of the statement";

/// The column that numbers the rows.
pub(crate) const INDEX_COLUMN: &str = "_index";

/// Columns of one or several relations beside each other, row by row.
#[derive(Clone, Debug, Default)]
pub(crate) struct GivenRows {
    /// The relation that each column is of, and the column.
    columns: Vec<(Option<TableReference>, FieldRef)>,
    arrays: Vec<ArrayRef>,
    rows: usize,
}

impl GivenRows {
    /// No columns yet.
    pub(crate) fn new(rows: usize) -> GivenRows {
        GivenRows { rows, ..GivenRows::default() }
    }

    /// Adds columns of a relation.
    #[must_use]
    pub(crate) fn with<'a>(
        mut self,
        relation: Option<&TableReference>,
        fields: impl IntoIterator<Item = &'a FieldRef>,
        arrays: impl IntoIterator<Item = ArrayRef>,
    ) -> GivenRows {
        for (field, array) in fields.into_iter().zip(arrays) {
            self.columns.push((relation.cloned(), field.clone()));
            self.arrays.push(array);
        }
        self
    }

    /// The relation as a plan: every column under the name of its own relation, and
    /// [`INDEX_COLUMN`].
    ///
    /// # Errors
    /// `42702` if two relations of one name have a column of one name.
    pub(crate) fn plan(&self) -> Result<LogicalPlan> {
        let name = |index: usize| format!("_{index}");
        let mut fields: Vec<FieldRef> = Vec::with_capacity(self.columns.len() + 1);
        for (index, (_, field)) in self.columns.iter().enumerate() {
            fields.push(Arc::new(field.as_ref().clone().with_name(name(index))));
        }
        fields.push(Arc::new(Field::new(INDEX_COLUMN, DataType::Int64, false)));
        let numbers = (0i64..).take(self.rows);
        let mut arrays = self.arrays.clone();
        arrays.push(Arc::new(Int64Array::from_iter_values(numbers)));
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let given = || -> DataFusionResult<LogicalPlan> {
            let schema = Arc::new(Schema::new(fields));
            let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?;
            let table = MemTable::try_new(schema, vec![vec![batch]])?;
            let source = provider_as_source(Arc::new(table));
            let column =
                |name: &str| Expr::Column(Column::new(Some(GIVEN_RELATION), name.to_owned()));
            let mut shown: Vec<Expr> = Vec::with_capacity(self.columns.len() + 1);
            for (index, (relation, field)) in self.columns.iter().enumerate() {
                let relation = relation.clone();
                shown.push(column(&name(index)).alias_qualified(relation, field.name()));
            }
            shown.push(column(INDEX_COLUMN));
            LogicalPlanBuilder::scan(TableReference::bare(GIVEN_RELATION), source, None)?
                .project(shown)?
                .build()
        };
        given().map_err(from_datafusion)
    }
}

/// Plans one relation by its name, whatever else has that name.
#[derive(Debug)]
pub(crate) struct NamedRelation {
    pub(crate) name: &'static str,
    pub(crate) plan: LogicalPlan,
}

impl RelationPlanner for NamedRelation {
    fn plan_relation(
        &self,
        relation: TableFactor,
        _context: &mut dyn RelationPlannerContext,
    ) -> DataFusionResult<RelationPlanning> {
        match relation {
            TableFactor::Table { name, alias, .. }
                if name.0.len() == 1
                    && name.0[0].as_ident().is_some_and(|ident| ident.value == self.name) =>
            {
                let planned = PlannedRelation::new(self.plan.clone(), alias);
                Ok(RelationPlanning::Planned(Box::new(planned)))
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}
