//! Many new rows of one statement: into the hot tier if they are few, else straight to
//! segments.

use std::collections::VecDeque;

use arrow::array::{ArrayRef, RecordBatch};
use datafusion::execution::memory_pool::MemoryConsumer;

use super::new_rows::InsertTarget;
use crate::catalog::Table;
use crate::executor::constraint::{UniqueWrites, check_rows, duplicate_entry};
use crate::executor::plan_error::from_datafusion;
use crate::executor::row_writer::{RowWriter, Taken, duplicate_key};
use crate::flush::{Ingest, IngestTarget, TableOfIngest};
use crate::model::{ScopeId, TableKind};
use crate::store::{CommitError, RowWrites, View, batch_bytes, column_bytes};
use crate::{Error, Result, SqlState};

/// Rows that are completed at a time.
const CHUNK_ROWS: usize = 32 * 1024;
/// Most bytes of rows that an ingest holds, and the part of the memory limit that it takes
/// where that is less.
const HELD_BYTES_MAX: usize = 256 << 20;
const HELD_PART: usize = 8;
/// About what the entry of a UNIQUE constraint takes while it waits for the commit.
const ENTRY_BYTES: usize = 192;

/// Where the rows come from: the next ones, of any number.
pub(crate) type NextBatch<'a> = dyn FnMut() -> Result<Option<RecordBatch>> + 'a;

/// Complete columns, and how many rows they are.
type Complete = (Vec<ArrayRef>, usize);

/// Rows that were taken, and what is left to do.
pub(crate) enum Inserted {
    /// They are writes of the statement, which are to be committed.
    Written(u64),
    /// They are in segments, committed.
    Committed(u64),
}

impl InsertTarget<'_> {
    /// Inserts all rows. Of a statement that is a commit of its own,
    /// [`Options::ingest_rows_min`](crate::Options) rows and more go past the hot tier and
    /// are committed when this returns; others become writes of `writer`.
    ///
    /// # Errors
    /// What the rows get wrong, `23505`; `40001` if the table was altered meanwhile;
    /// `53100`, `53200`, `58030`.
    pub(crate) fn insert_all(
        &self,
        view: &View,
        writer: &mut RowWriter<'_>,
        next: &mut NextBatch<'_>,
    ) -> Result<u64> {
        match self.insert_into(view, writer, next, TableOfIngest::Existing)? {
            Inserted::Written(rows) | Inserted::Committed(rows) => Ok(rows),
        }
    }

    /// As [`InsertTarget::insert_all`], for a table that may be made by the same commit.
    ///
    /// # Errors
    /// As [`InsertTarget::insert_all`], and what the changes of the new table raise.
    pub(crate) fn insert_into(
        &self,
        view: &View,
        writer: &mut RowWriter<'_>,
        next: &mut NextBatch<'_>,
        of_table: TableOfIngest<'_>,
    ) -> Result<Inserted> {
        if !self.takes_bulk(writer) {
            let mut total = 0;
            while let Some(batch) = next()? {
                let columns = self.complete(batch.columns(), batch.num_rows())?;
                self.write(writer, &columns, batch.num_rows(), Taken::Refuse)?;
                total += batch.num_rows() as u64;
            }
            return Ok(Inserted::Written(total));
        }
        let mut chunks = Chunks { next, rest: VecDeque::new() };
        let mut held: Vec<Complete> = Vec::new();
        let (mut rows, mut bytes) = (0, 0);
        let bytes_max = self.held_bytes_max();
        while rows < self.engine.options.ingest_rows_min && bytes < bytes_max / 2 {
            let Some(batch) = chunks.next()? else {
                for (columns, rows) in &held {
                    self.write(writer, columns, *rows, Taken::Refuse)?;
                }
                return Ok(Inserted::Written(rows as u64));
            };
            let columns = self.complete(batch.columns(), batch.num_rows())?;
            rows += batch.num_rows();
            bytes += batch_bytes(&batch);
            held.push((columns, batch.num_rows()));
        }
        let rows = self.ingest(view, writer.scope(), held, (&mut chunks, of_table))?;
        Ok(Inserted::Committed(rows))
    }

    /// Whether many rows of the writer's statement may go past the hot tier: rows of a
    /// transaction are its own until COMMIT, and a STREAM table has no segments.
    fn takes_bulk(&self, writer: &RowWriter<'_>) -> bool {
        writer.is_own_commit() && self.table().definition.kind != TableKind::Stream
    }

    fn held_bytes_max(&self) -> usize {
        (self.engine.options.memory_limit_bytes / HELD_PART).min(HELD_BYTES_MAX)
    }

    fn ingest(
        &self,
        view: &View,
        scope: ScopeId,
        held: Vec<Complete>,
        (chunks, of_table): (&mut Chunks<'_, '_>, TableOfIngest<'_>),
    ) -> Result<u64> {
        let (engine, table) = (self.engine, self.table());
        table.check_view(view)?;
        let memory = MemoryConsumer::new("new rows").register(engine.running.context.memory_pool());
        let bytes_max = self.held_bytes_max();
        memory.try_grow(bytes_max).map_err(from_datafusion)?;
        let user = table.definition.is_per_user().then_some(&self.caller.user);
        let placement = engine.registry.placement(table, user)?;
        let place = engine.tier.place(&placement.storage)?;
        let mut ingest = Ingest::new(IngestTarget {
            tier: &engine.tier,
            table,
            scope,
            placement: &placement,
            place: &place,
            threads: engine.options.threads.clamp(2, 16),
            bytes_max,
            now_ms: engine.clock.now_ms(),
            duplicate: duplicate_key,
        })?;
        let mut uniques = UniqueWrites::default();
        let mut total = 0;
        let mut add = |(mut columns, rows): Complete| {
            check_rows(engine, table, &columns, rows)?;
            let hidden = self.hidden_keys(rows);
            let keys = match &hidden {
                Some(hidden) => table.key_codec.encoder(std::slice::from_ref(hidden))?,
                None => {
                    let keys: Vec<_> =
                        table.key_positions.iter().map(|i| columns[*i].clone()).collect();
                    table.key_codec.encoder(&keys)?
                }
            };
            if !table.uniques.is_empty() {
                let bytes = rows * table.uniques.len() * ENTRY_BYTES;
                memory.try_grow(bytes).map_err(from_datafusion)?;
                uniques.take(table, scope.user, &columns, |row, out| keys.encode(row, out))?;
            }
            columns.extend(hidden);
            total += rows as u64;
            let bytes = column_bytes(&columns);
            ingest.push(columns, rows, bytes, &keys)
        };
        held.into_iter().try_for_each(&mut add)?;
        while let Some(batch) = chunks.next()? {
            add((self.complete(batch.columns(), batch.num_rows())?, batch.num_rows()))?;
        }
        let mut entries = RowWrites::default();
        uniques.finish(table, (view, false), &mut entries)?;
        let ingested = ingest.finish()?;
        match ingested.commit(&engine.store, &engine.registry, &entries, of_table) {
            Ok(_) => Ok(total),
            Err(CommitError::KeyTaken(key)) => Err(taken(table, &key)),
            Err(CommitError::Other(e)) => Err(e),
        }
    }
}

fn taken(table: &Table, key: &[u8]) -> Error {
    duplicate_entry(table, key)
        .unwrap_or_else(|| Error::new(SqlState::UNIQUE_VIOLATION, "duplicate key"))
}

/// Batches of at most [`CHUNK_ROWS`] rows.
struct Chunks<'n, 'a> {
    next: &'n mut NextBatch<'a>,
    rest: VecDeque<RecordBatch>,
}

impl Chunks<'_, '_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(chunk) = self.rest.pop_front() {
            return Ok(Some(chunk));
        }
        let Some(batch) = (self.next)()? else { return Ok(None) };
        let rows = batch.num_rows();
        if rows <= CHUNK_ROWS {
            return Ok(Some(batch));
        }
        let starts = (0..rows).step_by(CHUNK_ROWS);
        self.rest = starts.map(|from| batch.slice(from, CHUNK_ROWS.min(rows - from))).collect();
        Ok(self.rest.pop_front())
    }
}
