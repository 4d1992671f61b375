//! What a statement takes and returns, before it runs.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Query;

use super::caller::Caller;
use super::dispatch;
use super::engine::Engine;
use super::gateway::authorize;
use super::given::Given;
use super::handlers::query::select::prepare;
use super::handlers::user::execute_as::subject;
use super::planner::Planner;
use super::query_shape::deep_stack;
use super::statement::{Parsed, Statement};
use super::user_statement::ExecuteAs;
use super::work::Work;
use crate::Result;

/// What a statement takes and returns.
pub(crate) struct Description {
    /// The version of the catalog that it was looked up in.
    pub(crate) version: u64,
    /// The type of each parameter, where the statement tells one.
    pub(crate) parameters: Vec<Option<DataType>>,
    /// The columns of the result.
    pub(crate) schema: SchemaRef,
}

/// Looks a statement up without running it.
///
/// # Errors
/// `42501` if the caller may not run it, and what it gets wrong as far as that shows
/// without values.
pub(crate) fn describe_statement(
    engine: &Arc<Engine>,
    caller: &Caller,
    parsed: &Parsed,
) -> Result<Description> {
    let version = engine.registry.version();
    let mut lookup = Lookup { engine, caller, parameters: vec![None; parsed.placeholders.count] };
    let schema = schema_of(&mut lookup, &parsed.statement)?;
    Ok(Description { version, parameters: lookup.parameters, schema })
}

fn schema_of(lookup: &mut Lookup<'_>, statement: &Statement) -> Result<SchemaRef> {
    let Lookup { engine, caller, .. } = *lookup;
    authorize(statement, caller.role)?;
    Ok(match statement {
        Statement::Query(query) => lookup.query(query)?,
        Statement::Insert(insert) => lookup.insert(insert)?,
        Statement::Update(update) => lookup.update(update)?,
        Statement::Delete(delete) => lookup.delete(delete)?,
        Statement::Merge(merge) => lookup.merge(merge)?,
        Statement::CreateTableAs(create) => {
            lookup.query(&create.query)?;
            no_columns()
        }
        // They read the catalog and change nothing.
        Statement::ShowNamespaces
        | Statement::ShowTables { .. }
        | Statement::Describe { .. }
        | Statement::DescribeHistory { .. }
        | Statement::DescribeVersion { .. }
        | Statement::ShowCreateTable { .. }
        | Statement::ShowCreateView { .. }
        | Statement::ShowSetting(_)
        | Statement::ShowManifest { .. }
        | Statement::ShowStats { .. } => {
            dispatch::run(engine, caller, &mut Work::default(), statement, &[])?.schema()
        }
        Statement::ExecuteAs(execute) => lookup.execute_as(execute)?,
        _ => no_columns(),
    })
}

/// The result of a statement that returns no rows.
pub(super) fn no_columns() -> SchemaRef {
    Arc::new(Schema::empty())
}

/// Looks expressions up, and notes the types of the parameters in them.
pub(super) struct Lookup<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) caller: &'a Caller,
    pub(super) parameters: Vec<Option<DataType>>,
}

impl Lookup<'_> {
    /// What the statement inside returns to the user it names; to the caller, if the
    /// user is a parameter.
    fn execute_as(&mut self, execute: &ExecuteAs) -> Result<SchemaRef> {
        let subject = match execute.user {
            Given::Written(_) => subject(self.engine, self.caller, execute, &[])?,
            Given::Parameter(index) => {
                if let Some(slot) = self.parameters.get_mut(index) {
                    *slot = Some(DataType::Utf8);
                }
                self.caller.clone()
            }
        };
        let parameters = std::mem::take(&mut self.parameters);
        let mut inner = Lookup { engine: self.engine, caller: &subject, parameters };
        let schema = schema_of(&mut inner, &execute.statement)?;
        self.parameters = inner.parameters;
        Ok(schema)
    }

    /// The columns of a query whose parameters have no values yet.
    fn query(&mut self, query: &Query) -> Result<SchemaRef> {
        self.plan(query, Ok).map(|(_, schema)| schema)
    }

    /// The plan of a query, and its columns with their types settled.
    pub(super) fn plan<'p>(
        &'p mut self,
        query: &Query,
        with: impl FnOnce(Planner<'p>) -> Result<Planner<'p>>,
    ) -> Result<(LogicalPlan, SchemaRef)> {
        let (engine, caller) = (self.engine, self.caller);
        let (plan, schema) = deep_stack(|| -> Result<(LogicalPlan, SchemaRef)> {
            let mut query = query.clone();
            let view = engine.store.view();
            let planner = with(prepare(engine, caller, &mut query, view)?)?;
            let plan = planner.logical_of_shape(query, &|_, _| None)?;
            // Types of the result are settled by analysis, which parameters without a
            // type may keep from its end.
            let optimized = planner.optimize(&plan).unwrap_or_else(|_| plan.clone());
            self.note(&optimized);
            Ok((plan, optimized.schema().inner().clone()))
        })?;
        Ok((plan, schema))
    }

    fn note(&mut self, plan: &LogicalPlan) {
        for (id, data_type) in plan.get_parameter_types().unwrap_or_default() {
            let index = super::plan_binding::parameter_number(&id);
            if let Some(slot) = index.and_then(|index| self.parameters.get_mut(index))
                && slot.is_none()
            {
                *slot = data_type;
            }
        }
    }
}
