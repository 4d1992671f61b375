//! Queries that are read without a planner, because they say by keys which rows they want, or
//! by the one vector that theirs are nearest to.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::Query;

use super::caller::Caller;
use super::engine::Engine;
use super::key_list_read::{self, KeyListRead};
use super::nearest_read::{self, NearestRead};
use super::point_read::{self, Point};
use super::recent_read::{self, RecentRead};
use crate::Result;
use crate::store::View;

/// A query of one of the forms that need no planner.
pub(crate) enum UnplannedRead {
    /// The row with a key.
    Point(Point),
    /// The rows with the keys of a list.
    KeyList(KeyListRead),
    /// The first or last rows of a range of keys.
    Recent(RecentRead),
    /// The rows that are nearest to a vector.
    Nearest(NearestRead),
}

impl UnplannedRead {
    /// The read that a query is; `None` if it is of another form and has to be planned. The
    /// answer is the one that planning gives.
    ///
    /// # Errors
    /// `42501`, `XX000` if a value does not encode.
    pub(crate) fn find(
        engine: &Engine,
        caller: &Caller,
        query: &Query,
        params: &[ScalarValue],
        view: &View,
    ) -> Result<Option<UnplannedRead>> {
        if let Some(point) = point_read::find(engine, caller, query, params)? {
            return Ok(Some(UnplannedRead::Point(point)));
        }
        if let Some(list) = key_list_read::find(engine, caller, query, params)? {
            return Ok(Some(UnplannedRead::KeyList(list)));
        }
        let recent = recent_read::find(engine, caller, query, params, view)?;
        if let Some(recent) = recent {
            return Ok(Some(UnplannedRead::Recent(recent)));
        }
        let nearest = nearest_read::find(engine, caller, query, params)?;
        Ok(nearest.map(UnplannedRead::Nearest))
    }

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
        match self {
            UnplannedRead::Point(point) => point.read(engine, caller, view),
            UnplannedRead::KeyList(list) => list.read(engine, caller, view),
            UnplannedRead::Recent(recent) => recent.read(engine, caller, view),
            UnplannedRead::Nearest(nearest) => nearest.read(engine, caller, view),
        }
    }
}
