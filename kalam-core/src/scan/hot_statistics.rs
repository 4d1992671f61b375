//! How many hot rows a plan may expect.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};

use crate::Result;
use crate::catalog::Table;
use crate::flush::{ScopeManifest, ScopeStatistics};
use crate::store::View;

/// Rows that are counted one by one; how many more there are is estimated.
const ROWS_COUNTED_MAX: u64 = 256;

/// What planning may expect of a range of hot rows. Bounds of values are not in it: they
/// would have to hold.
#[derive(Clone)]
pub(super) struct HotStatistics {
    analyzed: Arc<ScopeStatistics>,
    rows: u64,
    row_bytes: u64,
}

impl HotStatistics {
    /// Reads the first rows. If there are more, those that were analyzed and are in no
    /// segment are taken to be hot.
    ///
    /// # Errors
    /// `XX001`, `58030`.
    pub(super) fn estimate(
        view: &View,
        manifest: &ScopeManifest,
        analyzed: &Arc<ScopeStatistics>,
        range: &(Vec<u8>, Vec<u8>),
    ) -> Result<HotStatistics> {
        let mut cursor = view.snapshot.cursor(crate::store::Family::Hot, &range.0, &range.1);
        let (mut rows, mut bytes) = (0, 0);
        while rows < ROWS_COUNTED_MAX
            && let Some((key, record)) = cursor.entry()?
        {
            rows += 1;
            bytes += (key.len() + record.len()) as u64;
            cursor.advance();
        }
        let row_bytes = bytes / rows.max(1);
        if rows == ROWS_COUNTED_MAX {
            let cold: u64 = manifest.segments.iter().map(|segment| segment.live_rows()).sum();
            rows = rows.max(analyzed.rows.saturating_sub(cold));
        }
        Ok(HotStatistics { analyzed: analyzed.clone(), rows: rows.max(1), row_bytes })
    }

    /// For these columns, and `limit` rows at most.
    pub(super) fn of(&self, table: &Table, schema: &Schema, limit: Option<usize>) -> Statistics {
        let rows = limit.map_or(self.rows, |limit| self.rows.min(limit as u64));
        let inexact = |number: Option<u64>| match number.and_then(|n| usize::try_from(n).ok()) {
            Some(number) => Precision::Inexact(number),
            None => Precision::Absent,
        };
        let of_column = |name: &str| {
            let column =
                table.definition.columns.iter().find(|column| column.name.as_str() == name);
            let Some(column) = column else { return ColumnStatistics::new_unknown() };
            ColumnStatistics {
                distinct_count: inexact(self.analyzed.distinct(column.id, rows)),
                null_count: inexact(self.analyzed.nulls(column.id, rows)),
                ..ColumnStatistics::new_unknown()
            }
        };
        Statistics {
            num_rows: inexact(Some(rows)),
            total_byte_size: inexact(rows.checked_mul(self.row_bytes)),
            column_statistics: schema
                .fields()
                .iter()
                .map(|field| of_column(field.name()))
                .collect(),
        }
    }
}
