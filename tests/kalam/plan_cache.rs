//! Plans that come again: found by everyone they fit, wrong for nobody.

use kalam_core::{Params, ScalarValue, Session};

use crate::fixture::{self, Fixture, Rows, Seeded};
use crate::render;

/// What the calls made of parsing and planning.
fn counted<T>(fixture: &Fixture, call: impl FnOnce() -> T) -> (T, Made) {
    let before = fixture.database().counters();
    let outcome = call();
    let after = fixture.database().counters();
    let made = Made {
        parses: after.parses - before.parses,
        plan_hits: after.plan_hits - before.plan_hits,
        plan_misses: after.plan_misses - before.plan_misses,
    };
    (outcome, made)
}

/// Those of the counters that tell of plans.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    parses: u64,
    plan_hits: u64,
    plan_misses: u64,
}

fn made(parses: u64, plan_hits: u64, plan_misses: u64) -> Made {
    Made { parses, plan_hits, plan_misses }
}

fn with(session: &Session, sql: &str, values: &[ScalarValue]) -> Rows {
    let result = session.execute(sql, &Params::Positional(values.to_vec()));
    render::rows(&result.and_then(kalam_core::QueryResult::collect).expect(sql))
}

fn of_users() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE m (k INT PRIMARY KEY, who TEXT, at TIMESTAMP)");
    for user in ["ada", "bob"] {
        let session = fixture.user(user);
        for k in 0..3 {
            let at = format!("2024-01-0{}", k + 1);
            let sql = format!("INSERT INTO m VALUES ({k}, '{user}{k}', '{at}')");
            fixture::run(&session, &sql);
        }
    }
    fixture
}

#[test]
fn two_users_share_a_plan_and_no_row() {
    let fixture = of_users();
    let (ada, bob, eve) = (fixture.user("ada"), fixture.user("bob"), fixture.user("eve"));
    let sql = "SELECT who FROM m WHERE k >= ? ORDER BY who";
    for flushed in [false, true] {
        if flushed {
            fixture.run("STORAGE FLUSH ALL");
        }
        for _ in 0..2 {
            assert_eq!(with(&ada, sql, &[1.into()]), [["ada1"], ["ada2"]]);
            assert_eq!(with(&bob, sql, &[2.into()]), [["bob2"]]);
            assert_eq!(with(&eve, sql, &[0.into()]), Rows::new());
        }
    }
    let (found, counters) = counted(&fixture, || with(&bob, sql, &[0.into()]));
    assert_eq!(found, [["bob0"], ["bob1"], ["bob2"]]);
    assert_eq!(counters, made(0, 1, 0), "bob ran the plan that ada's query made");
}

#[test]
fn a_subquery_of_a_shared_plan_reads_the_rows_of_who_runs_it() {
    let fixture = of_users();
    fixture::run(&fixture.user("bob"), "DELETE FROM m WHERE k > 0");
    let sql = "SELECT (SELECT COUNT(*) FROM m), a.who FROM m a JOIN m b ON a.k = b.k \
        WHERE a.k IN (SELECT MAX(k) FROM m WHERE k < 9) AND EXISTS (SELECT 1 FROM m WHERE who <> 'eve')";
    for _ in 0..2 {
        assert_eq!(fixture::rows(&fixture.user("ada"), sql), [["3", "ada2"]]);
        assert_eq!(fixture::rows(&fixture.user("bob"), sql), [["1", "bob0"]]);
    }
}

#[test]
fn each_role_has_its_own_plan_and_its_own_refusal() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE secret (k INT PRIMARY KEY, v INT)");
    fixture.run("INSERT INTO secret VALUES (1, 1)");
    let sql = "SELECT v FROM secret WHERE v > 0";
    for _ in 0..2 {
        assert_eq!(fixture.rows(sql), [["1"]]);
        assert_eq!(fixture::refused(&fixture.user("ada"), sql).0, "42501");
    }
}

#[test]
fn values_are_never_taken_from_the_query_that_was_planned() {
    let fixture = of_users();
    let ada = fixture.user("ada");
    for (sql, expected) in [
        ("SELECT who FROM m WHERE who = 'ada0'", vec!["ada0"]),
        ("SELECT who FROM m WHERE who = 'ada1'", vec!["ada1"]),
        ("SELECT who FROM m WHERE k > 1", vec!["ada2"]),
        ("SELECT who FROM m WHERE k > 9000000000", vec![]),
        ("SELECT who FROM m WHERE k > 0 ORDER BY k LIMIT 1", vec!["ada1"]),
        ("SELECT who FROM m WHERE k > -1 ORDER BY k LIMIT 1", vec!["ada0"]),
        ("SELECT who FROM m WHERE k > 0 ORDER BY k DESC LIMIT 1", vec!["ada2"]),
        ("SELECT who FROM m WHERE at = '2024-01-01'", vec!["ada0"]),
        ("SELECT who FROM m WHERE at = '2024-01-03'", vec!["ada2"]),
        ("SELECT who FROM m WHERE k IN (0, 1) AND NOT (k = 1)", vec!["ada0"]),
        ("SELECT who FROM m WHERE k IN (1, 2) AND NOT (k = 2)", vec!["ada1"]),
    ] {
        for _ in 0..2 {
            let found: Vec<String> = fixture::rows(&ada, sql).concat();
            assert_eq!(found, expected, "{sql}");
        }
    }
    let by_limit = "SELECT who FROM m WHERE k >= ? ORDER BY k LIMIT ?";
    assert_eq!(with(&ada, by_limit, &[0.into(), 1i64.into()]), [["ada0"]]);
    assert_eq!(with(&ada, by_limit, &[1.into(), 2i64.into()]), [["ada1"], ["ada2"]]);
    let null = with(&ada, by_limit, &[ScalarValue::Int32(None), 2i64.into()]);
    assert_eq!(null, Rows::new());
}

#[test]
fn the_catalog_changes_and_plans_are_made_again() {
    let fixture = Fixture::new();
    let sql = "SELECT * FROM t WHERE v > 0";
    for (columns, row) in [("v INT", vec!["1"]), ("v INT, w TEXT DEFAULT 'w'", vec!["1", "w"])] {
        fixture.run(&format!("CREATE TABLE t (k INT PRIMARY KEY DEFAULT 5, {columns})"));
        fixture.run("INSERT INTO t (v) VALUES (1)");
        let mut expected = vec!["5".to_owned()];
        expected.extend(row.into_iter().map(str::to_owned));
        let (_, counters) = counted(&fixture, || {
            assert_eq!(fixture.rows(sql), [expected.clone()]);
            assert_eq!(fixture.rows(sql), [expected.clone()]);
        });
        assert_eq!((counters.plan_hits, counters.plan_misses), (1, 1));
        fixture.run("DROP TABLE t");
        assert_eq!(fixture.refused(sql).0, "42P01");
    }
}

#[test]
fn what_belongs_to_a_moment_or_a_session_is_not_kept() {
    let fixture = of_users();
    let sql = "SELECT CURRENT_USER() || who FROM m WHERE k = 0 OR who = CURRENT_USER()";
    for user in ["ada", "bob"] {
        assert_eq!(fixture::rows(&fixture.user(user), sql), [[format!("{user}{user}0")]]);
    }
    let now = "SELECT NOW() FROM m WHERE k >= 0 LIMIT 1";
    let ada = fixture.user("ada");
    let first = fixture::rows(&ada, now);
    assert_ne!(first, fixture::rows(&ada, now), "time goes on");
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'default'";
    assert_eq!(fixture.rows(tables), [["1"]]);
    fixture.run("CREATE TABLE more (a INT)");
    assert_eq!(fixture.rows(tables), [["2"]]);
}

#[test]
fn a_text_is_parsed_once_and_a_plan_made_once() {
    let fixture = of_users();
    let ada = fixture.user("ada");
    let sql = "SELECT who FROM m WHERE k > $1";
    let (_, first) = counted(&fixture, || with(&ada, sql, &[0.into()]));
    assert_eq!(first, made(1, 0, 1));
    let (_, again) = counted(&fixture, || with(&ada, sql, &[1.into()]));
    assert_eq!(again, made(0, 1, 0));
    let (_, literal) =
        counted(&fixture, || fixture::rows(&ada, "SELECT who FROM m WHERE who = 'x'"));
    assert_eq!(literal, made(1, 0, 1));
    let (_, other) = counted(&fixture, || fixture::rows(&ada, "SELECT who FROM m WHERE who = 'y'"));
    assert_eq!(other, made(1, 1, 0));
}

#[test]
fn a_mixed_workload_finds_most_of_its_plans() {
    let fixture = of_users();
    let users = [fixture.user("ada"), fixture.user("bob")];
    let mut random = Seeded(7);
    let ((), counters) = counted(&fixture, || {
        for _ in 0..400 {
            let n = random.below(50);
            let sql = match random.below(6) {
                0 => format!("SELECT COUNT(*) FROM m WHERE k > {n}"),
                1 => format!("SELECT who, k FROM m WHERE k BETWEEN {n} AND {} ORDER BY who", n + 9),
                2 => format!("SELECT who FROM m WHERE who = 'ada{n}'"),
                3 => format!("SELECT a.k FROM m a JOIN m b ON a.k = b.k WHERE a.k < {n}"),
                4 => format!("SELECT who, COUNT(*) FROM m GROUP BY who LIMIT {}", 1 + n % 3),
                _ => format!("INSERT INTO m (k) VALUES ({}) ", 1_000 + random.below(1 << 30)),
            };
            fixture::try_rows(&users[(n % 2) as usize], &sql).expect(&sql);
        }
    });
    let all = counters.plan_hits + counters.plan_misses;
    println!("plan cache: {} of {all} found", counters.plan_hits);
    assert!(counters.plan_hits * 10 > all * 9, "{counters:?}");
}
