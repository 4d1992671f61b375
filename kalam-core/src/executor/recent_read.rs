//! `SELECT columns FROM table WHERE key < value ORDER BY key DESC LIMIT n`, without a
//! planner: the first or last rows of a range of keys, out of both tiers, read from that end
//! until there are n.
//!
//! Planning and starting such a query costs ten times as much as reading 50 rows does.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, LimitClause, OrderByExpr, OrderByKind, Query,
};

use super::caller::Caller;
use super::engine::Engine;
use super::gateway::{TableAction, authorize_table};
use super::plain_query::{
    Comparison, column_name, comparisons, named_table, plain_select, projection, relation_name,
    result_schema, value,
};
use super::resolve::read_scope;
use super::same_value::same_value;
use super::tier_rows::{RowOf, TierRows};
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::flush::{KeyOrder, KeyWalk, ScopeId, ScopeManifest};
use crate::model::{KalamDataType, UserKey};
use crate::scan::{KeyRange, note_read_without_scope};
use crate::store::{RowHeader, SCOPE_PREFIX_LEN, View};

/// Rows that are read this way, those of OFFSET included. With more, what planning costs is
/// little beside what they cost, and its operators use several threads.
const ROWS_MAX: usize = 4096;

/// Hot rows between two looks at whether the statement is to stop.
const ROWS_UNCHECKED: usize = 4096;

/// The first rows of a range of keys, in the order of the keys or in reverse: what a query of
/// this form comes to.
pub(crate) struct RecentRead {
    pub(crate) table: Arc<Table>,
    pub(crate) range: KeyRange,
    pub(crate) order: KeyOrder,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
    /// Positions and output names of the columns.
    pub(crate) columns: Vec<(usize, String)>,
}

/// The read that a query is; `None` if it is of another form and has to be planned.
///
/// # Errors
/// `42501`, `XX000` if a value does not encode.
pub(crate) fn find(
    engine: &Engine,
    caller: &Caller,
    query: &Query,
    params: &[ScalarValue],
    view: &View,
) -> Result<Option<RecentRead>> {
    let Some(order_by) = &query.order_by else { return Ok(None) };
    let Some((offset, limit)) = rows_wanted(query.limit_clause.as_ref(), params) else {
        return Ok(None);
    };
    let OrderByKind::Expressions(order_by) = &order_by.kind else { return Ok(None) };
    let Some((select, name, alias)) = plain_select(query) else { return Ok(None) };
    // Own writes of a transaction are merged in ascending order only, by the scan.
    if view.is_of_transaction() {
        return Ok(None);
    }
    let conditions = match &select.selection {
        None => Vec::new(),
        Some(selection) => match comparisons(selection, params) {
            Some(conditions) => conditions,
            None => return Ok(None),
        },
    };
    let Some(table) = named_table(engine, caller, name) else { return Ok(None) };
    let Some(relation) = relation_name(name, alias) else { return Ok(None) };
    let Some(columns) = projection(&select.projection, &table, &relation) else { return Ok(None) };
    let Some(bounds) = Bounds::of(&table, &relation, &conditions) else { return Ok(None) };
    let wanted = Wanted { table: &table, relation: &relation, columns: &columns };
    let Some(order) = wanted.key_order(order_by, bounds.fixed.len()) else { return Ok(None) };
    let range = KeyRange::new(&table, &bounds.fixed, bounds.edges.into_iter())?;
    authorize_table(TableAction::Read, &table.definition, caller.role)?;
    Ok(Some(RecentRead { table, range, order, offset, limit, columns }))
}

/// OFFSET and LIMIT, if they are few rows.
pub(super) fn rows_wanted(
    clause: Option<&LimitClause>,
    params: &[ScalarValue],
) -> Option<(usize, usize)> {
    let LimitClause::LimitOffset { limit: Some(limit), offset, limit_by } = clause? else {
        return None;
    };
    let count = |expr: &Expr| match value(expr, params)? {
        ScalarValue::Int64(Some(rows)) => usize::try_from(rows).ok(),
        _ => None,
    };
    let limit = count(limit)?;
    let offset = match offset {
        Some(offset) => count(&offset.value)?,
        None => 0,
    };
    let is_few = offset.checked_add(limit)? <= ROWS_MAX;
    (is_few && limit_by.is_empty()).then_some((offset, limit))
}

/// Values of the leading columns of a key, and bounds of the next one.
struct Bounds {
    fixed: Vec<ScalarValue>,
    edges: Vec<(Operator, ScalarValue)>,
}

impl Bounds {
    /// `None` if the conditions say anything else.
    fn of(table: &Table, relation: &str, conditions: &[Comparison<'_>]) -> Option<Bounds> {
        let names = table.key_names();
        let types = table.key_positions.iter().map(|at| &table.definition.columns[*at].data_type);
        // -0.0 and the many NaNs are one key each, and different values to a sort.
        let floats = |t: &KalamDataType| matches!(t, KalamDataType::Float | KalamDataType::Double);
        if names.is_empty() || types.clone().any(floats) {
            return None;
        }
        let mut fixed: Vec<Option<ScalarValue>> = vec![None; names.len()];
        let mut edges = Vec::new();
        for (column, operator, value) in conditions {
            let name = column_name(column, relation)?;
            let place = names.iter().position(|key| *key == name)?;
            let data_type = table.schema.field(table.key_positions[place]).data_type();
            let value = same_value(value, data_type)?;
            match operator {
                BinaryOperator::Eq if fixed[place].is_some() => return None,
                BinaryOperator::Eq => fixed[place] = Some(value),
                BinaryOperator::Lt => edges.push((place, (Operator::Lt, value))),
                BinaryOperator::LtEq => edges.push((place, (Operator::LtEq, value))),
                BinaryOperator::Gt => edges.push((place, (Operator::Gt, value))),
                BinaryOperator::GtEq => edges.push((place, (Operator::GtEq, value))),
                _ => return None,
            }
        }
        let leading = fixed.iter().take_while(|value| value.is_some()).count();
        let is_range = edges.iter().all(|(place, _)| *place == leading);
        let is_leading = fixed.iter().skip(leading).all(Option::is_none);
        (is_range && is_leading).then(|| Bounds {
            fixed: fixed.into_iter().flatten().collect(),
            edges: edges.into_iter().map(|(_, edge)| edge).collect(),
        })
    }
}

/// What a query asks for.
struct Wanted<'a> {
    table: &'a Table,
    relation: &'a str,
    columns: &'a [(usize, String)],
}

impl Wanted<'_> {
    /// The order of the key that ORDER BY asks for, if it does. The first `fixed` columns of
    /// the key have one value each.
    fn key_order(&self, order_by: &[OrderByExpr], fixed: usize) -> Option<KeyOrder> {
        let keys = &self.table.key_positions;
        let mut next = fixed;
        let mut order = None;
        for wanted in order_by {
            if wanted.with_fill.is_some() {
                return None;
            }
            let position = self.position(&wanted.expr)?;
            if keys[..fixed].contains(&position) {
                continue;
            }
            if keys.get(next) != Some(&position) {
                return None;
            }
            // Columns of a key are never NULL: where those stand says nothing.
            let asked = match wanted.options.asc {
                Some(false) => KeyOrder::Descending,
                Some(true) | None => KeyOrder::Ascending,
            };
            if order.is_some_and(|order| order != asked) {
                return None;
            }
            order = Some(asked);
            next += 1;
        }
        Some(order.unwrap_or(KeyOrder::Ascending))
    }

    /// The column of the table that ORDER BY names. A name alone is that of a column of the
    /// result first.
    fn position(&self, expr: &Expr) -> Option<usize> {
        let name = column_name(expr, self.relation)?;
        let position = self.table.schema.index_of(&name).ok()?;
        let of_result = self.columns.iter().find(|(_, output)| *output == name);
        match (expr, of_result) {
            (Expr::Identifier(_), Some((of_result, _))) if *of_result != position => None,
            _ => Some(position),
        }
    }
}

/// A live row of the range.
struct Candidate {
    /// Without scope.
    key: Vec<u8>,
    place: RowOf,
}

impl RecentRead {
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
        let schema = result_schema(&self.table, &self.columns);
        if self.range.is_empty() {
            return Ok(RecordBatch::new_empty(schema));
        }
        let Some(user) = read_scope(engine, caller, &self.table)? else {
            note_read_without_scope(&self.table, view);
            return Ok(RecordBatch::new_empty(schema));
        };
        let scope = ScopeId { table: self.table.definition.id, user };
        let manifest = engine.tier.manifest.scope(scope, view)?;
        let mut rows = TierRows::new(&engine.tier, &self.table, &self.columns, self.most())?;
        let mut candidates = Vec::new();
        self.hot_rows(engine, user, view, &mut rows, &mut candidates)?;
        self.cold_rows(engine, &manifest, &mut candidates)?;
        let wanted: Vec<RowOf> = candidates.iter().skip(self.offset).map(|row| row.place).collect();
        rows.batch(schema, &manifest, &wanted)
    }

    /// What it comes to, for EXPLAIN.
    pub(crate) fn describe(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|(_, name)| name.as_str()).collect();
        let order = match self.order {
            KeyOrder::Ascending => "in the order of the key",
            KeyOrder::Descending => "newest first",
        };
        let offset = match self.offset {
            0 => String::new(),
            rows => format!(", offset {rows}"),
        };
        format!(
            "Rows of {}: columns ({}), {order}, limit {}{offset}",
            self.table.definition.name,
            columns.join(", "),
            self.limit
        )
    }

    /// Rows that are looked for.
    fn most(&self) -> usize {
        self.offset + self.limit
    }

    /// The first rows of the hot tier, decoded.
    fn hot_rows(
        &self,
        engine: &Engine,
        user: UserKey,
        view: &View,
        rows: &mut TierRows<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<()> {
        let (lower, upper) = self.range.hot_bounds(&self.table, user);
        let mut cursor = match self.order {
            KeyOrder::Ascending => view.hot_cursor(&lower, &upper),
            KeyOrder::Descending => view.hot_cursor_from_end(&lower, &upper),
        };
        let expiry = self.table.expiry(engine.store.clock());
        let mut stored = 0;
        while candidates.len() < self.most()
            && let Some((key, record)) = cursor.entry()?
        {
            let header = RowHeader::read(record)?;
            if !header.is_deleted() && header.seq >= expiry {
                let key = &key[SCOPE_PREFIX_LEN..];
                let place = rows.push_hot(key, record)?;
                candidates.push(Candidate { key: key.to_vec(), place });
            }
            stored += 1;
            if stored % ROWS_UNCHECKED == 0 {
                check_stop()?;
            }
            cursor.advance();
        }
        Ok(())
    }

    fn compare(&self, one: &[u8], other: &[u8]) -> Ordering {
        match self.order {
            KeyOrder::Ascending => one.cmp(other),
            KeyOrder::Descending => other.cmp(one),
        }
    }

    /// Puts the rows of segments among the candidates, and keeps the first. The segment that
    /// begins first is read first, so that those behind the last candidate are not opened.
    fn cold_rows(
        &self,
        engine: &Engine,
        manifest: &ScopeManifest,
        candidates: &mut Vec<Candidate>,
    ) -> Result<()> {
        let most = self.most();
        let mut segments: Vec<(usize, &[u8])> = manifest
            .segments
            .iter()
            .enumerate()
            .filter(|(_, state)| self.range.overlaps(&state.meta.min_key, &state.meta.max_key))
            .filter(|(_, state)| state.live_rows() > 0)
            .map(|(number, state)| match self.order {
                KeyOrder::Ascending => (number, state.meta.min_key.as_slice()),
                KeyOrder::Descending => (number, state.meta.max_key.as_slice()),
            })
            .collect();
        segments.sort_by(|(_, one), (_, other)| self.compare(one, other));
        for (number, first) in segments {
            // What comes behind it is not among the first.
            let last = candidates.get(most.saturating_sub(1)).map(|row| row.key.clone());
            let is_behind = |key: &[u8]| {
                last.as_ref().is_some_and(|last| self.compare(key, last) == Ordering::Greater)
            };
            if most == 0 || is_behind(first) {
                break;
            }
            let (lower, upper) = self.range.bounds();
            let walk = KeyWalk {
                tier: &engine.tier,
                table: &self.table,
                state: &manifest.segments[number],
                lower,
                upper,
            };
            let mut found = 0;
            walk.each(self.order, |key, row| {
                if is_behind(key) {
                    return ControlFlow::Break(());
                }
                let place = RowOf::Segment(number, row);
                candidates.push(Candidate { key: key.to_vec(), place });
                found += 1;
                if found == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            candidates.sort_by(|one, other| self.compare(&one.key, &other.key));
            candidates.truncate(most);
        }
        Ok(())
    }
}
