//! Queries to plans to streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::DataType;
use datafusion::catalog::TableFunctionArgs;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{
    Column, DFSchema, DFSchemaRef, DataFusionError, Result as DataFusionResult, ScalarValue,
    TableReference,
};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{
    ContextProvider, ExprPlanner, RelationPlanner, TypePlanner,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource,
    WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast::{Query, Statement as SqlStatement};
use parking_lot::Mutex;

use super::caller::Caller;
use super::common_type::find_common_types;
use super::engine::{Engine, Running};
use super::functions::session_functions;
use super::gateway::{
    TableAction, authorize_all_users, authorize_registered, authorize_table, check_plan,
};
use super::given_rows::{GIVEN_RELATION, GivenRows, NamedRelation};
use super::limits::{QUERY_NESTING_MAX, RELATIONS_MAX, exceeded, query_levels};
use super::literal_type::{TypeNames, read_text_literals};
use super::output_name::{make_distinct, may_clash};
use super::plan_binding::{ScanScope, fill_parameters, parameter_number};
use super::plan_error::{from_datafusion, place, plan_state};
use super::plan_progress::start;
use super::query_shape::deep_stack;
use super::resolve::computed_table;
use super::stop_rule::plan_aside;
use super::system_columns::{hide_in_wildcards, mentions_system_columns};
use super::table_name::parse_table_name;
use super::view::{Body, Inlined, parse_text, restricted};
use crate::activity::check_stop;
use crate::catalog::{Relation, Table, ViewDefinition};
use crate::model::UserKey;
use crate::scan::{ScanReports, Shape, UnboundFiles, UnboundTable, Whose};
use crate::store::View;
use crate::{Error, Result, SqlState};

/// The name of a statement's target in its queries, before CTEs and tables as
/// [`GIVEN_RELATION`](super::given_rows::GIVEN_RELATION) is.
pub(crate) const TARGET_RELATION: &str = "target of the statement";

/// The function in FROM that reads the rows of all users of a table.
pub(crate) const ALL_USERS_FUNCTION: &str = "all_users";

/// Functions in FROM that read nothing outside the statement.
const TABLE_FUNCTIONS: [&str; 2] = ["generate_series", "range"];

/// Plans the queries of one statement on one view.
pub(crate) struct Planner<'a> {
    engine: &'a Engine,
    caller: &'a Caller,
    view: Arc<View>,
    state: Arc<SessionState>,
    shape: Shape,
    /// The scope of what [`TARGET_RELATION`] stands for.
    target: Option<UserKey>,
    relations: Vec<Arc<dyn RelationPlanner>>,
    session_functions: Vec<Arc<ScalarUDF>>,
    /// Where scans tell what they will read, for EXPLAIN.
    reports: Option<ScanReports>,
    /// The last name that is no function: planning reports it only in words.
    missing_function: Mutex<Option<String>>,
    /// Of the query of a view: how it finds what it reads.
    body: Option<Body>,
    expansion: Expansion,
}

/// How far views are expanded in the place of their names: queries within queries, and
/// relations in all. Planning takes time that doubles with each level of either.
#[derive(Default)]
struct Expansion {
    /// Levels of queries around this one.
    above: usize,
    /// Levels of this query itself.
    own: AtomicUsize,
    /// Relations of the whole statement.
    relations: Arc<AtomicUsize>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(engine: &'a Engine, caller: &'a Caller, view: Arc<View>) -> Planner<'a> {
        let state = Arc::new(engine.planning.state());
        let relations = state.relation_planners().to_vec();
        Planner {
            engine,
            caller,
            view,
            state,
            relations,
            shape: Shape::User,
            target: None,
            session_functions: session_functions(caller.user.as_str(), caller.role.as_str()),
            reports: None,
            missing_function: Mutex::new(None),
            body: None,
            expansion: Expansion::default(),
        }
    }

    /// Counts levels of queries around those that are planned.
    pub(crate) fn below(mut self, levels: usize) -> Planner<'a> {
        self.expansion.above = levels;
        self
    }

    /// A planner for the query of a view, which runs for the same caller.
    pub(crate) fn within_view(&self, body: Body) -> Planner<'a> {
        let expansion = Expansion {
            above: self.expansion.above + self.expansion.own.load(Ordering::Relaxed),
            own: AtomicUsize::new(0),
            relations: self.expansion.relations.clone(),
        };
        let planner = Planner::new(self.engine, self.caller, self.view.clone());
        Planner { body: Some(body), expansion, ..planner }
    }

    /// What the query of a view reads.
    pub(crate) fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// The plan of a view's query, whose relations have their namespaces.
    ///
    /// # Errors
    /// As [`Planner::logical`]; `54000` if views nest too deep or read too much.
    pub(crate) fn view_plan(mut self, mut query: Query) -> Result<(Planner<'a>, LogicalPlan)> {
        if mentions_system_columns(&query) {
            hide_in_wildcards(&mut query, &|namespace, table| {
                let name = TableReference::partial(namespace.unwrap_or_default(), table);
                let found = self.body.as_ref().map(|b| b.find(&self.engine.registry, &name));
                matches!(found, Some(Ok((Relation::Table(_), _))))
            })?;
            self.shape = Shape::System;
        }
        let plan = self.parsed_plan(SqlStatement::Query(Box::new(query)))?;
        Ok((self, plan))
    }

    /// Scans show `_seq` and `_deleted` too.
    pub(crate) fn with_system_columns(mut self) -> Planner<'a> {
        self.shape = Shape::System;
        self
    }

    /// Makes [`TARGET_RELATION`] stand for a table's rows with their places.
    ///
    /// # Errors
    /// `XX000` if the table has no plan.
    pub(crate) fn with_target(mut self, table: &Arc<Table>, user: UserKey) -> Result<Planner<'a>> {
        self.target = Some(user);
        let source = Arc::new(UnboundTable {
            table: table.clone(),
            shape: Shape::Target,
            whose: Whose::Caller,
        });
        let plan = LogicalPlanBuilder::scan(TARGET_RELATION, source, None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(from_datafusion)?;
        self.relations.push(Arc::new(NamedRelation { name: TARGET_RELATION, plan }));
        Ok(self)
    }

    /// Makes [`GIVEN_RELATION`] stand for rows.
    ///
    /// # Errors
    /// `42702` if two of their columns cannot be told apart.
    pub(crate) fn with_rows(mut self, rows: &GivenRows) -> Result<Planner<'a>> {
        let plan = rows.plan()?;
        self.relations.push(Arc::new(NamedRelation { name: GIVEN_RELATION, plan }));
        Ok(self)
    }

    /// Makes scans tell what they will read.
    pub(crate) fn with_reports(mut self, reports: &ScanReports) -> Planner<'a> {
        self.reports = Some(reports.clone());
        self
    }

    /// The logical plan of a query, parameters filled in.
    ///
    /// # Errors
    /// What the query gets wrong: `42P01`, `42703`, `42883`, `42804` and others.
    pub(crate) fn logical(&self, query: Query, params: &[ScalarValue]) -> Result<LogicalPlan> {
        self.logical_statement(SqlStatement::Query(Box::new(query)), params)
    }

    /// The logical plan of a statement of the parser.
    ///
    /// # Errors
    /// As [`Planner::logical`].
    pub(crate) fn logical_statement(
        &self,
        statement: SqlStatement,
        params: &[ScalarValue],
    ) -> Result<LogicalPlan> {
        let plan = self.parsed_plan(statement)?;
        let plan = if params.is_empty() {
            plan
        } else {
            plan.with_param_values(params.to_vec()).map_err(from_datafusion)?
        };
        self.finish(plan)
    }

    fn parsed_plan(&self, statement: SqlStatement) -> Result<LogicalPlan> {
        self.check_nesting(&statement)?;
        let settings = &self.state.config_options().sql_parser;
        let options = ParserOptions::from(settings);
        let written = statement.clone();
        let planned = SqlToRel::new_with_options(self, options)
            .sql_statement_to_plan(statement)
            .map_err(|e| self.explain_failure(e, &written));
        match planned {
            Err(error) if may_clash(&written) => {
                let mut statement = written;
                make_distinct(&mut statement);
                SqlToRel::new_with_options(self, options)
                    .sql_statement_to_plan(statement)
                    .map_err(|_| error)
            }
            planned => planned,
        }
    }

    /// Reads text that stands for other types, settles which type values have in
    /// common, and checks the nodes.
    fn finish(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        check_stop()?;
        let plan = read_text_literals(plan).and_then(find_common_types).map_err(from_datafusion)?;
        check_plan(&plan, self.caller.role)?;
        Ok(plan)
    }

    /// The logical plan of a query with the parameters that have a value in `values`
    /// filled in; the others stay.
    ///
    /// # Errors
    /// As [`Planner::logical`].
    pub(crate) fn logical_of_shape(
        &self,
        query: Query,
        values: &dyn Fn(usize, Option<&DataType>) -> Option<ScalarValue>,
    ) -> Result<LogicalPlan> {
        let plan = self.parsed_plan(SqlStatement::Query(Box::new(query)))?;
        let types = plan.get_parameter_types().unwrap_or_default();
        let plan = fill_parameters(plan, &|id| {
            let index = parameter_number(id)?;
            values(index, types.get(id).and_then(Option::as_ref))
        })?;
        self.finish(plan)
    }

    /// A plan with its types settled, optimized for every execution.
    ///
    /// # Errors
    /// `42804` and others of types.
    pub(crate) fn optimize(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        check_stop()?;
        let (state, plan) = (self.state.clone(), plan.clone());
        plan_aside(self.engine.runtime(), move || state.optimize(&plan))
    }

    /// A plan of a query with the types of its expressions settled, and nothing else.
    ///
    /// # Errors
    /// As [`Planner::logical`].
    pub(crate) fn analyzed(&self, query: Query) -> Result<LogicalPlan> {
        let plan = self.logical(query, &[])?;
        let options = self.state.config_options();
        self.state.analyzer().execute_and_check(plan, options, |_, _| {}).map_err(from_datafusion)
    }

    /// An expression of an analyzed plan as it is evaluated over batches of `schema`.
    ///
    /// # Errors
    /// `0A000` for expressions that are only planned within queries.
    pub(crate) fn physical_expr(
        &self,
        expr: Expr,
        schema: &DFSchemaRef,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let context = SimplifyContext::builder()
            .with_config_options(self.state.config_options().clone())
            .with_schema(schema.clone())
            .build();
        ExprSimplifier::new(context)
            .simplify(expr)
            .and_then(|expr| self.state.create_physical_expr(expr, schema))
            .map_err(from_datafusion)
    }

    /// The engine's function of this name, which holds nothing of a session.
    pub(crate) fn shared_function(&self, name: &str) -> Option<&Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name)
    }

    /// An unknown function is an unknown function, whatever words planning uses.
    fn explain_failure(&self, error: DataFusionError, statement: &SqlStatement) -> Error {
        let place = place(&error, statement);
        let error = match self.missing_function.lock().take() {
            Some(name) if matches!(error.find_root(), DataFusionError::Plan(_)) => Error::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("function \"{name}\" does not exist"),
            ),
            // A plan that cannot be made of the text: the types come later.
            _ if matches!(error.find_root(), DataFusionError::Plan(_)) => {
                let error = from_datafusion(error);
                match plan_state(error.message()) {
                    Some(_) => error,
                    None => Error::new(SqlState::SYNTAX_ERROR, error.message().to_owned()),
                }
            }
            _ => from_datafusion(error),
        };
        match place {
            Some(place) if error.position().is_none() => error.with_position(place),
            _ => error,
        }
    }

    /// The optimized physical plan, over the caller's rows.
    ///
    /// # Errors
    /// As [`Planner::logical`], and `XX001` for a damaged segment.
    pub(crate) fn physical(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.bind(plan.clone(), &[])?;
        let (state, runtime) = (self.state.clone(), self.engine.runtime());
        let waits = runtime.handle().clone();
        plan_aside(runtime, move || waits.block_on(state.create_physical_plan(&plan)))
    }

    /// Starts a query.
    ///
    /// # Errors
    /// As [`Planner::physical`].
    pub(crate) fn stream(&self, plan: &LogicalPlan) -> Result<SendableRecordBatchStream> {
        self.execute(self.physical(plan)?)
    }

    /// Starts a physical plan.
    ///
    /// # Errors
    /// What its operators raise before their first row.
    pub(crate) fn execute(
        &self,
        physical: Arc<dyn ExecutionPlan>,
    ) -> Result<SendableRecordBatchStream> {
        let _runtime = self.engine.runtime().enter();
        start(physical, self.state.task_ctx()).map_err(from_datafusion)
    }

    /// Starts a query whose plan is optimized already, with the values of the
    /// parameters that are left in it.
    ///
    /// # Errors
    /// `XX001` for a damaged segment.
    pub(crate) fn stream_optimized(
        scope: &ScanScope<'_>,
        plan: &LogicalPlan,
        values: &[ScalarValue],
    ) -> Result<SendableRecordBatchStream> {
        let plan = scope.bind(plan.clone(), values)?;
        let Running { state, context } = &scope.engine.running;
        let runtime = scope.engine.runtime();
        let physical = runtime
            .block_on(state.query_planner().create_physical_plan(&plan, state))
            .map_err(from_datafusion)?;
        let _runtime = runtime.enter();
        start(physical, context.clone()).map_err(from_datafusion)
    }

    /// Gives every table of a plan the caller's scope and the statement's view.
    fn bind(&self, plan: LogicalPlan, values: &[ScalarValue]) -> Result<LogicalPlan> {
        let scope = ScanScope {
            engine: self.engine,
            caller: self.caller,
            view: &self.view,
            target: self.target,
            reports: self.reports.as_ref(),
        };
        scope.bind(plan, values)
    }

    fn table_source(&self, name: &TableReference) -> Result<Arc<dyn TableSource>> {
        check_stop()?;
        // The query of a view never reads what one statement was given.
        if let (TableReference::Bare { table }, None) = (name, &self.body)
            && let Some(given) = self.caller.data.find(table)
        {
            return Ok(given);
        }
        let namespace = match name.catalog() {
            Some(catalog) if catalog != "kalam" => {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!("catalog \"{catalog}\" is not this database"),
                ));
            }
            _ => name.schema().unwrap_or(&self.caller.namespace),
        };
        let computed =
            computed_table(self.engine, self.caller, &self.view, namespace, name.table())?;
        if let Some(batch) = computed {
            let rows = MemTable::try_new(batch.schema(), vec![vec![batch]]);
            return Ok(provider_as_source(Arc::new(rows.map_err(from_datafusion)?)));
        }
        self.check_relations()?;
        let registry = &self.engine.registry;
        let (relation, columns) = match &self.body {
            Some(body) => body.find(registry, name)?,
            None => (registry.relation(namespace, name.table())?, None),
        };
        let source: Arc<dyn TableSource> = match &relation {
            Relation::Table(table) => {
                authorize_table(TableAction::Read, &table.definition, self.caller.role)?;
                Arc::new(UnboundTable {
                    table: table.clone(),
                    shape: self.shape,
                    whose: Whose::Caller,
                })
            }
            Relation::View(view) if view.files.is_some() => {
                authorize_registered(view, self.caller.role)?;
                Arc::new(UnboundFiles { view: view.clone() })
            }
            Relation::View(view) => Arc::new(self.expand(view)?),
        };
        match columns {
            None => Ok(source),
            Some(columns) => {
                let with_system_columns = self.shape == Shape::System;
                Ok(Arc::new(restricted(&relation, source, columns, with_system_columns)?))
            }
        }
    }

    /// The plan of a view's query, with the view's columns, for this caller.
    fn expand(&self, view: &Arc<ViewDefinition>) -> Result<Inlined> {
        let plan = deep_stack(|| {
            let query = parse_text(self.engine, &view.query)?;
            let (_, plan) = self.within_view(Body::Stored(view.clone())).view_plan(query)?;
            if plan.schema().fields().len() < view.columns.len() {
                return Err(Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("view \"{}\" has more columns than its query", view.name),
                ));
            }
            let shown = view.columns.iter().enumerate().map(|(index, column)| {
                let field = Column::from(plan.schema().qualified_field(index));
                Expr::Column(field).alias(column.name.as_str())
            });
            let shown: Vec<Expr> = shown.collect();
            LogicalPlanBuilder::from(plan)
                .project(shown)
                .and_then(LogicalPlanBuilder::build)
                .map_err(from_datafusion)
        });
        // Places in the view's text say nothing about the statement's.
        plan.map(Inlined).map_err(Error::without_position)
    }

    /// Notes how deep a statement nests queries, and refuses what is too deep with the
    /// views around it. A statement without views was measured when it was parsed.
    fn check_nesting(&self, statement: &SqlStatement) -> Result<()> {
        let own = query_levels(statement);
        self.expansion.own.store(own, Ordering::Relaxed);
        if self.body.is_some() && self.expansion.above + own > QUERY_NESTING_MAX + 1 {
            return Err(exceeded(format!(
                "views and queries nest more than {QUERY_NESTING_MAX} levels deep"
            )));
        }
        Ok(())
    }

    fn check_relations(&self) -> Result<()> {
        let before = self.expansion.relations.fetch_add(1, Ordering::Relaxed);
        if self.body.is_some() && before >= RELATIONS_MAX {
            return Err(exceeded(format!(
                "statement reads more than {RELATIONS_MAX} tables, those of views included"
            )));
        }
        Ok(())
    }

    /// `all_users('namespace.table')`.
    fn all_users(&self, arguments: &[Expr]) -> Result<Arc<dyn TableSource>> {
        // Before the argument is looked at: others learn nothing from it.
        authorize_all_users(self.caller.role)?;
        let [Expr::Literal(ScalarValue::Utf8(Some(name)), _)] = arguments else {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "all_users takes one text, the name of a table",
            )
            .with_hint("write all_users('namespace.table')"));
        };
        let name = parse_table_name(name)?;
        if name.namespace.is_none() && self.body.is_some() {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("all_users in a view takes a namespace too, got \"{}\"", name.table),
            )
            .with_hint("write all_users('namespace.table')"));
        }
        let namespace = name.namespace.as_deref().unwrap_or(&self.caller.namespace);
        let table = self.engine.registry.table(namespace, &name.table)?;
        authorize_table(TableAction::Read, &table.definition, self.caller.role)?;
        if !table.definition.is_per_user() {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("table \"{}\" is SHARED: its rows are nobody's", table.definition.name),
            )
            .with_hint("all_users is for USER and STREAM tables"));
        }
        Ok(Arc::new(UnboundTable { table, shape: self.shape, whose: Whose::AllUsers }))
    }
}

impl ContextProvider for Planner<'_> {
    fn get_table_source(&self, name: TableReference) -> DataFusionResult<Arc<dyn TableSource>> {
        self.table_source(&name).map_err(|e| DataFusionError::External(Box::new(e)))
    }

    fn get_table_function_source(
        &self,
        name: &str,
        args: Vec<Expr>,
    ) -> DataFusionResult<Arc<dyn TableSource>> {
        if name.eq_ignore_ascii_case(ALL_USERS_FUNCTION) {
            return self.all_users(&args).map_err(|e| DataFusionError::External(Box::new(e)));
        }
        let function = self.state.table_functions().get(name);
        let Some(function) = function.filter(|_| TABLE_FUNCTIONS.contains(&name)) else {
            return Err(DataFusionError::External(Box::new(Error::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("table function \"{name}\" does not exist"),
            ))));
        };
        let context = SimplifyContext::builder()
            .with_config_options(self.state.config_options().clone())
            .build();
        let simplifier = ExprSimplifier::new(context);
        let schema = DFSchema::empty();
        let args = args
            .into_iter()
            .map(|arg| {
                let arg = simplifier.coerce(arg, &schema)?;
                simplifier.simplify(arg).map(in_nanoseconds)
            })
            .collect::<DataFusionResult<Vec<_>>>()?;
        let args = TableFunctionArgs::new(&args, self.state.as_ref());
        Ok(provider_as_source(function.create_table_provider_with_args(args)?))
    }

    fn create_cte_work_table(
        &self,
        name: &str,
        schema: arrow::datatypes::SchemaRef,
    ) -> DataFusionResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(TypeNames))
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let own = self.session_functions.iter().find(|f| f.name() == name);
        own.or_else(|| self.state.scalar_functions().get(name)).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        let found = self.state.aggregate_functions().get(name).cloned();
        // The last kind that is asked for.
        if found.is_none() && self.state.window_functions().get(name).is_none() {
            *self.missing_function.lock() = Some(name.to_owned());
        }
        found
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}

/// A timestamp as the table functions take it.
fn in_nanoseconds(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(ScalarValue::TimestampMicrosecond(micros, zone), metadata) => {
            // What has no nanoseconds is too far away for the functions, which say so.
            let nanos = micros.map(|micros| micros.saturating_mul(1_000));
            Expr::Literal(ScalarValue::TimestampNanosecond(nanos, zone), metadata)
        }
        expr => expr,
    }
}
