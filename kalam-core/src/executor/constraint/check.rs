//! CHECK: conditions compiled once for a table, evaluated over batches of new rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::DataType;
use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr as Planned, ExprSchemable, LogicalPlan, Volatility};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{Query, SelectItem, SetExpr, TableWithJoins};

use super::check_expression::parse_check;
use crate::catalog::{CheckConstraint, DEFAULT_NAMESPACE, Table};
use crate::executor::built_query::{query_of, quoted, relation_of, select_of};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::plan_error::from_datafusion;
use crate::executor::planner::{Planner, TARGET_RELATION};
use crate::model::{Role, UserId, UserKey};
use crate::{Error, Result, SqlState};

/// Refuses rows that a CHECK of the table answers with false.
///
/// # Errors
/// `23514` naming the first such constraint by name, and what the condition raises.
pub(crate) fn check_rows(
    engine: &Engine,
    table: &Arc<Table>,
    columns: &[ArrayRef],
    rows: usize,
) -> Result<()> {
    if table.definition.checks.is_empty() {
        return Ok(());
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(table.schema.clone(), columns.to_vec(), &options)
        .map_err(|e| {
            Error::new(SqlState::INTERNAL_ERROR, "new rows do not fit their table").with_source(e)
        })?;
    for (check, compiled) in table.definition.checks.iter().zip(compile_checks(engine, table)?) {
        let answers = compiled
            .evaluate(&batch)
            .and_then(|answers| answers.into_array(rows))
            .map_err(from_datafusion)?;
        // A condition that is always NULL has no type.
        let fails = answers.as_boolean_opt().is_some_and(|answers| answers.false_count() > 0);
        if fails {
            return Err(violation(table, check));
        }
    }
    Ok(())
}

fn violation(table: &Table, check: &CheckConstraint) -> Error {
    Error::new(
        SqlState::CHECK_VIOLATION,
        format!(
            "new row of table \"{}\" violates check constraint \"{}\"",
            table.definition.name, check.name
        ),
    )
    .with_detail(format!("the row does not satisfy {}", check.expression))
}

/// The conditions of a table, in the order of its checks. The first call compiles them.
///
/// # Errors
/// `42703` for unknown columns, `42804` for a condition that is none, `42803` for
/// aggregates, `42P17` for functions whose value may change.
pub(crate) fn compile_checks<'a>(
    engine: &Engine,
    table: &'a Arc<Table>,
) -> Result<&'a [Arc<dyn PhysicalExpr>]> {
    if let Some(compiled) = table.compiled_checks.get() {
        return Ok(compiled);
    }
    let caller = Caller::new(UserId::new("check")?, Role::System, DEFAULT_NAMESPACE.to_owned());
    // A condition reads no table, so it does not matter whose rows the target would have.
    let planner =
        Planner::new(engine, &caller, engine.store.view()).with_target(table, UserKey::NOBODY)?;
    let checks = table.definition.checks.iter();
    let compiled =
        checks.map(|check| compile(&planner, table, check)).collect::<Result<Vec<_>>>()?;
    Ok(table.compiled_checks.get_or_init(|| compiled))
}

fn compile(
    planner: &Planner<'_>,
    table: &Table,
    check: &CheckConstraint,
) -> Result<Arc<dyn PhysicalExpr>> {
    let (condition, schema) = condition(planner.analyzed(query(table, check)?)?)?;
    let is_condition = condition
        .get_type(schema.as_ref())
        .is_ok_and(|t| matches!(t, DataType::Boolean | DataType::Null));
    if !is_condition {
        return Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!("check constraint \"{}\" is no condition", check.name),
        )
        .with_hint("write an expression of type BOOLEAN"));
    }
    refuse_changing(&condition)?;
    planner.physical_expr(condition, &schema)
}

/// `SELECT condition FROM the table`.
fn query(table: &Table, check: &CheckConstraint) -> Result<Query> {
    let name = table.definition.name.table.as_str();
    let relation = relation_of(TARGET_RELATION, Some(name));
    let condition = SelectItem::ExprWithAlias {
        expr: parse_check(&check.expression)?,
        alias: quoted("_check"),
    };
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    Ok(query_of(SetExpr::Select(Box::new(select_of(vec![condition], from, None)))))
}

/// The expression of the plan's only column, and the columns that it is over.
fn condition(plan: LogicalPlan) -> Result<(Planned, DFSchemaRef)> {
    let LogicalPlan::Projection(projection) = plan else {
        return Err(refused("this condition"));
    };
    match projection.input.as_ref() {
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::TableScan(_) => {}
        LogicalPlan::Aggregate(_) => {
            return Err(Error::new(
                SqlState::GROUPING_ERROR,
                "aggregate functions are not allowed in CHECK",
            ));
        }
        LogicalPlan::Window(_) => return Err(refused("a window function in CHECK")),
        _ => return Err(refused("this condition")),
    }
    let schema = projection.input.schema().clone();
    match projection.expr.into_iter().next() {
        Some(Planned::Alias(alias)) => Ok((*alias.expr, schema)),
        Some(condition) => Ok((condition, schema)),
        None => Err(refused("this condition")),
    }
}

fn refused(what: &str) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
}

/// A row that was right must stay right, so every function gives the same for the same.
fn refuse_changing(condition: &Planned) -> Result<()> {
    let mut found = None;
    condition
        .apply(|expr| {
            if let Planned::ScalarFunction(call) = expr
                && call.func.signature().volatility != Volatility::Immutable
            {
                found = Some(call.func.name().to_owned());
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(from_datafusion)?;
    match found {
        Some(name) => Err(Error::new(
            SqlState::INVALID_OBJECT_DEFINITION,
            format!("function \"{name}\" is not allowed in CHECK"),
        )
        .with_hint("its value may change, and the rows would not be checked again")),
        None => Ok(()),
    }
}
