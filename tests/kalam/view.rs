//! Views that are built on views: limits, plans that are kept, threads.

use kalam_core::Params;

use crate::fixture::{self, Fixture};

/// Levels of queries that a statement may have, its own and those of its views.
const LEVELS_MAX: usize = 17;

#[test]
fn views_nest_as_deep_as_queries_and_no_deeper() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY)");
    fixture.run("INSERT INTO t VALUES (1), (2)");
    fixture.run("CREATE VIEW v1 AS SELECT k FROM t");
    for level in 2..LEVELS_MAX {
        fixture.run(&format!("CREATE VIEW v{level} AS SELECT k FROM v{}", level - 1));
    }
    let last = LEVELS_MAX - 1;
    assert_eq!(fixture.rows(&format!("SELECT k FROM v{last} ORDER BY k")), [["1"], ["2"]]);
    let (code, _) = fixture.refused(&format!("CREATE VIEW more AS SELECT k FROM v{last}"));
    assert_eq!(code, "54000");
    let (code, _) = fixture.refused(&format!("SELECT k FROM (SELECT k FROM v{last}) x"));
    assert_eq!(code, "54000");
}

#[test]
fn views_that_double_are_refused_before_they_fill_the_memory() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY)");
    fixture.run("CREATE VIEW v0 AS SELECT a.k FROM t a, t b");
    for level in 1..16 {
        let sql = format!("CREATE VIEW v{level} AS SELECT a.k FROM v{0} a, v{0} b", level - 1);
        match fixture::try_run(fixture.root(), &sql) {
            Ok(_) => {}
            Err(e) => {
                assert_eq!(e.sqlstate().as_str(), "54000", "{e:?}");
                assert!(level > 5, "level {level} is refused");
                return;
            }
        }
    }
    panic!("a view of 65,536 tables was made");
}

#[test]
fn a_plan_over_a_view_is_found_again_until_the_view_changes() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE t (k INT PRIMARY KEY, v TEXT)");
    fixture.run("CREATE VIEW w AS SELECT k, v FROM t WHERE k > 0");
    let query = |user: &str, k: i32| {
        let session = fixture.user(user);
        session
            .execute("SELECT v FROM w WHERE k >= ?", &Params::Positional(vec![k.into()]))
            .and_then(|result| result.collect())
            .expect("it runs")
            .iter()
            .map(|batch| batch.num_rows())
            .sum::<usize>()
    };
    for user in ["alice", "bob"] {
        fixture::run(&fixture.user(user), &format!("INSERT INTO t VALUES (1, '{user}'), (2, 'x')"));
    }
    assert_eq!(query("alice", 1), 2);
    let before = fixture.database().counters();
    assert_eq!((query("alice", 2), query("bob", 1), query("carol", 1)), (1, 2, 0));
    let after = fixture.database().counters();
    assert_eq!(after.plan_hits - before.plan_hits, 3);
    fixture.run("CREATE OR REPLACE VIEW w AS SELECT k, v FROM t WHERE k > 1");
    assert_eq!(query("alice", 1), 1);
}

#[test]
fn of_threads_that_make_the_same_view_one_wins_and_none_is_left_over() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY)");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = fixture::root(fixture.database());
            scope.spawn(move || {
                for i in 0..8 {
                    let view =
                        format!("CREATE OR REPLACE VIEW same AS SELECT k, {thread}{i} AS n FROM t");
                    fixture::run(&session, &view);
                    let other = format!("CREATE VIEW v{i} AS SELECT k FROM same");
                    if let Err(e) = fixture::try_run(&session, &other) {
                        assert_eq!(e.sqlstate().as_str(), "42P07", "{e:?}");
                    }
                }
            });
        }
    });
    fixture.reopen();
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM information_schema.views"), [["9"]]);
    fixture.run("DROP TABLE t CASCADE");
    fixture.reopen();
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM information_schema.views"), [["0"]]);
}
