//! `system.manifest`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::catalog::TableDefinition;
use crate::executor::segment_rows::{add_segments, segments_of_table};
use crate::executor::text_table::{TextColumn, TextTable};
use crate::flush::SegmentState;
use crate::model::{UserId, UserKey};

/// One row for each segment, by namespace, table, owner and age.
///
/// Shape: segment_id BIGINT, namespace TEXT, table_name TEXT, user_id TEXT or NULL (the
/// owner of the rows; SHARED tables have none), storage TEXT, the columns of SHOW
/// MANIFEST, min_seq BIGINT, max_seq BIGINT, created_at DATETIME.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let Moment { engine, view } = moment;
    let mut tables: Vec<Arc<TableDefinition>> = Vec::new();
    let mut segments: Vec<Arc<SegmentState>> = Vec::new();
    for table in engine.registry.tables()? {
        let of_table = segments_of_table(engine, view, table.definition.id)?;
        tables.extend(of_table.iter().map(|_| table.definition.clone()));
        segments.extend(of_table);
    }
    let users: HashMap<UserKey, UserId> = engine.users.all(&view.snapshot)?.into_iter().collect();
    let owner = |s: &Arc<SegmentState>| users.get(&s.meta.scope.user).map(ToString::to_string);
    let table = TextTable::default()
        .numbers("segment_id", segments.iter().map(|s| s.meta.id.get()))
        .texts("namespace", tables.iter().map(|t| &t.name.namespace))
        .texts("table_name", tables.iter().map(|t| &t.name.table))
        .with("user_id", TextColumn::TextOrNull(segments.iter().map(owner).collect()))
        .texts("storage", segments.iter().map(|s| &s.meta.storage));
    Ok(add_segments(table, &segments)
        .numbers("min_seq", segments.iter().map(|s| s.meta.min_seq.get()))
        .numbers("max_seq", segments.iter().map(|s| s.meta.max_seq.get()))
        .moments("created_at", segments.iter().map(|s| s.meta.created_at_ms))
        .finish())
}
