//! What a statement takes and returns, before it runs.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
};

use super::caller::Caller;
use super::dispatch;
use super::engine::Engine;
use super::gateway::{TableAction, authorize};
use super::given::Given;
use super::handlers::dml::{query_of, select_of, undefined_column};
use super::handlers::query::select::prepare;
use super::handlers::user::execute_as::subject;
use super::query_shape::{deep_stack, parameter_index};
use super::resolve::resolve_table;
use super::statement::{ExecuteAs, Insert, InsertSource, InsertValue, Parsed, Statement, TableRef};
use super::work::Work;
use crate::Result;
use crate::catalog::Table;

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
        Statement::Update(update) => {
            let table = lookup.target(&update.table)?;
            for (name, position, value) in &update.assignments {
                lookup.column_value(&table, name, value).map_err(|e| e.with_position(*position))?;
            }
            let values = update.assignments.iter().filter_map(|(_, _, value)| match value {
                InsertValue::Expr(expr) => Some(expr),
                InsertValue::Default => None,
            });
            let query =
                over_target(&update.table, update.alias.as_deref(), values, &update.selection);
            lookup.query(&query)?;
            no_columns()
        }
        Statement::Delete(delete) => {
            lookup.target(&delete.table)?;
            let values = std::iter::empty();
            let query =
                over_target(&delete.table, delete.alias.as_deref(), values, &delete.selection);
            lookup.query(&query)?;
            no_columns()
        }
        // They read the catalog and change nothing.
        Statement::ShowNamespaces
        | Statement::ShowTables { .. }
        | Statement::Describe { .. }
        | Statement::ShowCreateTable { .. }
        | Statement::ShowSetting(_)
        | Statement::ShowManifest { .. }
        | Statement::ShowStats { .. } => {
            dispatch::run(engine, caller, &mut Work::default(), statement, &[])?.schema()
        }
        Statement::ExecuteAs(execute) => lookup.execute_as(execute)?,
        _ => no_columns(),
    })
}

fn no_columns() -> SchemaRef {
    Arc::new(Schema::empty())
}

struct Lookup<'a> {
    engine: &'a Arc<Engine>,
    caller: &'a Caller,
    parameters: Vec<Option<DataType>>,
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

    fn target(&self, name: &TableRef) -> Result<Arc<Table>> {
        resolve_table(self.engine, self.caller, name, TableAction::Write)
    }

    /// Plans a query whose parameters have no values yet.
    fn query(&mut self, query: &Query) -> Result<SchemaRef> {
        let plan = deep_stack(|| -> Result<LogicalPlan> {
            let mut query = query.clone();
            let view = self.engine.store.view();
            let planner = prepare(self.engine, self.caller, &mut query, view)?;
            let plan = planner.logical_of_shape(query, &|_, _| None)?;
            // Types of the result are settled by analysis, which parameters without a
            // type may keep from its end.
            Ok(planner.optimize(&plan).unwrap_or(plan))
        })?;
        for (id, data_type) in plan.get_parameter_types().unwrap_or_default() {
            let index = super::plan_binding::parameter_number(&id);
            if let Some(slot) = index.and_then(|index| self.parameters.get_mut(index))
                && slot.is_none()
            {
                *slot = data_type;
            }
        }
        Ok(plan.schema().inner().clone())
    }

    fn insert(&mut self, insert: &Insert) -> Result<SchemaRef> {
        let table = self.target(&insert.table)?;
        let named = insert.columns.iter().map(|(name, _)| name.as_str());
        let names: Vec<&str> = if insert.columns.is_empty() {
            table.definition.columns.iter().map(|c| c.name.as_str()).collect()
        } else {
            named.collect()
        };
        match &insert.source {
            InsertSource::Values(rows) => {
                for row in rows {
                    for (name, value) in names.iter().zip(row) {
                        self.column_value(&table, name, value)?;
                    }
                }
            }
            InsertSource::Query(query) => {
                self.query(query)?;
            }
            InsertSource::DefaultValues => {}
        }
        Ok(no_columns())
    }

    /// A parameter that is written to a column has the column's type.
    fn column_value(&mut self, table: &Table, name: &str, value: &InsertValue) -> Result<()> {
        let column = table.definition.columns.iter().find(|c| c.name.as_str() == name);
        let column = column.ok_or_else(|| undefined_column(table, name))?;
        let InsertValue::Expr(Expr::Value(value)) = value else { return Ok(()) };
        let slot = parameter_index(&value.value).and_then(|index| self.parameters.get_mut(index));
        if let Some(slot) = slot {
            *slot = Some(column.data_type.arrow_type());
        }
        Ok(())
    }
}

/// `SELECT values FROM table WHERE selection`: the expressions of an UPDATE or DELETE.
fn over_target<'a>(
    table: &TableRef,
    alias: Option<&str>,
    values: impl Iterator<Item = &'a Expr>,
    selection: &Option<Expr>,
) -> Query {
    let quoted = |name: &str| Ident::with_quote('"', name);
    let mut name: Vec<Ident> = table.namespace.as_deref().map(quoted).into_iter().collect();
    name.push(quoted(&table.table));
    let relation = TableFactor::Table {
        name: ObjectName::from(name),
        alias: alias.map(|alias| TableAlias {
            explicit: true,
            name: quoted(alias),
            columns: Vec::new(),
            at: None,
        }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    let mut projection: Vec<SelectItem> = values
        .enumerate()
        .map(|(index, expr)| SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: quoted(&format!("_value_{index}")),
        })
        .collect();
    if projection.is_empty() {
        projection.push(SelectItem::Wildcard(Default::default()));
    }
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    query_of(SetExpr::Select(Box::new(select_of(projection, from, selection.clone()))))
}
