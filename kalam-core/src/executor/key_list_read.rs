//! `SELECT columns FROM table WHERE primary key IN (values)`, without a planner: a lookup of
//! each key in the hot tier, then in the cold tier.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Query};

use super::caller::Caller;
use super::engine::Engine;
use super::gateway::{TableAction, authorize_table};
use super::plain_query::{
    column_name, equals_and_list, named_table, plain_select, projection, relation_name,
    result_schema,
};
use super::resolve::read_scope;
use super::same_value::same_value;
use super::tier_rows::{RowOf, TierRows};
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::flush::{KeyLookup, ScopeId};
use crate::model::TableKind;
use crate::scan::note_read_without_scope;
use crate::store::{RowHeader, View};

/// Keys of a list that are looked up one by one. Longer lists are planned: a scan with a
/// filter costs less than as many lookups.
const KEYS_MAX: usize = 256;

/// Lookups of several keys: what a query of this form comes to.
pub(crate) struct KeyListRead {
    pub(crate) table: Arc<Table>,
    /// The encoded keys, sorted, each once.
    pub(crate) keys: Vec<Vec<u8>>,
    /// Positions and output names of the columns.
    columns: Vec<(usize, String)>,
}

/// The lookups that a query is; `None` if it is of another form and has to be planned.
///
/// # Errors
/// `42501`, `XX000` if a value does not encode.
pub(crate) fn find(
    engine: &Engine,
    caller: &Caller,
    query: &Query,
    params: &[ScalarValue],
) -> Result<Option<KeyListRead>> {
    let Some((select, name, alias)) = plain_select(query) else { return Ok(None) };
    if query.order_by.is_some() || query.limit_clause.is_some() {
        return Ok(None);
    }
    let Some((equal, (listed, values))) =
        select.selection.as_ref().and_then(|selection| equals_and_list(selection, params))
    else {
        return Ok(None);
    };
    let is_equality = equal.iter().all(|(_, operator, _)| **operator == BinaryOperator::Eq);
    if values.len() > KEYS_MAX || !is_equality {
        return Ok(None);
    }
    let Some(table) = named_table(engine, caller, name) else { return Ok(None) };
    let Some(relation) = relation_name(name, alias) else { return Ok(None) };
    let place = |column| {
        let name = column_name(column, &relation)?;
        table.key_names().iter().position(|key| *key == name)
    };
    let Some(listed) = place(listed) else { return Ok(None) };
    let same = |place: usize, value: &ScalarValue| {
        same_value(value, table.schema.field(table.key_positions[place]).data_type())
    };
    let mut parts: Vec<Option<ScalarValue>> = vec![None; table.key_positions.len()];
    for (column, _, value) in &equal {
        match place(column) {
            Some(place) if place != listed && parts[place].is_none() => {
                parts[place] = same(place, value);
            }
            _ => return Ok(None),
        }
    }
    let mut keys = Vec::with_capacity(values.len());
    for value in &values {
        parts[listed] = same(listed, value);
        let Some(whole) = parts.iter().cloned().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let mut key = Vec::new();
        table.key_codec.encode_scalars(&whole, &mut key)?;
        keys.push(key);
    }
    keys.sort_unstable();
    keys.dedup();
    let Some(columns) = projection(&select.projection, &table, &relation) else { return Ok(None) };
    if table.definition.kind == TableKind::Stream {
        return Ok(None);
    }
    authorize_table(TableAction::Read, &table.definition, caller.role)?;
    Ok(Some(KeyListRead { table, keys, columns }))
}

impl KeyListRead {
    /// The caller's rows that have one of the keys, in the order of the keys.
    ///
    /// # Errors
    /// `XX001`, `57014`, `40001` if the view is older than what the table promises.
    pub(crate) fn read(
        &self,
        engine: &Engine,
        caller: &Caller,
        view: &Arc<View>,
    ) -> Result<RecordBatch> {
        let table = &*self.table;
        table.check_view(view)?;
        let schema = result_schema(table, &self.columns);
        let Some(user) = read_scope(engine, caller, table)? else {
            note_read_without_scope(table, view);
            return Ok(RecordBatch::new_empty(schema));
        };
        let tier = &*engine.tier;
        let manifest = tier.manifest.scope(ScopeId { table: table.definition.id, user }, view)?;
        let lookup = KeyLookup { tier, table, manifest: &manifest };
        let mut rows = TierRows::new(tier, table, &self.columns, self.keys.len())?;
        let mut wanted = Vec::with_capacity(self.keys.len());
        let prefix = table.scope_prefix(user);
        for key in &self.keys {
            check_stop()?;
            let hot_key = [prefix.as_slice(), key].concat();
            let hot = view.hot(&hot_key, |record| {
                // A deleted hot row says that no segment has a live one.
                if RowHeader::read(record)?.is_deleted() {
                    return Ok(None);
                }
                rows.push_hot(key, record).map(Some)
            })?;
            match hot {
                Some(found) => wanted.extend(found),
                None => {
                    let found = lookup.find(key)?.filter(|found| !found.deleted);
                    wanted.extend(found.and_then(|found| {
                        let number =
                            manifest.segments.iter().position(|s| s.meta.id == found.segment)?;
                        Some(RowOf::Segment(number, found.row))
                    }));
                }
            }
        }
        rows.batch(schema, &manifest, &wanted)
    }
}
