//! A step that stops or fails: the statement is done or not done, and works later.
//!
//! A child process runs a statement while one `fault_point` of the engine fails it or
//! ends the process. Every point in the engine's source has its row in [`CASES`].

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kalam_core::Database;
use tempfile::TempDir;

use crate::fixture::{self, calls_in};
use crate::storage;

/// A statement that passes fault points.
struct Case {
    /// What makes the database that the statement finds.
    before: &'static [&'static str],
    statement: &'static str,
    points: &'static [&'static str],
    /// A query, its rows before the statement, and those after it. Nothing between is right.
    query: &'static str,
    undone: Expected,
    done: Expected,
    /// Whether an error at a point leaves it to the next open what the log has (08007): writes
    /// are refused until then (08003).
    poisons: bool,
}

type Expected = &'static [&'static [&'static str]];

/// What a fault does, as `KALAM_FAULT` names it, and the state of the error it makes.
const ACTIONS: [(&str, Option<&str>); 5] = [
    ("abort", None),
    ("io_error", Some("58030")),
    ("no_space", Some("53100")),
    ("denied", Some("58030")),
    ("delay", None),
];

/// What backups, exports and purges find.
const OF_TWO_USERS: &[&str] = &[
    "CREATE USER TABLE t (k INT PRIMARY KEY, v TEXT UNIQUE)",
    "EXECUTE AS USER 'ann' (INSERT INTO t SELECT value, 'v' || value FROM generate_series(1, 100))",
    "EXECUTE AS USER 'bob' (INSERT INTO t SELECT value, 'v' || value FROM generate_series(1, 100))",
    "STORAGE FLUSH TABLE t",
    "EXECUTE AS USER 'ann' (UPDATE t SET v = 'w' || k WHERE k <= 10)",
    "EXECUTE AS USER 'bob' (DELETE FROM t WHERE k > 90)",
];
/// The same, backed up.
const RESTORABLE: &[&str] = &[
    OF_TWO_USERS[0],
    OF_TWO_USERS[1],
    OF_TWO_USERS[2],
    OF_TWO_USERS[3],
    OF_TWO_USERS[4],
    OF_TWO_USERS[5],
    "BACKUP DATABASE TO '{dir}-backup'",
];
pub(crate) const BY_VALUE: &str =
    "SELECT v, COUNT(*), COUNT(DISTINCT k) FROM t GROUP BY v ORDER BY v";
const BY_USER: &str = "SELECT _user, COUNT(*) FROM all_users('t') GROUP BY _user ORDER BY _user";

/// The points of every commit.
const COMMIT: &[&str] = &["commit.before_write", "commit.after_write"];

/// Every point, by the statement that passes it.
const CASES: &[Case] = &[
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 100)",
            "STORAGE FLUSH TABLE t",
            "UPDATE t SET v = 'w' WHERE k <= 10",
            "DELETE FROM t WHERE k > 90",
        ],
        statement: "STORAGE FLUSH TABLE t",
        points: &[
            "flush.before_read",
            "flush.before_sync",
            "flush.after_sync",
            "flush.before_commit",
            "flush.after_commit",
            "job.running",
        ],
        query: BY_VALUE,
        undone: &[&["v", "80", "80"], &["w", "10", "10"]],
        done: &[&["v", "80", "80"], &["w", "10", "10"]],
        poisons: false,
    },
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 50)",
            "STORAGE FLUSH TABLE t",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(51, 100)",
            "STORAGE FLUSH TABLE t",
            "UPDATE t SET v = 'w' WHERE k <= 10",
            "DELETE FROM t WHERE k > 90",
        ],
        statement: "STORAGE COMPACT TABLE t",
        points: &[
            "compact.before_sync",
            "compact.after_sync",
            "compact.before_commit",
            "compact.after_commit",
            "garbage.before_delete",
            "garbage.before_commit",
        ],
        query: BY_VALUE,
        undone: &[&["v", "80", "80"], &["w", "10", "10"]],
        done: &[&["v", "80", "80"], &["w", "10", "10"]],
        poisons: false,
    },
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT) WITH (DELETED_RETENTION_HOURS = 0)",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 100)",
            "DELETE FROM t WHERE k > 90",
            "INSERT INTO t VALUES (101, 'v')",
        ],
        statement: "STORAGE COMPACT TABLE t",
        points: &["retention.before_commit"],
        query: "SELECT _deleted, COUNT(*) FROM t WHERE _deleted IN (true, false) GROUP BY _deleted \
            ORDER BY _deleted",
        undone: &[&["false", "91"], &["true", "10"]],
        done: &[&["false", "91"]],
        poisons: false,
    },
    Case {
        before: OF_TWO_USERS,
        statement: "BACKUP DATABASE TO '{dir}-backup'",
        points: &[
            "backup.before_checkpoint",
            "backup.after_checkpoint",
            "backup.after_segment",
            "backup.before_manifest",
            "backup.after_manifest",
        ],
        query: BY_USER,
        undone: &[&["ann", "100"], &["bob", "90"]],
        done: &[&["ann", "100"], &["bob", "90"]],
        poisons: false,
    },
    Case {
        before: RESTORABLE,
        statement: "RESTORE DATABASE FROM '{dir}-backup' TO '{dir}-copy'",
        points: &[
            "restore.after_marker",
            "restore.after_state_file",
            "restore.after_state",
            "restore.after_segment",
            "restore.before_finish",
            "restore.before_marker_goes",
        ],
        query: BY_USER,
        undone: &[&["ann", "100"], &["bob", "90"]],
        done: &[&["ann", "100"], &["bob", "90"]],
        poisons: false,
    },
    Case {
        before: OF_TWO_USERS,
        statement: "EXPORT USER 'ann' TO '{dir}-export'",
        points: &["export.after_table", "export.before_manifest", "export.before_rename"],
        query: BY_USER,
        undone: &[&["ann", "100"], &["bob", "90"]],
        done: &[&["ann", "100"], &["bob", "90"]],
        poisons: false,
    },
    Case {
        before: OF_TWO_USERS,
        statement: "DROP USER IF EXISTS 'ann' PURGE",
        points: &[
            "purge.before_commit",
            "purge.after_commit",
            "purge.after_files",
            "purge.after_erase",
        ],
        query: BY_USER,
        undone: &[&["ann", "100"], &["bob", "90"]],
        done: &[&["bob", "90"]],
        poisons: false,
    },
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "INSERT INTO t VALUES (1, 'w'), (2, 'w')",
            "DELETE FROM t WHERE k = 1",
        ],
        statement: "INSERT INTO t SELECT k, v FROM (SELECT value AS k, 'v' AS v FROM generate_series(1, 60000)) AS s WHERE k NOT IN (SELECT k FROM t)",
        points: &[
            "ingest.before_segment",
            "ingest.write_group",
            "ingest.before_sync",
            "ingest.after_sync",
            "ingest.before_commit",
        ],
        query: BY_VALUE,
        undone: &[&["w", "1", "1"]],
        done: &[&["v", "59999", "59999"], &["w", "1", "1"]],
        poisons: false,
    },
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 100)",
        ],
        statement: "COPY t TO '{dir}-copy.parquet' (OVERWRITE)",
        points: &["copy.before_sync", "copy.before_rename"],
        query: "SELECT COUNT(*) FROM t",
        undone: &[&["100"]],
        done: &[&["100"]],
        poisons: false,
    },
    Case {
        before: &[
            "CREATE STORAGE other TYPE 'filesystem' PATH 'segments-of-other'",
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'other')",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 100)",
        ],
        statement: "STORAGE FLUSH TABLE t",
        points: &["storage.announced"],
        query: BY_VALUE,
        undone: &[&["v", "100", "100"]],
        done: &[&["v", "100", "100"]],
        poisons: false,
    },
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 50)",
            "STORAGE FLUSH TABLE t",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(51, 100)",
        ],
        statement: "BEGIN; UPDATE t SET v = 'w' WHERE k IN (1, 51); \
                    DELETE FROM t WHERE k IN (2, 52); COMMIT",
        points: COMMIT,
        query: BY_VALUE,
        undone: &[&["v", "100", "100"]],
        done: &[&["v", "96", "96"], &["w", "2", "2"]],
        poisons: true,
    },
    Case {
        before: &[
            "CREATE STREAM TABLE t (k INT PRIMARY KEY, v TEXT) WITH (TTL_SECONDS = 3600)",
            "INSERT INTO t VALUES (1, 'v')",
        ],
        statement: "INSERT INTO t VALUES (2, 'w') ON CONFLICT DO NOTHING",
        points: COMMIT,
        query: "SELECT COUNT(*) FROM t",
        undone: &[&["1"]],
        done: &[&["2"]],
        poisons: true,
    },
    Case {
        before: &["CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)"],
        statement: "CREATE TABLE IF NOT EXISTS made (k INT PRIMARY KEY)",
        points: COMMIT,
        query: "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'made'",
        undone: &[&["0"]],
        done: &[&["1"]],
        poisons: true,
    },
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "INSERT INTO t VALUES (1, 'v')",
            "STORAGE FLUSH TABLE t",
            "INSERT INTO t VALUES (2, 'v')",
        ],
        statement: "ALTER TABLE t ADD COLUMN IF NOT EXISTS n INT NOT NULL DEFAULT 7",
        points: COMMIT,
        query: "SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 't'",
        undone: &[&["2"]],
        done: &[&["3"]],
        poisons: true,
    },
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "CREATE SHARED TABLE gone (k INT PRIMARY KEY)",
            "INSERT INTO gone VALUES (1)",
        ],
        statement: "DROP TABLE IF EXISTS gone",
        points: COMMIT,
        query: "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'gone'",
        undone: &[&["1"]],
        done: &[&["0"]],
        poisons: true,
    },
    Case {
        before: &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "INSERT INTO t VALUES (1, 'v')",
            "STORAGE FLUSH TABLE t",
            "INSERT INTO t VALUES (2, 'v')",
        ],
        statement: "TRUNCATE TABLE t",
        points: COMMIT,
        query: "SELECT COUNT(*) FROM t",
        undone: &[&["2"]],
        done: &[&["0"]],
        poisons: true,
    },
];

/// Points whose errors nobody is told of: the work of the job is done by then, or is done
/// in the background. The published manifest has its own test.
const QUIET_POINTS: &[&str] =
    &["job.ended", "maintenance.before_due", "eviction.before_commit", "manifest.before_rename"];

/// What the background does after statements, and the points that it passes.
const UNWATCHED: [(&[&str], &[&str], &str, &str); 3] = [
    (
        &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 25)",
            "STORAGE FLUSH TABLE t",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(26, 50)",
            "STORAGE FLUSH TABLE t",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(51, 75)",
            "STORAGE FLUSH TABLE t",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(76, 90)",
            "STORAGE FLUSH TABLE t",
        ],
        &[
            "compact.before_sync",
            "compact.after_sync",
            "compact.before_commit",
            "garbage.before_delete",
            "garbage.before_commit",
            "job.ended",
        ],
        "SELECT COUNT(*) FROM system.manifest HAVING COUNT(*) = 1",
        "SELECT COUNT(*), COUNT(DISTINCT k) FROM t",
    ),
    (
        &[
            "CREATE SHARED TABLE t (k INT PRIMARY KEY) WITH (DELETED_RETENTION_HOURS = 0)",
            "INSERT INTO t SELECT value FROM generate_series(1, 100)",
            "DELETE FROM t WHERE k > 90",
        ],
        &["retention.before_commit", "maintenance.before_due"],
        "SELECT COUNT(*) FROM t WHERE _deleted = true HAVING COUNT(*) = 0",
        "SELECT COUNT(*), COUNT(DISTINCT k) FROM t",
    ),
    (
        &[
            "CREATE STREAM TABLE t (k INT PRIMARY KEY) WITH (TTL_SECONDS = 1)",
            "INSERT INTO t SELECT value FROM generate_series(1, 100)",
        ],
        &["eviction.before_commit"],
        "SELECT 1 FROM system.jobs WHERE kind = 'stream_eviction' AND state = 'completed' \
         AND (SELECT COUNT(*) FROM t) = 0",
        "SELECT 90 + COUNT(*), 90 - COUNT(*) FROM t",
    ),
];

/// What the child said and how it ended.
pub(crate) struct Outcome {
    pub(crate) lines: Vec<String>,
    pub(crate) aborted: bool,
}

/// A directory with a database that statements made in a child.
pub(crate) fn made(statements: &[&str]) -> (TempDir, PathBuf) {
    let home = TempDir::new().expect("a temporary folder can be made");
    let dir = home.path().join("database");
    let Outcome { lines, .. } = run(&dir, None, statements);
    assert!(lines.iter().all(|line| line.starts_with("ok")), "{statements:?}: {lines:?}");
    (home, dir)
}

/// Runs statements in a child, with a fault. `{dir}` in them is the database's directory.
pub(crate) fn run(dir: &Path, fault: Option<&str>, statements: &[&str]) -> Outcome {
    run_child("script", dir, fault, statements)
}

fn run_child(mode: &str, dir: &Path, fault: Option<&str>, statements: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kalam-test-child"));
    command.arg(mode).arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::null()).env_remove("KALAM_FAULT");
    if let Some(fault) = fault {
        command.env("KALAM_FAULT", fault);
    }
    say_and_hear(command, dir, statements)
}

/// Starts a child, tells it statements, and hears it to its end.
pub(crate) fn say_and_hear(mut command: Command, dir: &Path, statements: &[&str]) -> Outcome {
    let mut child = command.spawn().expect("the child starts");
    let mut input = child.stdin.take().expect("the input is piped");
    // A child that aborts does not read the rest.
    let text = statements.join("\n").replace("{dir}", &dir.display().to_string());
    _ = input.write_all((text + "\n").as_bytes());
    drop(input);
    let output = child.wait_with_output().expect("the child ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Outcome { lines: text.lines().map(str::to_owned).collect(), aborted: !output.status.success() }
}

/// What the table of a case is, and where its segments go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Variant {
    kind: &'static str,
    storage: &'static str,
}

/// The first is what cases say themselves.
const VARIANTS: [Variant; 4] = [
    Variant { kind: "SHARED", storage: "local" },
    Variant { kind: "USER", storage: "local" },
    Variant { kind: "SHARED", storage: "folder" },
    Variant { kind: "USER", storage: "folder" },
];

impl Variant {
    /// The statements that make the table of this variant.
    fn of(self, before: &[&str]) -> Option<Vec<String>> {
        let mut statements: Vec<String> = before.iter().map(|sql| (*sql).to_owned()).collect();
        if self == VARIANTS[0] {
            return Some(statements);
        }
        let create = before[0].strip_prefix("CREATE SHARED TABLE")?;
        statements[0] = format!("CREATE {} TABLE{create}", self.kind);
        if self.storage != "local" {
            statements[0] = match statements[0].strip_suffix(')') {
                Some(options) if create.contains(" WITH (") => {
                    format!("{options}, STORAGE_ID = 'folder')")
                }
                _ => format!("{} WITH (STORAGE_ID = 'folder')", statements[0]),
            };
            let storage = "CREATE STORAGE folder TYPE 'filesystem' PATH 'segments-of-other'";
            statements.insert(0, storage.to_owned());
        }
        Some(statements)
    }
}

impl Case {
    /// Plants one fault, and sees that nothing is lost and the statement works later.
    fn check(&self, point: &str, (action, state): (&str, Option<&str>), before: &[String]) {
        let what = format!("{} with {point}={action} after {}", self.statement, before[0]);
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let (_home, dir) = made(&before);
        let fault = format!("{point}={action}");
        let outcome = run(&dir, Some(&fault), &[self.statement, self.statement]);
        assert_eq!(outcome.aborted, action == "abort", "{what}: {:?}", outcome.lines);
        match (action, state) {
            ("abort", _) => assert!(outcome.lines.is_empty(), "{what}: {:?}", outcome.lines),
            (_, None) => assert!(outcome.lines[0].starts_with("ok"), "{what}: {:?}", outcome.lines),
            (_, Some(state)) => {
                let state = if self.poisons { "08007" } else { state };
                let expected = format!("error {state} ");
                assert!(outcome.lines[0].starts_with(&expected), "{what}: {:?}", outcome.lines);
                let later = &outcome.lines[1];
                // A statement that finds nothing to write is not refused.
                let is_refused = later.starts_with("error 08003 ") || later == "ok 0";
                let is_right = if self.poisons { is_refused } else { later.starts_with("ok") };
                assert!(is_right, "{what}: {:?}", outcome.lines);
            }
        }
        let database = fixture::open(&dir);
        let root = fixture::root(&database);
        let rows = fixture::rows(&root, self.query);
        let is_open = action == "abort" || self.poisons && state.is_some();
        let undone = is_open && rows == self.undone;
        assert!(undone || rows == self.done, "{what}: {rows:?}");
        no_orphans(&database, &dir, &what);
        if self.poisons {
            fixture::run(&root, self.statement);
            assert_eq!(fixture::rows(&root, self.query), self.done, "{what}, and once more");
        }
        database.close().expect("the database closes");
    }
}

/// The folder holds the segments that the manifest lists, and no other.
fn no_orphans(database: &Database, dir: &Path, what: &str) {
    let root = fixture::root(database);
    let mut listed = fixture::manifest_paths(&root, "t", dir);
    let mut files = fixture::parquet_files(dir);
    for paths in [&mut listed, &mut files] {
        // A path of the manifest starts in its storage.
        *paths = paths.iter().filter_map(|path| path.file_name()).map(PathBuf::from).collect();
        paths.sort();
    }
    assert_eq!(listed, files, "orphans after {what}");
}

/// `KALAM_FAULTS=all` plants all of them in all kinds of tables and storages; without it
/// each point stops once in one of the other kinds. `KALAM_POINT` picks points by name.
#[test]
fn a_step_that_stops_or_fails_loses_nothing() {
    let wanted = std::env::var("KALAM_POINT").unwrap_or_default();
    let all = std::env::var("KALAM_FAULTS").is_ok_and(|faults| faults == "all");
    let mut checks = 0;
    for case in CASES {
        let points = case.points.iter().filter(|point| point.contains(&wanted));
        for (number, point) in points.enumerate() {
            for (index, variant) in VARIANTS.into_iter().enumerate() {
                let Some(before) = variant.of(case.before) else { continue };
                for (action, state) in ACTIONS {
                    let is_first = index == 0 && (!case.poisons || action != "delay");
                    let is_due = is_first || index == 1 + number % 3 && action == "abort";
                    if all || is_due {
                        case.check(point, (action, state), &before);
                        println!("{point} {action} {} {}: passed", variant.kind, variant.storage);
                        checks += 1;
                    }
                }
            }
        }
    }
    println!("{checks} faults, all passed");
    assert!(checks > 0, "no point is called {wanted}");
}

#[test]
fn what_a_process_shows_after_a_commit_of_unknown_outcome_is_whole() {
    // What a flush commits is in both tiers: rows that go here come there.
    let moves = [CASES[0].before, &["STORAGE FLUSH TABLE t"]].concat();
    let makes = [CASES[0].before, &["CREATE TABLE made (k INT PRIMARY KEY)"]].concat();
    for (statements, whole) in [
        (&moves, "SELECT 1 FROM t HAVING COUNT(*) = 90 AND COUNT(DISTINCT k) = 90"),
        (
            &makes,
            "SELECT 1 FROM information_schema.tables WHERE table_name IN ('t', 'made') \
             HAVING COUNT(*) IN (1, 2)",
        ),
    ] {
        let (statement, before) = statements.split_last().expect("there are statements");
        for point in COMMIT {
            let (mut passes, mut unknown) = (0, 0);
            // As many as the statement has commits.
            loop {
                let dir = TempDir::new().expect("a temporary folder can be made");
                let made = run(dir.path(), None, before);
                assert!(made.lines.iter().all(|line| line.starts_with("ok")), "{:?}", made.lines);
                let what = format!("{statement} with {point}=io_error@{passes}");
                let fault = format!("{point}=io_error@{passes}");
                let until = format!("UNTIL {whole}");
                let later = "INSERT INTO t VALUES (1000, 'later')";
                let lines = run(dir.path(), Some(&fault), &[*statement, &*until, later]).lines;
                assert_eq!(lines.len(), 3, "{what}: {lines:?}");
                assert!(lines[1].starts_with("ok"), "{what}: {lines:?}");
                if !lines[2].starts_with("error 08003 ") {
                    // The statement has no more commits; the next one's is at its turn.
                    assert!(lines[0].starts_with("ok"), "{what}: {lines:?}");
                    assert!(lines[2].starts_with("error 08007 "), "{what}: {lines:?}");
                    break;
                }
                unknown += u32::from(lines[0].starts_with("error 08007 "));
                let lines = run(dir.path(), None, &[&*until, later]).lines;
                assert!(lines.iter().all(|line| line.starts_with("ok")), "{what}: {lines:?}");
                passes += 1;
            }
            assert!(unknown > 0, "{statement} commits nothing");
        }
    }
}

/// The record of the last job, after the database is opened again.
fn last_job(dir: &Path) -> Vec<String> {
    let database = fixture::open(dir);
    let sql = "SELECT state, message IS NULL FROM system.jobs ORDER BY job_id DESC LIMIT 1";
    let mut rows = fixture::rows(&fixture::root(&database), sql);
    database.close().expect("the database closes");
    rows.remove(0)
}

#[test]
fn a_job_that_ends_with_its_process_is_failed_and_says_so() {
    for fault in
        ["job.running=abort", "flush.before_commit=abort", "job.ended=abort", "job.ended=io_error"]
    {
        let (_home, dir) = made(CASES[0].before);
        let outcome = run(&dir, Some(fault), &["STORAGE FLUSH TABLE t"]);
        let is_told = fault.ends_with("io_error");
        assert_eq!(!outcome.lines.is_empty(), is_told, "{fault}: {:?}", outcome.lines);
        assert_eq!(last_job(&dir), ["failed", "false"], "{fault}");
        // Once it is failed it stays so, and nothing keeps the next one from its key.
        assert_eq!(last_job(&dir), ["failed", "false"], "{fault}");
        let again = run(&dir, None, &["STORAGE FLUSH TABLE t"]);
        assert!(again.lines[0].starts_with("ok"), "{fault}: {:?}", again.lines);
        assert_eq!(last_job(&dir), ["completed", "true"], "{fault}");
        let database = fixture::open(&dir);
        let rows = fixture::rows(&fixture::root(&database), CASES[0].query);
        assert_eq!(rows, CASES[0].done, "{fault}");
        no_orphans(&database, &dir, fault);
    }
}

#[test]
fn what_stops_in_the_background_is_done_later() {
    for (statements, points, until, query) in UNWATCHED {
        for (point, action) in points
            .iter()
            .flat_map(|point| ["abort", "io_error", "delay"].map(|action| (*point, action)))
        {
            let what = format!("{point}={action}");
            let home = TempDir::new().expect("a temporary folder can be made");
            let dir = home.path().join("database");
            let until = format!("UNTIL {until}");
            let all = [statements, &[&*until]].concat();
            let outcome = run_child("maintained", &dir, Some(&what), &all);
            assert_eq!(outcome.aborted, action == "abort", "{what}: {:?}", outcome.lines);
            if outcome.aborted {
                // The crash may have come before the last of the statements.
                run_child("maintained", &dir, None, &statements[1..]);
            } else {
                // A flush deletes files too, and may be the one that is told.
                let last = outcome.lines.last().map_or("", String::as_str);
                assert!(last.starts_with("ok"), "{what}: {:?}", outcome.lines);
            }
            let later = run_child("maintained", &dir, None, &[&*until]);
            assert!(later.lines.iter().all(|line| line.starts_with("ok")), "{what}");
            let database = fixture::open(&dir);
            let root = fixture::root(&database);
            assert_eq!(fixture::rows(&root, query), [["90", "90"]], "{what}");
            no_orphans(&database, &dir, &what);
            database.close().expect("the database closes");
        }
    }
}

#[test]
fn every_fault_point_has_a_case() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kalam-core/src");
    let planted = calls_in(&source, "fault_point(\"");
    let cases = CASES.iter().flat_map(|case| case.points);
    let cases = cases.chain(QUIET_POINTS).chain(storage::fault::POINTS).map(|p| (*p).to_owned());
    assert_eq!(planted, cases.collect::<BTreeSet<_>>());
}
