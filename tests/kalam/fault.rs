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

use crate::fixture;

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
        points: &["flush.before_sync", "flush.after_sync", "flush.before_commit"],
        query: "SELECT v, COUNT(*), COUNT(DISTINCT k) FROM t GROUP BY v ORDER BY v",
        undone: &[&["v", "80", "80"], &["w", "10", "10"]],
        done: &[&["v", "80", "80"], &["w", "10", "10"]],
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
        query: "SELECT v, COUNT(*), COUNT(DISTINCT k) FROM t GROUP BY v ORDER BY v",
        undone: &[&["w", "1", "1"]],
        done: &[&["v", "59999", "59999"], &["w", "1", "1"]],
    },
];

/// What the child said and how it ended.
struct Outcome {
    lines: Vec<String>,
    aborted: bool,
}

/// Runs statements in a child, with a fault.
fn run(dir: &Path, fault: Option<&str>, statements: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kalam-test-child"));
    command.arg("script").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::null()).env_remove("KALAM_FAULT");
    if let Some(fault) = fault {
        command.env("KALAM_FAULT", fault);
    }
    let mut child = command.spawn().expect("the child starts");
    let mut input = child.stdin.take().expect("the input is piped");
    // A child that aborts does not read the rest.
    _ = input.write_all((statements.join("\n") + "\n").as_bytes());
    drop(input);
    let output = child.wait_with_output().expect("the child ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Outcome { lines: text.lines().map(str::to_owned).collect(), aborted: !output.status.success() }
}

impl Case {
    /// Plants one fault, and sees that nothing is lost and the statement works later.
    fn check(&self, point: &str, action: &str, state: Option<&str>) {
        let what = format!("{} with {point}={action}", self.statement);
        let dir = TempDir::new().expect("a temporary folder can be made");
        let made = run(dir.path(), None, self.before);
        assert!(made.lines.iter().all(|line| line.starts_with("ok")), "{what}: {:?}", made.lines);
        let fault = format!("{point}={action}");
        let outcome = run(dir.path(), Some(&fault), &[self.statement, self.statement]);
        assert_eq!(outcome.aborted, action == "abort", "{what}: {:?}", outcome.lines);
        match (action, state) {
            ("abort", _) => assert!(outcome.lines.is_empty(), "{what}: {:?}", outcome.lines),
            (_, None) => assert!(outcome.lines[0].starts_with("ok"), "{what}: {:?}", outcome.lines),
            (_, Some(state)) => {
                let expected = format!("error {state} ");
                assert!(outcome.lines[0].starts_with(&expected), "{what}: {:?}", outcome.lines);
                assert!(outcome.lines[1].starts_with("ok"), "{what}: {:?}", outcome.lines);
            }
        }
        let database = fixture::open(dir.path());
        let root = fixture::root(&database);
        let rows = fixture::rows(&root, self.query);
        let undone = action == "abort" && rows == self.undone;
        assert!(undone || rows == self.done, "{what}: {rows:?}");
        no_orphans(&database, dir.path(), &what);
        database.close().expect("the database closes");
    }
}

/// The folder holds the segments that the manifest lists, and no other.
fn no_orphans(database: &Database, dir: &Path, what: &str) {
    let root = fixture::root(database);
    let mut listed = fixture::manifest_paths(&root, "t", dir);
    listed.sort();
    assert_eq!(listed, fixture::parquet_files(&dir.join("segments")), "{what}");
}

#[test]
fn a_step_that_stops_or_fails_loses_nothing() {
    for case in CASES {
        for point in case.points {
            for (action, state) in ACTIONS {
                case.check(point, action, state);
                println!("{point} {action}: passed");
            }
        }
    }
}

#[test]
fn every_fault_point_has_a_case() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../kalam-core/src")];
    let mut planted = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the source can be listed");
        let paths: Vec<PathBuf> =
            entries.map(|e| e.expect("the source can be listed").path()).collect();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).expect("the source can be read");
            for call in source.split("fault_point(\"").skip(1) {
                planted.insert(call.split('"').next().unwrap_or_default().to_owned());
            }
        }
    }
    let cases = CASES.iter().flat_map(|case| case.points).map(|p| (*p).to_owned());
    assert_eq!(planted, cases.collect::<BTreeSet<_>>());
}
