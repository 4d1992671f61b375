//! The expressions of a statement that changes rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{Int64Type, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr, TableWithJoins};

use crate::activity::Activity;
use crate::executor::batch_stream::BatchStream;
use crate::executor::built_query::{query_of, relation_of, select_of};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::given_rows::{GIVEN_RELATION, GivenRows, INDEX_COLUMN};
use crate::executor::handlers::query::select::prepare;
use crate::executor::modify_statement::Ctes;
use crate::store::View;
use crate::{Error, Result, SqlState};

/// Evaluates expressions of one statement for its caller.
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) caller: &'a Caller,
    pub(super) params: &'a [ScalarValue],
    pub(super) ctes: &'a Ctes,
}

/// Values of expressions over rows.
pub(super) struct Evaluated {
    /// The columns.
    pub(super) schema: SchemaRef,
    /// The values, in the order of the rows that they are of.
    pub(super) columns: Vec<ArrayRef>,
    /// Which rows they are of.
    pub(super) indices: Vec<usize>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        engine: &'a Arc<Engine>,
        caller: &'a Caller,
        params: &'a [ScalarValue],
        ctes: &'a Ctes,
    ) -> Evaluator<'a> {
        Evaluator { engine, caller, params, ctes }
    }

    /// Starts a query of the statement.
    ///
    /// # Errors
    /// What the query gets wrong.
    pub(super) fn batches(&self, query: &Query, view: &Arc<View>) -> Result<Batches<'a>> {
        let mut query = with_ctes(self.ctes, query.clone());
        let planner = prepare(self.engine, self.caller, &mut query, view.clone())?;
        let plan = planner.logical(query, self.params)?;
        let stream = BatchStream::new(planner.stream(&plan)?);
        Ok(Batches { engine: self.engine, stream })
    }

    /// Evaluates items of a select list over those of the rows that `selection` keeps.
    ///
    /// # Errors
    /// What the expressions get wrong.
    pub(super) fn over(
        &self,
        view: &Arc<View>,
        rows: &GivenRows,
        items: Vec<SelectItem>,
        selection: Option<&Expr>,
    ) -> Result<Evaluated> {
        let mut query = given_query(self.ctes, items, selection);
        let planner =
            prepare(self.engine, self.caller, &mut query, view.clone())?.with_rows(rows)?;
        let plan = planner.logical(query, self.params)?;
        let stream = planner.stream(&plan)?;
        let schema = stream.schema();
        let batches = self.engine.collect(stream)?;
        in_order(&schema, &batches).map_err(|e| {
            Error::new(SqlState::INTERNAL_ERROR, "values of expressions do not fit together")
                .with_source(e)
        })
    }
}

/// The batches of a query, as they come.
pub(super) struct Batches<'a> {
    engine: &'a Engine,
    stream: BatchStream,
}

impl Batches<'_> {
    /// How many columns they have.
    pub(super) fn columns(&self) -> usize {
        self.stream.schema().fields().len()
    }

    /// The next one.
    ///
    /// # Errors
    /// What the query raises while it runs, `57014`.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let activity = Activity::current().unwrap_or_default();
        self.stream.next(self.engine.runtime(), &activity)
    }
}

/// `SELECT items, index FROM rows at hand WHERE selection`.
pub(crate) fn given_query(
    ctes: &Ctes,
    mut items: Vec<SelectItem>,
    selection: Option<&Expr>,
) -> Query {
    items.push(SelectItem::UnnamedExpr(Expr::Identifier(Ident::new(INDEX_COLUMN))));
    let relation = relation_of(GIVEN_RELATION, None);
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    let select = select_of(items, from, selection.cloned());
    with_ctes(ctes, query_of(SetExpr::Select(Box::new(select))))
}

/// The query with the statement's CTEs around it.
pub(crate) fn with_ctes(ctes: &Ctes, mut query: Query) -> Query {
    if let Some(ctes) = ctes {
        if query.with.is_some() {
            query = query_of(SetExpr::Query(Box::new(query)));
        }
        query.with = Some(ctes.as_ref().clone());
    }
    query
}

/// The columns but the last, which is the index that sorts them.
fn in_order(
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<Evaluated, arrow::error::ArrowError> {
    let all = concat_batches(schema, batches)?;
    let last = all.num_columns() - 1;
    let numbers = all.column(last).as_primitive::<Int64Type>();
    let mut indices: Vec<usize> =
        numbers.values().iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
    let mut columns = all.columns()[..last].to_vec();
    if !indices.is_sorted() {
        let mut order: Vec<u32> = (0u32..).take(indices.len()).collect();
        order.sort_by_key(|i| indices[*i as usize]);
        let order = UInt32Array::from(order);
        columns = columns.iter().map(|c| take(c, &order, None)).collect::<Result<_, _>>()?;
        indices.sort_unstable();
    }
    let schema = Arc::new(Schema::new(schema.fields()[..last].to_vec()));
    Ok(Evaluated { schema, columns, indices })
}
