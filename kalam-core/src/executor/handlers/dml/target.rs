//! The rows that an UPDATE or DELETE is about, with their places.
//!
//! The rows come from an ordinary SELECT over the target, so WHERE means what it
//! means in a query, subqueries included. DataFusion's own delete and update hooks
//! are never used: they drop conditions that they cannot push down.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, ObjectName, Query, Select, SelectFlavor, SelectItem, SetExpr,
    TableAlias, TableFactor, TableWithJoins, helpers::attached_token::AttachedToken,
};
use futures::TryStreamExt;

use crate::catalog::{HIDDEN_KEY_COLUMN, SEQ_COLUMN, Table};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::plan_error::from_datafusion;
use crate::executor::planner::{Planner, TARGET_RELATION};
use crate::executor::row_writer::{RowPlace, row_places};
use crate::model::UserKey;
use crate::scan::{ROW_COLUMN, SEGMENT_COLUMN};
use crate::store::View;
use crate::{Error, Result, SqlState};

/// What selects the rows.
pub(super) struct Target<'a> {
    pub(super) table: &'a Arc<Table>,
    pub(super) user: UserKey,
    /// The name by which the statement's expressions call the table.
    pub(super) name: &'a str,
    pub(super) selection: Option<&'a Expr>,
    /// New values, each under a name of its own.
    pub(super) values: Vec<Expr>,
}

/// Rows of the target: all columns, places, hidden keys, new values.
pub(super) struct TargetRows {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) places: Vec<RowPlace>,
    pub(super) hidden: Option<ArrayRef>,
    pub(super) values: Vec<ArrayRef>,
}

impl Target<'_> {
    /// Runs the SELECT.
    ///
    /// # Errors
    /// What the expressions get wrong.
    pub(super) fn rows(
        &self,
        engine: &Engine,
        caller: &Caller,
        params: &[ScalarValue],
        view: &Arc<View>,
    ) -> Result<Vec<TargetRows>> {
        let planner = Planner::new(engine, caller, view.clone()).with_target(self.table, self.user);
        let plan = planner.logical(self.query(), params)?;
        let stream = planner.stream(&plan)?;
        let batches: Vec<RecordBatch> =
            engine.runtime().block_on(stream.try_collect()).map_err(from_datafusion)?;
        batches.iter().filter(|b| b.num_rows() > 0).map(|b| self.split(b)).collect()
    }

    fn split(&self, batch: &RecordBatch) -> Result<TargetRows> {
        let columns = self.table.definition.columns.len();
        let hidden = usize::from(self.table.definition.has_hidden_key());
        let expected = columns + 3 + hidden + self.values.len();
        if batch.num_columns() != expected {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "a target scan has another shape"));
        }
        let at = |index: usize| batch.column(index).clone();
        Ok(TargetRows {
            columns: batch.columns()[..columns].to_vec(),
            places: row_places(&at(columns), &at(columns + 1), &at(columns + 2)),
            hidden: (hidden == 1).then(|| at(columns + 3)),
            values: batch.columns()[columns + 3 + hidden..].to_vec(),
        })
    }

    fn query(&self) -> Query {
        let name = Ident::with_quote('"', self.name);
        let column = |column: &str| {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(vec![
                name.clone(),
                Ident::with_quote('"', column),
            ]))
        };
        let definition = &self.table.definition;
        let mut projection: Vec<SelectItem> =
            definition.columns.iter().map(|c| column(c.name.as_str())).collect();
        projection.extend([SEQ_COLUMN, SEGMENT_COLUMN, ROW_COLUMN].map(column));
        if definition.has_hidden_key() {
            projection.push(column(HIDDEN_KEY_COLUMN));
        }
        for (index, value) in self.values.iter().enumerate() {
            projection.push(SelectItem::ExprWithAlias {
                expr: value.clone(),
                alias: Ident::with_quote('"', format!("_value_{index}")),
            });
        }
        let relation = TableFactor::Table {
            name: ObjectName::from(vec![Ident::with_quote('"', TARGET_RELATION)]),
            alias: Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None }),
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        };
        let from = vec![TableWithJoins { relation, joins: Vec::new() }];
        let select = select_of(projection, from, self.selection.cloned());
        query_of(SetExpr::Select(Box::new(select)))
    }
}

/// A SELECT of these columns.
pub(crate) fn select_of(
    projection: Vec<SelectItem>,
    from: Vec<TableWithJoins>,
    selection: Option<Expr>,
) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A query that is nothing but its body.
pub(crate) fn query_of(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}
