//! ALTER TABLE beside other sessions: statements follow it, transactions notice it, open
//! results do not.

use std::sync::atomic::{AtomicBool, Ordering};

use kalam_core::Params;
use kalam_core::model::Role;

use crate::fixture::{self, Fixture};

#[test]
fn statements_of_other_sessions_follow_an_alter() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (fixture, done) = (&fixture, &done);
                scope.spawn(move || {
                    let session = fixture.database().session("root", Role::System, None);
                    let session = session.expect("a valid user");
                    let mut count = 0;
                    while !done.load(Ordering::Acquire) || count < 50 {
                        let key = writer * 1_000_000 + count;
                        fixture::run(&session, &format!("INSERT INTO t (k, v) VALUES ({key}, 1)"));
                        fixture::run(&session, &format!("UPDATE t SET v = 2 WHERE k = {key}"));
                        if count % 5 == 0 {
                            fixture::run(&session, &format!("DELETE FROM t WHERE k = {key}"));
                        }
                        let found = fixture::rows(&session, "SELECT COUNT(*) FROM t WHERE v = 0");
                        assert_eq!(found, [["0"]]);
                        count += 1;
                    }
                    count - (count + 4) / 5
                })
            })
            .collect();
        for round in 0..12 {
            fixture.run(&format!("ALTER TABLE t ADD COLUMN c{round} INT NOT NULL DEFAULT {round}"));
            fixture.run("STORAGE FLUSH TABLE t");
            if round >= 2 {
                fixture.run(&format!("ALTER TABLE t DROP COLUMN c{}", round - 2));
            }
            fixture.run("ALTER TABLE t ALTER COLUMN v SET NOT NULL");
            fixture.run("ALTER TABLE t ALTER COLUMN v DROP NOT NULL");
        }
        done.store(true, Ordering::Release);
        let written: i32 = writers.into_iter().map(|w| w.join().expect("no writer fails")).sum();
        let shown = fixture.rows("SELECT COUNT(*), COUNT(c10), MIN(c11), MAX(v) FROM t");
        let written = written.to_string();
        assert_eq!(shown, [[written.clone(), written, "11".into(), "2".into()]]);
    });
}

#[test]
fn a_not_null_that_was_accepted_holds_beside_writers() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE t (k INT PRIMARY KEY, v INT)");
    for round in 0..10 {
        std::thread::scope(|scope| {
            let fixture = &fixture;
            for user in ["alice", "bob"] {
                scope.spawn(move || {
                    let session = fixture.user(user);
                    for n in 0..20 {
                        let key = round * 100 + n;
                        let value = if n % 7 == 3 { "NULL" } else { "1" };
                        let sql = format!("INSERT INTO t VALUES ({key}, {value})");
                        if let Err(error) = fixture::try_run(&session, &sql) {
                            assert_eq!(error.sqlstate().as_str(), "23502");
                        }
                    }
                });
            }
            let altered =
                fixture::try_run(fixture.root(), "ALTER TABLE t ALTER COLUMN v SET NOT NULL");
            if let Err(error) = altered {
                assert_eq!(error.sqlstate().as_str(), "23502");
            }
        });
        let strict = fixture
            .rows("SELECT is_nullable FROM information_schema.columns WHERE column_name = 'v'")
            == [["NO"]];
        for user in ["alice", "bob"] {
            let session = fixture.user(user);
            let nulls = fixture::rows(&session, "SELECT COUNT(*) - COUNT(v + 0) FROM t");
            assert!(!strict || nulls == [["0"]], "{nulls:?}");
            fixture::run(&session, "DELETE FROM t");
        }
        fixture.run("ALTER TABLE t ALTER COLUMN v DROP NOT NULL");
    }
}

#[test]
fn a_transaction_that_wrote_before_an_alter_cannot_commit_after_it() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    fixture.run("INSERT INTO t VALUES (1, 10)");
    let writer = fixture.database().session("w", Role::Service, None).expect("a valid user");
    fixture::run(&writer, "BEGIN");
    fixture::run(&writer, "UPDATE t SET v = 11");
    fixture.run("ALTER TABLE t ADD COLUMN w INT DEFAULT 5");
    // The own write is still read, with the new column.
    assert_eq!(fixture::rows(&writer, "SELECT * FROM t"), [["1", "11", "5"]]);
    assert_eq!(fixture::refused(&writer, "COMMIT").0, "40001");
    assert_eq!(fixture.rows("SELECT * FROM t"), [["1", "10", "5"]]);
    fixture::run(&writer, "BEGIN");
    assert_eq!(fixture::rows(&writer, "SELECT v FROM t"), [["10"]]);
    fixture.run("ALTER TABLE t RENAME COLUMN v TO x");
    fixture.run("UPDATE t SET x = 12");
    assert_eq!(fixture::rows(&writer, "SELECT x, w FROM t"), [["10", "5"]]);
    fixture::run(&writer, "COMMIT");
    assert_eq!(fixture.rows("SELECT x, w FROM t"), [["12", "5"]]);
}

#[test]
fn a_snapshot_from_before_a_promise_is_not_read_under_it() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    fixture.run("CREATE TABLE other (k INT)");
    fixture.run("INSERT INTO t VALUES (1, NULL)");
    let reader = fixture.database().session("r", Role::Service, None).expect("a valid user");
    fixture::run(&reader, "BEGIN");
    assert_eq!(fixture::rows(&reader, "SELECT v FROM t"), [["NULL"]]);
    fixture.run("UPDATE t SET v = 1");
    fixture.run("ALTER TABLE t ALTER COLUMN v SET NOT NULL");
    assert!(fixture::rows(&reader, "SELECT * FROM other").is_empty());
    assert_eq!(fixture::refused(&reader, "SELECT v FROM t").0, "40001");
    fixture::run(&reader, "ROLLBACK");
    assert_eq!(fixture::rows(&reader, "SELECT v FROM t"), [["1"]]);
}

#[test]
fn an_open_result_keeps_the_columns_it_had() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    for (from, to) in [(0, 500), (500, 1000)] {
        let rows: Vec<String> = (from..to).map(|k| format!("({k}, 'v{k}')")).collect();
        fixture.run(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
        if from == 0 {
            fixture.run("STORAGE FLUSH TABLE t");
        }
    }
    let open = fixture.root().execute("SELECT * FROM t ORDER BY k", &Params::None);
    let open = open.expect("the query starts");
    fixture.run("ALTER TABLE t DROP COLUMN v, ADD COLUMN v INT DEFAULT 1");
    fixture.run("STORAGE FLUSH TABLE t");
    fixture.run("ALTER TABLE t RENAME TO u");
    let batches = open.collect().expect("the result can be read");
    let rows = crate::render::rows(&batches);
    assert_eq!(rows.len(), 1000);
    assert!(rows.iter().enumerate().all(|(k, row)| *row == [k.to_string(), format!("v{k}")]));
    assert_eq!(fixture.rows("SELECT COUNT(*), SUM(v) FROM u"), [["1000", "1000"]]);
}

#[test]
fn a_prepared_statement_notices_other_columns() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v SMALLINT)");
    fixture.run("INSERT INTO t VALUES (1, 2)");
    let root = fixture.root();
    let all = root.prepare("SELECT * FROM t").expect("it can be prepared");
    let some = root.prepare("SELECT k FROM t WHERE v = $1").expect("it can be prepared");
    let insert = root.prepare("INSERT INTO t (k, v) VALUES ($1, $2)").expect("it can be prepared");
    fixture.run("ALTER TABLE t ALTER COLUMN v TYPE BIGINT");
    let refused = root.execute_prepared(&all, &Params::None).map(|_| ());
    assert_eq!(refused.expect_err("its columns changed").sqlstate().as_str(), "0A000");
    let big = 5_000_000_000_i64;
    let values = Params::Positional(vec![2.into(), big.into()]);
    root.execute_prepared(&insert, &values).expect("it follows the type");
    let found = root.execute_prepared(&some, &Params::Positional(vec![big.into()]));
    let found = found.and_then(|result| result.collect()).expect("it follows the type");
    assert_eq!(crate::render::rows(&found), [["2"]]);
    fixture.run("ALTER TABLE t DROP COLUMN v");
    let gone = root.execute_prepared(&insert, &values).map(|_| ());
    assert_eq!(gone.expect_err("its column is gone").sqlstate().as_str(), "42703");
}

#[test]
fn fifty_versions_open_at_once_and_read_in_one_scan() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY)");
    for version in 0..55 {
        fixture.run(&format!("INSERT INTO t (k) VALUES ({version})"));
        if version % 9 == 0 {
            fixture.run("STORAGE FLUSH TABLE t");
        }
        fixture.run(&format!("ALTER TABLE t ADD COLUMN c{version} INT DEFAULT {version}"));
        if version % 4 == 3 {
            fixture.run(&format!("ALTER TABLE t DROP COLUMN c{}", version - 2));
        }
    }
    for _ in 0..2 {
        let shown = fixture.rows("SELECT COUNT(*), COUNT(c54), MIN(c0), MAX(c54) FROM t");
        assert_eq!(shown, [["55", "55", "0", "54"]]);
        assert_eq!(fixture.rows("SELECT c3, c50 FROM t WHERE k = 20"), [["3", "50"]]);
        assert_eq!(fixture.rows("DESCRIBE t HISTORY").len(), 69);
        assert_eq!(fixture.rows("DESCRIBE t AS OF SCHEMA VERSION 2").len(), 2);
        fixture.reopen();
    }
}
