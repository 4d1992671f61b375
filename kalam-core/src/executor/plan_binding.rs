//! What each execution puts into a plan: the caller's tables, the parameters' values.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result as DataFusionResult, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableSource};

use super::caller::Caller;
use super::engine::Engine;
use super::gateway::{authorize_all_users, authorize_registered};
use super::plan_error::from_datafusion;
use super::resolve::read_scope;
use crate::model::{TableName, UserKey};
use crate::scan::{
    AllUsersScan, FilesScan, ScanReports, Shape, TableScan, UnboundFiles, UnboundTable, Whose,
};
use crate::store::View;
use crate::{Error, Result};

/// Whose rows the tables of a plan show, and when.
pub(crate) struct ScanScope<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) caller: &'a Caller,
    pub(crate) view: &'a Arc<View>,
    /// The scope of the table that an UPDATE or DELETE changes.
    pub(crate) target: Option<UserKey>,
    /// Where scans tell what they will read.
    pub(crate) reports: Option<&'a ScanReports>,
}

impl ScanScope<'_> {
    /// Puts scans of the caller's rows in the place of the tables of a plan, and
    /// `values` in that of its parameters, whose types they have.
    ///
    /// # Errors
    /// `XX001` if the user directory is damaged, `40001` if the view is older than what a
    /// table promises.
    pub(crate) fn bind(&self, plan: LogicalPlan, values: &[ScalarValue]) -> Result<LogicalPlan> {
        let value_of = |id: &str| values.get(parameter_number(id)?).cloned();
        let mut of_all_users = BTreeSet::new();
        let bound = plan
            .transform_up_with_subqueries(|node| {
                let node = match node {
                    LogicalPlan::TableScan(mut scan) => {
                        let rows = self.rows(&*scan.source, &mut of_all_users);
                        if let Some(rows) = rows.map_err(external)? {
                            scan.source = provider_as_source(rows);
                        }
                        Transformed::yes(LogicalPlan::TableScan(scan))
                    }
                    node => Transformed::no(node),
                };
                if values.is_empty() {
                    return Ok(node);
                }
                node.transform_data(|node| fill_node(node, &value_of))
            })
            .map_err(from_datafusion)?;
        // Before anything of it runs: what was read cannot be taken back.
        for name in of_all_users {
            let record = self.caller.did("ALL_USERS", Some(name.to_string()));
            self.engine.audit.write(record)?;
        }
        Ok(bound.data)
    }

    /// What stands in the place of a table of a plan, if it is one of ours. `of_all_users`
    /// collects the tables of which it shows all rows.
    fn rows(
        &self,
        source: &dyn TableSource,
        of_all_users: &mut BTreeSet<TableName>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(unbound) = source.downcast_ref::<UnboundTable>() {
            if unbound.whose == Whose::AllUsers {
                of_all_users.insert(unbound.table.definition.name.clone());
            }
            return self.scan(unbound).map(Some);
        }
        if let Some(unbound) = source.downcast_ref::<UnboundFiles>() {
            // The plan was made for the caller's role; this is the second lock.
            authorize_registered(&unbound.view, self.caller.role)?;
            return Ok(Some(Arc::new(FilesScan::new(&unbound.view)?)));
        }
        Ok(None)
    }

    fn scan(&self, unbound: &UnboundTable) -> Result<Arc<dyn TableProvider>> {
        unbound.table.check_view(self.view)?;
        let user = match (unbound.shape, self.target) {
            (Shape::Target, Some(user)) => Some(user),
            _ => read_scope(self.engine, self.caller, &unbound.table)?,
        };
        let scan = TableScan {
            table: unbound.table.clone(),
            user,
            view: self.view.clone(),
            tier: self.engine.tier.clone(),
            shape: unbound.shape,
            expiry: unbound.table.expiry(self.engine.store.clock()),
            reports: self.reports.cloned(),
        };
        Ok(match unbound.whose {
            Whose::Caller => Arc::new(scan),
            Whose::AllUsers => {
                // The plan was made for the caller's role; this is the second lock.
                authorize_all_users(self.caller.role)?;
                let users = self.engine.users.all(&self.view.snapshot)?;
                Arc::new(AllUsersScan { of_one: TableScan { user: None, ..scan }, users })
            }
        })
    }
}

/// The index, from 0, of the parameter that a plan calls `$n`.
pub(crate) fn parameter_number(id: &str) -> Option<usize> {
    id.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}

/// Puts the values that `value_of` knows in the place of parameters, and gives every
/// node the types that follow. Columns keep their names.
///
/// # Errors
/// `42804` if an expression cannot take the type of its value.
pub(crate) fn fill_parameters(
    plan: LogicalPlan,
    value_of: &dyn Fn(&str) -> Option<ScalarValue>,
) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        fill_node(node, value_of)?.map_data(|node| match node {
            // The types of its columns are those of its values.
            LogicalPlan::Values(values) => LogicalPlanBuilder::values(values.values)?.build(),
            node => node.recompute_schema(),
        })
    })
    .map(|filled| filled.data)
    .map_err(from_datafusion)
}

fn fill_node(
    node: LogicalPlan,
    value_of: &dyn Fn(&str) -> Option<ScalarValue>,
) -> DataFusionResult<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let has_parameter = expr.exists(|e| Ok(matches!(e, Expr::Placeholder(_))))?;
        if !has_parameter {
            return Ok(Transformed::no(expr));
        }
        let name = names.save(&expr);
        let filled = expr.transform_up(|expr| {
            let Expr::Placeholder(Placeholder { id, .. }) = &expr else {
                return Ok(Transformed::no(expr));
            };
            Ok(match value_of(id) {
                Some(value) => Transformed::yes(Expr::Literal(value, None)),
                None => Transformed::no(expr),
            })
        })?;
        let changed = filled.transformed;
        Ok(filled.update_data(|expr| if changed { name.restore(expr) } else { expr }))
    })
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
