//! The writes of a transaction on a newer view.
//!
//! A flush or a compaction moves rows without changing them. What a write expects of its
//! key names the place where the row was; on a newer view the same row may have another.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::engine::Engine;
use super::row_writer::written_key_detail;
use crate::activity::check_stop;
use crate::catalog::Table;
use crate::flush::{ColdPosition, ColdSeqs, KeyLookup, ScopeManifest};
use crate::model::{ScopeId, TableId};
use crate::store::{
    Effect, Expect, MarkSet, RowHeader, RowWriteRef, Run, SCOPE_PREFIX_LEN, View, scope_of,
    unique_key,
};
use crate::{Error, Result, SqlState};

/// The same writes as they have to be on `view`, and the version of each scope's
/// segments there.
///
/// # Errors
/// `40001` if a row is not the one that the statement saw: it has a newer `_seq`, is
/// gone, or is there where none was.
pub(super) fn rebase(
    engine: &Engine,
    tables: &BTreeMap<TableId, Arc<Table>>,
    run: &Run,
    view: &View,
) -> Result<(Run, BTreeMap<ScopeId, u64>)> {
    let mut moved = Run::default();
    moved.writes.reserve(run.writes.len(), run.writes.bytes());
    let mut versions = BTreeMap::new();
    let mut current: Option<(ScopeId, Scope<'_>)> = None;
    for (index, write) in run.writes.iter().enumerate() {
        if index.is_multiple_of(64) {
            check_stop()?;
        }
        let id = scope_of(write.key);
        let scope = match &mut current {
            Some((at, scope)) if *at == id => scope,
            other => {
                let table = tables.get(&id.table).ok_or_else(|| {
                    Error::new(
                        SqlState::INTERNAL_ERROR,
                        "a write is of a table that was not written",
                    )
                })?;
                let scope = Scope::new(engine, table, engine.tier.manifest.scope(id, view)?);
                versions.insert(id, scope.manifest.version);
                &mut other.insert((id, scope)).1
            }
        };
        let marks = moved.marks.entry(id).or_default();
        let expect = scope.find(view, &write, marks)?;
        moved.writes.append(&RowWriteRef { expect, ..write });
    }
    Ok((moved, versions))
}

/// One scope at the newer view.
struct Scope<'a> {
    engine: &'a Engine,
    table: &'a Table,
    manifest: Arc<ScopeManifest>,
    seqs: ColdSeqs<'a>,
}

impl<'a> Scope<'a> {
    fn new(engine: &'a Engine, table: &'a Table, manifest: Arc<ScopeManifest>) -> Scope<'a> {
        Scope { engine, table, manifest, seqs: ColdSeqs::new(&engine.tier) }
    }

    /// What the write expects of its key now, and what it marks.
    fn find(
        &mut self,
        view: &View,
        write: &RowWriteRef<'_>,
        marks: &mut MarkSet,
    ) -> Result<Expect> {
        let was_live = matches!(write.expect, Expect::Seq(_) | Expect::Nothing);
        if unique_key(write.key).is_some() {
            return self.find_entry(view, write, was_live);
        }
        if let Some(stored) = view.hot(write.key, RowHeader::read)? {
            let same = stored.seq <= write.as_of && write.effect != Effect::Hide;
            return match (was_live, stored.is_deleted()) {
                (true, false) if same => Ok(Expect::Seq(stored.seq)),
                (false, true) => Ok(Expect::Absent),
                _ => Err(self.conflict(write.key)),
            };
        }
        let key = &write.key[SCOPE_PREFIX_LEN..];
        let lookup =
            KeyLookup { tier: &self.engine.tier, table: self.table, manifest: &self.manifest };
        match (was_live, lookup.find(key)?) {
            (false, None) => Ok(Expect::Absent),
            (false, Some(found)) if found.deleted => {
                marks.bury(found.segment, found.row);
                Ok(Expect::Absent)
            }
            (true, Some(found)) if !found.deleted && self.is_unchanged(&found, write)? => {
                match write.effect {
                    Effect::Hide => marks.delete(found.segment, found.row),
                    Effect::Put(_) | Effect::Remove => marks.replace(found.segment, found.row),
                }
                Ok(Expect::Nothing)
            }
            _ => Err(self.conflict(write.key)),
        }
    }

    /// What the write of an entry of a UNIQUE constraint expects: they never move.
    fn find_entry(&self, view: &View, write: &RowWriteRef<'_>, was_live: bool) -> Result<Expect> {
        match view.hot(write.key, RowHeader::read)? {
            None if !was_live => Ok(Expect::Absent),
            Some(stored) if was_live && stored.seq <= write.as_of => Ok(Expect::Seq(stored.seq)),
            _ => Err(self.conflict(write.key)),
        }
    }

    fn is_unchanged(&mut self, found: &ColdPosition, write: &RowWriteRef<'_>) -> Result<bool> {
        let Some(segment) = self.manifest.segment(found.segment) else { return Ok(false) };
        Ok(segment.meta.max_seq <= write.as_of
            || self.seqs.of(&segment.meta, found.row)? <= write.as_of)
    }

    fn conflict(&self, key: &[u8]) -> Error {
        let error = Error::new(
            SqlState::SERIALIZATION_FAILURE,
            format!(
                "a row of table \"{}\" was changed by another commit",
                self.table.definition.name
            ),
        )
        .with_hint("retry the transaction");
        match written_key_detail(self.table, key) {
            Some(key) => error.with_detail(format!("the row with key {key}")),
            None => error,
        }
    }
}
