//! What keeps the tiers well without a statement: few segments, space that returns, rows
//! that go when their time is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kalam_core::env::ManualClock;
use kalam_core::{Database, Options, Params, Session};
use tempfile::TempDir;

use crate::fixture::{self, Seeded};

const HOUR_MS: i64 = 60 * 60 * 1000;

struct Kept {
    // Before `dir`: handles are dropped before their folder is removed.
    root: Session,
    database: Database,
    clock: Arc<ManualClock>,
    dir: TempDir,
}

fn open(dir: &TempDir, clock: &Arc<ManualClock>) -> (Database, Session) {
    let options = Options { auto_maintenance: true, ..fixture::options() };
    let database =
        Database::open_with_clock(dir.path(), options, clock.clone()).expect("the database opens");
    let root = fixture::root(&database);
    (database, root)
}

impl Kept {
    fn new() -> Kept {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let clock = Arc::new(ManualClock::new(1_800_000_000_000));
        let (database, root) = open(&dir, &clock);
        Kept { root, database, clock, dir }
    }

    fn run(&self, sql: &str) -> u64 {
        fixture::run(&self.root, sql)
    }

    fn rows(&self, sql: &str) -> fixture::Rows {
        fixture::rows(&self.root, sql)
    }

    /// Moves the clock, which the thread notices when something calls it.
    fn advance(&self, ms: i64) {
        self.clock.advance_ms(ms);
        self.run("CREATE TABLE IF NOT EXISTS wakes (k INT)");
        self.run("TRUNCATE wakes");
    }

    fn reopen(mut self, meanwhile_ms: i64) -> Kept {
        self.database.close().expect("the database closes");
        let (options, clock) = (fixture::options(), self.clock.clone());
        // Handles of the closed one go before the directory is opened again.
        let spare = Database::in_memory(options).expect("memory is there");
        self.root = fixture::root(&spare);
        self.database = spare;
        clock.advance_ms(meanwhile_ms);
        (self.database, self.root) = open(&self.dir, &clock);
        self
    }

    /// The files on disk.
    fn files(&self) -> Vec<std::path::PathBuf> {
        fixture::parquet_files(&self.dir.path().join("segments"))
    }
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within a minute");
        std::thread::yield_now();
    }
}

fn jobs(session: &Session, kind: &str) -> u64 {
    let sql =
        format!("SELECT COUNT(*) FROM system.jobs WHERE kind = '{kind}' AND state = 'completed'");
    fixture::rows(session, &sql)[0][0].parse().expect("a count")
}

/// Flushes `segments` segments with keys that interleave.
fn flush_often(kept: &Kept, segments: u32, rows: u32) {
    for segment in 0..segments {
        kept.run(&format!(
            "INSERT INTO t SELECT value * {segments} + {segment}, {segment}, REPEAT('x', 50) \
             FROM generate_series(0, {}) AS g(value)",
            rows - 1
        ));
        kept.run("STORAGE FLUSH TABLE t");
    }
}

const CREATE: &str = "CREATE SHARED TABLE t (k INT PRIMARY KEY, v INT, s TEXT)";

#[test]
fn many_small_flushes_lead_to_few_segments_and_few_files() {
    let kept = Kept::new();
    kept.run(CREATE);
    flush_often(&kept, 40, 50);
    let few = "SELECT COUNT(*) < 4 FROM system.manifest";
    until("few segments", || kept.rows(few) == [["true"]]);
    let listed = |kept: &Kept| fixture::manifest_paths(&kept.root, "t", kept.dir.path());
    until("no other files", || listed(&kept) == kept.files());
    assert_eq!(kept.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), [["2000", "2000"]]);
    assert!(jobs(&kept.root, "compact") > 0);
    let subject = "SELECT DISTINCT subject FROM system.jobs WHERE kind = 'compact'";
    assert_eq!(kept.rows(subject), [["default.t"]]);
}

#[test]
fn a_segment_with_many_dead_rows_gives_their_space_back() {
    let kept = Kept::new();
    kept.run(CREATE);
    flush_often(&kept, 1, 5000);
    let size = |kept: &Kept| -> u64 {
        kept.files().iter().map(|f| f.metadata().map_or(0, |file| file.len())).sum()
    };
    let before = size(&kept);
    kept.run("UPDATE t SET v = -1, s = '' WHERE k < 4500");
    kept.run("DELETE FROM t WHERE k < 4500");
    until("a smaller file", || kept.files().len() == 1 && size(&kept) < before);
    assert_eq!(kept.rows("SELECT COUNT(*) FROM t"), [["500"]]);
}

#[test]
fn files_that_a_result_reads_stay_until_its_end() {
    let kept = Kept::new();
    kept.run(CREATE);
    flush_often(&kept, 3, 2000);
    let old = kept.files();
    let reader = fixture::root(&kept.database);
    let mut result = reader.execute("SELECT k, s FROM t", &Params::None).expect("a valid query");
    kept.run("INSERT INTO t VALUES (-1, 0, '')");
    kept.run("STORAGE FLUSH TABLE t");
    until("one segment", || kept.rows("SELECT COUNT(*) FROM system.manifest") == [["1"]]);
    assert!(old.iter().all(|file| file.is_file()), "a result still reads them");
    let mut rows = 0;
    while let Some(batch) = result.next_batch().expect("the old files are there") {
        rows += batch.num_rows();
    }
    assert_eq!(rows, 6000);
    drop(result);
    until("the old files are gone", || kept.files().len() == 1);
    until("a job that says so", || jobs(&kept.root, "cleanup") > 0);
}

#[test]
fn writers_and_readers_go_on_while_segments_are_merged() {
    let kept = Kept::new();
    kept.run(
        "CREATE SHARED TABLE t (w INT, k INT, v BIGINT, PRIMARY KEY (w, k)) \
         WITH (FLUSH_POLICY = 'rows:30')",
    );
    let mut expected: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3u64)
            .map(|writer| {
                let session = fixture::root(&kept.database);
                scope.spawn(move || {
                    let mut random = Seeded(writer);
                    let mut own: BTreeMap<(u64, u64), u64> = BTreeMap::new();
                    for step in 0..400u64 {
                        let key = (writer, random.below(120));
                        let (w, k) = key;
                        if own.contains_key(&key) && random.below(4) == 0 {
                            let sql = format!("DELETE FROM t WHERE w = {w} AND k = {k}");
                            assert_eq!(fixture::run(&session, &sql), 1, "{sql}");
                            own.remove(&key);
                            continue;
                        }
                        let sql = format!(
                            "INSERT INTO t VALUES ({w}, {k}, {step}) ON CONFLICT (w, k) DO UPDATE \
                             SET v = excluded.v"
                        );
                        fixture::run(&session, &sql);
                        own.insert(key, step);
                        if step % 40 == 0 {
                            let sql =
                                format!("SELECT COUNT(*), COUNT(DISTINCT k) FROM t WHERE w = {w}");
                            let count = own.len().to_string();
                            assert_eq!(fixture::rows(&session, &sql), [[count.clone(), count]]);
                        }
                    }
                    own
                })
            })
            .collect();
        for writer in writers {
            expected.extend(writer.join().expect("a writer ends"));
        }
    });
    let expected: Vec<Vec<String>> = expected
        .iter()
        .map(|((w, k), v)| vec![w.to_string(), k.to_string(), v.to_string()])
        .collect();
    until("a compaction", || jobs(&kept.root, "compact") > 0);
    let all = "SELECT w, k, v FROM t ORDER BY w, k";
    assert_eq!(kept.rows(all), expected);
    let kept = kept.reopen(0);
    assert_eq!(kept.rows(all), expected);
}

#[test]
fn deleted_rows_go_when_their_retention_is_over_hot_or_cold() {
    let kept = Kept::new();
    kept.run("CREATE TABLE t (k INT PRIMARY KEY) WITH (DELETED_RETENTION_HOURS = 2)");
    kept.run("INSERT INTO t SELECT value FROM generate_series(1, 100)");
    kept.run("STORAGE FLUSH TABLE t");
    kept.run("DELETE FROM t WHERE k <= 3");
    kept.run("INSERT INTO t VALUES (101), (102)");
    kept.run("DELETE FROM t WHERE k = 101");
    let deleted = "SELECT COUNT(*) FROM t WHERE _deleted = true";
    kept.advance(HOUR_MS);
    kept.run("DELETE FROM t WHERE k = 102");
    assert_eq!(kept.rows(deleted), [["5"]]);
    // A sixteenth of the time later: what was deleted first goes, the other stays.
    kept.advance(HOUR_MS + HOUR_MS / 8 + 1);
    until("four rows are gone", || kept.rows(deleted) == [["1"]]);
    until("a job", || jobs(&kept.root, "retention") > 0);
    kept.advance(HOUR_MS);
    until("the last one is gone", || kept.rows(deleted) == [["0"]]);
    assert_eq!(kept.rows("SELECT COUNT(*) FROM t"), [["97"]]);
}

#[test]
fn what_is_due_while_the_database_is_closed_is_done_after_the_open() {
    let kept = Kept::new();
    kept.run("CREATE TABLE t (k INT PRIMARY KEY) WITH (DELETED_RETENTION_HOURS = 1)");
    kept.run("CREATE STREAM TABLE s (k INT PRIMARY KEY) WITH (TTL_SECONDS = 3600)");
    kept.run("INSERT INTO t VALUES (1), (2)");
    kept.run("INSERT INTO s VALUES (1), (2)");
    kept.run("DELETE FROM t WHERE k = 1");
    let kept = kept.reopen(2 * HOUR_MS);
    let deleted = "SELECT COUNT(*) FROM t WHERE _deleted = true";
    until("a deleted row goes", || kept.rows(deleted) == [["0"]]);
    // A look that came right after the insert found nothing.
    let evicted = "SELECT SUM(rows) FROM system.jobs WHERE kind = 'stream_eviction'";
    until("old rows go", || kept.rows(evicted) == [["2"]]);
}

#[test]
fn another_retention_holds_for_rows_that_are_deleted_already() {
    let kept = Kept::new();
    kept.run("CREATE TABLE t (k INT PRIMARY KEY) WITH (DELETED_RETENTION_HOURS = 100)");
    kept.run("INSERT INTO t VALUES (1), (2)");
    kept.run("DELETE FROM t WHERE k = 1");
    kept.advance(2 * HOUR_MS);
    let deleted = "SELECT COUNT(*) FROM t WHERE _deleted = true";
    assert_eq!(kept.rows(deleted), [["1"]]);
    kept.run("ALTER TABLE t SET (DELETED_RETENTION_HOURS = 1)");
    until("the row goes", || kept.rows(deleted) == [["0"]]);
}

#[test]
fn rows_of_stream_tables_go_when_their_time_is_over() {
    let kept = Kept::new();
    kept.run("CREATE STREAM TABLE s (k INT PRIMARY KEY) WITH (TTL_SECONDS = 160)");
    for user in ["alice", "bob"] {
        let session =
            kept.database.session(user, kalam_core::model::Role::User, None).expect("a valid user");
        fixture::run(&session, "INSERT INTO s SELECT value FROM generate_series(1, 5000)");
    }
    kept.advance(100_000);
    kept.run("INSERT INTO s VALUES (1), (2)");
    let evicted = "SELECT SUM(rows) FROM system.jobs WHERE kind = 'stream_eviction'";
    kept.advance(70_001);
    until("the first go", || kept.rows(evicted) == [["10000"]]);
    kept.advance(100_000);
    until("the others go", || kept.rows(evicted) == [["10002"]]);
}

#[test]
fn it_keeps_no_database_open() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    for round in 0..3 {
        let (database, root) = open(&dir, &clock);
        fixture::run(&root, "CREATE TABLE IF NOT EXISTS t (k INT PRIMARY KEY)");
        fixture::run(&root, &format!("INSERT INTO t VALUES ({round})"));
        fixture::run(&root, "DELETE FROM t");
        drop((root, database));
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_kalam-test-child"))
            .arg("script")
            .arg(dir.path())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the child runs");
        assert!(child.status.success(), "round {round}: someone holds the directory");
    }
}
