//! `SELECT columns FROM table ORDER BY column <=> $1 LIMIT n`, without a planner: the rows of a
//! table whose vectors are nearest to one.
//!
//! Planning and starting such a query costs several times what the hundred vectors of a user do,
//! and its operators copy each vector before they look at it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, OrderByExpr, OrderByKind,
    Query, SelectItem,
};

use super::caller::Caller;
use super::cte_scope::fold;
use super::engine::Engine;
use super::functions::constant_vector;
use super::gateway::{TableAction, authorize_table};
use super::operator_function::function_of;
use super::plain_query::{
    column_name, named_table, plain_select, projection, relation_name, value,
};
use super::recent_read::rows_wanted;
use super::resolve::read_scope;
use super::tier_rows::{RowOf, TierRows};
use crate::catalog::Table;
use crate::flush::ScopeId;
use crate::model::KalamDataType;
use crate::scan::{NearestPlace, NearestRows, note_read_without_scope};
use crate::store::{SCOPE_PREFIX_LEN, View};
use crate::vector::{Metric, Question, Rank};
use crate::{Error, Result, SqlState};

/// Rows that are looked for at most, those of OFFSET included.
const ROWS_MAX: usize = 1024;

/// The rows that are nearest to a vector: what a query of this form comes to.
pub(crate) struct NearestRead {
    pub(crate) table: Arc<Table>,
    distance: Distance,
    offset: usize,
    limit: usize,
    outputs: Vec<Output>,
}

/// The distance of a column from a vector.
#[derive(PartialEq)]
struct Distance {
    /// The position of the column in the table.
    position: usize,
    question: Question,
}

/// A column of the result.
enum Output {
    /// A column of the table, by its position.
    Column(usize, String),
    Distance(String),
}

impl Output {
    fn name(&self) -> &str {
        let (Output::Column(_, name) | Output::Distance(name)) = self;
        name
    }
}

/// The read that a query is; `None` if it is of another form and has to be planned.
///
/// # Errors
/// `42501`.
pub(crate) fn find(
    engine: &Engine,
    caller: &Caller,
    query: &Query,
    params: &[ScalarValue],
) -> Result<Option<NearestRead>> {
    let Some(order_by) = &query.order_by else { return Ok(None) };
    let OrderByKind::Expressions(order_by) = &order_by.kind else { return Ok(None) };
    let [OrderByExpr { expr, options, with_fill: None }] = order_by.as_slice() else {
        return Ok(None);
    };
    if options.asc == Some(false) || options.nulls_first == Some(true) {
        return Ok(None);
    }
    let Some((offset, limit)) = rows_wanted(query.limit_clause.as_ref(), params) else {
        return Ok(None);
    };
    let Some((select, name, alias)) = plain_select(query) else { return Ok(None) };
    if select.selection.is_some() || offset + limit > ROWS_MAX {
        return Ok(None);
    }
    let Some(table) = named_table(engine, caller, name) else { return Ok(None) };
    let Some(relation) = relation_name(name, alias) else { return Ok(None) };
    let named = Named { table: &table, relation: &relation, params };
    let Some((distance, outputs)) = named.read(&select.projection, expr) else { return Ok(None) };
    authorize_table(TableAction::Read, &table.definition, caller.role)?;
    Ok(Some(NearestRead { table, distance, offset, limit, outputs }))
}

/// What names in a query stand for.
struct Named<'a> {
    table: &'a Table,
    relation: &'a str,
    params: &'a [ScalarValue],
}

impl Named<'_> {
    /// What is ordered by and what is shown, if the one is a distance and the other columns
    /// and that distance.
    fn read(&self, items: &[SelectItem], order: &Expr) -> Option<(Distance, Vec<Output>)> {
        let mut outputs = Vec::new();
        let mut shown: Option<Distance> = None;
        for item in items {
            if let SelectItem::ExprWithAlias { expr, alias } = item
                && let Some(distance) = self.distance(expr)
            {
                if shown.as_ref().is_some_and(|shown| *shown != distance) {
                    return None;
                }
                shown = Some(distance);
                outputs.push(Output::Distance(fold(alias)));
                continue;
            }
            let columns = projection(std::slice::from_ref(item), self.table, self.relation)?;
            outputs.extend(columns.into_iter().map(|(at, name)| Output::Column(at, name)));
        }
        let mut names: Vec<&str> = outputs.iter().map(Output::name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        // A name alone is that of a column of the result first.
        let by_name = match order {
            Expr::Identifier(ident) => {
                let name = fold(ident);
                outputs.iter().any(|o| matches!(o, Output::Distance(of) if *of == name))
            }
            _ => false,
        };
        let distance = match (by_name, shown) {
            (true, shown) => shown?,
            (false, shown) => {
                let distance = self.distance(order)?;
                if shown.is_some_and(|shown| shown != distance) {
                    return None;
                }
                distance
            }
        };
        // Within ORDER BY it may be the column of the result, which is another one.
        let own = self.table.schema.field(distance.position).name();
        let is_other = |output: &Output| match output {
            Output::Column(at, name) => name == own && *at != distance.position,
            Output::Distance(name) => name == own,
        };
        (!outputs.iter().any(is_other)).then_some((distance, outputs))
    }

    fn distance(&self, expr: &Expr) -> Option<Distance> {
        let (metric, left, right) = match expr {
            Expr::Nested(inner) => return self.distance(inner),
            Expr::BinaryOp { left, op, right } => {
                (Metric::of_function(function_of(op)?)?, &**left, &**right)
            }
            Expr::Function(call) => {
                let (name, left, right) = call_of_two(call)?;
                (Metric::of_function(&name)?, left, right)
            }
            _ => return None,
        };
        let of = |column: &Expr, vector: &Expr| {
            let name = column_name(column, self.relation)?;
            let position = self.table.schema.index_of(&name).ok()?;
            let data_type = &self.table.definition.columns[position].data_type;
            let KalamDataType::Embedding(dimensions) = data_type else { return None };
            let vector = constant_vector(&value(vector, self.params)?)?;
            let fits = vector.len() == usize::from(*dimensions);
            fits.then(|| Distance { position, question: Question::new(metric, vector) })
        };
        of(left, right).or_else(|| of(right, left))
    }
}

/// The name of a function and its arguments, if it is called plainly with two.
fn call_of_two(call: &Function) -> Option<(String, &Expr, &Expr)> {
    let [name] = call.name.0.as_slice() else { return None };
    let name = name.as_ident().map(fold)?;
    let FunctionArguments::List(list) = &call.args else { return None };
    let is_plain = call.filter.is_none()
        && call.over.is_none()
        && call.null_treatment.is_none()
        && call.within_group.is_empty()
        && matches!(call.parameters, FunctionArguments::None)
        && list.duplicate_treatment.is_none()
        && list.clauses.is_empty();
    match list.args.as_slice() {
        [
            FunctionArg::Unnamed(FunctionArgExpr::Expr(left)),
            FunctionArg::Unnamed(FunctionArgExpr::Expr(right)),
        ] if is_plain => Some((name, left, right)),
        _ => None,
    }
}

impl NearestRead {
    /// The caller's rows.
    ///
    /// # Errors
    /// `XX001`, `57014`, `40001` if the view is older than what the table promises.
    pub(crate) fn read(
        &self,
        engine: &Engine,
        caller: &Caller,
        view: &Arc<View>,
    ) -> Result<RecordBatch> {
        self.table.check_view(view)?;
        let Some(user) = read_scope(engine, caller, &self.table)? else {
            note_read_without_scope(&self.table, view);
            return Ok(RecordBatch::new_empty(self.schema()));
        };
        if self.limit == 0 {
            return Ok(RecordBatch::new_empty(self.schema()));
        }
        let scope = ScopeId { table: self.table.definition.id, user };
        let manifest = engine.tier.manifest.scope(scope, view)?;
        let search = NearestRows {
            tier: &engine.tier,
            hot: &engine.hot_vectors,
            table: &self.table,
            position: self.distance.position,
            question: &self.distance.question,
            limit: self.offset + self.limit,
            threads: engine.options.threads,
            expiry: self.table.expiry(engine.store.clock()),
        };
        let mut found = search.find(view, user, &manifest)?;
        found.drain(..self.offset.min(found.len()));
        let mut rows = TierRows::new(&engine.tier, &self.table, &self.columns(), found.len())?;
        let mut wanted = Vec::with_capacity(found.len());
        for (_, place) in &found {
            wanted.push(match place {
                NearestPlace::Segment(segment, row) => RowOf::Segment(*segment, *row),
                NearestPlace::Hot(key) => {
                    let pushed =
                        view.hot(key, |record| rows.push_hot(&key[SCOPE_PREFIX_LEN..], record))?;
                    pushed.ok_or_else(|| {
                        Error::new(SqlState::INTERNAL_ERROR, "a row of the view is gone")
                    })?
                }
            });
        }
        let schema = Arc::new(Schema::new(self.fields(|output| match output {
            Output::Column(..) => true,
            Output::Distance(_) => false,
        })));
        let rows = rows.batch(schema, &manifest, &wanted)?;
        self.with_distances(&rows, &found)
    }

    /// What it comes to, for EXPLAIN.
    pub(crate) fn describe(&self) -> String {
        let columns: Vec<&str> = self.outputs.iter().map(Output::name).collect();
        let offset = match self.offset {
            0 => String::new(),
            rows => format!(", offset {rows}"),
        };
        format!(
            "Rows of {}: columns ({}), nearest by {} of {}, limit {}{offset}",
            self.table.definition.name,
            columns.join(", "),
            self.distance.question.metric().function(),
            self.table.schema.field(self.distance.position).name(),
            self.limit
        )
    }

    /// The columns of the table that are shown.
    fn columns(&self) -> Vec<(usize, String)> {
        let column = |output: &Output| match output {
            Output::Column(position, name) => Some((*position, name.clone())),
            Output::Distance(_) => None,
        };
        self.outputs.iter().filter_map(column).collect()
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::new(Schema::new(self.fields(|_| true)))
    }

    fn fields(&self, is_wanted: impl Fn(&Output) -> bool) -> Vec<FieldRef> {
        let field = |output: &Output| {
            Arc::new(match output {
                Output::Column(position, name) => {
                    self.table.schema.field(*position).clone().with_name(name)
                }
                Output::Distance(name) => Field::new(name, DataType::Float64, true),
            })
        };
        self.outputs.iter().filter(|output| is_wanted(output)).map(field).collect()
    }

    /// Puts the distances among the columns of the rows.
    fn with_distances(
        &self,
        rows: &RecordBatch,
        found: &[(Rank, NearestPlace)],
    ) -> Result<RecordBatch> {
        let mut columns = rows.columns().iter();
        let distances = found.iter().map(|(rank, _)| rank.distance());
        let distances: ArrayRef = Arc::new(distances.collect::<Float64Array>());
        let all: Option<Vec<ArrayRef>> = self
            .outputs
            .iter()
            .map(|output| match output {
                Output::Column(..) => columns.next().cloned(),
                Output::Distance(_) => Some(distances.clone()),
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(found.len()));
        RecordBatch::try_new_with_options(self.schema(), all.unwrap_or_default(), &options).map_err(
            |e| {
                Error::new(SqlState::INTERNAL_ERROR, "rows and their distances do not fit")
                    .with_source(e)
            },
        )
    }
}
