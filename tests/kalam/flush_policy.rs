//! Flushes by policy: rows and time of each owner, a budget, and what a crash leaves.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kalam_core::env::{ManualClock, SNOWFLAKE_EPOCH_MS};
use kalam_core::{Database, Options, Session};
use tempfile::TempDir;

use crate::fixture::{self, Fixture};

/// Asks until a query has these rows.
fn wait_for(session: &Session, sql: &str, expected: &[&[&str]]) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let rows = fixture::rows(session, sql);
        if rows == expected {
            return;
        }
        assert!(Instant::now() < until, "{sql}: {rows:?}, not {expected:?}");
        std::thread::yield_now();
    }
}

/// Whose rows are in segments, and how many.
const COLD: &str = "SELECT user_id, SUM(rows) FROM system.manifest GROUP BY user_id ORDER BY 1";

fn insert(database: &Database, user: &str, keys: std::ops::Range<u32>) {
    let session = database.session(user, kalam_core::model::Role::User, None).expect("a user");
    let values: Vec<String> = keys.map(|key| format!("({key}, 'v')")).collect();
    fixture::run(&session, &format!("INSERT INTO t VALUES {}", values.join(", ")));
}

fn create(session: &Session, policy: &str) {
    let sql = "CREATE USER TABLE t (k INT PRIMARY KEY, v TEXT)";
    let with = if policy.is_empty() {
        String::new()
    } else {
        format!(" WITH (FLUSH_POLICY = '{policy}')")
    };
    fixture::run(session, &format!("{sql}{with}"));
}

#[test]
fn an_owner_with_enough_rows_is_flushed_and_others_stay_hot() {
    let fixture = Fixture::new();
    create(fixture.root(), "rows:100");
    insert(fixture.database(), "bob", 0..99);
    insert(fixture.database(), "alice", 0..60);
    insert(fixture.database(), "alice", 60..130);
    wait_for(fixture.root(), COLD, &[&["alice", "130"]]);
    let all = "SELECT _user, COUNT(*) FROM all_users('t') GROUP BY 1 ORDER BY 1";
    assert_eq!(fixture.rows(all), [["alice", "130"], ["bob", "99"]]);
    wait_for(
        fixture.root(),
        "SELECT kind, state, subject, rows, segments FROM system.jobs",
        &[&["flush", "completed", "default.t", "130", "1"]],
    );
    insert(fixture.database(), "bob", 99..100);
    wait_for(fixture.root(), COLD, &[&["alice", "130"], &["bob", "100"]]);
}

#[test]
fn rows_that_only_change_are_not_counted_again() {
    let fixture = Fixture::new();
    create(fixture.root(), "rows:100");
    insert(fixture.database(), "bob", 0..10);
    let bob = fixture.user("bob");
    for round in 0..30 {
        fixture::run(&bob, &format!("UPDATE t SET v = '{round}'"));
    }
    insert(fixture.database(), "alice", 0..100);
    wait_for(fixture.root(), COLD, &[&["alice", "100"]]);
}

#[test]
fn the_rows_of_an_owner_wait_for_the_interval_at_most() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new(SNOWFLAKE_EPOCH_MS + 1_000_000));
    let database = Database::open_with_clock(dir.path(), fixture::options(), clock.clone())
        .expect("the database opens");
    let root = fixture::root(&database);
    create(&root, "interval:60");
    insert(&database, "alice", 0..3);
    // The timer starts when the scheduler has seen the row; it looks at one thing after
    // another, so a flush that comes later says that it has.
    fixture::run(&root, "CREATE TABLE other (k INT) WITH (FLUSH_POLICY = 'rows:1')");
    fixture::run(&root, "INSERT INTO other VALUES (1)");
    wait_for(&root, COLD, &[&["NULL", "1"]]);
    clock.advance_ms(60_000);
    insert(&database, "bob", 0..1);
    wait_for(&root, COLD, &[&["alice", "3"], &["NULL", "1"]]);
    database.close().expect("the database closes");
}

#[test]
fn rows_wait_no_longer_when_the_clock_steps_back() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let start_ms = SNOWFLAKE_EPOCH_MS + 100_000_000;
    let clock = Arc::new(ManualClock::new(start_ms));
    let database = Database::open_with_clock(dir.path(), fixture::options(), clock.clone())
        .expect("the database opens");
    let root = fixture::root(&database);
    create(&root, "interval:60");
    insert(&database, "alice", 0..3);
    // A flush that comes later says that the scheduler has seen what came before, and the
    // clock too.
    fixture::run(&root, "CREATE TABLE other (k INT) WITH (FLUSH_POLICY = 'rows:1')");
    fixture::run(&root, "INSERT INTO other VALUES (1)");
    wait_for(&root, COLD, &[&["NULL", "1"]]);
    clock.set_ms(start_ms - 50_000_000);
    fixture::run(&root, "INSERT INTO other VALUES (2)");
    wait_for(&root, COLD, &[&["NULL", "2"]]);
    clock.advance_ms(60_000);
    fixture::run(&root, "INSERT INTO other VALUES (3)");
    wait_for(&root, COLD, &[&["alice", "3"], &["NULL", "3"]]);
    database.close().expect("the database closes");
}

#[test]
fn a_policy_that_comes_later_and_rows_from_before_the_open_count() {
    let mut fixture = Fixture::new();
    create(fixture.root(), "");
    insert(fixture.database(), "alice", 0..50);
    fixture.run("ALTER TABLE t SET (FLUSH_POLICY = 'rows:50')");
    wait_for(fixture.root(), COLD, &[&["alice", "50"]]);
    insert(fixture.database(), "alice", 50..90);
    fixture.reopen();
    insert(fixture.database(), "alice", 90..100);
    wait_for(fixture.root(), COLD, &[&["alice", "100"]]);
}

#[test]
fn a_hot_tier_over_its_budget_is_flushed_without_a_policy() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let options = Options { hot_budget_bytes: 1 << 20, ..fixture::options() };
    let database = Database::open(dir.path(), options).expect("the database opens");
    let root = fixture::root(&database);
    create(&root, "");
    insert(&database, "small", 0..10);
    let sql = "INSERT INTO t SELECT value, REPEAT('x', 1000) FROM generate_series(1, 3000)";
    fixture::run(&root, sql);
    wait_for(&root, COLD, &[&["root", "3000"]]);
    assert_eq!(fixture::rows(&root, "SELECT COUNT(*) FROM t"), [["3000"]]);
    database.close().expect("the database closes");
}

#[test]
fn flushes_by_policy_run_beside_readers_and_writers() {
    let fixture = Fixture::new();
    create(fixture.root(), "rows:50");
    let user = fixture.user("alice");
    for key in 0..1_000 {
        fixture::run(&user, &format!("INSERT INTO t VALUES ({key}, 'v')"));
        if key % 50 == 0 {
            let rows = fixture::rows(&user, "SELECT COUNT(*), COUNT(DISTINCT k) FROM t");
            assert_eq!(rows, [[(key + 1).to_string(), (key + 1).to_string()]]);
        }
    }
    let cold = "SELECT COUNT(*) > 1 FROM system.manifest";
    wait_for(fixture.root(), cold, &[&["true"]]);
    assert_eq!(fixture::rows(&user, "SELECT COUNT(*) FROM t"), [["1000"]]);
}

#[test]
fn the_scheduler_keeps_no_database_open() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    for round in 0..3_u32 {
        let options = Options { cache_bytes: 1 << (20 + round), ..fixture::options() };
        let database = Database::open(dir.path(), options).expect("the database opens");
        let root = fixture::root(&database);
        if round == 0 {
            create(&root, "rows:10,interval:1");
        }
        insert(&database, "alice", round * 10..round * 10 + 10);
        drop((root, database));
        assert!(is_free(dir.path()), "round {round}: someone holds the directory");
    }
}

/// Whether nobody holds the directory: a child can open it.
fn is_free(dir: &Path) -> bool {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_kalam-test-child"));
    let child = child.arg("script").arg(dir).stdin(std::process::Stdio::null());
    child.output().expect("the child runs").status.success()
}

#[test]
fn a_policy_on_a_stream_table_is_refused() {
    let fixture = Fixture::new();
    let sql = "CREATE STREAM TABLE s (k INT) WITH (TTL_SECONDS = 5, FLUSH_POLICY = 'rows:10')";
    assert_eq!(fixture.refused(sql).0, "22023");
}

/// Runs statements in a child with a fault, then queries that take their time until the
/// scheduler's thread has met it. Whether the child aborted.
fn run_with_fault(dir: &Path, fault: &str, statements: &[&str]) -> bool {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_kalam-test-child"));
    child.arg("script").arg(dir).env("KALAM_FAULT", fault);
    child.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    let mut child = child.stderr(std::process::Stdio::null()).spawn().expect("the child starts");
    let mut input = child.stdin.take().expect("the input is piped");
    let wait = "SELECT SUM(value) FROM generate_series(1, 1000000)";
    let lines = [statements, &[wait; 200]].concat().join("\n");
    // A child that aborts does not read the rest.
    let _ = input.write_all((lines + "\n").as_bytes());
    drop(input);
    !child.wait().expect("the child ends").success()
}

#[test]
fn a_flush_by_policy_that_ends_with_its_process_is_tried_again() {
    for point in ["job.running", "flush.before_sync", "flush.before_commit", "job.ended"] {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let statements = [
            "CREATE TABLE t (k INT PRIMARY KEY, v TEXT) WITH (FLUSH_POLICY = 'rows:100')",
            "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 100)",
        ];
        assert!(run_with_fault(dir.path(), &format!("{point}=abort"), &statements), "{point}");
        let database = fixture::open(dir.path());
        let root = fixture::root(&database);
        let state = if point == "job.ended" { "skipped" } else { "completed" };
        let jobs = "SELECT state, attempts FROM system.jobs";
        wait_for(&root, jobs, &[&[state, "2"]]);
        let rows = fixture::rows(&root, "SELECT COUNT(*), COUNT(DISTINCT k) FROM t");
        assert_eq!(rows, [["100", "100"]], "{point}");
        assert_eq!(fixture::rows(&root, COLD), [["NULL", "100"]], "{point}");
        assert_eq!(fixture::parquet_files(&dir.path().join("segments")).len(), 1, "{point}");
        database.close().expect("the database closes");
    }
}

#[test]
fn a_flush_by_policy_is_tried_again_when_a_file_cannot_be_written() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let statements = [
        "CREATE TABLE t (k INT PRIMARY KEY, v TEXT) WITH (FLUSH_POLICY = 'rows:100')",
        "INSERT INTO t SELECT value, 'v' FROM generate_series(1, 100)",
    ];
    assert!(!run_with_fault(dir.path(), "flush.before_sync=io_error", &statements));
    let database = fixture::open(dir.path());
    let root = fixture::root(&database);
    let jobs = fixture::rows(&root, "SELECT state, attempts, rows, message FROM system.jobs");
    assert_eq!(jobs, [["completed", "2", "100", "NULL"]]);
}
