//! Numbers that come from the clock - `_seq` of commits, snowflake ids, hidden keys - never
//! repeat, however the clock steps and whatever ends the process.

use std::cell::Cell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kalam_core::env::ManualClock;
use kalam_core::{Database, Options, Session};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tempfile::TempDir;

use crate::cases::Cases;
use crate::fixture::{self, Rows, number_from};

/// Time for new cases without `KALAM_CLOCKS`, which is how many there are.
const TIME_MAX: Duration = Duration::from_secs(6);
/// 2027, as good a moment as any.
const BEGIN_MS: i64 = 1_800_000_000_000;
const YEAR_MS: i64 = 365 * 86_400_000;

#[derive(Clone, Debug)]
enum Step {
    /// The clock is put somewhere else.
    Clock(i64),
    /// A row comes, or comes again.
    Upsert(i64),
    Delete(i64),
    /// All rows change in one commit.
    UpdateAll,
    /// Rows come as a segment, past the hot tier.
    Ingest(i64),
    /// Two statements are one commit.
    Transaction(i64),
    /// Rows without a key, with ids of their own, so many that a millisecond's numbers go on
    /// into the next commit's.
    Ids(i64),
    Flush,
    Compact,
    Reopen,
    /// The directory is what it is at this moment, and the process is gone.
    Crash,
    /// A backup goes on in the place of the database.
    Restore,
}

fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -5_000..5_000i64,
        2 => -2 * YEAR_MS..2 * YEAR_MS,
        1 => Just(-BEGIN_MS),
        1 => Just(-BEGIN_MS - 200 * YEAR_MS),
        1 => Just(60 * YEAR_MS),
        1 => Just(100 * YEAR_MS),
        1 => Just(200 * YEAR_MS),
        1 => Just(100_000 * YEAR_MS),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => moment().prop_map(|by| Step::Clock(BEGIN_MS + by)),
        3 => (0..9i64).prop_map(Step::Upsert),
        2 => (0..9i64).prop_map(Step::Delete),
        1 => Just(Step::UpdateAll),
        1 => (0..3i64).prop_map(Step::Ingest),
        1 => (0..9i64).prop_map(Step::Transaction),
        2 => (1..40i64).prop_map(Step::Ids),
        1 => Just(Step::Flush),
        1 => Just(Step::Compact),
        2 => Just(Step::Reopen),
        2 => Just(Step::Crash),
        1 => Just(Step::Restore),
    ]
}

struct World {
    home: TempDir,
    clock: Arc<ManualClock>,
    open: Option<(Database, Session)>,
    dir: PathBuf,
    /// Directories so far.
    number: u32,
    /// What rows say that a commit wrote.
    written: u32,
    /// Rows of `t` with their `_seq`, and the largest that was ever seen.
    rows: Rows,
    last: i64,
    /// The id that was handed out last, and how many were stored.
    last_id: i64,
    ids: i64,
}

/// The rows of one commit that go past the hot tier.
const MANY: i64 = 120;

impl World {
    fn new() -> World {
        let home = TempDir::new().expect("a temporary folder can be made");
        let dir = home.path().join("0");
        let mut world = World {
            home,
            clock: Arc::new(ManualClock::new(BEGIN_MS)),
            open: None,
            dir,
            number: 0,
            written: 0,
            rows: Rows::new(),
            last: 0,
            last_id: 0,
            ids: 0,
        };
        world.open();
        world.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v INT)");
        world.run("CREATE TABLE ids (id BIGINT DEFAULT SNOWFLAKE_ID(), n BIGINT)");
        world
    }

    fn open(&mut self) {
        let options = Options { ingest_rows_min: 100, ..fixture::options() };
        let database = Database::open_with_clock(&self.dir, options, self.clock.clone())
            .unwrap_or_else(|e| panic!("{} opens: {e:?}", self.dir.display()));
        let root = fixture::root(&database);
        self.open = Some((database, root));
        // What nobody stored may come again.
        self.last_id = 0;
    }

    fn close(&mut self) {
        if let Some((database, _root)) = self.open.take() {
            database.close().expect("the database closes");
        }
    }

    fn root(&self) -> &Session {
        &self.open.as_ref().expect("it is open between steps").1
    }

    fn run(&self, sql: &str) {
        fixture::run(self.root(), sql);
    }

    /// The place of the next directory.
    fn elsewhere(&mut self) -> PathBuf {
        self.number += 1;
        self.home.path().join(self.number.to_string())
    }

    fn step(&mut self, step: &Step) -> TestCaseResult {
        self.written += 1;
        let v = self.written;
        match step {
            Step::Clock(ms) => self.clock.set_ms(*ms),
            Step::Upsert(k) => self.run(&format!(
                "INSERT INTO t VALUES ({k}, {v}) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
            )),
            Step::Delete(k) => self.run(&format!("DELETE FROM t WHERE k = {k}")),
            Step::UpdateAll => self.run(&format!("UPDATE t SET v = {v}")),
            Step::Ingest(part) => {
                let (first, last) = (1000 + part * MANY, 999 + (part + 1) * MANY);
                self.run(&format!("DELETE FROM t WHERE k BETWEEN {first} AND {last}"));
                self.check()?;
                self.run(&format!(
                    "INSERT INTO t SELECT value, {v} FROM generate_series({first}, {last})"
                ));
            }
            Step::Transaction(k) => {
                self.run("BEGIN");
                self.run(&format!("UPDATE t SET v = {v} WHERE k < {k}"));
                self.run(&format!("DELETE FROM t WHERE k = {k} + 1"));
                self.run("COMMIT");
            }
            Step::Ids(count) => {
                self.run(&format!(
                    "INSERT INTO ids (n) SELECT value FROM generate_series(1, {count})"
                ));
                self.ids += count;
            }
            Step::Flush => self.run("STORAGE FLUSH ALL"),
            Step::Compact => self.run("STORAGE COMPACT ALL"),
            Step::Reopen => {
                self.close();
                self.open();
            }
            Step::Crash => {
                let copy = self.elsewhere();
                copy_folder_in_use(&self.dir, &copy);
                self.close();
                self.dir = copy;
                self.open();
            }
            Step::Restore => {
                let (backup, restored) = (self.elsewhere(), self.elsewhere());
                self.run(&format!("BACKUP DATABASE TO '{}'", backup.display()));
                self.close();
                Database::restore(&backup, &restored).expect("the backup is whole");
                self.dir = restored;
                self.open();
            }
        }
        self.check()
    }

    /// A row that says the same has the number that it had, and all others have one that was
    /// never seen.
    fn check(&mut self) -> TestCaseResult {
        let sql = "SELECT k, v, _deleted, _seq FROM t WHERE _deleted IN (true, false) ORDER BY k";
        let rows = fixture::rows(self.root(), sql);
        let mut last = self.last;
        for row in &rows {
            let seq: i64 = row[3].parse().expect("_seq is a number");
            match self.rows.iter().find(|before| before[..3] == row[..3]) {
                Some(before) => prop_assert_eq!(before, row, "its number is another"),
                None => prop_assert!(seq > self.last, "{row:?} is not above {}", self.last),
            }
            last = last.max(seq);
        }
        (self.rows, self.last) = (rows, last);
        let sql = "SELECT COUNT(DISTINCT id), COUNT(*), MAX(id), MAX(_seq) FROM ids";
        let ids = fixture::rows(self.root(), sql).remove(0);
        let expected = self.ids.to_string();
        prop_assert_eq!(&ids[..2], &[expected.clone(), expected], "ids came twice");
        let next = fixture::rows(self.root(), "SELECT SNOWFLAKE_ID()").concat().concat();
        let next: i64 = next.parse().expect("an id is a number");
        let last = self.last_id.max(ids[2].parse().unwrap_or(0));
        prop_assert!(next > last, "{next} is not above {last}");
        self.last_id = next;
        Ok(())
    }
}

/// Copies a folder that is in use: of no moment at which a file was there that is gone.
fn copy_folder_in_use(from: &Path, to: &Path) {
    while let Err(error) = copy_folder(from, to) {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{} to {}", from.display(), to.display());
        std::fs::remove_dir_all(to).expect("a folder can be removed");
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            std::fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

#[test]
fn no_number_repeats_however_the_clock_steps() {
    let wanted = number_from("KALAM_CLOCKS", 0);
    let cases = Cases {
        most: u32::try_from(wanted).expect("a number of cases").max(200),
        time_max: (wanted == 0).then_some(TIME_MAX),
    };
    let steps_done = Cell::new(0);
    let done = cases.test(&proptest::collection::vec(step(), 5..40), |steps| {
        steps_done.set(steps_done.get() + steps.len());
        let mut world = World::new();
        let outcome = steps.iter().try_for_each(|step| world.step(step));
        world.close();
        outcome
    });
    println!("{done} cases of {} steps, no number twice", steps_done.get());
}
