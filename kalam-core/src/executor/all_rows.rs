//! Every live row of a table, whoever owns it: what DDL looks at that promises something
//! of all rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::sqlparser::ast::{
    Expr, LimitClause, SelectItem, SetExpr, TableWithJoins, Value,
};

use super::built_query::{query_of, quoted, relation_of, select_of};
use super::caller::Caller;
use super::engine::Engine;
use super::planner::{Planner, TARGET_RELATION};
use crate::Result;
use crate::catalog::{HIDDEN_KEY_COLUMN, Table};
use crate::model::UserKey;
use crate::store::{SCOPE_PREFIX_LEN, View, prefix_end, scope_of, table_prefix};

/// Whether `condition`, over the table's columns, is true of a live row of any scope.
/// Hold the table's commits, so that the answer is still right when it is used.
///
/// # Errors
/// What the condition raises for a row.
pub(crate) fn any_row(
    engine: &Engine,
    caller: &Caller,
    table: &Arc<Table>,
    view: &Arc<View>,
    condition: &Expr,
) -> Result<bool> {
    for user in scopes(engine, table, view)? {
        let planner = Planner::new(engine, caller, view.clone()).with_target(table, user)?;
        let name = table.definition.name.table.as_str();
        let relation = relation_of(TARGET_RELATION, Some(name));
        let one = Expr::value(Value::Number("1".to_owned(), false));
        let from = vec![TableWithJoins { relation, joins: Vec::new() }];
        let select =
            select_of(vec![SelectItem::UnnamedExpr(one.clone())], from, Some(condition.clone()));
        let mut query = query_of(SetExpr::Select(Box::new(select)));
        query.limit_clause =
            Some(LimitClause::LimitOffset { limit: Some(one), offset: None, limit_by: Vec::new() });
        let stream = planner.stream(&planner.logical(query, &[])?)?;
        if engine.count_rows(stream)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All columns of some rows, and their hidden keys where these are the keys.
pub(crate) type Rows = (Vec<ArrayRef>, Option<ArrayRef>);

/// The live rows of one owner.
///
/// # Errors
/// `XX001` for a damaged segment.
pub(crate) fn rows_of(
    engine: &Engine,
    caller: &Caller,
    table: &Arc<Table>,
    view: &Arc<View>,
    user: UserKey,
) -> Result<Vec<Rows>> {
    let stream = stream_of(engine, caller, table, view, user)?;
    let width = table.definition.columns.len();
    let batches = engine.collect(stream)?;
    let split = |batch: &RecordBatch| {
        (batch.columns()[..width].to_vec(), batch.columns().get(width).cloned())
    };
    Ok(batches.iter().map(split).collect())
}

/// The live rows of one owner, as they are read: all columns, then the hidden key where
/// that is the key.
///
/// # Errors
/// `XX001` for a damaged segment.
pub(crate) fn stream_of(
    engine: &Engine,
    caller: &Caller,
    table: &Arc<Table>,
    view: &Arc<View>,
    user: UserKey,
) -> Result<SendableRecordBatchStream> {
    let planner = Planner::new(engine, caller, view.clone()).with_target(table, user)?;
    let column = |name: &str| SelectItem::UnnamedExpr(Expr::Identifier(quoted(name)));
    let definition = &table.definition;
    let mut columns: Vec<SelectItem> =
        definition.columns.iter().map(|c| column(c.name.as_str())).collect();
    if definition.has_hidden_key() {
        columns.push(column(HIDDEN_KEY_COLUMN));
    }
    let relation = relation_of(TARGET_RELATION, Some(definition.name.table.as_str()));
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    let query = query_of(SetExpr::Select(Box::new(select_of(columns, from, None))));
    planner.stream(&planner.logical(query, &[])?)
}

/// The owners of rows in either tier.
///
/// # Errors
/// `XX001`.
pub(crate) fn scopes(
    engine: &Engine,
    table: &Table,
    view: &Arc<View>,
) -> Result<BTreeSet<UserKey>> {
    let definition = &table.definition;
    let segments = engine.tier.manifest.table_segments(definition.id, &view.snapshot)?;
    let mut users: BTreeSet<UserKey> = segments.into_iter().map(|s| s.scope.user).collect();
    let mut from = table_prefix(definition.kind, definition.id);
    let end = prefix_end(&from);
    // From the first row of each owner to the end of that owner's rows.
    while let Some((key, _)) = view.hot_cursor(&from, &end).entry()? {
        users.insert(scope_of(key).user);
        from = prefix_end(&key[..SCOPE_PREFIX_LEN]);
    }
    Ok(users)
}
