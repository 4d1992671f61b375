//! `SELECT columns FROM table WHERE primary key = value`, without a planner: one key
//! lookup in the hot tier, then one in the cold tier.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, ObjectName, Query, Select, SelectItem, SetExpr,
    TableFactor, Value,
};

use super::caller::Caller;
use super::engine::Engine;
use super::gateway::{TableAction, authorize_table};
use super::query_result::QueryResult;
use super::resolve::read_scope;
use super::same_value::same_value;
use crate::catalog::{RESERVED_NAMESPACES, Table};
use crate::flush::{KeyLookup, ScopeId, read_columns};
use crate::model::{TableKind, UserKey};
use crate::scan::note_read_without_scope;
use crate::store::{RowDecoder, RowHeader, View};
use crate::{Error, Result, SqlState};

/// The row of a query that names a whole primary key; `None` if the query is of
/// another form and has to be planned. The answer is the one that planning gives.
///
/// # Errors
/// `42501`, `XX001`.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    query: &Query,
    params: &[ScalarValue],
    view: &Arc<View>,
) -> Result<Option<QueryResult>> {
    let Some(point) = find(engine, caller, query, params)? else { return Ok(None) };
    Ok(Some(QueryResult::ready(match point.read(engine, caller, view)? {
        Some((batch, _)) => batch,
        None => RecordBatch::new_empty(schema(&point.table, &point.columns)),
    })))
}

/// A key lookup: what a query of this form comes to.
pub(crate) struct Point {
    pub(crate) table: Arc<Table>,
    /// The encoded key.
    pub(crate) key: Vec<u8>,
    /// Positions and output names of the columns.
    columns: Vec<(usize, String)>,
}

/// Where a row was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Hot,
    Cold,
}

impl Tier {
    /// The words for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Tier::Hot => "in the hot tier",
            Tier::Cold => "in a segment",
        }
    }
}

/// The lookup that a query is; `None` if it is of another form and has to be planned.
///
/// # Errors
/// `42501`, `XX001`.
pub(crate) fn find(
    engine: &Engine,
    caller: &Caller,
    query: &Query,
    params: &[ScalarValue],
) -> Result<Option<Point>> {
    let Some((select, name, alias)) = plain_select(query) else { return Ok(None) };
    let Some(conditions) = select.selection.as_ref().and_then(|e| conditions(e, params)) else {
        return Ok(None);
    };
    let Some((namespace, table_name)) = table_name(name, &caller.namespace) else {
        return Ok(None);
    };
    if RESERVED_NAMESPACES.contains(&namespace.as_str()) || reads_data(caller, name) {
        return Ok(None);
    }
    // Planning words the error for a table that is not there.
    let Ok(table) = engine.registry.table(&namespace, &table_name) else { return Ok(None) };
    let relation = alias.unwrap_or(table_name);
    let Some(key) = key(&table, &relation, &conditions)? else { return Ok(None) };
    let Some(columns) = projection(&select.projection, &table, &relation) else { return Ok(None) };
    if table.definition.kind == TableKind::Stream {
        return Ok(None);
    }
    authorize_table(TableAction::Read, &table.definition, caller.role)?;
    Ok(Some(Point { table, key, columns }))
}

impl Point {
    /// The caller's row with the key, and where it was.
    ///
    /// # Errors
    /// `XX001`, `40001` if the view is older than what the table promises.
    pub(crate) fn read(
        &self,
        engine: &Engine,
        caller: &Caller,
        view: &Arc<View>,
    ) -> Result<Option<(RecordBatch, Tier)>> {
        let Point { table, key, columns } = self;
        table.check_view(view)?;
        let read = PointRead { engine, table, view: view.clone(), columns };
        match read_scope(engine, caller, table)? {
            Some(user) => read.row(user, key),
            None => {
                note_read_without_scope(table, &read.view);
                Ok(None)
            }
        }
    }
}

/// The SELECT if it is nothing but columns of one table under a condition.
fn plain_select(query: &Query) -> Option<(&Select, &ObjectName, Option<String>)> {
    let plain_query = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty();
    let SetExpr::Select(select) = &*query.body else { return None };
    let plain_groups = matches!(
        &select.group_by,
        GroupByExpr::Expressions(groups, modifiers) if groups.is_empty() && modifiers.is_empty()
    );
    let plain_select = plain_groups
        && select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.named_window.is_empty()
        && select.exclude.is_none()
        && select.into.is_none();
    let [from] = select.from.as_slice() else { return None };
    if !plain_query || !plain_select || !from.joins.is_empty() {
        return None;
    }
    match &from.relation {
        TableFactor::Table {
            name,
            alias,
            args: None,
            version: None,
            sample: None,
            with_ordinality: false,
            ..
        } => {
            let alias = match alias {
                None => None,
                Some(alias) if alias.columns.is_empty() => Some(fold(&alias.name)),
                Some(_) => return None,
            };
            Some((select, name, alias))
        }
        _ => None,
    }
}

fn fold(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

fn table_name(name: &ObjectName, namespace: &str) -> Option<(String, String)> {
    let parts: Option<Vec<String>> = name.0.iter().map(|p| p.as_ident().map(fold)).collect();
    match parts?.as_slice() {
        [table] => Some((namespace.to_owned(), table.clone())),
        [namespace, table] => Some((namespace.clone(), table.clone())),
        _ => None,
    }
}

/// Whether the relation is no table but data of the program.
fn reads_data(caller: &Caller, name: &ObjectName) -> bool {
    let part = match name.0.as_slice() {
        [part] => part.as_ident(),
        _ => None,
    };
    part.is_some_and(|part| caller.data.has(None, &fold(part)))
}

/// `column = value`, joined by AND.
fn conditions<'a>(
    expr: &'a Expr,
    params: &'a [ScalarValue],
) -> Option<Vec<(&'a Expr, ScalarValue)>> {
    match expr {
        Expr::Nested(inner) => conditions(inner, params),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut all = conditions(left, params)?;
            all.extend(conditions(right, params)?);
            Some(all)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let value = value(right, params)?;
            Some(vec![(left, value)])
        }
        _ => None,
    }
}

fn value(expr: &Expr, params: &[ScalarValue]) -> Option<ScalarValue> {
    let Expr::Value(value) = expr else { return None };
    match &value.value {
        Value::Number(text, _) => text.parse().ok().map(|n| ScalarValue::Int64(Some(n))),
        Value::SingleQuotedString(text) => Some(ScalarValue::Utf8(Some(text.clone()))),
        Value::Placeholder(name) => {
            let index: usize = name.strip_prefix('$')?.parse().ok()?;
            params.get(index.checked_sub(1)?).cloned()
        }
        _ => None,
    }
}

/// The column that an expression names, if it is one of the relation's.
fn column_name(expr: &Expr, relation: &str) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(fold(ident)),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] if fold(table) == relation => Some(fold(column)),
            _ => None,
        },
        _ => None,
    }
}

/// The encoded key of a condition that is nothing but a value for each column of the
/// primary key of a relation.
///
/// # Errors
/// `XX000` if a value does not encode.
pub(crate) fn whole_key(
    table: &Table,
    relation: &str,
    selection: &Expr,
    params: &[ScalarValue],
) -> Result<Option<Vec<u8>>> {
    match conditions(selection, params) {
        Some(conditions) => key(table, relation, &conditions),
        None => Ok(None),
    }
}

/// The encoded key, if the conditions name each key column once and nothing else,
/// with values that mean the same in the column's type.
fn key(
    table: &Table,
    relation: &str,
    conditions: &[(&Expr, ScalarValue)],
) -> Result<Option<Vec<u8>>> {
    let names = table.key_names();
    if names.is_empty() || names.len() != conditions.len() {
        return Ok(None);
    }
    let mut values = vec![None; names.len()];
    for (column, value) in conditions {
        let Some(name) = column_name(column, relation) else { return Ok(None) };
        let Some(place) = names.iter().position(|n| *n == name) else { return Ok(None) };
        let data_type = table.schema.field(table.key_positions[place]).data_type();
        values[place] = same_value(value, data_type);
    }
    let Some(values) = values.into_iter().collect::<Option<Vec<ScalarValue>>>() else {
        return Ok(None);
    };
    let mut key = Vec::with_capacity(24);
    table.key_codec.encode_scalars(&values, &mut key)?;
    Ok(Some(key))
}

/// Positions and output names of the columns that a select list asks for, if it asks
/// for nothing else.
pub(crate) fn projection(
    items: &[SelectItem],
    table: &Table,
    relation: &str,
) -> Option<Vec<(usize, String)>> {
    let mut columns: Vec<(usize, String)> = Vec::new();
    for item in items {
        let (expr, alias) = match item {
            SelectItem::Wildcard(options) if *options == Default::default() => {
                let all = table.schema.fields().iter().enumerate();
                columns.extend(all.map(|(i, f)| (i, f.name().clone())));
                continue;
            }
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(fold(alias))),
            _ => return None,
        };
        let name = column_name(expr, relation)?;
        let position = table.schema.index_of(&name).ok()?;
        columns.push((position, alias.unwrap_or(name)));
    }
    let mut names: Vec<&String> = columns.iter().map(|(_, name)| name).collect();
    names.sort_unstable();
    let distinct = names.windows(2).all(|pair| pair[0] != pair[1]);
    (distinct && !columns.is_empty()).then_some(columns)
}

struct PointRead<'a> {
    engine: &'a Engine,
    table: &'a Arc<Table>,
    view: Arc<View>,
    columns: &'a [(usize, String)],
}

fn schema(table: &Table, columns: &[(usize, String)]) -> SchemaRef {
    let field = |(position, name): &(usize, String)| -> Field {
        table.schema.field(*position).clone().with_name(name)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

impl PointRead<'_> {
    fn row(&self, user: UserKey, key: &[u8]) -> Result<Option<(RecordBatch, Tier)>> {
        let prefix = self.table.scope_prefix(user);
        let hot_key = [prefix.as_slice(), key].concat();
        let found = self.view.hot(&hot_key, |record| {
            if RowHeader::read(record)?.is_deleted() {
                return Ok(None);
            }
            self.decode(key, record).map(Some)
        })?;
        let (columns, tier) = match found {
            Some(Some(columns)) => (columns, Tier::Hot),
            // A deleted hot row says that no segment has a live one.
            Some(None) => return Ok(None),
            None => match self.cold(user, key)? {
                Some(columns) => (columns, Tier::Cold),
                None => return Ok(None),
            },
        };
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        RecordBatch::try_new_with_options(schema(self.table, self.columns), columns, &options)
            .map(|batch| Some((batch, tier)))
            .map_err(|e| Error::new(SqlState::INTERNAL_ERROR, e.to_string()))
    }

    fn decode(&self, key: &[u8], record: &[u8]) -> Result<Vec<ArrayRef>> {
        let targets = self.columns.iter().map(|(position, _)| self.table.target(*position));
        let targets = targets.collect();
        let mut decoder = RowDecoder::new(targets, self.table.layouts.clone(), 1)?;
        decoder.push(key, record)?;
        decoder.finish()
    }

    fn cold(&self, user: UserKey, key: &[u8]) -> Result<Option<Vec<ArrayRef>>> {
        let scope = ScopeId { table: self.table.definition.id, user };
        let tier = &self.engine.tier;
        let manifest = tier.manifest.scope(scope, &self.view)?;
        let lookup = KeyLookup { tier, table: self.table, manifest: &manifest };
        let Some(found) = lookup.find(key)?.filter(|found| !found.deleted) else {
            return Ok(None);
        };
        let Some(state) = manifest.segment(found.segment) else { return Ok(None) };
        let segment = tier.open(&state.meta)?;
        let positions: Vec<usize> = self.columns.iter().map(|(position, _)| *position).collect();
        read_columns(&segment, self.table, &positions, found.row, 1).map(Some)
    }
}
