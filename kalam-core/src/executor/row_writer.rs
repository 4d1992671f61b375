//! Rows of one statement on their way into one commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use super::constraint::{UniqueWrites, check_rows, duplicate_entry, each_owner, unique_detail};
use super::engine::Engine;
use super::stored_rows::{StoredRow, StoredRows};
use crate::activity::check_stop;
use crate::catalog::{Table, UniqueIndex};
use crate::flush::{ColdPosition, KeyLookup, ScopeEdit, ScopeManifest};
use crate::model::{ConstraintId, ScopeId, SegmentId, Seq, TableKind, UserKey};
use crate::store::{
    CommitError, Expect, FLAG_DELETED, KeyEncoder, MarkSet, RowEncoder, RowHeader, RowWrites, Run,
    SCOPE_PREFIX_LEN, StoredValue, View, WriteSet, damaged, set_flags,
};
use crate::{Error, Result, SqlState};

/// What a key takes that is remembered in a set, about: its bytes, its slot, and what the
/// allocator adds.
const KEY_BYTES: usize = 96;

/// Where the current version of a row is, as a target scan tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowPlace {
    /// In the hot tier, with this `_seq`.
    Hot(Seq),
    /// In a segment.
    Cold(SegmentId, u32),
}

/// What becomes of a row whose key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The statement fails.
    Refuse,
    /// The row is replaced.
    Replace,
}

/// The unique keys of a table that ON CONFLICT looks at.
#[derive(Debug)]
pub(crate) struct Arbiters {
    pub(crate) primary_key: bool,
    pub(crate) uniques: Vec<ConstraintId>,
}

impl Arbiters {
    pub(crate) fn is_empty(&self) -> bool {
        !self.primary_key && self.uniques.is_empty()
    }
}

/// A new row, and the row that is in its way.
#[derive(Default)]
pub(crate) struct Conflicting {
    /// The new row's keys, and those of its entries, that ON CONFLICT looks at.
    pub(crate) keys: Vec<Vec<u8>>,
    /// The live row that has one of them.
    pub(crate) row: Option<StoredRow>,
}

/// Collects the writes of one statement in one scope, for a commit or for a transaction.
pub(crate) struct RowWriter<'a> {
    engine: &'a Engine,
    table: &'a Arc<Table>,
    view: Arc<View>,
    manifest: Arc<ScopeManifest>,
    prefix: [u8; SCOPE_PREFIX_LEN],
    scope: ScopeId,
    rows: RowWrites,
    marks: MarkSet,
    /// Places of rows that leave their key in this statement, by hot key: another
    /// row of the statement may take it.
    vacated: HashMap<Vec<u8>, RowPlace>,
    /// Hot keys of rows that were changed or deleted.
    touched: HashSet<Vec<u8>>,
    uniques: UniqueWrites,
    /// Whether the statement can deal with a key that another commit takes meanwhile.
    resolves_conflicts: bool,
    /// Keys that the statement remembers besides, and bytes of rows that it holds.
    remembered: usize,
    held: usize,
    memory: MemoryReservation,
}

impl<'a> RowWriter<'a> {
    /// Starts the writes of a statement that reads `view`.
    ///
    /// # Errors
    /// `XX001` if the manifest does not decode.
    pub(crate) fn new(
        engine: &'a Engine,
        table: &'a Arc<Table>,
        user: UserKey,
        view: Arc<View>,
    ) -> Result<RowWriter<'a>> {
        let scope = ScopeId { table: table.definition.id, user };
        let manifest = engine.tier.manifest.scope(scope, &view)?;
        Ok(RowWriter {
            engine,
            table,
            view,
            manifest,
            prefix: table.scope_prefix(user),
            scope,
            rows: RowWrites::default(),
            marks: MarkSet::default(),
            vacated: HashMap::new(),
            touched: HashSet::new(),
            uniques: UniqueWrites::default(),
            resolves_conflicts: false,
            remembered: 0,
            held: 0,
            memory: MemoryConsumer::new("writes").register(engine.running.context.memory_pool()),
        })
    }

    /// Takes memory for the writes so far from what all statements share.
    fn account(&mut self) -> Result<()> {
        let keys = self.touched.len() + self.vacated.len() + self.remembered;
        self.memory.try_resize(self.rows.bytes() + keys * KEY_BYTES + self.held).map_err(|e| {
            Error::new(
                SqlState::OUT_OF_MEMORY,
                format!(
                    "the changes of table \"{}\" pass the memory limit",
                    self.table.definition.name
                ),
            )
            .with_hint("change fewer rows at once, or raise memory_limit")
            .with_source(e)
        })
    }

    /// Takes memory for so many keys that the statement remembers beside its writes, also of
    /// rows that it found and did not change.
    ///
    /// # Errors
    /// `53200`.
    pub(crate) fn remember(&mut self, keys: usize) -> Result<()> {
        self.remembered = keys;
        self.account()
    }

    /// Takes memory for rows that the statement holds until its end, for RETURNING or because
    /// they wait for others.
    ///
    /// # Errors
    /// `53200`.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<()> {
        self.held += bytes;
        self.account()
    }

    /// The live rows that have a key, or the values of a UNIQUE constraint, which new rows
    /// would take. From now on a key that another commit takes meanwhile makes the statement
    /// run again.
    ///
    /// # Errors
    /// `XX001`.
    pub(crate) fn find_conflicts(
        &mut self,
        columns: &[ArrayRef],
        rows: usize,
        arbiters: &Arbiters,
    ) -> Result<Vec<Conflicting>> {
        self.resolves_conflicts = true;
        let stored = self.stored_rows();
        let mut found: Vec<Conflicting> = (0..rows).map(|_| Conflicting::default()).collect();
        if arbiters.primary_key {
            let keys = self.key_encoder(columns, None)?;
            for (row, conflict) in found.iter_mut().enumerate() {
                check_sometimes(row)?;
                let mut key = self.prefix.to_vec();
                keys.encode(row, &mut key);
                let place = stored.find(&key)?;
                conflict.row = place.map(|place| StoredRow { key: key.clone(), place });
                conflict.keys.push(key);
            }
        }
        let is_arbiter = |unique: &&UniqueIndex| arbiters.uniques.contains(&unique.id);
        for unique in self.table.uniques.iter().filter(is_arbiter) {
            each_owner(
                self.table,
                self.scope.user,
                unique,
                columns,
                &self.view,
                |row, key, owner| {
                    let conflict = &mut found[row];
                    conflict.keys.push(key);
                    if conflict.row.is_none()
                        && let Some(owner) = owner
                    {
                        let key = [self.prefix.as_slice(), &owner].concat();
                        let place = stored.find(&key)?;
                        let place =
                            place.ok_or_else(|| damaged("the index of a UNIQUE constraint"))?;
                        conflict.row = Some(StoredRow { key, place });
                    }
                    Ok(())
                },
            )?;
        }
        Ok(found)
    }

    /// Where the live row of a key is, which is without scope, and its columns, then `_seq`.
    ///
    /// # Errors
    /// `XX001`.
    pub(crate) fn find_row(&self, key: &[u8]) -> Result<Option<(RowPlace, Vec<ArrayRef>)>> {
        self.stored_rows().find_row(&[self.prefix.as_slice(), key].concat())
    }

    /// The columns of live rows, then their `_seq`.
    ///
    /// # Errors
    /// `XX001`.
    pub(crate) fn read(&self, rows: &[StoredRow]) -> Result<Vec<ArrayRef>> {
        self.stored_rows().read(rows)
    }

    fn stored_rows(&self) -> StoredRows<'_> {
        StoredRows {
            engine: self.engine,
            table: self.table,
            view: &self.view,
            manifest: &self.manifest,
        }
    }

    /// The key columns of complete rows; `hidden` is the hidden key where that is
    /// the key.
    fn key_encoder(&self, columns: &[ArrayRef], hidden: Option<&ArrayRef>) -> Result<KeyEncoder> {
        match hidden {
            Some(hidden) => self.table.key_codec.encoder(std::slice::from_ref(hidden)),
            None => {
                let keys: Vec<_> =
                    self.table.key_positions.iter().map(|i| columns[*i].clone()).collect();
                self.table.key_codec.encoder(&keys)
            }
        }
    }

    /// What every new row has to pass, whichever statement writes it.
    fn admit(&mut self, columns: &[ArrayRef], rows: usize, keys: &KeyEncoder) -> Result<()> {
        check_rows(self.engine, self.table, columns, rows)?;
        let user = self.scope.user;
        self.uniques.take(self.table, user, columns, |row, out| keys.encode(row, out))
    }

    /// The rows of a statement that had these values have them no more.
    fn leave_uniques(&mut self, old: &[ArrayRef]) -> Result<()> {
        self.uniques.leave(self.table, self.scope.user, old)
    }

    /// Adds new rows.
    ///
    /// # Errors
    /// `53200`; `23514`; `23505` if a key is taken. Outside of a transaction the hot tier is checked
    /// when the statement commits.
    pub(crate) fn insert(
        &mut self,
        columns: &[ArrayRef],
        hidden: Option<&ArrayRef>,
        taken: Taken,
    ) -> Result<()> {
        let keys = self.key_encoder(columns, hidden)?;
        let records = RowEncoder::new(self.table.layout(), columns)?;
        let rows = columns.first().or(hidden).map_or(0, |c| c.len());
        self.admit(columns, rows, &keys)?;
        // Whoever replaces a row must know which entries it leaves, and whoever has an answer
        // to one key that is taken must learn of the others.
        let reads = self.view.is_of_transaction()
            || (taken == Taken::Replace || self.resolves_conflicts)
                && !self.table.uniques.is_empty();
        let lookup = !self.manifest.segments.is_empty();
        let expect = match taken {
            Taken::Refuse => self.absent(),
            Taken::Replace => Expect::Any,
        };
        let prefix = self.prefix;
        self.rows.reserve(rows, rows * 64);
        for row in 0..rows {
            check_sometimes(row)?;
            self.rows.push(
                expect,
                |out| {
                    out.extend_from_slice(&prefix);
                    keys.encode(row, out);
                },
                |out| records.encode(row, out),
            );
            if reads {
                self.clear(self.rows.len() - 1, taken)?;
            } else if lookup {
                self.clear_cold(self.rows.len() - 1, taken)?;
            }
        }
        self.account()
    }

    /// Adds a new row, given its key without scope and the values of its columns. The table
    /// has no CHECK and no UNIQUE constraints.
    ///
    /// # Errors
    /// As [`RowWriter::insert`].
    pub(crate) fn insert_plain(&mut self, key: &[u8], values: &[StoredValue<'_>]) -> Result<()> {
        let (prefix, expect) = (self.prefix, self.absent());
        let layout = self.table.layout();
        self.rows.push(
            expect,
            |out| {
                out.extend_from_slice(&prefix);
                out.extend_from_slice(key);
            },
            |out| layout.encode_values(values, out),
        );
        let write = self.rows.len() - 1;
        if self.view.is_of_transaction() {
            self.clear(write, Taken::Refuse)?;
        } else if !self.manifest.segments.is_empty() {
            self.clear_cold(write, Taken::Refuse)?;
        }
        self.account()
    }

    /// Writes the live hot row of a key, which is without scope, with other values in some
    /// columns, none of them of the key, and returns how many rows that changes. `None`: there
    /// is none, or its record is of another version. The table has no CHECK and no UNIQUE
    /// constraints, and the statement changes no other row.
    ///
    /// # Errors
    /// `53200`, `XX001`.
    pub(crate) fn patch(
        &mut self,
        key: &[u8],
        changes: &[(usize, StoredValue<'_>)],
    ) -> Result<Option<u64>> {
        let key = [self.prefix.as_slice(), key].concat();
        let (layout, expiry, rows) = (self.table.layout(), self.expiry(), &mut self.rows);
        let found = self.view.hot(&key, |record| {
            let header = RowHeader::read(record)?;
            if header.is_deleted() || header.seq < expiry || !layout.is_of(&header) {
                return Ok(None);
            }
            let mut values = layout.values(record)?;
            let mut differs = false;
            for (column, value) in changes {
                differs |= !layout.is_same(*column, &values[*column], value);
                values[*column] = *value;
            }
            if differs {
                rows.push(
                    Expect::Seq(header.seq),
                    |out| out.extend_from_slice(&key),
                    |out| layout.encode_values(&values, out),
                );
            }
            Ok(Some(u64::from(differs)))
        })?;
        self.account()?;
        Ok(found.flatten())
    }

    /// What must hold of a key that is free.
    fn absent(&self) -> Expect {
        match self.expiry() {
            Seq(0) => Expect::Absent,
            expiry => Expect::NoneSince(expiry),
        }
    }

    fn expiry(&self) -> Seq {
        self.table.expiry(self.engine.store.clock())
    }

    /// Makes sure that nothing shows the key of a write any more, and says in the write
    /// what was there.
    fn clear(&mut self, write: usize, taken: Taken) -> Result<()> {
        if taken == Taken::Replace && !self.table.uniques.is_empty() {
            let key = self.rows.key(write).to_vec();
            let stored = self.stored_rows();
            if let Some(place) = stored.find(&key)? {
                let mut old = stored.read(&[StoredRow { key, place }])?;
                old.pop();
                self.leave_uniques(&old)?;
            }
        }
        let key = self.rows.key(write);
        let expect = match self.view.hot(key, RowHeader::read)? {
            Some(stored) if stored.is_deleted() || stored.seq < self.expiry() => self.absent(),
            Some(_) if taken == Taken::Refuse => return Err(self.duplicate(key)),
            Some(stored) => Expect::Seq(stored.seq),
            None if self.clear_cold(write, taken)? => Expect::Nothing,
            None => Expect::Absent,
        };
        self.rows.set_expect(write, expect);
        Ok(())
    }

    /// Makes sure that no segment shows the key of a write any more; whether one had a
    /// live row.
    fn clear_cold(&mut self, write: usize, taken: Taken) -> Result<bool> {
        let key = self.rows.key(write);
        let Some(found) = self.find_cold(&key[SCOPE_PREFIX_LEN..])? else { return Ok(false) };
        if found.deleted {
            self.marks.bury(found.segment, found.row);
        } else if taken == Taken::Refuse {
            return Err(self.duplicate(key));
        } else {
            self.marks.replace(found.segment, found.row);
        }
        Ok(!found.deleted)
    }

    fn find_cold(&self, key: &[u8]) -> Result<Option<ColdPosition>> {
        KeyLookup { tier: &self.engine.tier, table: self.table, manifest: &self.manifest }.find(key)
    }

    /// Replaces rows that keep their key: `old` by `columns`.
    ///
    /// # Errors
    /// `23514`; `XX000` if the columns do not fit the table.
    pub(crate) fn replace(
        &mut self,
        old: &[ArrayRef],
        columns: &[ArrayRef],
        hidden: Option<&ArrayRef>,
        places: &[RowPlace],
    ) -> Result<()> {
        let keys = self.key_encoder(columns, hidden)?;
        let records = RowEncoder::new(self.table.layout(), columns)?;
        self.admit(columns, places.len(), &keys)?;
        self.leave_uniques(old)?;
        let prefix = self.prefix;
        for (row, place) in places.iter().enumerate() {
            check_sometimes(row)?;
            let mut key = prefix.to_vec();
            keys.encode(row, &mut key);
            let expect = self.leave(*place);
            self.rows.push(
                expect,
                |out| out.extend_from_slice(&key),
                |out| records.encode(row, out),
            );
            self.touch(key)?;
        }
        self.account()
    }

    /// A row can be changed once: a second change would start from the same
    /// snapshot and undo the first.
    fn touch(&mut self, key: Vec<u8>) -> Result<()> {
        if self.touched.insert(key) {
            return Ok(());
        }
        Err(changed_twice(self.table))
    }

    /// What must hold of a key whose row is replaced.
    fn leave(&mut self, place: RowPlace) -> Expect {
        match place {
            RowPlace::Hot(seq) => Expect::Seq(seq),
            RowPlace::Cold(segment, row) => {
                self.marks.replace(segment, row);
                Expect::Nothing
            }
        }
    }

    /// Gives rows new keys: the old ones are deleted, the new ones inserted. Call
    /// [`RowWriter::finish_moves`] after the last one.
    ///
    /// # Errors
    /// `XX000` if the columns do not fit the table.
    pub(crate) fn vacate(&mut self, old: &[ArrayRef], places: &[RowPlace]) -> Result<()> {
        let keys = self.key_encoder(old, None)?;
        self.leave_uniques(old)?;
        for (row, place) in places.iter().enumerate() {
            check_sometimes(row)?;
            let mut key = self.prefix.to_vec();
            keys.encode(row, &mut key);
            self.touch(key.clone())?;
            self.vacated.insert(key, *place);
        }
        Ok(())
    }

    /// Puts moved rows under their new keys.
    ///
    /// # Errors
    /// `23514`; `23505` if a key is taken by a row that does not move away.
    pub(crate) fn occupy(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let keys = self.key_encoder(columns, None)?;
        let records = RowEncoder::new(self.table.layout(), columns)?;
        self.admit(columns, columns[0].len(), &keys)?;
        for row in 0..columns[0].len() {
            check_sometimes(row)?;
            let mut key = self.prefix.to_vec();
            keys.encode(row, &mut key);
            let left = self.vacated.remove(&key);
            let expect = match left {
                Some(place) => self.leave(place),
                None => Expect::Absent,
            };
            self.rows.push(
                expect,
                |out| out.extend_from_slice(&key),
                |out| records.encode(row, out),
            );
            if left.is_none() {
                let write = self.rows.len() - 1;
                // A commit that takes the key later is another matter.
                if self.view.is_of_transaction() || self.resolves_conflicts {
                    self.clear(write, Taken::Refuse)?;
                } else {
                    self.clear_cold(write, Taken::Refuse)?;
                }
            }
        }
        self.account()
    }

    /// Deletes the old keys that no row of the statement took.
    ///
    /// # Errors
    /// `40001` if an old row is gone.
    pub(crate) fn finish_moves(&mut self) -> Result<()> {
        for (key, place) in std::mem::take(&mut self.vacated) {
            self.delete_key(&key, place)?;
        }
        Ok(())
    }

    /// Deletes rows and returns how many; those deleted before count once.
    ///
    /// # Errors
    /// `40001` if a row is gone.
    pub(crate) fn delete(
        &mut self,
        columns: &[ArrayRef],
        hidden: Option<&ArrayRef>,
        places: &[RowPlace],
    ) -> Result<u64> {
        let keys = self.key_encoder(columns, hidden)?;
        self.leave_uniques(columns)?;
        let mut deleted = 0;
        for (row, place) in places.iter().enumerate() {
            check_sometimes(row)?;
            let mut key = self.prefix.to_vec();
            keys.encode(row, &mut key);
            if !self.touched.contains(&key) {
                self.delete_key(&key, *place)?;
                self.touched.insert(key);
                deleted += 1;
            }
        }
        self.account()?;
        Ok(deleted)
    }

    fn delete_key(&mut self, key: &[u8], place: RowPlace) -> Result<()> {
        let seq = match place {
            RowPlace::Cold(segment, row) => {
                // The mark says it all: the file still holds the row.
                self.marks.delete(segment, row);
                self.rows.hide(key);
                return Ok(());
            }
            RowPlace::Hot(seq) => seq,
        };
        if self.table.definition.kind == TableKind::Stream {
            self.rows.push(Expect::Seq(seq), |out| out.extend_from_slice(key), |_| {});
            return Ok(());
        }
        let record = self
            .view
            .hot(key, |record| Ok(record.to_vec()))?
            .ok_or_else(|| damaged("the snapshot of a row"))?;
        self.rows.push(
            Expect::Seq(seq),
            |out| out.extend_from_slice(key),
            |out| {
                let start = out.len();
                out.extend_from_slice(&record);
                set_flags(&mut out[start..], FLAG_DELETED);
            },
        );
        Ok(())
    }

    /// Whether the rows may be committed past this writer: it is a statement's own commit.
    pub(crate) fn is_own_commit(&self) -> bool {
        !self.view.is_of_transaction()
    }

    /// The scope that is written.
    pub(crate) fn scope(&self) -> ScopeId {
        self.scope
    }

    /// The version of the scope's segments in which keys were looked for.
    pub(super) fn version(&self) -> u64 {
        self.manifest.version
    }

    /// Commits everything and returns the commit's number; without a write it does
    /// nothing.
    ///
    /// # Errors
    /// `23505` naming the key, `40001` if rows changed meanwhile, `58030`, `53100`.
    pub(super) fn commit(mut self) -> Result<Option<Seq>> {
        self.sort()?;
        if self.rows.is_empty() {
            return Ok(None);
        }
        let mut set = WriteSet::default();
        set.changes.push(self.engine.registry.unchanged(self.table));
        self.commit_with(set)
    }

    /// Commits everything together with what `set` holds, which has no rows.
    ///
    /// # Errors
    /// As [`RowWriter::commit`], and what the changes of `set` raise.
    pub(crate) fn commit_with(mut self, mut set: WriteSet) -> Result<Option<Seq>> {
        self.sort()?;
        // From here on it is not taken back.
        check_stop()?;
        let mut edit = ScopeEdit::new(&self.engine.tier.manifest, self.scope);
        edit.expect_version(self.manifest.version);
        edit.mark(std::mem::take(&mut self.marks));
        set.rows = std::mem::take(&mut self.rows);
        if self.is_own_commit() {
            set.read_at = self.view.read_at();
        }
        set.changes.push(Box::new(edit));
        let _commits = self.table.commits();
        match self.engine.store.commit(set) {
            Ok(seq) => Ok(Some(seq)),
            Err(CommitError::KeyTaken(_)) if self.resolves_conflicts => Err(Error::new(
                SqlState::SERIALIZATION_FAILURE,
                "other commits took a key of the statement at every try",
            )
            .with_hint("run it again")),
            Err(CommitError::KeyTaken(key)) => Err(self.duplicate(&key)),
            Err(CommitError::Other(e)) => Err(e),
        }
    }

    /// Everything as part of a transaction whose statement saw the commits up to
    /// `as_of`; `None` without a write.
    ///
    /// # Errors
    /// `23505` if a key occurs twice.
    pub(super) fn into_run(mut self, as_of: Seq) -> Result<Option<Run>> {
        self.sort()?;
        if self.rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(Run::of_statement(self.rows, self.scope, self.marks, as_of)))
    }

    /// A key may occur once in a statement. Now that all its rows are known, their
    /// entries are too.
    fn sort(&mut self) -> Result<()> {
        // A statement that has an answer to a key that is taken must learn of one that it
        // has none to.
        let reads = self.view.is_of_transaction() || self.resolves_conflicts;
        let uniques = std::mem::take(&mut self.uniques);
        uniques.finish(self.table, (&self.view, reads), &mut self.rows)?;
        match self.rows.sort() {
            Some(key) => Err(duplicate_key(self.table, &key[SCOPE_PREFIX_LEN..])),
            None => Ok(()),
        }
    }

    fn duplicate(&self, key: &[u8]) -> Error {
        duplicate_entry(self.table, key)
            .unwrap_or_else(|| duplicate_key(self.table, &key[SCOPE_PREFIX_LEN..]))
    }
}

/// Stops between rows if the statement is to stop. Looking a key up in a segment may take
/// a millisecond.
fn check_sometimes(row: usize) -> Result<()> {
    if row.is_multiple_of(64) { check_stop() } else { Ok(()) }
}

/// The error for a statement that would change a row a second time.
pub(crate) fn changed_twice(table: &Table) -> Error {
    Error::new(
        SqlState::CARDINALITY_VIOLATION,
        format!("a row of table \"{}\" is changed twice by one statement", table.definition.name),
    )
    .with_hint("make sure that the statement finds each row of the table once")
}

/// The error for a key, without scope, that is taken.
pub(super) fn duplicate_key(table: &Table, key: &[u8]) -> Error {
    let error = Error::new(
        SqlState::UNIQUE_VIOLATION,
        format!("duplicate key in table \"{}\"", table.definition.name),
    );
    match key_detail(table, key) {
        Some(key) => error.with_detail(format!("key {key} exists already")),
        None => error,
    }
}

/// The whole key of a write as [`key_detail`] and the entries of UNIQUE constraints show
/// theirs.
pub(super) fn written_key_detail(table: &Table, key: &[u8]) -> Option<String> {
    match unique_detail(table, key) {
        Some((_, detail)) => Some(detail),
        None => key_detail(table, &key[SCOPE_PREFIX_LEN..]),
    }
}

/// A key, which is without the scope prefix, as `(columns) = (values)`.
pub(crate) fn key_detail(table: &Table, key: &[u8]) -> Option<String> {
    let values = table.key_codec.decode(key).ok()?;
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    Some(format!("({}) = ({})", table.key_names().join(", "), values.join(", ")))
}

/// The places of rows, from the columns of a target scan.
pub(crate) fn row_places(seq: &ArrayRef, segment: &ArrayRef, row: &ArrayRef) -> Vec<RowPlace> {
    let seq = seq.as_primitive::<Int64Type>();
    let segment = segment.as_primitive::<Int64Type>();
    let row = row.as_primitive::<Int64Type>();
    (0..seq.len())
        .map(|i| match segment.value(i) {
            0 => RowPlace::Hot(Seq(seq.value(i).unsigned_abs())),
            id => RowPlace::Cold(
                SegmentId(id.unsigned_abs()),
                u32::try_from(row.value(i)).unwrap_or(u32::MAX),
            ),
        })
        .collect()
}
