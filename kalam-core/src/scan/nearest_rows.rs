//! The rows of one scope whose vectors are nearest to one.
//!
//! Nothing is copied: distances are computed where records and pages have the vectors, and
//! what is kept is the places of the nearest. Of segments that are not held in memory there
//! are sketches of the pages that were read before, as far as the cache has room for all, and
//! of many hot rows there is one too: see [`Sketch`].

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::hot_vectors::{HotVectors, UsableSketch};
use crate::activity::{Activity, check_stop};
use crate::catalog::{ColumnDefinition, Table};
use crate::flush::{ColdTier, ScopeId, ScopeManifest, SegmentState, VectorColumn};
use crate::model::{Seq, UserKey};
use crate::store::{RowHeader, StoredColumn, View, prefix_end};
use crate::vector::{Nearest, Question, Rank, Sketch};
use crate::{Error, Result, SqlState};

/// Hot rows between two looks at whether the statement is to stop.
const ROWS_UNCHECKED: usize = 4096;

/// Pages for which another thread pays: some milliseconds of reading, or a tenth of that with
/// sketches.
const PAGES_PER_THREAD: usize = 6;

/// Rows of a sketch of hot rows that are looked at together.
const HOT_PAGE_ROWS: usize = 1024;

/// A search in the rows of one table.
pub(crate) struct NearestRows<'a> {
    pub(crate) tier: &'a ColdTier,
    pub(crate) hot: &'a HotVectors,
    pub(crate) table: &'a Table,
    /// The position of the column of vectors, which has the question's dimension.
    pub(crate) position: usize,
    pub(crate) question: &'a Question,
    pub(crate) limit: usize,
    pub(crate) threads: usize,
    /// Rows of STREAM tables that were written before are not there.
    pub(crate) expiry: Seq,
}

/// Where a row is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NearestPlace {
    /// A hot row, by its whole key.
    Hot(Box<[u8]>),
    /// A row of a segment, by the segment's number in the manifest.
    Segment(usize, u32),
}

/// Vectors that are gone through page by page.
enum Part<'a> {
    /// Those of a segment, by its number in the manifest.
    Segment(usize, &'a SegmentState, VectorColumn),
    /// Those of hot rows of which there is a sketch.
    Hot(UsableSketch),
}

impl Part<'_> {
    fn pages(&self) -> usize {
        match self {
            Part::Segment(_, _, column) => column.pages(),
            Part::Hot(hot) => hot.of.sketch.len().div_ceil(HOT_PAGE_ROWS),
        }
    }

    /// The rows of a page.
    fn rows(&self, page: usize) -> Range<u32> {
        match self {
            Part::Segment(_, _, column) => column.rows(page),
            Part::Hot(hot) => {
                let end = hot.of.sketch.len().min((page + 1) * HOT_PAGE_ROWS);
                let place = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
                place(page * HOT_PAGE_ROWS)..place(end)
            }
        }
    }

    fn is_live(&self, row: u32) -> bool {
        match self {
            Part::Segment(_, state, _) => !state.dead.contains(row),
            Part::Hot(UsableSketch { of, changed }) => {
                let key = of.key(row as usize);
                changed.binary_search_by(|changed| changed.as_slice().cmp(key)).is_err()
            }
        }
    }

    fn place(&self, row: u32) -> NearestPlace {
        match self {
            Part::Segment(number, ..) => NearestPlace::Segment(*number, row),
            Part::Hot(hot) => NearestPlace::Hot(hot.of.key(row as usize).into()),
        }
    }
}

/// A row whose distance is not known, but that it is this at least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    low: Rank,
    part: usize,
    page: usize,
    row: u32,
}

/// What a thread has found.
struct Found {
    nearest: Nearest<NearestPlace>,
    candidates: Vec<Candidate>,
    /// The nearest distances that rows may have at most: what is farther than the last of
    /// them is none of the nearest.
    high: Nearest<()>,
}

impl Found {
    fn new(limit: usize) -> Found {
        let (nearest, high) = (Nearest::new(limit), Nearest::new(limit));
        Found { nearest, candidates: Vec::new(), high }
    }

    /// Notes a row at a known distance.
    #[inline]
    fn note(&mut self, rank: Rank, place: impl FnOnce() -> Option<NearestPlace>) {
        if self.high.wants(rank)
            && let Some(place) = place()
        {
            self.high.push(rank, ());
            self.nearest.push(rank, place);
        }
    }

    fn join(&mut self, other: Found) {
        self.nearest.join(other.nearest);
        self.high.join(other.high);
        self.candidates.extend(other.candidates);
    }
}

impl NearestRows<'_> {
    /// The nearest rows, and how far they are.
    ///
    /// # Errors
    /// `XX001`, `58030`, `57014`.
    pub(crate) fn find(
        &self,
        view: &View,
        user: UserKey,
        manifest: &ScopeManifest,
    ) -> Result<Vec<(Rank, NearestPlace)>> {
        let mut found = Found::new(self.limit);
        let mut parts = self.parts(manifest, &mut found)?;
        match self.hot_sketch(view, user)? {
            Some(hot) => {
                self.changed_rows(view, &hot, &mut found)?;
                parts.push(Part::Hot(hot));
            }
            None => self.hot_rows(view, user, &mut found)?,
        }
        self.pages(&parts, &mut found)?;
        self.settle(view, &parts, &mut found)?;
        Ok(found.nearest.into_sorted())
    }

    fn column(&self) -> &ColumnDefinition {
        &self.table.definition.columns[self.position]
    }

    fn rank(&self, stored: Option<&[u8]>) -> Result<Rank> {
        match stored {
            Some(stored) if stored.len() == self.question.dimensions() * 4 => {
                Ok(Rank::of(self.question.distance(stored)))
            }
            Some(_) => Err(damaged()),
            None => Ok(Rank::NULL),
        }
    }

    /// The rank of a hot row; `None` if it is not live.
    fn rank_of_record(&self, column: &mut StoredColumn, record: &[u8]) -> Result<Option<Rank>> {
        let header = RowHeader::read(record)?;
        if header.is_deleted() || header.seq < self.expiry {
            return Ok(None);
        }
        self.rank(column.value(header.version, record)?).map(Some)
    }

    fn stored_column(&self) -> StoredColumn {
        StoredColumn::new(self.column(), self.table.layouts.clone())
    }

    fn hot_rows(&self, view: &View, user: UserKey, found: &mut Found) -> Result<()> {
        let prefix = self.table.scope_prefix(user);
        let mut cursor = view.hot_cursor(&prefix, &prefix_end(&prefix));
        let mut column = self.stored_column();
        let mut stored = 0;
        while let Some((key, record)) = cursor.entry()? {
            if let Some(rank) = self.rank_of_record(&mut column, record)? {
                found.note(rank, || Some(NearestPlace::Hot(key.into())));
            }
            stored += 1;
            if stored % ROWS_UNCHECKED == 0 {
                check_stop()?;
            }
            cursor.advance();
        }
        if self.may_sketch_hot_rows(view) {
            let scope = ScopeId { table: self.table.definition.id, user };
            let place = (self.table, self.position, scope);
            self.hot.searched(place, self.question.dimensions(), stored)?;
        }
        Ok(())
    }

    /// The sketch of the hot rows, if there is one.
    fn hot_sketch(&self, view: &View, user: UserKey) -> Result<Option<UsableSketch>> {
        if !self.may_sketch_hot_rows(view) {
            return Ok(None);
        }
        let scope = ScopeId { table: self.table.definition.id, user };
        let found = self.hot.find((scope, self.column().id), view)?;
        if found.is_some() {
            // The cursor would have told it.
            let prefix = self.table.scope_prefix(user);
            view.note_read(&prefix, &prefix_end(&prefix));
        }
        Ok(found)
    }

    /// Rows of STREAM tables end without being written, and those of a transaction are
    /// nobody else's.
    fn may_sketch_hot_rows(&self, view: &View) -> bool {
        self.expiry == Seq(0) && !view.is_of_transaction() && self.question.has_bounds()
    }

    /// The rows that were written since the sketch was made.
    fn changed_rows(&self, view: &View, hot: &UsableSketch, found: &mut Found) -> Result<()> {
        let mut column = self.stored_column();
        for key in &hot.changed {
            let rank = view.hot(key, |record| self.rank_of_record(&mut column, record))?;
            if let Some(rank) = rank.flatten() {
                found.note(rank, || Some(NearestPlace::Hot(key.as_slice().into())));
            }
        }
        Ok(())
    }

    /// The segments that have rows. All rows of those that were written before the table had
    /// the column show one value, and are noted.
    fn parts<'m>(&self, manifest: &'m ScopeManifest, found: &mut Found) -> Result<Vec<Part<'m>>> {
        let mut parts = Vec::new();
        for (number, state) in manifest.segments.iter().enumerate() {
            if state.live_rows() == 0 {
                continue;
            }
            check_stop()?;
            let open = self.tier.open(&state.meta)?;
            if let Some(column) = VectorColumn::of(open, self.column())? {
                parts.push(Part::Segment(number, state, column));
                continue;
            }
            let rank = self.rank(self.column().initial.as_deref())?;
            let live = (0..state.meta.rows).filter(|row| !state.dead.contains(*row));
            for row in live.take(self.limit) {
                found.note(rank, || Some(NearestPlace::Segment(number, row)));
            }
        }
        Ok(parts)
    }

    /// Looks at all pages, with several threads if there are many.
    fn pages(&self, parts: &[Part<'_>], found: &mut Found) -> Result<()> {
        let pages: Vec<(usize, usize)> = parts
            .iter()
            .enumerate()
            .flat_map(|(part, of)| (0..of.pages()).map(move |page| (part, page)))
            .collect();
        let with_sketches = self.with_sketches(parts);
        let next = AtomicUsize::new(0);
        let activity = Activity::current();
        let work = || -> Result<Found> {
            let mut found = Found::new(self.limit);
            let mut scratch = Vec::new();
            while let Some(place) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                activity.as_ref().map_or(Ok(()), |activity| activity.check())?;
                self.page(parts, *place, with_sketches, (&mut scratch, &mut found))?;
            }
            Ok(found)
        };
        let threads = (pages.len() / PAGES_PER_THREAD).clamp(1, self.threads.max(1));
        thread::scope(|scope| {
            let help = || {
                let _helping = activity.as_ref().map(Activity::help);
                work()
            };
            // If the system gives none, the others do its part.
            let helpers: Vec<_> = (1..threads)
                .filter_map(|_| {
                    let helper = thread::Builder::new().name("kalamdb-nearest".into());
                    helper.spawn_scoped(scope, help).ok()
                })
                .collect();
            let own = work();
            for helper in helpers {
                found.join(helper.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            found.join(own?);
            Ok(())
        })
    }

    /// Whether the cache has room for the sketches of all segments together: they would push
    /// one another out, and the work of making them is lost.
    fn with_sketches(&self, parts: &[Part<'_>]) -> bool {
        let rows = |part: &Part<'_>| match part {
            Part::Segment(_, state, column) if column.is_worth_a_sketch() => {
                state.meta.rows as usize
            }
            Part::Segment(..) | Part::Hot(_) => 0,
        };
        let rows = parts.iter().map(rows).sum();
        let bytes = Sketch::bytes_of(self.question.dimensions(), rows);
        self.question.has_bounds() && bytes as u64 <= self.tier.cache.sketch_bytes_max
    }

    fn page(
        &self,
        parts: &[Part<'_>],
        (part, page): (usize, usize),
        with_sketches: bool,
        (scratch, found): (&mut Vec<u8>, &mut Found),
    ) -> Result<()> {
        let of = &parts[part];
        let rows = of.rows(page);
        let column = match of {
            Part::Hot(hot) => {
                let first = rows.start as usize;
                self.sketched((of, part, page), &hot.of.sketch, (rows, first), found);
                return Ok(());
            }
            Part::Segment(_, _, column) => column,
        };
        let with_sketches = with_sketches && column.is_worth_a_sketch();
        if with_sketches && let Some(sketch) = column.sketch(&self.tier.cache, page) {
            self.sketched((of, part, page), &sketch, (rows, 0), found);
            return Ok(());
        }
        let vectors = column.read(page, scratch)?;
        for (at, row) in rows.enumerate() {
            let rank = self.rank(vectors.get(at))?;
            found.note(rank, || of.is_live(row).then(|| of.place(row)));
        }
        if with_sketches {
            column.keep_sketch(&self.tier.cache, page, &vectors);
        }
        Ok(())
    }

    /// Looks at the rows of a page, the first of which is row `first` of the sketch.
    fn sketched(
        &self,
        (of, part, page): (&Part<'_>, usize, usize),
        sketch: &Sketch,
        (rows, first): (Range<u32>, usize),
        found: &mut Found,
    ) {
        for (at, row) in rows.enumerate() {
            let Some(bounds) = self.question.bounds(sketch, first + at) else {
                found.note(Rank::NULL, || of.is_live(row).then(|| of.place(row)));
                continue;
            };
            let low = Rank::of(bounds.low);
            if found.high.wants(low) && of.is_live(row) {
                found.high.push(Rank::of(bounds.high), ());
                found.candidates.push(Candidate { low, part, page, row });
            }
        }
    }

    /// Looks at the candidates themselves, those that may be nearest first.
    fn settle(&self, view: &View, parts: &[Part<'_>], found: &mut Found) -> Result<()> {
        let last = found.high.last();
        let mut candidates = std::mem::take(&mut found.candidates);
        candidates.retain(|candidate| last.is_none_or(|last| candidate.low <= last));
        candidates.sort_unstable();
        let mut scratch = Vec::new();
        let mut stored = self.stored_column();
        for (seen, Candidate { low, part, page, row }) in candidates.into_iter().enumerate() {
            if !found.nearest.wants(low) {
                break;
            }
            if seen % ROWS_UNCHECKED == 0 {
                check_stop()?;
            }
            let of = &parts[part];
            let rank = match of {
                Part::Hot(hot) => {
                    let key = hot.of.key(row as usize);
                    let rank = view.hot(key, |record| self.rank_of_record(&mut stored, record))?;
                    rank.flatten().ok_or_else(damaged)?
                }
                Part::Segment(_, _, column) => {
                    let at = (row - column.rows(page).start) as usize;
                    // Another search may have pushed it out of the cache.
                    match column.sketch(&self.tier.cache, page) {
                        Some(sketch) => {
                            self.rank(column.read_one(page, at, &sketch, &mut scratch)?)?
                        }
                        None => self.rank(column.read(page, &mut scratch)?.get(at))?,
                    }
                }
            };
            found.nearest.push(rank, of.place(row));
        }
        Ok(())
    }
}

/// The error for a vector that is not what its column says.
pub(super) fn damaged() -> Error {
    Error::new(SqlState::DATA_CORRUPTED, "a stored vector is damaged")
}
