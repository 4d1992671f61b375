//! Each text is parsed once: when it comes for the first time, and by nobody else on
//! the way through the engine.

use kalam_core::{Params, Session};

use crate::fixture::{Fixture, try_run};

/// A statement of every kind, in an order in which each succeeds.
const STATEMENTS: &[&str] = &[
    "CREATE NAMESPACE n",
    "CREATE TABLE t (k INT PRIMARY KEY DEFAULT 1, v TEXT DEFAULT 'a', at TIMESTAMP DEFAULT NOW())",
    "CREATE USER TABLE m (k BIGINT DEFAULT SNOWFLAKE_ID() PRIMARY KEY, v TEXT)",
    "INSERT INTO t VALUES (1, 'a', NULL), (2, 'b', NULL)",
    "INSERT INTO t (k) SELECT k + 10 FROM t",
    "INSERT INTO m (v) VALUES ('x')",
    "SELECT v FROM t WHERE k = 1",
    "SELECT v FROM t WHERE v > 'a' ORDER BY k DESC LIMIT 1",
    "SELECT COUNT(*) FROM (SELECT v FROM t UNION ALL SELECT v FROM m) x",
    "WITH c AS (SELECT k FROM t) SELECT a.k FROM c a JOIN c b ON a.k = b.k",
    "VALUES (1), (2)",
    "UPDATE t SET v = 'c' WHERE k = 2",
    "UPDATE t SET v = v || 'd' WHERE v LIKE 'c%'",
    "DELETE FROM t WHERE k = 11",
    "EXPLAIN SELECT v FROM t WHERE k > 1",
    "DESCRIBE t",
    "SHOW TABLES",
    "SHOW NAMESPACES",
    "SHOW CREATE TABLE t",
    "SHOW STATS FOR TABLE t",
    "SHOW MANIFEST FOR t",
    "SELECT * FROM information_schema.columns WHERE table_name = 't'",
    "STORAGE FLUSH TABLE t",
    "STORAGE FLUSH ALL",
    "SELECT v FROM t WHERE k = 12",
    "SELECT v FROM t WHERE v > 'b' ORDER BY k",
    "UPDATE t SET v = 'e' WHERE k = 12",
    "BEGIN",
    "INSERT INTO t (k) VALUES (20)",
    "SAVEPOINT s",
    "SELECT COUNT(*) FROM t",
    "ROLLBACK TO s",
    "RELEASE SAVEPOINT s",
    "COMMIT",
    "PREPARE p AS SELECT v FROM t WHERE k = $1",
    "EXECUTE p (1)",
    "EXECUTE p (2)",
    "PREPARE w AS UPDATE t SET v = $1 WHERE k >= $2",
    "EXECUTE w ('f', 20)",
    "DEALLOCATE p",
    "USE n",
    "USE default",
    "DROP TABLE m",
    "DROP NAMESPACE n",
];

/// How many texts are parsed while `call` runs.
fn parses(fixture: &Fixture, call: impl FnOnce()) -> u64 {
    let before = fixture.database().counters().parses;
    call();
    fixture.database().counters().parses - before
}

fn run(session: &Session, sql: &str) {
    try_run(session, sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

#[test]
fn every_kind_of_statement_is_parsed_once() {
    let fixture = Fixture::new();
    for sql in STATEMENTS {
        assert_eq!(parses(&fixture, || run(fixture.root(), sql)), 1, "{sql}");
    }
}

#[test]
fn a_text_that_comes_again_is_not_parsed_again() {
    let fixture = Fixture::new();
    for sql in STATEMENTS {
        run(fixture.root(), sql);
    }
    for sql in STATEMENTS {
        let again = || {
            // Some are refused the second time: what they make is there, or gone.
            let _ = try_run(fixture.root(), sql);
        };
        assert_eq!(parses(&fixture, again), 0, "{sql}");
    }
}

#[test]
fn several_statements_in_one_text_are_one_parse() {
    let fixture = Fixture::new();
    let text = "CREATE TABLE t (k INT PRIMARY KEY); INSERT INTO t VALUES (1), (2); \
        BEGIN; DELETE FROM t WHERE k = 1; COMMIT; SELECT k FROM t; DROP TABLE t";
    assert_eq!(parses(&fixture, || run(fixture.root(), text)), 1);
    assert_eq!(parses(&fixture, || run(fixture.root(), text)), 0);
}

#[test]
fn a_prepared_statement_is_parsed_when_it_is_prepared() {
    let fixture = Fixture::new();
    let root = fixture.root();
    run(root, "CREATE TABLE t (k INT PRIMARY KEY, v TEXT DEFAULT 'a')");
    for sql in [
        "INSERT INTO t (k) VALUES (?)",
        "SELECT v FROM t WHERE k = ?",
        "SELECT v FROM t WHERE k > ? ORDER BY v",
        "UPDATE t SET v = 'b' WHERE k = ?",
        "DELETE FROM t WHERE k = ?",
    ] {
        let mut statement = None;
        let prepare = || statement = Some(root.prepare(sql).expect(sql));
        assert_eq!(parses(&fixture, prepare), 1, "{sql}");
        let statement = statement.expect("it was prepared");
        let execute = || {
            for k in 0..3 {
                let values = Params::Positional(vec![k.into()]);
                root.execute_prepared(&statement, &values).expect(sql);
            }
            let many: Vec<Params> = (3..6).map(|k| Params::Positional(vec![k.into()])).collect();
            if statement.result_schema().fields().is_empty() {
                root.execute_prepared_many(&statement, &many).expect(sql);
            }
        };
        assert_eq!(parses(&fixture, execute), 0, "{sql}");
    }
}

#[test]
fn sessions_share_what_was_parsed() {
    let fixture = Fixture::new();
    run(fixture.root(), "CREATE USER TABLE m (k INT PRIMARY KEY)");
    run(&fixture.user("ada"), "SELECT COUNT(*) FROM m");
    let others = || {
        for user in ["bob", "eve"] {
            run(&fixture.user(user), "SELECT COUNT(*) FROM m");
        }
    };
    assert_eq!(parses(&fixture, others), 0);
}
