//! Rows of STREAM tables are gone for every statement when their time is over.

use std::sync::Arc;

use kalam_core::env::ManualClock;
use kalam_core::{Database, Session};

use crate::{compaction, fixture};

fn open(clock: &Arc<ManualClock>) -> (tempfile::TempDir, Database, Session) {
    let dir = tempfile::TempDir::new().expect("a temporary folder can be made");
    let database = Database::open_with_clock(dir.path(), fixture::options(), clock.clone())
        .expect("an empty folder opens");
    let root = fixture::root(&database);
    (dir, database, root)
}

#[test]
fn a_row_whose_time_is_over_is_nowhere_and_its_key_is_free() {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let (_dir, _database, root) = open(&clock);
    fixture::run(&root, "CREATE STREAM TABLE s (k INT PRIMARY KEY, v INT) WITH (TTL_SECONDS = 10)");
    fixture::run(&root, "INSERT INTO s VALUES (1, 1), (2, 2)");
    clock.advance_ms(6_000);
    fixture::run(&root, "INSERT INTO s VALUES (3, 3)");
    assert_eq!(fixture::refused(&root, "INSERT INTO s VALUES (1, 9)").0, "23505");
    clock.advance_ms(6_000);
    let none: [[&str; 1]; 0] = [];
    assert_eq!(fixture::rows(&root, "SELECT v FROM s"), [["3"]]);
    assert_eq!(fixture::rows(&root, "SELECT v FROM s WHERE k = 1"), none);
    assert_eq!(fixture::rows(&root, "SELECT COUNT(*) FROM s"), [["1"]]);
    assert_eq!(fixture::rows(&root, "SELECT k FROM s ORDER BY k DESC LIMIT 1"), [["3"]]);
    let stats = "SHOW STATS FOR TABLE s";
    assert_eq!(fixture::rows(&root, stats)[0][1], "1");
    assert_eq!(fixture::run(&root, "DELETE FROM s WHERE k = 2"), 0);
    assert_eq!(fixture::run(&root, "INSERT INTO s VALUES (1, 9)"), 1);
    assert_eq!(fixture::refused(&root, "INSERT INTO s VALUES (1, 10)").0, "23505");
    let upsert = "INSERT INTO s VALUES (2, 8), (3, 8) ON CONFLICT DO NOTHING";
    assert_eq!(fixture::run(&root, upsert), 1);
    assert_eq!(
        fixture::rows(&root, "SELECT k, v FROM s ORDER BY k"),
        [["1", "9"], ["2", "8"], ["3", "3"]]
    );
}

#[test]
fn vacuum_removes_rows_whose_time_is_over_of_every_user() {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let (_dir, database, root) = open(&clock);
    fixture::run(&root, "CREATE STREAM TABLE s (k INT PRIMARY KEY) WITH (TTL_SECONDS = 10)");
    for user in ["alice", "bob"] {
        let session =
            database.session(user, kalam_core::model::Role::User, None).expect("a valid user");
        fixture::run(&session, "INSERT INTO s SELECT value FROM generate_series(1, 5000)");
    }
    clock.advance_ms(5_000);
    fixture::run(&root, "INSERT INTO s VALUES (1)");
    assert_eq!(compaction::report(&root, "VACUUM s"), [["default.s", "0", "0", "0", "0"]]);
    clock.advance_ms(5_001);
    assert_eq!(compaction::report(&root, "VACUUM s"), [["default.s", "0", "0", "0", "10000"]]);
    assert_eq!(compaction::report(&root, "VACUUM"), [["default.s", "0", "0", "0", "0"]]);
    assert_eq!(fixture::rows(&root, "SELECT k FROM s"), [["1"]]);
}

#[test]
fn a_longer_time_brings_no_row_back() {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let (_dir, _database, root) = open(&clock);
    fixture::run(&root, "CREATE STREAM TABLE s (k INT PRIMARY KEY, v INT) WITH (TTL_SECONDS = 10)");
    fixture::run(&root, "INSERT INTO s VALUES (1, NULL)");
    clock.advance_ms(10_001);
    fixture::run(&root, "INSERT INTO s VALUES (2, 2)");
    // Rows whose time is over are not asked, and never show what the column cannot hold.
    fixture::run(&root, "ALTER TABLE s ALTER COLUMN v SET NOT NULL");
    fixture::run(&root, "ALTER TABLE s SET (TTL_SECONDS = 1000)");
    assert_eq!(fixture::rows(&root, "SELECT k, v FROM s"), [["2", "2"]]);
    fixture::run(&root, "INSERT INTO s VALUES (1, 1)");
    assert_eq!(fixture::rows(&root, "SELECT COUNT(v) FROM s"), [["2"]]);
}

#[test]
fn a_row_whose_time_is_over_stays_gone_when_the_clock_steps_back() {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let (dir, database, root) = open(&clock);
    fixture::run(&root, "CREATE STREAM TABLE s (k INT PRIMARY KEY, v INT) WITH (TTL_SECONDS = 10)");
    fixture::run(&root, "INSERT INTO s VALUES (1, 1), (2, 2)");
    let shown = |root: &Session| {
        let forms = [
            "SELECT k FROM s",
            "SELECT k FROM s WHERE k = 1",
            "SELECT k FROM s WHERE k IN (1, 2)",
            "SELECT k FROM s ORDER BY k DESC LIMIT 1",
            "SELECT MAX(k) FROM s HAVING COUNT(*) > 0",
        ];
        forms.map(|sql| fixture::rows(root, sql).len())
    };
    clock.advance_ms(9_999);
    assert_eq!(shown(&root), [2, 1, 2, 1, 1]);
    clock.advance_ms(2);
    assert_eq!(shown(&root), [0; 5]);
    clock.advance_ms(-3_600_000);
    assert_eq!(shown(&root), [0; 5]);
    assert_eq!(fixture::run(&root, "DELETE FROM s"), 0);
    // Nothing was committed since: what the close keeps is the time that was told.
    drop(root);
    database.close().expect("the database closes");
    drop(database);
    let database = Database::open_with_clock(dir.path(), fixture::options(), clock.clone())
        .expect("the database opens again");
    let root = fixture::root(&database);
    assert_eq!(shown(&root), [0; 5]);
    assert_eq!(fixture::run(&root, "INSERT INTO s VALUES (1, 9)"), 1);
    assert_eq!(shown(&root), [1; 5]);
    // The other one lay there all the time.
    assert_eq!(compaction::report(&root, "VACUUM s"), [["default.s", "0", "0", "0", "1"]]);
    assert_eq!(shown(&root), [1; 5]);
    clock.advance_ms(3_600_000 + 10_001);
    assert_eq!(shown(&root), [0; 5]);
}

/// Keys of every kind, with rows that stay among those that go, and writers beside it.
#[test]
fn what_is_written_while_old_rows_go_stays() {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let (_dir, database, root) = open(&clock);
    for key in ["BIGINT DEFAULT SNOWFLAKE_ID()", "BIGINT"] {
        fixture::run(&root, "DROP TABLE IF EXISTS s");
        fixture::run(
            &root,
            &format!("CREATE STREAM TABLE s (k {key} PRIMARY KEY, v INT) WITH (TTL_SECONDS = 10)"),
        );
        fixture::run(&root, "INSERT INTO s SELECT value, 0 FROM generate_series(1, 20000)");
        clock.advance_ms(9_000);
        // New rows between the old ones, alone and in runs.
        fixture::run(&root, "DELETE FROM s WHERE k % 1000 = 7 OR k BETWEEN 5000 AND 5100");
        fixture::run(
            &root,
            "INSERT INTO s SELECT value, 1 FROM generate_series(1, 20000) AS g(value) \
             WHERE value % 1000 = 7 OR value BETWEEN 5000 AND 5100",
        );
        clock.advance_ms(2_000);
        let fresh = "SELECT COUNT(*), COUNT(DISTINCT k), MIN(v) FROM s";
        assert_eq!(fixture::rows(&root, fresh), [["120", "120", "1"]]);
        let writer = fixture::root(&database);
        std::thread::scope(|scope| {
            let writes = scope.spawn(|| {
                for k in (1..2000).filter(|k| k % 1000 != 7) {
                    fixture::run(&writer, &format!("INSERT INTO s VALUES ({k}, 2)"));
                }
            });
            loop {
                fixture::run(&root, "VACUUM s");
                if writes.is_finished() {
                    break;
                }
            }
            writes.join().expect("the writer ends");
        });
        assert_eq!(fixture::rows(&root, fresh), [["2117", "2117", "1"]]);
        assert_eq!(compaction::report(&root, "VACUUM s"), [["default.s", "0", "0", "0", "0"]]);
    }
}
