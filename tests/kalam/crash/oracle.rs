//! What a killed child said, and whether the database holds it.
//!
//! It knows no engine: only the lines of the child, one before each change and one after.

use std::collections::BTreeMap;
use std::path::Path;

use kalam_core::model::Role;
use kalam_core::{Database, Session};
use tempfile::TempDir;

use super::change::{Change, Rows, TABLES, Tables};
use crate::fixture;

const WRITERS: u64 = 3;
/// Keys of one writer of the child.
const KEYS: u64 = 60;

/// The value that every row has in column `extra`, `None` if there is no such column.
type Extra = Option<u64>;

/// For each writer, the states of which a backup may have one.
type Candidates = BTreeMap<u64, Vec<Tables>>;

/// Rows that must be there, and changes in flight.
#[derive(Default)]
pub(crate) struct Oracle {
    tables: BTreeMap<u64, Tables>,
    in_flight: BTreeMap<u64, Change>,
    pub(crate) acknowledged: u64,
    extra: Extra,
    altering: Option<Extra>,
    /// What the folder of backups may have: the last one that was acknowledged, and those
    /// after it that no answer followed.
    may_be_backed_up: Vec<Candidates>,
    backing_up: Option<Candidates>,
    pub(crate) backups: u64,
    /// What the last check found, and its largest `_seq`.
    checked: BTreeMap<u64, Tables>,
    seq_max: u64,
}

impl Oracle {
    fn tables_of(&self, writer: u64) -> Tables {
        self.tables.get(&writer).cloned().unwrap_or_default()
    }

    /// Hears one line of the child.
    pub(crate) fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["intent", writer, ..] => {
                let writer = writer.parse().expect("the child writes numbers");
                self.in_flight.insert(writer, Change::of(&words));
            }
            ["ack" | "nack", ..] => self.hear_answer(line, &words),
            ["alter", to] => self.altering = Some(to.parse().ok()),
            ["altered", to] => {
                self.extra = to.parse().ok();
                self.altering = None;
            }
            ["backup", "begin"] => {
                let now = (0..WRITERS).map(|writer| (writer, vec![self.tables_of(writer)]));
                let now = now.collect();
                self.may_be_backed_up.extend(self.backing_up.replace(now));
            }
            ["backup", "end"] => {
                self.note_in_flight();
                self.may_be_backed_up = self.backing_up.take().into_iter().collect();
                self.backups += 1;
            }
            ["ready"] => {}
            _ => panic!("the child says: {line}"),
        }
    }

    fn hear_answer(&mut self, line: &str, words: &[&str]) {
        let number = |i: usize| -> u64 { words[i].parse().expect("the child writes numbers") };
        let writer = number(1);
        let change = self.in_flight.remove(&writer).expect("an answer follows its intent");
        assert_eq!(change.step, number(2), "{line}");
        match (words[0], change.apply(&self.tables_of(writer))) {
            ("ack", Some((after, affected))) => {
                assert_eq!(affected, number(3), "wrong count: {change:?}: {line}");
                if let Some(states) = self.backing_up.as_mut().and_then(|b| b.get_mut(&writer)) {
                    states.push(after.clone());
                }
                self.tables.insert(writer, after);
                self.acknowledged += 1;
            }
            // ALTER TABLE came between.
            ("nack", _) if words[3] == "40001" => {}
            ("nack", None) => assert_eq!(words[3], "23505", "{line}"),
            (_, expected) => {
                panic!("wrong answer: {change:?}, a duplicate: {}: {line}", expected.is_none())
            }
        }
    }

    /// A backup that runs may have what is in flight.
    fn note_in_flight(&mut self) {
        let Some(running) = &mut self.backing_up else { return };
        for (writer, change) in &self.in_flight {
            let now = self.tables.get(writer).cloned().unwrap_or_default();
            if let Some((after, _)) = change.apply(&now) {
                running.entry(*writer).or_default().push(after);
            }
        }
    }

    /// Compares the database with what was said, and takes what was in flight and
    /// arrived as done.
    pub(crate) fn check(&mut self, database: &Database, cycle: u64) {
        self.note_in_flight();
        let mut seq_max = self.seq_max;
        for writer in 0..WRITERS {
            let session = session(database, writer);
            let found = TABLES.map(|table| read(&session, table, writer));
            let mut expected = self.tables_of(writer);
            let pending = self.in_flight.get(&writer);
            let arrived = pending.and_then(|change| change.apply(&expected));
            let rows = found.each_ref().map(Found::rows);
            // A transaction is there in all of its tables or in none.
            if let Some((after, _)) = arrived.filter(|(after, _)| *after == rows) {
                expected = after;
            }
            assert_eq!(
                expected, rows,
                "wrong rows in cycle {cycle}, writer {writer}: expected left, found right; in \
                 flight: {pending:?}"
            );
            let free = free_twins(&session);
            assert_eq!(
                free,
                KEYS - expected[1].len() as u64,
                "wrong entries of UNIQUE in cycle {cycle}, writer {writer}"
            );
            for (found, checked) in found.iter().zip(self.checked.entry(writer).or_default()) {
                seq_max = seq_max.max(found.check_seqs(checked, self.seq_max));
            }
            self.checked.insert(writer, rows);
            self.tables.insert(writer, expected);
        }
        self.seq_max = seq_max;
        self.check_extra(database, cycle);
        self.in_flight.clear();
    }

    fn check_extra(&mut self, database: &Database, cycle: u64) {
        let root = fixture::root(database);
        let found: Extra = match fixture::try_rows(&root, "SELECT DISTINCT extra FROM crash.s") {
            Err(error) => {
                assert_eq!(error.sqlstate().as_str(), "42703", "{error:?}");
                None
            }
            // Without a row nobody can tell which one it is.
            Ok(rows) if rows.is_empty() => self.altering.unwrap_or(self.extra).or(self.extra),
            Ok(rows) => {
                assert_eq!(rows.len(), 1, "one default, several values: {rows:?}");
                Some(rows[0][0].parse().expect("the default is a number"))
            }
        };
        let is_known = found == self.extra || Some(found) == self.altering;
        assert!(
            is_known,
            "wrong column in cycle {cycle}: {found:?}; acknowledged {:?}, in flight {:?}",
            self.extra, self.altering
        );
        self.extra = found;
        self.altering = None;
    }

    /// Makes a backup of the database that was checked last. Rows are in segments by then.
    pub(crate) fn back_up(&mut self, database: &Database, directory: &Path) {
        let root = fixture::root(database);
        fixture::run(&root, "STORAGE FLUSH ALL");
        fixture::run(&root, &format!("BACKUP DATABASE TO '{}-backup'", directory.display()));
        let now = (0..WRITERS).map(|writer| (writer, vec![self.tables_of(writer)]));
        self.may_be_backed_up = vec![now.collect()];
        self.backing_up = None;
        self.backups += 1;
    }

    /// Restores the backup beside the database, and compares it with what writers had while
    /// it was made: the newest one, or the one before it if it was still being made.
    pub(crate) fn check_backup(&self, directory: &Path, cycle: u64) {
        let backup = format!("{}-backup", directory.display());
        let home = TempDir::new().expect("a temporary folder can be made");
        let copy = home.path().join("copy");
        if let Err(error) = Database::restore(&backup, &copy) {
            assert!(
                self.backups == 0,
                "wrong backup in cycle {cycle}: it cannot be restored: {error:?}"
            );
            return;
        }
        let database = fixture::open(&copy);
        let found = (0..WRITERS).map(|writer| {
            let session = session(&database, writer);
            let tables = TABLES.map(|table| read(&session, table, writer).rows());
            assert_eq!(free_twins(&session), KEYS - tables[1].len() as u64);
            tables
        });
        let found: Vec<Tables> = found.collect();
        let is_one_of = |candidates: &Candidates| {
            (0..).zip(&found).all(|(writer, tables)| candidates[&writer].contains(tables))
        };
        assert!(
            self.may_be_backed_up.iter().chain(&self.backing_up).any(is_one_of),
            "wrong backup in cycle {cycle}: {found:?}"
        );
        database.close().expect("the database closes");
    }
}

fn session(database: &Database, writer: u64) -> Session {
    database.session(&format!("w{writer}"), Role::Service, None).expect("a valid user")
}

/// How many values of the UNIQUE column of `crash.u` no row of the writer has: those whose
/// entries are not there.
fn free_twins(session: &Session) -> u64 {
    fixture::run(session, "BEGIN");
    let sql = format!(
        "INSERT INTO crash.u (k, twin) SELECT 1000 + value, value \
         FROM generate_series(0, {}) ON CONFLICT (twin) DO NOTHING",
        KEYS - 1
    );
    let free = fixture::run(session, &sql);
    fixture::run(session, "ROLLBACK");
    free
}

/// Rows of one writer in one table, by key: value and `_seq`.
struct Found(BTreeMap<u64, (u64, u64)>);

impl Found {
    fn rows(&self) -> Rows {
        self.0.iter().map(|(key, (value, _))| (*key, *value)).collect()
    }

    /// Sees that rows which were not there at the last check have numbers that no row had
    /// then, and returns the largest.
    fn check_seqs(&self, checked: &Rows, seq_max: u64) -> u64 {
        for (key, (value, seq)) in &self.0 {
            assert!(
                checked.get(key) == Some(value) || *seq > seq_max,
                "_seq went back: row {key} has {seq}, and {seq_max} was there before it"
            );
        }
        self.0.values().map(|(_, seq)| *seq).max().unwrap_or(0)
    }
}

/// Rows of one writer, each checked whole, and counted three ways.
fn read(session: &Session, table: &str, writer: u64) -> Found {
    let scope = if table == "s" { format!("WHERE w = {writer}") } else { String::new() };
    let rows =
        fixture::rows(session, &format!("SELECT k, v, pad, _seq FROM crash.{table} {scope}"));
    let counts = fixture::rows(
        session,
        &format!("SELECT COUNT(*), COUNT(DISTINCT k) FROM crash.{table} {scope}"),
    );
    let size = rows.len().to_string();
    assert_eq!(
        counts,
        [[size.clone(), size]],
        "wrong count of table {table}, writer {writer}: {rows:?}"
    );
    let mut found = BTreeMap::new();
    for row in rows {
        let number = |i: usize| -> u64 { row[i].parse().expect("it is a number") };
        let (key, value) = (number(0), number(1));
        let pad = if row[2] == "(empty)" { 0 } else { row[2].len() as u64 };
        assert_eq!(pad, (value - key) % 400, "row {key} of table {table} is torn");
        found.insert(key, (value, number(3)));
    }
    Found(found)
}
