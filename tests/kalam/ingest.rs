//! Many rows at once go straight to segments, with every check that few rows have.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow::record_batch::RecordBatchReader;
use kalam_core::model::Role;
use kalam_core::{AppendMode, Database, IsolationLevel, Options, Session};
use tempfile::TempDir;

use crate::fixture;

/// A database that ingests from 1,000 rows on, in runs of some ten thousand.
struct Ingesting {
    database: Option<Database>,
    dir: TempDir,
}

impl Ingesting {
    fn new() -> Ingesting {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let mut ingesting = Ingesting { database: None, dir };
        ingesting.reopen();
        ingesting
    }

    fn reopen(&mut self) {
        if let Some(database) = self.database.take() {
            database.close().expect("the database closes");
        }
        let options = Options {
            ingest_rows_min: 1_000,
            memory_limit_bytes: 32 << 20,
            segment_rows_max: 50_000,
            ..fixture::options()
        };
        let database = Database::open(self.dir.path(), options).expect("the database opens");
        self.database = Some(database);
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("it is open between calls")
    }

    fn root(&self) -> Session {
        fixture::root(self.database())
    }

    fn run(&self, sql: &str) -> u64 {
        fixture::run(&self.root(), sql)
    }

    fn rows(&self, sql: &str) -> fixture::Rows {
        fixture::rows(&self.root(), sql)
    }

    /// Segments of a table, of which the folder holds no other file.
    fn segments(&self) -> usize {
        let listed = fixture::manifest_paths(&self.root(), "t", self.dir.path());
        let listed: BTreeSet<_> = listed.into_iter().collect();
        let found = fixture::parquet_files(&self.dir.path().join("segments"));
        assert_eq!(listed, found.into_iter().collect::<BTreeSet<_>>(), "no other file is there");
        listed.len()
    }
}

/// Rows with these keys, in batches of 5,000.
fn data(keys: impl IntoIterator<Item = i64>) -> Box<dyn RecordBatchReader + Send> {
    let keys: Vec<i64> = keys.into_iter().collect();
    let batches: Vec<RecordBatch> = keys
        .chunks(5_000)
        .map(|keys| {
            let values = keys.iter().map(|key| format!("value {key}"));
            RecordBatch::try_from_iter([
                ("k", Arc::new(Int64Array::from(keys.to_vec())) as _),
                ("v", Arc::new(StringArray::from_iter_values(values)) as _),
            ])
            .expect("columns are of one length")
        })
        .collect();
    let schema = batches[0].schema();
    Box::new(RecordBatchIterator::new(batches.into_iter().map(Ok), schema))
}

/// Each of `0..count` once, in no order.
fn shuffled(count: i64) -> impl Iterator<Item = i64> {
    // 7,919 is a prime that divides none of the counts of these tests.
    (0..count).map(move |i| i * 7_919 % count)
}

fn append(session: &Session, keys: impl IntoIterator<Item = i64>) -> Result<u64, String> {
    let done = session.append("t", data(keys), AppendMode::Append);
    done.map_err(|e| format!("{} {e}", e.sqlstate()))
}

fn refused(session: &Session, keys: impl IntoIterator<Item = i64>, state: &str) {
    let error = append(session, keys).expect_err("the rows are refused");
    assert!(error.starts_with(state), "{error}");
}

#[test]
fn ordered_rows_become_segments_that_read_as_if_they_had_been_hot() {
    let mut db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT, n INT DEFAULT 7)");
    db.run("INSERT INTO t VALUES (-1, 'before', 1)");
    assert_eq!(append(&db.root(), 0..120_000), Ok(120_000));
    db.run("INSERT INTO t VALUES (200000, 'after', 1)");
    assert_eq!(db.segments(), 3);
    for _ in 0..2 {
        assert_eq!(
            db.rows("SELECT COUNT(*), SUM(k), SUM(n), MIN(v), COUNT(DISTINCT _seq) FROM t"),
            [["120002", "7200139999", "840002", "after", "3"]]
        );
        assert_eq!(db.rows("SELECT v, n FROM t WHERE k = 77777"), [["value 77777", "7"]]);
        let sync = "SELECT COUNT(*), MIN(k) FROM t WHERE _seq > (SELECT _seq FROM t WHERE k = -1)";
        assert_eq!(db.rows(sync), [["120001", "0"]]);
        let later = "SELECT COUNT(*) FROM t WHERE _seq > (SELECT _seq FROM t WHERE k = 5)";
        assert_eq!(db.rows(later), [["1"]]);
        assert_eq!(
            db.rows("SELECT k FROM t WHERE k > 49998 ORDER BY k LIMIT 3"),
            [["49999"], ["50000"], ["50001"]]
        );
        db.reopen();
    }
    assert_eq!(db.run("UPDATE t SET v = 'changed' WHERE k BETWEEN 10 AND 19"), 10);
    assert_eq!(db.run("DELETE FROM t WHERE k < 10"), 11);
    db.run("STORAGE FLUSH TABLE t");
    assert_eq!(db.rows("SELECT COUNT(*) FROM t WHERE v = 'changed'"), [["10"]]);
    assert_eq!(db.rows("SELECT COUNT(*), MIN(k) FROM t"), [["119991", "10"]]);
}

#[test]
fn rows_in_no_order_become_sorted_runs() {
    let db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    assert_eq!(append(&db.root(), shuffled(150_000)), Ok(150_000));
    assert!(db.segments() > 2);
    assert_eq!(
        db.rows("SELECT COUNT(*), COUNT(DISTINCT k), SUM(k) FROM t"),
        [["150000", "150000", "11249925000"]]
    );
    assert_eq!(db.rows("SELECT v FROM t WHERE k = 149999"), [["value 149999"]]);
    assert_eq!(
        db.rows("SELECT k, v FROM t ORDER BY k LIMIT 2"),
        [["0", "value 0"], ["1", "value 1"]]
    );
    // Into the gaps of what is there.
    let doubled = "INSERT INTO t SELECT k + 150000, v FROM t WHERE k % 3 = 0 ORDER BY v";
    assert_eq!(db.run(doubled), 50_000);
    assert_eq!(db.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), [["200000", "200000"]]);
    assert_eq!(db.run("INSERT INTO t SELECT k + 1, v FROM t WHERE k >= 150000"), 50_000);
    assert_eq!(db.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), [["250000", "250000"]]);
}

#[test]
fn a_key_that_is_taken_refuses_all_rows_and_leaves_no_file() {
    let db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    let root = db.root();
    append(&root, 0..20_000).expect("the keys are free");
    db.run("INSERT INTO t VALUES (500000, 'hot')");
    let segments = db.segments();
    // In a segment, in the hot tier, in one batch, in two, in runs far from each other.
    refused(&root, (19_999..60_000).rev(), "23505");
    refused(&root, shuffled(700_000).filter(|k| k % 10 == 0 && *k >= 20_000), "23505");
    refused(&root, (20_000..25_000).chain([20_001]), "23505");
    refused(&root, (20_000..30_000).chain(20_000..20_001), "23505");
    let far = shuffled(150_000).map(|k| k + 600_000).chain([600_000]);
    refused(&root, far, "23505");
    assert_eq!(db.segments(), segments);
    assert_eq!(db.rows("SELECT COUNT(*) FROM t"), [["20001"]]);
    assert_eq!(append(&root, (20_000..500_000).step_by(100)), Ok(4_800));
    assert_eq!(append(&root, 500_001..510_000), Ok(9_999));
}

#[test]
fn keys_of_deleted_rows_can_be_taken() {
    let mut db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    let root = db.root();
    append(&root, 0..5_000).expect("the keys are free");
    db.run("INSERT INTO t VALUES (5000, 'hot'), (5001, 'hot'), (5002, 'hot')");
    db.run("DELETE FROM t WHERE k IN (1, 2, 3, 5000, 5001)");
    assert_eq!(db.rows("SELECT COUNT(*) FROM t WHERE _deleted = true"), [["5"]]);
    drop(root);
    let again = (1..3).chain(5_000..5_001).chain(10_000..12_000);
    assert_eq!(append(&db.root(), again), Ok(2_003));
    for _ in 0..2 {
        assert_eq!(db.rows("SELECT k FROM t WHERE _deleted = true ORDER BY k"), [["3"], ["5001"]]);
        assert_eq!(db.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), [["7001", "7001"]]);
        assert_eq!(db.rows("SELECT v FROM t WHERE k = 5000"), [["value 5000"]]);
        db.run("STORAGE FLUSH TABLE t");
        db.reopen();
    }
}

#[test]
fn constraints_hold_for_many_rows() {
    let db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT NOT NULL UNIQUE, c INT CHECK (c < 5000))");
    let series = |columns: &str, to: u32| {
        format!("INSERT INTO t SELECT {columns} FROM generate_series(1, {to})")
    };
    let refused = |sql: &str| fixture::refused(&db.root(), sql).0;
    assert_eq!(refused(&series("value, 'v' || value, value", 6_000)), "23514");
    assert_eq!(refused(&series("value, NULLIF('v' || value, 'v1500'), 1", 2_000)), "23502");
    assert_eq!(refused(&series("value, 'v' || value % 1999, 1", 2_000)), "23505");
    assert_eq!(db.segments(), 0);
    assert_eq!(db.run(&series("value, 'v' || value, 1", 2_000)), 2_000);
    assert_eq!(refused(&series("value + 10000, 'v' || (value + 1999), 1", 2_000)), "23505");
    assert_eq!(refused("INSERT INTO t VALUES (0, 'v77', 1)"), "23505");
    assert_eq!(db.run("DELETE FROM t WHERE k = 77"), 1);
    assert_eq!(db.run("INSERT INTO t VALUES (0, 'v77', 1)"), 1);
    assert_eq!(db.segments(), 1);
}

#[test]
fn each_user_has_their_own_rows() {
    let db = Ingesting::new();
    db.run("CREATE USER TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    let user = |name| db.database().session(name, Role::User, None).expect("the id is valid");
    let (ann, bob) = (user("ann"), user("bob"));
    append(&ann, 0..2_000).expect("the keys are free");
    append(&bob, 1_000..4_000).expect("the keys are free in this scope");
    refused(&ann, 1_999..4_000, "23505");
    let count = "SELECT COUNT(*), MIN(k) FROM t";
    assert_eq!(fixture::rows(&ann, count), [["2000", "0"]]);
    assert_eq!(fixture::rows(&bob, count), [["3000", "1000"]]);
    assert_eq!(db.rows(count), [["0", "NULL"]]);
}

#[test]
fn rows_without_a_key_and_rows_of_a_transaction_go_in_too() {
    let db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT, v TEXT)");
    let root = db.root();
    append(&root, (0..3_000).chain(0..3_000)).expect("there is no key");
    assert_eq!(db.segments(), 1);
    root.begin(IsolationLevel::RepeatableRead).expect("none is open");
    append(&root, 0..3_000).expect("there is no key");
    assert_eq!(fixture::rows(&root, "SELECT COUNT(*) FROM t"), [["9000"]]);
    root.rollback().expect("it is open");
    assert_eq!(db.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), [["6000", "3000"]]);
    assert_eq!(db.segments(), 1);
}

#[test]
fn a_serializable_reader_notices_rows_that_went_past_the_hot_tier() {
    let db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    db.run("CREATE TABLE seen (n BIGINT PRIMARY KEY)");
    let reader = db.root();
    reader.begin(IsolationLevel::Serializable).expect("none is open");
    fixture::run(&reader, "INSERT INTO seen SELECT COUNT(*) FROM t");
    append(&db.root(), 0..2_000).expect("the keys are free");
    let error = reader.commit().expect_err("the rows that it counted are others now");
    assert_eq!(error.sqlstate().to_string(), "40001");
}

#[test]
fn of_an_ingest_and_inserts_of_the_same_keys_one_wins_each_key() {
    const KEYS: i64 = 20_000;
    for round in 0..3 {
        let db = Ingesting::new();
        db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
        // The keys of inserts are apart from those of the ingest until the last.
        let (ingested, inserted) = std::thread::scope(|scope| {
            let ingest = scope.spawn(|| append(&db.root(), (0..KEYS).map(|k| k * 2)));
            let insert = scope.spawn(|| {
                let session = db.root();
                let mut done = 0;
                for i in 0..300i64 {
                    // Odd keys lie among those of the ingest and are free.
                    let even = i % 100 == 99;
                    let key = (i * 131 + round) % KEYS * 2 + i64::from(!even);
                    let sql = format!("INSERT INTO t VALUES ({key}, 'inserted')");
                    match fixture::try_run(&session, &sql) {
                        Ok(rows) => done += rows,
                        Err(e) => assert!(even, "{key}: {e:?}"),
                    }
                    if i % 60 == 0 {
                        fixture::run(&session, "STORAGE FLUSH TABLE t");
                    }
                }
                done
            });
            (ingest.join().expect("no panic"), insert.join().expect("no panic"))
        });
        let total = match ingested {
            Ok(rows) => rows + inserted,
            Err(e) => {
                assert!(e.starts_with("23505"), "{e}");
                inserted
            }
        };
        let total = total.to_string();
        assert_eq!(
            db.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"),
            [[total.as_str(), total.as_str()]]
        );
    }
}

#[test]
fn a_compaction_keeps_the_number_that_only_the_manifest_knew() {
    let mut db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    append(&db.root(), shuffled(60_000).filter(|k| k % 2 == 0)).expect("the keys are free");
    append(&db.root(), shuffled(60_000).filter(|k| k % 2 == 1)).expect("the keys are free");
    db.run("DELETE FROM t WHERE k < 100");
    db.run("UPDATE t SET v = 'changed' WHERE k BETWEEN 100 AND 199");
    let numbers =
        "SELECT k % 2, v = 'changed', _seq, COUNT(*) FROM t GROUP BY 1, 2, 3 ORDER BY 1, 2";
    let deleted = "SELECT COUNT(*), COUNT(DISTINCT _seq) FROM t WHERE _deleted = true";
    let (before, gone) = (db.rows(numbers), db.rows(deleted));
    assert_eq!(before.len(), 4, "{before:?}");
    assert_eq!(gone, [["100", "1"]]);
    db.run("STORAGE FLUSH TABLE t");
    assert_eq!(db.rows(numbers), before);
    db.run("STORAGE COMPACT TABLE t");
    assert_eq!(db.segments(), 2);
    for _ in 0..2 {
        assert_eq!(db.rows(numbers), before);
        assert_eq!(db.rows(deleted), gone);
        let first = &before[0][2];
        let later = format!("SELECT COUNT(*), MIN(k) FROM t WHERE _seq > {first}");
        assert_eq!(db.rows(&later), [["30000", "100"]].map(|row| row.map(str::to_owned)));
        db.reopen();
    }
}

#[test]
fn a_backup_and_an_export_have_rows_that_went_past_the_hot_tier() {
    let db = Ingesting::new();
    db.run("CREATE USER TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    let ann = db.database().session("ann", Role::User, None).expect("the id is valid");
    append(&ann, 0..5_000).expect("the keys are free");
    let numbers = "SELECT COUNT(*), MIN(_seq), MAX(_seq) FROM t";
    let before = fixture::rows(&ann, numbers);
    let beside = TempDir::new().expect("a temporary folder can be made");
    let path = |name: &str| beside.path().join(name).display().to_string();
    db.run(&format!("BACKUP DATABASE TO '{}'", path("backup")));
    db.run(&format!("RESTORE DATABASE FROM '{}' TO '{}'", path("backup"), path("copy")));
    let copy = fixture::open(&beside.path().join("copy"));
    let session = copy.session("ann", Role::User, None).expect("the id is valid");
    assert_eq!(fixture::rows(&session, numbers), before);
    assert_eq!(
        db.rows(&format!("EXPORT USER 'ann' TO '{}'", path("export")))[0][..2],
        ["1", "5000"]
    );
    let segments = db.dir.path().join("segments");
    assert_eq!(fixture::parquet_files(&segments).len(), 1);
    db.run("DROP USER IF EXISTS 'ann' PURGE");
    assert_eq!(fixture::parquet_files(&segments).len(), 0);
    append(&ann, 0..2_000).expect("the keys are free");
    assert_eq!(fixture::rows(&ann, "SELECT COUNT(*) FROM t"), [["2000"]]);
}

#[test]
fn a_snapshot_does_not_see_rows_that_come_and_its_own_writes_commit_beside_them() {
    let db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    db.run("INSERT INTO t VALUES (-1, 'hot')");
    let reader = db.root();
    reader.begin(IsolationLevel::RepeatableRead).expect("none is open");
    fixture::run(&reader, "UPDATE t SET v = 'own' WHERE k = -1");
    append(&db.root(), 0..3_000).expect("the keys are free");
    assert_eq!(fixture::rows(&reader, "SELECT COUNT(*) FROM t"), [["1"]]);
    assert_eq!(db.rows("SELECT COUNT(*) FROM t WHERE v = 'hot'"), [["1"]]);
    reader.commit().expect("nobody changed its row");
    assert_eq!(db.rows("SELECT COUNT(*) FROM t WHERE v = 'own'"), [["1"]]);
    let late = db.root();
    late.begin(IsolationLevel::RepeatableRead).expect("none is open");
    fixture::run(&late, "INSERT INTO t VALUES (5000, 'own')");
    append(&db.root(), 4_000..6_000).expect("the other is not committed");
    let error = late.commit().expect_err("its key was taken");
    assert_eq!(error.sqlstate().to_string(), "40001");
}

#[test]
fn rows_that_may_replace_others_stay_hot() {
    let db = Ingesting::new();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    append(&db.root(), 0..2_000).expect("the keys are free");
    db.root().append("t", data(1_000..4_000), AppendMode::Upsert).expect("keys may be taken");
    db.run("INSERT INTO t SELECT value, 'v' FROM generate_series(0, 4999) ON CONFLICT DO NOTHING");
    assert_eq!(db.segments(), 1);
    assert_eq!(db.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), [["5000", "5000"]]);
}

#[test]
fn composite_and_text_keys_are_compared_whole() {
    let db = Ingesting::new();
    db.run("CREATE TABLE t (a TEXT, b INT, v TEXT, PRIMARY KEY (a, b))");
    let series = |to: u32, by: &str| {
        format!(
            "INSERT INTO t SELECT 'a long prefix ' || (value % 7), value {by}, 'v' \
             FROM generate_series(0, {to})"
        )
    };
    assert_eq!(db.run(&series(20_999, "/ 7")), 21_000);
    assert_eq!(fixture::refused(&db.root(), &series(20_999, "/ 14 + 2999")).0, "23505");
    assert_eq!(db.run(&series(20_999, "/ 7 + 3000")), 21_000);
    assert_eq!(db.rows("SELECT COUNT(*) FROM (SELECT DISTINCT a, b FROM t) AS d"), [["42000"]]);
    assert_eq!(db.rows("SELECT v FROM t WHERE a = 'a long prefix 6' AND b = 5999"), [["v"]]);
}

#[test]
fn a_new_table_of_many_rows_is_one_commit_of_segments() {
    let db = Ingesting::new();
    db.run("CREATE TABLE source (k BIGINT PRIMARY KEY, v TEXT)");
    db.run("INSERT INTO source SELECT value, 'v' || value % 10 FROM generate_series(1, 60000)");
    let as_query = "SELECT k, v, k % 7 AS n FROM source";
    assert_eq!(db.run(&format!("CREATE TABLE t AS {as_query}")), 60_000);
    let hot = db.rows("SHOW STATS FOR TABLE t");
    assert_eq!(hot[0][1..3], ["0", "60000"], "rows in the hot tier and in segments: {hot:?}");
    assert_eq!(
        db.rows("SELECT COUNT(*), SUM(k), COUNT(DISTINCT v), MAX(n), COUNT(DISTINCT _seq) FROM t"),
        [["60000", "1800030000", "10", "6", "1"]]
    );
    let again = format!("CREATE TABLE t AS {as_query}");
    assert_eq!(fixture::refused(&db.root(), &again).0, "42P07");
    // A query that fails at its end leaves neither table nor file.
    let files = || fixture::parquet_files(&db.dir.path().join("segments"));
    let before = files();
    let fails = "CREATE TABLE gone AS SELECT k, 1 / (59999 - k) AS n FROM source ORDER BY k";
    assert_eq!(fixture::refused(&db.root(), fails).0, "22012");
    assert_eq!(fixture::refused(&db.root(), "SELECT * FROM gone").0, "42P01");
    assert_eq!(files(), before);
    // Few rows stay hot; no rows are a table too.
    db.run("CREATE TABLE few AS SELECT k FROM source WHERE k <= 10");
    let few = db.rows("SHOW STATS FOR TABLE few");
    assert_eq!(few[0][1..3], ["10", "0"], "{few:?}");
    db.run("CREATE TABLE none AS SELECT k FROM source WHERE k < 0");
    assert_eq!(db.rows("SELECT COUNT(*) FROM none"), [["0"]]);
    // The rows of a USER table are the caller's.
    db.run("CREATE USER TABLE own AS SELECT k FROM source");
    assert_eq!(db.rows("SELECT COUNT(*) FROM own"), [["60000"]]);
    let ann = db.database().session("ann", Role::User, None).expect("a valid user id");
    assert_eq!(fixture::rows(&ann, "SELECT COUNT(*) FROM own"), [["0"]]);
}

/// Appends rows to `t`, and runs a statement when most of them are read.
fn append_while(db: &Ingesting, sql: &'static str) -> Result<u64, String> {
    let reader = data(0..20_000);
    let (schema, other) = (reader.schema(), db.root());
    let batches = reader.enumerate().map(move |(number, batch)| {
        if number == 3 {
            fixture::run(&other, sql);
        }
        batch
    });
    let data = Box::new(RecordBatchIterator::new(batches, schema));
    let done = db.root().append("t", data, AppendMode::Append);
    done.map_err(|e| format!("{} {e}", e.sqlstate()))
}

#[test]
fn rows_that_are_read_once_outlive_a_change_of_their_table_that_they_fit() {
    for (sql, column, value) in [
        ("ALTER TABLE t ADD COLUMN x INT DEFAULT 7", "SUM(x)", "140000"),
        ("ALTER TABLE t ADD COLUMN x TEXT NOT NULL DEFAULT 'y'", "MIN(x)", "y"),
        ("ALTER TABLE t RENAME COLUMN v TO w", "MIN(w)", "value 0"),
        ("ALTER TABLE t DROP COLUMN v", "MIN(n)", "7"),
        ("ALTER TABLE t ALTER COLUMN n TYPE BIGINT", "SUM(n)", "140000"),
        ("ALTER TABLE t SET (FLUSH_POLICY = 'rows:100')", "MAX(n)", "7"),
        ("ALTER TABLE t ALTER COLUMN v DROP NOT NULL", "MAX(n)", "7"),
    ] {
        let mut db = Ingesting::new();
        db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT NOT NULL, n INT DEFAULT 7)");
        assert_eq!(append_while(&db, sql), Ok(20_000), "{sql}");
        for _ in 0..2 {
            let rows = db.rows(&format!("SELECT COUNT(*), {column} FROM t"));
            assert_eq!(rows, [["20000", value]], "{sql}");
            db.reopen();
        }
        let rows = db.rows("SELECT MAX(version) FROM system.schemas WHERE table_name = 't'");
        assert_eq!(rows, [["2"]], "{sql}");
        // A key of theirs is theirs.
        let again = "INSERT INTO t SELECT * FROM t WHERE k = 19999";
        assert_eq!(fixture::refused(&db.root(), again).0, "23505", "{sql}");
    }
}

#[test]
fn rows_that_are_read_once_are_refused_by_a_change_that_they_were_not_checked_for() {
    for (sql, state) in [
        ("ALTER TABLE t ALTER COLUMN n SET NOT NULL", "40001"),
        ("ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0)", "40001"),
        ("ALTER TABLE t ADD CONSTRAINT once UNIQUE (v)", "40001"),
        ("ALTER TABLE t RENAME TO other", "42P01"),
        ("DROP TABLE t", "42P01"),
    ] {
        let db = Ingesting::new();
        db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT, n INT DEFAULT 7)");
        let error = append_while(&db, sql).expect_err("the rows are refused");
        assert!(error.starts_with(state), "{sql}: {error}");
        assert!(fixture::parquet_files(&db.dir.path().join("segments")).is_empty(), "{sql}");
    }
}
