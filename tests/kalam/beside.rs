//! What moves rows stands in nobody's way: at each of its steps others read and write.
//!
//! A child process holds a statement at a fault point. Meanwhile another session of it
//! reads and writes the same table, and looks how far the statement is. The commit itself
//! is no such step.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{fault, fixture};

/// A statement that moves rows of table `t`, and the steps at which it is held.
struct Held {
    before: &'static [&'static str],
    statement: &'static str,
    points: &'static [&'static str],
    /// Units of work that the statement says it has, at every step but the last ones;
    /// `None`: it does not say.
    total: Option<u64>,
    /// Rows that it adds.
    adds: u64,
}

/// 200 rows in two segments, 100 of them with a newer version in the hot tier, and 30 that
/// are hot only. Two rows are deleted.
const IN_BOTH_TIERS: &[&str] = &[
    "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)",
    "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 100)",
    "STORAGE FLUSH TABLE t",
    "INSERT INTO t SELECT value, 'v' FROM generate_series(101, 200)",
    "STORAGE FLUSH TABLE t",
    "UPDATE t SET v = 'w' WHERE k <= 100",
    "INSERT INTO t SELECT value, 'v' FROM generate_series(201, 230)",
    "DELETE FROM t WHERE k IN (150, 151)",
];

/// What others do meanwhile, and how many rows it changes.
const MEANWHILE: [(&str, u64); 9] = [
    ("SELECT v FROM t WHERE k = 7", 0),
    ("SELECT v FROM t WHERE k = 107", 0),
    ("SELECT COUNT(*), MAX(v) FROM t", 0),
    ("SELECT k FROM t ORDER BY k DESC LIMIT 5", 0),
    ("INSERT INTO t VALUES (100001, 'new'), (100002, 'new')", 2),
    ("UPDATE t SET v = 'x' WHERE k IN (7, 107, 207)", 3),
    ("UPDATE t SET v = 'y' WHERE v = 'x'", 3),
    ("DELETE FROM t WHERE k IN (8, 108, 208)", 3),
    ("INSERT INTO t VALUES (8, 'again')", 1),
];

const HELD: &[Held] = &[
    Held {
        before: IN_BOTH_TIERS,
        statement: "STORAGE FLUSH TABLE t",
        points: &[
            "job.running",
            "flush.before_read",
            "flush.before_sync",
            "flush.after_sync",
            "flush.before_commit",
            "flush.after_commit",
        ],
        total: Some(130),
        adds: 0,
    },
    Held {
        before: IN_BOTH_TIERS,
        statement: "STORAGE COMPACT TABLE t",
        points: &[
            "compact.before_sync",
            "compact.after_sync",
            "compact.before_commit",
            "compact.after_commit",
            "garbage.before_delete",
            "garbage.before_commit",
        ],
        total: Some(200),
        adds: 0,
    },
    Held {
        before: IN_BOTH_TIERS,
        statement: "INSERT INTO t SELECT value, 'many' FROM generate_series(200001, 250000)",
        points: &[
            "ingest.before_segment",
            "ingest.write_group",
            "ingest.before_sync",
            "ingest.after_sync",
            "ingest.before_commit",
        ],
        total: None,
        adds: 50_000,
    },
    Held {
        before: IN_BOTH_TIERS,
        statement: "BACKUP DATABASE TO '{dir}-backup'",
        points: &[
            "backup.before_checkpoint",
            "backup.after_checkpoint",
            "backup.after_segment",
            "backup.before_manifest",
            "backup.after_manifest",
        ],
        total: None,
        adds: 0,
    },
];

impl Held {
    fn check(&self, point: &str) {
        let what = format!("{} held at {point}", self.statement);
        let (_home, dir) = fault::made(self.before);
        let total = self.total.filter(|_| point != "job.running").map(|total| {
            format!("UNTIL SELECT 1 FROM system.jobs WHERE state = 'running' AND total = {total}")
        });
        let mut statements = vec![self.statement];
        statements.extend(total.as_deref());
        statements.extend(MEANWHILE.map(|(sql, _)| sql));
        let lines = self.run(&dir, point, &statements);
        let expected = total.iter().map(|_| 1).chain(MEANWHILE.map(|(_, rows)| rows));
        let expected: Vec<String> =
            expected.chain([self.adds]).map(|rows| format!("ok {rows}")).collect();
        assert_eq!(lines, expected, "{what}");
        let database = fixture::open(&dir);
        let root = fixture::root(&database);
        let rows = fixture::rows(&root, "SELECT COUNT(*), COUNT(DISTINCT k) FROM t");
        let count = (228 + 2 - 2 + self.adds).to_string();
        assert_eq!(rows, [[count.clone(), count]], "{what}");
        let sql =
            "SELECT k, v FROM t WHERE k IN (7, 8, 107, 108, 150, 207, 208, 100002) ORDER BY k";
        let changed = [["7", "y"], ["8", "again"], ["107", "y"], ["207", "y"], ["100002", "new"]];
        assert_eq!(fixture::rows(&root, sql), changed, "{what}");
        database.close().expect("the database closes");
    }

    /// What the child says of the statements after the first, and of the first at last.
    fn run(&self, dir: &Path, point: &str, statements: &[&str]) -> Vec<String> {
        let file = dir.with_extension("held");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kalam-test-child"));
        command.arg("beside").arg(dir).arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("KALAM_FAULT", format!("{point}=hold:{}", file.display()));
        fault::say_and_hear(command, dir, statements).lines
    }
}

#[test]
fn others_read_and_write_at_each_step_of_a_flush() {
    HELD[0].points.iter().for_each(|point| HELD[0].check(point));
}

#[test]
fn others_read_and_write_at_each_step_of_what_else_moves_rows() {
    for held in &HELD[1..] {
        held.points.iter().for_each(|point| held.check(point));
    }
}
