//! `system.statistics`.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::executor::text_table::{TextColumn, TextTable};
use crate::flush::STATISTICS;
use crate::model::{UserId, UserKey};

/// One row for each column of each owner's rows that ANALYZE looked at.
///
/// Shape: namespace TEXT, table_name TEXT, user_id TEXT or NULL (the owner of the rows;
/// SHARED tables have none), column_name TEXT, row_count BIGINT (live rows then),
/// distinct_count BIGINT (estimated), null_count BIGINT, analyzed_at DATETIME.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let Moment { engine, view } = moment;
    let users: HashMap<UserKey, UserId> = engine.users.all(&view.snapshot)?.into_iter().collect();
    let mut rows = Vec::new();
    for (scope, statistics) in STATISTICS.scan(&view.snapshot, &[])? {
        let Some(table) = engine.registry.table_by_id(scope.table)? else { continue };
        let user = users.get(&scope.user).map(ToString::to_string);
        for known in &statistics.columns {
            if let Some(column) = table.definition.column_by_id(known.column) {
                let (name, column) = (table.definition.name.clone(), column.name.clone());
                rows.push((name, user.clone(), column, *known, statistics.clone()));
            }
        }
    }
    let owners = rows.iter().map(|(_, user, ..)| user.clone()).collect();
    Ok(TextTable::default()
        .texts("namespace", rows.iter().map(|(table, ..)| &table.namespace))
        .texts("table_name", rows.iter().map(|(table, ..)| &table.table))
        .with("user_id", TextColumn::TextOrNull(owners))
        .texts("column_name", rows.iter().map(|(_, _, column, ..)| column))
        .numbers("row_count", rows.iter().map(|(.., of)| of.rows))
        .numbers("distinct_count", rows.iter().map(|(_, _, _, known, _)| known.distinct))
        .numbers("null_count", rows.iter().map(|(_, _, _, known, _)| known.nulls))
        .moments("analyzed_at", rows.iter().map(|(.., of)| of.analyzed_at_ms))
        .finish())
}
