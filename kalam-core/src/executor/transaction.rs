//! A transaction: a view, the writes on top of it, and how they become one commit.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use super::engine::Engine;
use super::rebase::rebase;
use super::row_writer::RowWriter;
use crate::catalog::Table;
use crate::env::has_bug;
use crate::flush::ScopeEdit;
use crate::model::{ScopeId, Seq, TableId, TableKind, UserKey};
use crate::security::AuditRecord;
use crate::store::{CommitError, Overlay, RecentGuard, Run, View, WriteSet};
use crate::{Error, Result, SqlState};

/// What a transaction sees of commits that happen while it is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// All statements see the moment of the first one. A row that another commit
    /// changed since cannot be changed: COMMIT fails with `40001`.
    #[default]
    RepeatableRead,
    /// As if the transactions of this level ran one after another: COMMIT also fails
    /// with `40001` if another commit wrote what this one read before it wrote.
    Serializable,
}

impl FromStr for IsolationLevel {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            // A promise kept beyond its word, as in PostgreSQL.
            "read committed" | "read uncommitted" => Ok(IsolationLevel::ReadCommitted),
            "repeatable read" => Ok(IsolationLevel::RepeatableRead),
            "serializable" => Ok(IsolationLevel::Serializable),
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("isolation level \"{text}\" is unknown"),
            )
            .with_hint("the level is 'read committed', 'repeatable read' or 'serializable'")),
        }
    }
}

impl fmt::Display for IsolationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IsolationLevel::ReadCommitted => "read committed",
            IsolationLevel::RepeatableRead => "repeatable read",
            IsolationLevel::Serializable => "serializable",
        })
    }
}

/// How BEGIN opens a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TransactionMode {
    pub(crate) isolation: IsolationLevel,
    pub(crate) read_only: bool,
}

/// What the statements of a transaction read and have written. It knows no user: its
/// writes may be in several scopes. Dropping it forgets them.
pub(crate) struct Transaction {
    mode: TransactionMode,
    /// Opened for a single call, not by BEGIN.
    implicit: bool,
    /// Taken by the first statement, by each one under READ COMMITTED.
    base: Option<Base>,
    own: Arc<Overlay>,
    /// The tables as they were when they were first written.
    tables: BTreeMap<TableId, Arc<Table>>,
    /// The version of each written scope's segments in which its keys were looked for.
    versions: BTreeMap<ScopeId, u64>,
    savepoints: Vec<Savepoint>,
    /// What the commit tells the audit log.
    records: Vec<AuditRecord>,
    failed: Arc<AtomicBool>,
    memory: MemoryReservation,
}

struct Base {
    view: Arc<View>,
    as_of: Seq,
    /// Of SERIALIZABLE transactions.
    recent: Option<RecentGuard>,
}

struct Savepoint {
    name: String,
    own: Arc<Overlay>,
    versions: BTreeMap<ScopeId, u64>,
}

impl Transaction {
    pub(crate) fn new(engine: &Engine, mode: TransactionMode) -> Transaction {
        let pool = engine.planning.runtime_env().memory_pool.clone();
        Transaction {
            mode,
            implicit: false,
            base: None,
            own: Arc::default(),
            tables: BTreeMap::new(),
            versions: BTreeMap::new(),
            savepoints: Vec::new(),
            records: Vec::new(),
            failed: Arc::default(),
            memory: MemoryConsumer::new("transaction").register(&pool),
        }
    }

    /// A transaction for the statements of one call.
    pub(crate) fn implicit(engine: &Engine) -> Transaction {
        Transaction { implicit: true, ..Transaction::new(engine, TransactionMode::default()) }
    }

    /// Makes an audit record part of the commit. Only of transactions for a single call:
    /// what a session did is not forgotten with its ROLLBACK.
    pub(crate) fn record(&mut self, record: AuditRecord) {
        self.records.push(record);
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.mode.read_only
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Statements are refused until ROLLBACK or ROLLBACK TO.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// What a result of the transaction sets when it breaks while it is read.
    pub(crate) fn failure(&self) -> Arc<AtomicBool> {
        self.failed.clone()
    }

    /// What the next statement reads: the base and the own writes so far.
    ///
    /// # Errors
    /// `40001` if a row that was written is another by now, which only READ COMMITTED
    /// learns before its COMMIT.
    pub(crate) fn view(&mut self, engine: &Engine) -> Result<Arc<View>> {
        if self.mode.isolation == IsolationLevel::ReadCommitted {
            let view = engine.store.view();
            self.follow_segments(engine, &view)?;
            self.base = Some(Base { as_of: view.seq()?, view, recent: None });
        }
        let base = match &mut self.base {
            Some(base) => base,
            empty => {
                let (recent, view) = if self.mode.isolation == IsolationLevel::Serializable {
                    let (recent, view) = engine.store.keep_writes();
                    (Some(recent), view)
                } else {
                    (None, engine.store.view())
                };
                empty.insert(Base { as_of: view.seq()?, view, recent })
            }
        };
        let reads = base.recent.as_ref().map(|recent| recent.reads.clone());
        Ok(base.view.within(Some(self.own.clone()), reads))
    }

    /// Finds the written rows again if segments of their scopes came or went: the own
    /// writes hide them by their places.
    fn follow_segments(&mut self, engine: &Engine, view: &View) -> Result<()> {
        for (scope, version) in &self.versions {
            if engine.tier.manifest.scope(*scope, view)?.version != *version {
                let (run, versions) = rebase(engine, &self.tables, &self.own.merged(), view)?;
                self.own = Arc::new(Overlay::of(run));
                self.versions = versions;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Runs a statement that writes rows of one scope, and keeps what it wrote if it
    /// succeeds; with the `_seq` that its rows show within the transaction.
    ///
    /// # Errors
    /// `0A000` for STREAM tables, `53200` if the writes pass the memory limit, and what
    /// the statement raises.
    pub(crate) fn write<T>(
        &mut self,
        engine: &Engine,
        table: &Arc<Table>,
        user: UserKey,
        mut statement: impl FnMut(&Arc<View>, &mut RowWriter<'_>) -> Result<T>,
    ) -> Result<(T, Option<Seq>)> {
        if table.definition.kind == TableKind::Stream && !self.implicit {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!(
                    "STREAM table \"{}\" cannot be written in a transaction",
                    table.definition.name
                ),
            )
            .with_hint("write it before BEGIN or after COMMIT"));
        }
        let view = self.view(engine)?;
        // Only a definition that is current now knows every row of the view.
        engine.registry.check_current(table)?;
        let as_of = self.base.as_ref().map_or(Seq(0), |base| base.as_of);
        let mut writer = RowWriter::new(engine, table, user, view.clone())?;
        let outcome = statement(&view, &mut writer)?;
        let scope = ScopeId { table: table.definition.id, user };
        let version = writer.version();
        if let Some(run) = writer.into_run(as_of)? {
            let mut own = Overlay::clone(&self.own);
            own.push(run);
            self.memory.try_resize(own.bytes()).map_err(|e| {
                Error::new(
                    SqlState::OUT_OF_MEMORY,
                    "the changes of the transaction pass the memory limit",
                )
                .with_source(e)
            })?;
            self.own = Arc::new(own);
            self.versions.insert(scope, version);
            self.tables.entry(table.definition.id).or_insert_with(|| table.clone());
        }
        Ok((outcome, Some(as_of)))
    }

    /// Makes all writes one commit: durable as the options say, and visible, when this
    /// returns. After an error nothing of them is left, but for `08007`, after which
    /// only the next open knows.
    ///
    /// # Errors
    /// `40001` if another commit changed a written row, or wrote what a SERIALIZABLE
    /// transaction read; `42P01` if a written table is gone; `25P02` after a failed
    /// statement; `08007`, `08003`.
    pub(crate) fn commit(self, engine: &Engine) -> Result<()> {
        const TRIES_MAX: u32 = 1000;
        if self.is_failed() {
            return Err(Error::new(
                SqlState::IN_FAILED_TRANSACTION,
                "a statement of the transaction failed; all of it was rolled back",
            )
            .with_hint("run the transaction again from BEGIN"));
        }
        if self.own.is_empty() && self.records.is_empty() {
            return Ok(());
        }
        let mut run = Run::clone(&self.own.merged());
        let mut versions = self.versions.clone();
        let written: Vec<_> = self.written_tables(&run).cloned().collect();
        let _commits: Vec<_> = written.iter().map(|table| table.commits()).collect();
        if has_bug("transaction_in_halves") {
            let later = split_by_table(&mut run);
            engine.store.commit(self.write_set(engine, &run, &versions))?;
            std::thread::sleep(std::time::Duration::from_millis(30));
            run = later;
        }
        for _ in 0..TRIES_MAX {
            match engine.store.commit(self.write_set(engine, &run, &versions)) {
                Ok(_) => return Ok(()),
                Err(CommitError::Other(e)) if e.sqlstate() != SqlState::SERIALIZATION_FAILURE => {
                    return Err(e);
                }
                // A key that was absent, or a place that is another: the row changed,
                // or a flush moved it as it was.
                Err(_) => {
                    self.check_lasting(engine, &run)?;
                    (run, versions) = rebase(engine, &self.tables, &run, &engine.store.view())?;
                }
            }
        }
        Err(Error::new(
            SqlState::SERIALIZATION_FAILURE,
            "the rows of the transaction moved at every try to commit it",
        )
        .with_hint("retry the transaction"))
    }

    fn write_set(&self, engine: &Engine, run: &Run, versions: &BTreeMap<ScopeId, u64>) -> WriteSet {
        let mut set = WriteSet { rows: run.writes.clone(), ..WriteSet::default() };
        if let Some(recent) = self.recent() {
            set.changes.push(recent.unchanged());
        }
        for table in self.written_tables(run) {
            set.changes.push(engine.registry.unchanged(table));
        }
        for record in &self.records {
            engine.audit.add(&mut set, record.clone());
        }
        for (scope, marks) in &run.marks {
            let mut edit = ScopeEdit::new(&engine.tier.manifest, *scope);
            if let Some(version) = versions.get(scope) {
                edit.expect_version(*version);
            }
            edit.mark(marks.clone());
            set.changes.push(Box::new(edit));
        }
        set
    }

    fn recent(&self) -> Option<&RecentGuard> {
        self.base.as_ref().and_then(|base| base.recent.as_ref())
    }

    fn written_tables<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = &'a Arc<Table>> {
        self.tables
            .values()
            .filter(|table| run.marks.keys().any(|scope| scope.table == table.definition.id))
    }

    /// The checks that no later try can pass.
    fn check_lasting(&self, engine: &Engine, run: &Run) -> Result<()> {
        if let Some(recent) = self.recent() {
            recent.unchanged().check()?;
        }
        self.written_tables(run).try_for_each(|table| engine.registry.unchanged(table).check())
    }

    /// Names the state so far. A second savepoint of a name hides the first.
    pub(crate) fn savepoint(&mut self, name: &str) {
        self.savepoints.push(Savepoint {
            name: name.to_owned(),
            own: self.own.clone(),
            versions: self.versions.clone(),
        });
    }

    /// Goes back to a savepoint, which stays; later ones go. What was read since still
    /// counts for SERIALIZABLE: the caller knows it.
    ///
    /// # Errors
    /// `3B001` if there is none of the name.
    pub(crate) fn rollback_to(&mut self, name: &str) -> Result<()> {
        let index = self.find_savepoint(name)?;
        self.savepoints.truncate(index + 1);
        self.own = self.savepoints[index].own.clone();
        self.versions = self.savepoints[index].versions.clone();
        self.memory.shrink(self.memory.size().saturating_sub(self.own.bytes()));
        self.failed.store(false, Ordering::Release);
        Ok(())
    }

    /// Forgets a savepoint and those after it, and keeps what was written since.
    ///
    /// # Errors
    /// `3B001` if there is none of the name.
    pub(crate) fn release(&mut self, name: &str) -> Result<()> {
        let index = self.find_savepoint(name)?;
        self.savepoints.truncate(index);
        Ok(())
    }

    fn find_savepoint(&self, name: &str) -> Result<usize> {
        self.savepoints.iter().rposition(|savepoint| savepoint.name == name).ok_or_else(|| {
            Error::new(SqlState::INVALID_SAVEPOINT, format!("savepoint \"{name}\" does not exist"))
        })
    }
}

/// A planted bug: takes the writes of one table out of those of several.
fn split_by_table(run: &mut Run) -> Run {
    let Some(last) = run.marks.keys().map(|scope| scope.table).max() else { return Run::default() };
    let (mut first, mut later) = (Run::default(), Run::default());
    for write in run.writes.iter() {
        // A key begins with the kind and the table.
        let is_of_last = write.key[1..5] == last.get().to_be_bytes();
        if is_of_last { &mut later } else { &mut first }.writes.append(&write);
    }
    for (scope, marks) in &run.marks {
        let half = if scope.table == last { &mut later } else { &mut first };
        half.marks.insert(*scope, marks.clone());
    }
    *run = first;
    later
}
