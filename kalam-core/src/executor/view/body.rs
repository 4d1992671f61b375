//! How the query of a view finds what it reads.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{Column, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableSource};
use parking_lot::Mutex;

use crate::catalog::{Relation, SchemaRegistry, UsedColumn, ViewDefinition};
use crate::executor::define_table::SYSTEM_COLUMNS;
use crate::executor::plan_error::from_datafusion;
use crate::model::{Name, TableName};
use crate::{Error, Result, SqlState};

/// How the query of a view finds what it reads.
pub(crate) enum Body {
    /// The view is being made: by the names that are there now, which are noted.
    New(Mutex<BTreeMap<TableName, Relation>>),
    /// By what the names meant when it was made.
    Stored(Arc<ViewDefinition>),
}

impl Body {
    /// What a name stands for, and which of its columns the query sees; `None`: all.
    ///
    /// # Errors
    /// `42P01`.
    pub(crate) fn find(
        &self,
        registry: &SchemaRegistry,
        name: &TableReference,
    ) -> Result<(Relation, Option<&[UsedColumn]>)> {
        let missing =
            || Error::new(SqlState::UNDEFINED_TABLE, format!("table \"{name}\" does not exist"));
        // Only the query's own CTEs are without a namespace.
        let namespace = name.schema().ok_or_else(missing)?;
        match self {
            Body::New(found) => {
                let relation = registry.relation(namespace, name.table())?;
                let noted = match &relation {
                    Relation::Table(table) => Relation::Table(table.clone()),
                    Relation::View(view) => Relation::View(view.clone()),
                };
                let name = TableName {
                    namespace: Name::new("namespace", namespace)?,
                    table: Name::new("table", name.table())?,
                };
                found.lock().insert(name, noted);
                Ok((relation, None))
            }
            Body::Stored(view) => {
                let is_named = |used: &&crate::catalog::ViewUse| {
                    used.name.namespace.as_str() == namespace
                        && used.name.table.as_str() == name.table()
                };
                let used = view.uses.iter().find(is_named).ok_or_else(missing)?;
                let relation = registry.relation_by_id(used.id)?.ok_or_else(missing)?;
                Ok((relation, Some(&used.columns)))
            }
        }
    }
}

/// A relation that is a plan: planning puts the plan in the place of its name.
pub(crate) struct Inlined(pub(crate) LogicalPlan);

impl TableSource for Inlined {
    fn schema(&self) -> SchemaRef {
        self.0.schema().inner().clone()
    }

    fn get_logical_plan(&'_ self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.0))
    }
}

/// A relation with some of its columns, under the names that the query of a view has for
/// them, and the system columns if it has them.
///
/// # Errors
/// `42703` if a column is gone.
pub(crate) fn restricted(
    relation: &Relation,
    source: Arc<dyn TableSource>,
    columns: &[UsedColumn],
    with_system_columns: bool,
) -> Result<Inlined> {
    let name = match relation {
        Relation::Table(table) => &table.definition.name,
        Relation::View(view) => &view.name,
    };
    let itself = TableReference::partial(name.namespace.as_str(), name.table.as_str());
    let column = |name: &str| Expr::Column(Column::new(Some(itself.clone()), name));
    let mut shown = Vec::with_capacity(columns.len());
    for used in columns {
        let current = match relation {
            Relation::View(_) => Some(&used.name),
            Relation::Table(table) => table.definition.column_by_id(used.id).map(|c| &c.name),
        };
        let current = current.ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{}\" that a view uses does not exist", used.name),
            )
        })?;
        shown.push(column(current.as_str()).alias(used.name.as_str()));
    }
    if with_system_columns && matches!(relation, Relation::Table(_)) {
        shown.extend(SYSTEM_COLUMNS.map(column));
    }
    LogicalPlanBuilder::scan(itself.clone(), source, None)
        .and_then(|scan| scan.project(shown))
        .and_then(LogicalPlanBuilder::build)
        .map(Inlined)
        .map_err(from_datafusion)
}
