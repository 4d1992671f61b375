//! Compaction beside everything else: nothing is lost, nothing comes back, space returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kalam_core::env::ManualClock;
use kalam_core::{Database, Params, Session};

use crate::fixture::{self, Fixture, Seeded};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Runs a statement that compacts, and returns its columns but the job's.
pub fn report(session: &Session, sql: &str) -> fixture::Rows {
    let mut rows = fixture::rows(session, sql);
    for row in &mut rows {
        let job = row.pop().expect("the report has columns");
        assert_eq!(job.len(), 15, "{job}");
    }
    rows
}

/// A table of `segments` segments whose keys interleave, with `rows` rows each.
fn interleaved(fixture: &Fixture, segments: u64, rows: u64) {
    fixture.run("CREATE SHARED TABLE t (k INT PRIMARY KEY, v INT, s TEXT)");
    for segment in 0..segments {
        fixture.run(&format!(
            "INSERT INTO t SELECT value * {segments} + {segment}, {segment}, 'row ' || value \
             FROM generate_series(0, {}) AS g(value)",
            rows - 1
        ));
        fixture.run("STORAGE FLUSH TABLE t");
    }
}

#[test]
fn segments_that_interleave_become_one_in_key_order() {
    let fixture = Fixture::new();
    interleaved(&fixture, 5, 3000);
    let before = fixture.rows("SELECT k, v, s, _seq FROM t ORDER BY k");
    let compact = || report(fixture.root(), "STORAGE COMPACT TABLE t");
    assert_eq!(compact(), [["default.t", "15000", "1", "5", "0"]]);
    assert_eq!(fixture.segments("t").len(), 1);
    assert_eq!(before, fixture.rows("SELECT k, v, s, _seq FROM t ORDER BY k"));
    assert_eq!(compact(), [["default.t", "0", "0", "0", "0"]]);
}

#[test]
fn old_files_live_until_the_last_snapshot_and_then_their_space_returns() {
    let fixture = Fixture::new();
    interleaved(&fixture, 4, 5000);
    let old = fixture.segments("t");
    let reader = fixture::root(fixture.database());
    let mut result = reader.execute("SELECT k, s FROM t", &Params::None).expect("a valid query");
    fixture.run("STORAGE COMPACT TABLE t");
    fixture.run("UPDATE t SET v = -1 WHERE k < 100");
    assert!(old.iter().all(|file| file.is_file()), "a result still reads them");
    let mut rows = 0;
    while let Some(batch) = result.next_batch().expect("the old files are there") {
        rows += batch.num_rows();
    }
    assert_eq!(rows, 20_000);
    drop(result);
    fixture.run("STORAGE COMPACT TABLE t");
    assert!(old.iter().all(|file| !file.exists()), "nobody reads them");
    assert_eq!(fixture::parquet_files(&fixture.path().join("segments")), fixture.segments("t"));
}

#[test]
fn a_segment_whose_rows_are_all_dead_goes_without_being_read() {
    let mut fixture = Fixture::new();
    interleaved(&fixture, 3, 1000);
    let all = fixture.segments("t");
    let live = || "SELECT COUNT(*), SUM(k), MIN(v) FROM t";
    fixture.run("UPDATE t SET s = 'newer' WHERE v = 0");
    fixture.run("STORAGE FLUSH TABLE t");
    let before = fixture.rows(live());
    // Of the rows of the first segment, no version is read any more.
    fixture.reopen_after(|_| std::fs::write(&all[0], "no segment").expect("it can be written"));
    assert_eq!(fixture.rows(live()), before);
    let compacted = report(fixture.root(), "STORAGE COMPACT TABLE t");
    assert_eq!(compacted, [["default.t", "3000", "1", "4", "1000"]]);
    assert_eq!(fixture.rows(live()), before);
    assert!(!all[0].exists());
}

#[test]
fn a_transaction_writes_rows_that_a_compaction_moved_meanwhile() {
    let fixture = Fixture::new();
    interleaved(&fixture, 3, 1000);
    let session = fixture::root(fixture.database());
    fixture::run(&session, "BEGIN");
    assert_eq!(fixture::run(&session, "UPDATE t SET v = 77 WHERE k = 10"), 1);
    assert_eq!(fixture::run(&session, "DELETE FROM t WHERE k = 11"), 1);
    fixture.run("STORAGE COMPACT TABLE t");
    fixture::run(&session, "COMMIT");
    assert_eq!(
        fixture.rows("SELECT k, v FROM t WHERE k BETWEEN 9 AND 12 ORDER BY k"),
        [["9", "0"], ["10", "77"], ["12", "0"]]
    );
    fixture::run(&session, "BEGIN");
    assert_eq!(fixture::run(&session, "UPDATE t SET v = 78 WHERE k = 20"), 1);
    fixture.run("UPDATE t SET v = 79 WHERE k = 20");
    fixture.run("STORAGE FLUSH TABLE t");
    fixture.run("STORAGE COMPACT TABLE t");
    assert_eq!(fixture::refused(&session, "COMMIT").0, "40001");
    assert_eq!(fixture.rows("SELECT v FROM t WHERE k = 20"), [["79"]]);
}

/// Writers change, delete and insert rows while segments are merged under them.
#[test]
fn writes_that_come_while_it_runs_are_carried_over() {
    let mut fixture = Fixture::new();
    let keys = 2000u64;
    interleaved(&fixture, 4, keys / 4);
    fixture.run("UPDATE t SET v = 0");
    fixture.run("STORAGE FLUSH TABLE t");
    let done = AtomicBool::new(false);
    let mut totals = Vec::new();
    std::thread::scope(|scope| {
        let mut writers = Vec::new();
        for writer in 0..3 {
            let session = fixture::root(fixture.database());
            writers.push(scope.spawn(move || {
                let mut random = Seeded(writer);
                let mut expected = std::collections::BTreeMap::new();
                for step in 1..250u64 {
                    let key = random.below(keys / 3) * 3 + writer;
                    let present = *expected.get(&key).unwrap_or(&Some(0));
                    let sql = match (present, random.below(3)) {
                        (None, _) => format!("INSERT INTO t VALUES ({key}, {step}, 'new')"),
                        (_, 0) => format!("DELETE FROM t WHERE k = {key}"),
                        _ => format!("UPDATE t SET v = {step} WHERE k = {key}"),
                    };
                    assert_eq!(fixture::run(&session, &sql), 1, "{sql}");
                    let gone = sql.starts_with("DELETE");
                    expected.insert(key, (!gone).then_some(step));
                }
                expected
            }));
        }
        let session = fixture::root(fixture.database());
        let done = &done;
        let compactor = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                fixture::run(&session, "STORAGE FLUSH TABLE t");
                fixture::run(&session, "STORAGE COMPACT TABLE t");
            }
        });
        totals = writers.into_iter().map(|w| w.join().expect("a writer ends")).collect();
        done.store(true, Ordering::Relaxed);
        compactor.join().expect("the compactor ends");
    });
    let mut expected: std::collections::BTreeMap<u64, Option<u64>> =
        (0..keys).map(|key| (key, Some(0))).collect();
    expected.extend(totals.into_iter().flatten());
    let expected: Vec<Vec<String>> = expected
        .iter()
        .filter_map(|(key, v)| Some(vec![key.to_string(), v.as_ref()?.to_string()]))
        .collect();
    assert_eq!(fixture.rows("SELECT k, v FROM t ORDER BY k"), expected);
    fixture.reopen();
    assert_eq!(fixture.rows("SELECT k, v FROM t ORDER BY k"), expected);
}

#[test]
fn deleted_rows_are_kept_until_their_retention_is_over() {
    let dir = tempfile::TempDir::new().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let database = Database::open_with_clock(dir.path(), fixture::options(), clock.clone())
        .expect("an empty folder opens");
    let root = fixture::root(&database);
    let deleted = || fixture::rows(&root, "SELECT COUNT(*) FROM t WHERE _deleted = true");
    let compact = || report(&root, "STORAGE COMPACT TABLE t");
    fixture::run(
        &root,
        "CREATE TABLE t (k INT PRIMARY KEY, u INT UNIQUE) WITH (DELETED_RETENTION_HOURS = 2)",
    );
    fixture::run(&root, "INSERT INTO t SELECT value, value FROM generate_series(1, 40)");
    // Deleted while hot and flushed, deleted while cold, deleted and still hot.
    fixture::run(&root, "DELETE FROM t WHERE k <= 10");
    fixture::run(&root, "STORAGE FLUSH TABLE t");
    fixture::run(&root, "DELETE FROM t WHERE k BETWEEN 11 AND 20");
    fixture::run(&root, "UPDATE t SET u = -u WHERE k BETWEEN 21 AND 30");
    fixture::run(&root, "DELETE FROM t WHERE k BETWEEN 21 AND 30");
    let seqs = fixture::rows(&root, "SELECT k, _seq FROM t WHERE _deleted = true ORDER BY k");
    clock.advance_ms(HOUR_MS);
    assert_eq!(compact(), [["default.t", "30", "1", "1", "10"]]);
    assert_eq!(deleted(), [["30"]]);
    let after = fixture::rows(&root, "SELECT k, _seq FROM t WHERE _deleted = true ORDER BY k");
    assert_eq!(seqs, after, "a deletion keeps its number");
    fixture::run(&root, "DELETE FROM t WHERE k = 31");
    clock.advance_ms(HOUR_MS + 1);
    assert_eq!(compact(), [["default.t", "10", "1", "1", "30"]]);
    assert_eq!(deleted(), [["1"]], "its time is not over");
    assert_eq!(fixture::rows(&root, "SELECT COUNT(*), MIN(k) FROM t"), [["9", "32"]]);
    fixture::run(&root, "INSERT INTO t SELECT value, value FROM generate_series(1, 31)");
    assert_eq!(fixture::rows(&root, "SELECT COUNT(*) FROM t"), [["40"]]);
}
