//! Rows by their keys: where each is, and what it holds.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{concat, take};

use super::engine::Engine;
use super::row_writer::RowPlace;
use crate::catalog::Table;
use crate::flush::{ColdPosition, KeyLookup, ScopeManifest, read_rows_with_seq};
use crate::model::SegmentId;
use crate::store::{DecodeTarget, RowDecoder, RowHeader, SCOPE_PREFIX_LEN, View, damaged};
use crate::{Error, Result, SqlState};

/// A live row, found by its key.
#[derive(Clone, Debug)]
pub(crate) struct StoredRow {
    /// With the scope prefix.
    pub(crate) key: Vec<u8>,
    pub(crate) place: RowPlace,
}

/// Finds and reads rows of one scope at one view.
pub(crate) struct StoredRows<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) table: &'a Table,
    pub(crate) view: &'a View,
    pub(crate) manifest: &'a ScopeManifest,
}

impl StoredRows<'_> {
    /// Where the live row with this key is; the key has its scope prefix.
    ///
    /// # Errors
    /// `XX001`.
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<RowPlace>> {
        if let Some(stored) = self.view.hot(key, RowHeader::read)? {
            // A deleted hot row says that no segment has a live one.
            return Ok(self.is_live(stored).then_some(RowPlace::Hot(stored.seq)));
        }
        let found = self.find_cold(key)?;
        Ok(found.map(|found| RowPlace::Cold(found.segment, found.row)))
    }

    /// Where the live row with this key is, and its columns, then `_seq`. A hot row is looked
    /// up once.
    ///
    /// # Errors
    /// `XX001`.
    pub(crate) fn find_row(&self, key: &[u8]) -> Result<Option<(RowPlace, Vec<ArrayRef>)>> {
        let mut decoder = self.decoder(1)?;
        let hot = self.view.hot(key, |record| {
            let header = RowHeader::read(record)?;
            if !self.is_live(header) {
                return Ok(None);
            }
            decoder.push(&key[SCOPE_PREFIX_LEN..], record)?;
            Ok(Some(RowPlace::Hot(header.seq)))
        })?;
        match hot {
            Some(Some(place)) => Ok(Some((place, decoder.finish_last()?))),
            Some(None) => Ok(None),
            None => {
                let Some(found) = self.find_cold(key)? else { return Ok(None) };
                let columns = self.read_segment(found.segment, &[found.row])?;
                Ok(Some((RowPlace::Cold(found.segment, found.row), columns)))
            }
        }
    }

    fn is_live(&self, row: RowHeader) -> bool {
        !row.is_deleted() && row.seq >= self.table.expiry(self.engine.store.clock())
    }

    fn find_cold(&self, key: &[u8]) -> Result<Option<ColdPosition>> {
        if self.manifest.segments.is_empty() {
            return Ok(None);
        }
        let tier = &self.engine.tier;
        let lookup = KeyLookup { tier, table: self.table, manifest: self.manifest };
        Ok(lookup.find(&key[SCOPE_PREFIX_LEN..])?.filter(|found| !found.deleted))
    }

    /// The columns of rows, in their order, then `_seq`.
    ///
    /// # Errors
    /// `XX001`.
    pub(crate) fn read(&self, rows: &[StoredRow]) -> Result<Vec<ArrayRef>> {
        let mut pieces: Vec<Vec<ArrayRef>> = Vec::new();
        // For each row, its place in the pieces one after another.
        let mut order = vec![0u32; rows.len()];
        let mut next = 0u32;
        let mut decoder = self.decoder(rows.len())?;
        let mut cold: BTreeMap<SegmentId, Vec<(u32, usize)>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            match row.place {
                RowPlace::Hot(_) => {
                    let suffix = &row.key[SCOPE_PREFIX_LEN..];
                    self.view
                        .hot(&row.key, |record| decoder.push(suffix, record))?
                        .ok_or_else(|| damaged("the snapshot of a row"))?;
                    order[index] = next;
                    next += 1;
                }
                RowPlace::Cold(segment, at) => cold.entry(segment).or_default().push((at, index)),
            }
        }
        if decoder.len() > 0 || cold.is_empty() {
            pieces.push(decoder.finish_last()?);
        }
        for (segment, mut wanted) in cold {
            wanted.sort_unstable();
            let mut places: Vec<u32> = Vec::with_capacity(wanted.len());
            for (at, index) in wanted {
                // The statement may ask for a row twice.
                if places.last() != Some(&at) {
                    places.push(at);
                    next += 1;
                }
                order[index] = next - 1;
            }
            pieces.push(self.read_segment(segment, &places)?);
        }
        let order = UInt32Array::from(order);
        let width = self.table.schema.fields().len() + 1;
        (0..width)
            .map(|column| {
                let parts: Vec<&dyn arrow::array::Array> =
                    pieces.iter().map(|piece| piece[column].as_ref()).collect();
                concat(&parts).and_then(|all| take(&all, &order, None))
            })
            .collect::<Result<_, _>>()
            .map_err(|e| {
                Error::new(SqlState::INTERNAL_ERROR, "rows of the two tiers do not fit together")
                    .with_source(e)
            })
    }

    fn decoder(&self, rows: usize) -> Result<RowDecoder> {
        let columns = self.table.definition.columns.iter().map(DecodeTarget::column);
        let targets = columns.chain([DecodeTarget::Seq]).collect();
        RowDecoder::new(targets, self.table.layouts.clone(), rows)
    }

    fn read_segment(&self, id: SegmentId, places: &[u32]) -> Result<Vec<ArrayRef>> {
        let state = self.manifest.segment(id).ok_or_else(|| damaged("the list of segments"))?;
        let tier = &self.engine.tier;
        read_rows_with_seq(&tier.cache, &*tier.open(&state.meta)?, self.table, places)
    }
}
