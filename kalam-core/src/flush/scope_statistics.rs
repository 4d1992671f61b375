//! What ANALYZE found in the rows of one owner of a table.

use serde::{Deserialize, Serialize};

use crate::model::{ColumnId, ScopeId};
use crate::store::{EntityStore, Family};

/// How many values there are. An estimate for planning, never an answer: rows change after
/// it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScopeStatistics {
    /// Live rows of both tiers.
    pub(crate) rows: u64,
    pub(crate) columns: Vec<AnalyzedColumn>,
    /// Milliseconds since 1970 UTC.
    pub(crate) analyzed_at_ms: i64,
}

/// What ANALYZE found in one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnalyzedColumn {
    pub(crate) column: ColumnId,
    /// Distinct values that are not NULL, within some percent.
    pub(crate) distinct: u64,
    pub(crate) nulls: u64,
}

pub(crate) const STATISTICS: EntityStore<ScopeId, ScopeStatistics> =
    EntityStore::new(Family::Manifest, b'A', "statistics of a table");

impl ScopeStatistics {
    /// About how many distinct values a column has in `rows` rows; `None` if it was not
    /// looked at.
    ///
    /// A column with many values has more of them in more rows; one with few has them all.
    /// Source: PostgreSQL's `compute_scalar_stats`, which draws the line at a tenth.
    pub(crate) fn distinct(&self, column: ColumnId, rows: u64) -> Option<u64> {
        let known = self.column(column)?;
        let grows = known.distinct > self.rows / 10;
        let distinct = if grows { scaled(known.distinct, rows, self.rows) } else { known.distinct };
        Some(distinct.clamp(1, rows.max(1)))
    }

    /// About how many NULLs a column has in `rows` rows.
    pub(crate) fn nulls(&self, column: ColumnId, rows: u64) -> Option<u64> {
        Some(scaled(self.column(column)?.nulls, rows, self.rows))
    }

    fn column(&self, column: ColumnId) -> Option<&AnalyzedColumn> {
        self.columns.iter().find(|known| known.column == column)
    }
}

/// `part` of `of`, as a part of `rows`.
fn scaled(part: u64, rows: u64, of: u64) -> u64 {
    let scaled = u128::from(part) * u128::from(rows) / u128::from(of.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_stay_few_and_many_grow_with_the_rows() {
        let column = |id, distinct, nulls| AnalyzedColumn { column: ColumnId(id), distinct, nulls };
        let statistics = ScopeStatistics {
            rows: 1000,
            columns: vec![column(1, 1000, 0), column(2, 7, 500), column(3, 0, 1000)],
            analyzed_at_ms: 0,
        };
        let distinct = |id, rows| statistics.distinct(ColumnId(id), rows);
        assert_eq!(
            [distinct(1, 1000), distinct(1, 5000), distinct(1, 10)],
            [Some(1000), Some(5000), Some(10)]
        );
        assert_eq!(
            [distinct(2, 1000), distinct(2, 5000), distinct(2, 3)],
            [Some(7), Some(7), Some(3)]
        );
        assert_eq!((distinct(3, 1000), distinct(4, 1000)), (Some(1), None));
        assert_eq!(statistics.nulls(ColumnId(2), 100), Some(50));
    }
}
