//! A process that is killed loses nothing it acknowledged and leaves nothing half done.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kalam_core::model::Role;
use kalam_core::{Database, Session};
use tempfile::TempDir;

use crate::fixture::{self, Seeded};

/// Kills; fewer if the machine is slow.
const CYCLES: u64 = 40;
const TIME_MAX: Duration = Duration::from_secs(45);
/// Keys of one writer of the child.
const KEYS: u64 = 60;
/// The tables of the child, in namespace `crash`.
const TABLES: [&str; 2] = ["s", "u"];

/// Rows of one writer in one table: key to value.
type Rows = BTreeMap<u64, u64>;

/// One announced change.
#[derive(Clone, Debug)]
struct Change {
    step: u64,
    verb: String,
    first: u64,
    last: u64,
    value: u64,
}

impl Change {
    /// The rows after the change, and how many it affects; `None` for a duplicate key.
    fn apply(&self, rows: &Rows) -> Option<(Rows, u64)> {
        let mut after = rows.clone();
        let keys = self.first..=self.last;
        match self.verb.as_str() {
            "insert" | "batch" => {
                if keys.clone().any(|k| rows.contains_key(&k)) {
                    return None;
                }
                after.extend(keys.clone().map(|k| (k, self.value + k)));
                Some((after, self.last - self.first + 1))
            }
            "update" | "updates" => {
                let mut changed = 0;
                for (key, value) in after.range_mut(keys) {
                    changed += u64::from(*value != self.value + key);
                    *value = self.value + key;
                }
                Some((after, changed))
            }
            "delete" | "deletes" => {
                after.retain(|k, _| !keys.contains(k));
                let deleted = (rows.len() - after.len()) as u64;
                Some((after, deleted))
            }
            "transaction" => {
                after.extend(keys.map(|k| (k, self.value + k)));
                Some((after, self.last - self.first + 1))
            }
            verb => panic!("the child speaks of {verb:?}"),
        }
    }
}

impl Change {
    /// As [`Change::apply`], for the tables that are named, one letter each.
    fn apply_to(&self, named: &str, tables: &[Rows; 2]) -> Option<([Rows; 2], u64)> {
        let mut after = tables.clone();
        let mut affected = 0;
        let named = TABLES.iter().zip(&mut after).filter(|(name, _)| named.contains(**name));
        for (_, rows) in named {
            let (changed, count) = self.apply(rows)?;
            *rows = changed;
            affected += count;
        }
        Some((after, affected))
    }
}

/// What the child said: rows that must be there, and changes in flight.
#[derive(Default)]
struct Oracle {
    tables: BTreeMap<(String, u64), Rows>,
    in_flight: BTreeMap<u64, (String, Change)>,
    acknowledged: u64,
}

impl Oracle {
    fn tables_of(&self, writer: u64) -> [Rows; 2] {
        TABLES.map(|t| self.tables.get(&(t.to_owned(), writer)).cloned().unwrap_or_default())
    }

    fn set_tables_of(&mut self, writer: u64, rows: [Rows; 2]) {
        for (table, rows) in TABLES.iter().zip(rows) {
            self.tables.insert(((*table).to_owned(), writer), rows);
        }
    }

    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| -> u64 { words[i].parse().expect("the child writes numbers") };
        match words[0] {
            "intent" => {
                let change = Change {
                    step: number(2),
                    verb: words[4].into(),
                    first: number(5),
                    last: number(6),
                    value: number(7),
                };
                self.in_flight.insert(number(1), (words[3].into(), change));
            }
            "ack" | "nack" => {
                let writer = number(1);
                let (table, change) =
                    self.in_flight.remove(&writer).expect("an answer follows its intent");
                assert_eq!(change.step, number(2), "{line}");
                match change.apply_to(&table, &self.tables_of(writer)) {
                    Some((after, affected)) => {
                        assert_eq!(words[0], "ack", "{change:?}: {line}");
                        assert_eq!(affected, number(3), "{change:?}");
                        self.set_tables_of(writer, after);
                        self.acknowledged += 1;
                    }
                    None => assert_eq!(&words[..4], ["nack", words[1], words[2], "23505"]),
                }
            }
            "ready" => {}
            _ => panic!("the child says: {line}"),
        }
    }

    /// Compares the database with what was said, and takes what was in flight and
    /// arrived as done.
    fn check(&mut self, database: &Database, cycle: u64) {
        for writer in 0..3u64 {
            let user = format!("w{writer}");
            let session = database.session(&user, Role::Service, None).expect("a valid user");
            let found = TABLES.map(|table| read(&session, table, writer));
            let mut expected = self.tables_of(writer);
            let pending = self.in_flight.get(&writer);
            let arrived = pending.and_then(|(tables, change)| change.apply_to(tables, &expected));
            // A transaction is there in all of its tables or in none.
            if let Some((after, _)) = arrived.filter(|(after, _)| *after == found) {
                expected = after;
            }
            assert_eq!(
                expected, found,
                "cycle {cycle}, writer {writer}: expected left, found right; in flight: {pending:?}"
            );
            let free = free_twins(&session);
            assert_eq!(free, KEYS - expected[1].len() as u64, "cycle {cycle}, writer {writer}");
            self.set_tables_of(writer, expected);
        }
        self.in_flight.clear();
    }
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

/// Rows of one writer, each checked whole, and counted three ways.
fn read(session: &Session, table: &str, writer: u64) -> Rows {
    let scope = if table == "s" { format!("WHERE w = {writer}") } else { String::new() };
    let rows = fixture::rows(session, &format!("SELECT k, v, pad FROM crash.{table} {scope}"));
    let counts = fixture::rows(
        session,
        &format!("SELECT COUNT(*), COUNT(DISTINCT k) FROM crash.{table} {scope}"),
    );
    let size = rows.len().to_string();
    assert_eq!(counts, [[size.clone(), size]], "table {table}, writer {writer}: {rows:?}");
    let mut found = Rows::new();
    for row in rows {
        let key: u64 = row[0].parse().expect("k is a number");
        let value: u64 = row[1].parse().expect("v is a number");
        let pad = if row[2] == "(empty)" { 0 } else { row[2].len() as u64 };
        assert_eq!(pad, (value - key) % 400, "row {key} of table {table} is torn");
        found.insert(key, value);
    }
    found
}

fn start(dir: &Path, seed: u64, durability: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kalam-test-child"))
        .args(["crash".as_ref(), dir.as_os_str()])
        .args([&seed.to_string(), durability])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

/// Lets the child work for `time` after it is ready, kills it, and hears all it said.
fn run_and_kill(mut child: Child, time: Duration, oracle: &mut Oracle) {
    let mut lines = BufReader::new(child.stdout.take().expect("the output is piped"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("the child's output can be read");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        for byte in std::io::Read::bytes(lines) {
            text.push(char::from(byte.expect("the child's output can be read")));
        }
        text
    });
    // Not a wait for an event: the moment of the kill is what is random here.
    std::thread::sleep(time);
    child.kill().expect("the child can be killed");
    child.wait().expect("the child ends");
    let text = reader.join().expect("the reader ends with the pipe");
    assert_eq!(first.trim_end(), "ready");
    // A line without its end was not said.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for line in whole.lines() {
        oracle.hear(line);
    }
}

fn no_orphans(database: &Database, dir: &Path, cycle: u64) {
    let root = fixture::root(database);
    let mut listed: Vec<_> = ["crash.s", "crash.u"]
        .iter()
        .flat_map(|table| fixture::manifest_paths(&root, table, dir))
        .collect();
    listed.sort();
    let files = fixture::parquet_files(&dir.join("segments"));
    assert_eq!(listed, files, "cycle {cycle}: the manifest left, the folder right");
}

#[test]
fn a_killed_process_loses_nothing_and_leaves_nothing_half_done() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let mut oracle = Oracle::default();
    let mut random = Seeded(20_240_101);
    let begin = Instant::now();
    let mut cycles = 0;
    for cycle in 0..CYCLES {
        if begin.elapsed() > TIME_MAX {
            break;
        }
        let durability = if cycle % 2 == 0 { "full" } else { "normal" };
        let child = start(dir.path(), cycle, durability);
        let time = Duration::from_millis(20 + random.below(500));
        run_and_kill(child, time, &mut oracle);
        let database = fixture::open(dir.path());
        oracle.check(&database, cycle);
        no_orphans(&database, dir.path(), cycle);
        database.close().expect("the database closes");
        cycles += 1;
    }
    println!("{cycles} kills, {} changes acknowledged, none lost", oracle.acknowledged);
    assert!(oracle.acknowledged > cycles, "the child hardly works");
}

#[test]
fn a_process_killed_while_it_creates_the_database_leaves_one_that_opens() {
    let mut random = Seeded(7);
    for _ in 0..10 {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let mut child = start(dir.path(), 1, "full");
        std::thread::sleep(Duration::from_millis(random.below(60)));
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        let database = fixture::open(dir.path());
        assert_eq!(fixture::rows(&fixture::root(&database), "SELECT 1"), [["1"]]);
        database.close().expect("the database closes");
    }
}
