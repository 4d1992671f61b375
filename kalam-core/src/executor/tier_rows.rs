//! Columns of rows of both tiers whose places are known.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;

use crate::catalog::Table;
use crate::flush::{ColdTier, ScopeManifest, read_columns_at, read_columns_in_order};
use crate::store::RowDecoder;
use crate::{Error, Result, SqlState};

/// A row among others of both tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowOf {
    /// One of the hot rows that were decoded, by its number among them.
    Hot(usize),
    /// A row of a segment, by the segment's number in the manifest.
    Segment(usize, u32),
}

/// Reads columns of rows: hot ones as their records are found, those of segments at the end.
pub(super) struct TierRows<'a> {
    tier: &'a ColdTier,
    table: &'a Table,
    positions: Vec<usize>,
    hot: RowDecoder,
}

impl<'a> TierRows<'a> {
    /// Columns by their positions in the table, of about `capacity` rows.
    ///
    /// # Errors
    /// `XX001`.
    pub(super) fn new(
        tier: &'a ColdTier,
        table: &'a Table,
        columns: &[(usize, String)],
        capacity: usize,
    ) -> Result<TierRows<'a>> {
        let positions: Vec<usize> = columns.iter().map(|(position, _)| *position).collect();
        let targets = positions.iter().map(|position| table.target(*position)).collect();
        let hot = RowDecoder::new(targets, table.layouts.clone(), capacity)?;
        Ok(TierRows { tier, table, positions, hot })
    }

    /// Decodes a hot record. `key` is without scope.
    ///
    /// # Errors
    /// `XX001` if the record is damaged.
    pub(super) fn push_hot(&mut self, key: &[u8], record: &[u8]) -> Result<RowOf> {
        self.hot.push(key, record)?;
        Ok(RowOf::Hot(self.hot.len() - 1))
    }

    /// The rows, in this order.
    ///
    /// # Errors
    /// `XX001` if a segment is damaged.
    pub(super) fn batch(
        mut self,
        schema: SchemaRef,
        manifest: &ScopeManifest,
        rows: &[RowOf],
    ) -> Result<RecordBatch> {
        let hot = self.hot.finish_last()?;
        let follow = |pair: &[RowOf]| match pair {
            [RowOf::Hot(one), RowOf::Hot(next)] => *next == one + 1,
            _ => false,
        };
        let columns = match rows.first() {
            None => hot.iter().map(|column| column.slice(0, 0)).collect(),
            Some(RowOf::Hot(first)) if rows.windows(2).all(follow) => {
                hot.iter().map(|column| column.slice(*first, rows.len())).collect()
            }
            Some(_) => match self.of_one_segment(manifest, rows)? {
                Some(columns) => columns,
                None => self.joined(hot, manifest, rows)?,
            },
        };
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(internal)
    }

    /// The columns of rows that all lie in a few blocks of one segment: copied once.
    fn of_one_segment(
        &self,
        manifest: &ScopeManifest,
        rows: &[RowOf],
    ) -> Result<Option<Vec<ArrayRef>>> {
        let Some(RowOf::Segment(segment, _)) = rows.first() else { return Ok(None) };
        let place = |row: &RowOf| match row {
            RowOf::Segment(other, place) if other == segment => Some(*place),
            _ => None,
        };
        let Some(places) = rows.iter().map(place).collect::<Option<Vec<u32>>>() else {
            return Ok(None);
        };
        let open = self.tier.open(&manifest.segments[*segment].meta)?;
        read_columns_in_order(&self.tier.cache, &open, self.table, &self.positions, &places)
    }

    fn joined(
        &self,
        hot: Vec<ArrayRef>,
        manifest: &ScopeManifest,
        rows: &[RowOf],
    ) -> Result<Vec<ArrayRef>> {
        let mut cold: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for row in rows {
            if let RowOf::Segment(segment, at) = row {
                cold.entry(*segment).or_default().push(*at);
            }
        }
        let mut pieces = vec![hot];
        for (segment, places) in &mut cold {
            places.sort_unstable();
            let open = self.tier.open(&manifest.segments[*segment].meta)?;
            let cache = &self.tier.cache;
            pieces.push(read_columns_at(cache, &open, self.table, &self.positions, places)?);
        }
        let numbers: Vec<usize> = cold.keys().copied().collect();
        let order: Vec<(usize, usize)> = rows
            .iter()
            .map(|row| match row {
                RowOf::Hot(at) => (0, *at),
                RowOf::Segment(segment, at) => {
                    let piece = numbers.binary_search(segment).expect("it was collected above");
                    let place = cold[segment].binary_search(at);
                    (piece + 1, place.expect("it was collected above"))
                }
            })
            .collect();
        let column = |column: usize| {
            let parts: Vec<&dyn Array> =
                pieces.iter().map(|piece| piece[column].as_ref()).collect();
            interleave(&parts, &order).map_err(internal)
        };
        (0..self.positions.len()).map(column).collect()
    }
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "rows of the two tiers do not fit together")
        .with_source(error)
}
