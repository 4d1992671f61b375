//! Hot rows and segments come in key order, the planner knows it, and it is true.

use std::collections::BTreeMap;

use crate::fixture::{Fixture, Seeded};

/// A table with a key of two columns, and what is in it.
struct Keyed {
    fixture: Fixture,
    rows: BTreeMap<(i64, i64), i64>,
    random: Seeded,
}

impl Keyed {
    fn new(seed: u64) -> Keyed {
        let fixture = Fixture::new();
        fixture.run("CREATE SHARED TABLE t (a INT, b INT, v INT, PRIMARY KEY (a, b))");
        Keyed { fixture, rows: BTreeMap::new(), random: Seeded(seed) }
    }

    fn below(&mut self, limit: u64) -> i64 {
        i64::try_from(self.random.below(limit)).expect("limits are small")
    }

    /// Adds rows with `a` from a range of five values that begins at `first`.
    fn insert(&mut self, first: i64) {
        let mut values = Vec::new();
        for _ in 0..=self.below(30) {
            let key = (first + self.below(5), self.below(20));
            let v = self.below(100);
            if self.rows.insert(key, v).is_none() {
                values.push(format!("({}, {}, {v})", key.0, key.1));
            } else {
                let set = format!("UPDATE t SET v = {v} WHERE a = {} AND b = {}", key.0, key.1);
                if !values.is_empty() {
                    let rows = std::mem::take(&mut values).join(", ");
                    self.fixture.run(&format!("INSERT INTO t VALUES {rows}"));
                }
                self.fixture.run(&set);
            }
        }
        if !values.is_empty() {
            self.fixture.run(&format!("INSERT INTO t VALUES {}", values.join(", ")));
        }
    }

    fn delete(&mut self) {
        let b = self.below(20);
        self.fixture.run(&format!("DELETE FROM t WHERE b = {b}"));
        self.rows.retain(|key, _| key.1 != b);
    }

    /// Segments that overlap or follow each other, some rows deleted, some hot.
    fn fill(&mut self) {
        for _ in 0..=self.below(6) {
            let first = self.below(8) * 3;
            self.insert(first);
            if self.below(3) > 0 {
                self.fixture.rows("STORAGE FLUSH TABLE t");
            }
            if self.below(3) == 0 {
                self.delete();
            }
        }
    }

    /// The rows of the model with `low <= a < high` in an order, as text.
    fn expected(&self, low: i64, high: i64, descending: bool) -> Vec<Vec<String>> {
        let shown = |(key, v): (&(i64, i64), &i64)| {
            vec![key.0.to_string(), key.1.to_string(), v.to_string()]
        };
        let within = self.rows.range((low, i64::MIN)..(high, i64::MIN)).map(shown);
        if descending { within.rev().collect() } else { within.collect() }
    }

    fn check(&mut self) {
        for (order, descending) in
            [("a, b", false), ("a DESC, b DESC", true), ("a DESC NULLS LAST, b DESC", true)]
        {
            let low = self.below(20);
            let high = low + 1 + self.below(12);
            let (limit, offset) = (self.below(12), self.below(6));
            let cut = |rows: Vec<Vec<String>>, skip: i64, take: i64| -> Vec<Vec<String>> {
                rows.into_iter().skip(skip as usize).take(take as usize).collect()
            };
            let whole = self.expected(i64::MIN, i64::MAX, descending);
            let part = self.expected(low, high, descending);
            let range = format!("WHERE a >= {low} AND a < {high}");
            for (clause, tail, expected) in [
                ("", String::new(), whole.clone()),
                ("", format!("LIMIT {limit}"), cut(whole.clone(), 0, limit)),
                ("", format!("LIMIT {limit} OFFSET {offset}"), cut(whole, offset, limit)),
                (&range, String::new(), part.clone()),
                (&range, format!("LIMIT {limit}"), cut(part, 0, limit)),
            ] {
                let sql = format!("SELECT a, b, v FROM t {clause} ORDER BY {order} {tail}");
                assert_eq!(self.fixture.rows(&sql), expected, "{sql}");
            }
        }
        self.check_prefix();
    }

    /// Orders and groups by the first column of the key, and joins on it.
    fn check_prefix(&self) {
        let firsts: Vec<Vec<String>> = self.rows.keys().map(|k| vec![k.0.to_string()]).collect();
        assert_eq!(self.fixture.rows("SELECT a FROM t ORDER BY a"), firsts);
        let limited = self.fixture.rows("SELECT a FROM t ORDER BY a LIMIT 7");
        assert_eq!(limited, firsts[..firsts.len().min(7)]);
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        for key in self.rows.keys() {
            *counts.entry(key.0).or_default() += 1;
        }
        let text = |n: i64| n.to_string();
        let grouped: Vec<_> = counts.iter().map(|(a, n)| vec![text(*a), text(*n)]).collect();
        let sql = "SELECT a, COUNT(*) FROM t GROUP BY a ORDER BY a";
        assert_eq!(self.fixture.rows(sql), grouped);
        let pairs: i64 = counts.values().map(|n| n * n).sum();
        let sql = "SELECT COUNT(*) FROM t x JOIN t y ON x.a = y.a";
        assert_eq!(self.fixture.rows(sql), [[text(pairs)]]);
    }
}

#[test]
fn every_order_of_random_tiers_is_that_of_the_map() {
    for seed in 0..40 {
        let mut keyed = Keyed::new(seed);
        keyed.fill();
        keyed.check();
        keyed.check();
    }
}

/// Asserts that the plan of a query reads what `reads` names, and sorts nothing.
fn assert_sorts_nothing(fixture: &Fixture, query: &str, reads: &[&str]) {
    let plan = format!("{:?}", fixture.rows(&format!("EXPLAIN VERBOSE {query}")));
    assert!(!plan.contains("SortExec"), "{query}: {plan}");
    for node in reads {
        assert!(plan.contains(node), "{query}: {plan}");
    }
}

#[test]
fn order_by_key_needs_no_sort_in_any_tier() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (k INT PRIMARY KEY, v INT)");
    let queries = [
        "SELECT k, v FROM t ORDER BY k",
        "SELECT k, -v FROM t ORDER BY k LIMIT 3",
        "SELECT -v, k FROM t WHERE k > 1 ORDER BY k LIMIT 3 OFFSET 1",
        "SELECT k, SUM(v) FROM t GROUP BY k",
    ];
    let all_sort_nothing = |reads: &[&str]| {
        queries.iter().for_each(|query| assert_sorts_nothing(&fixture, query, reads));
    };
    fixture.run("INSERT INTO t VALUES (0, 0), (10, 10), (20, 20)");
    all_sort_nothing(&["HotExec"]);
    fixture.rows("STORAGE FLUSH TABLE t");
    all_sort_nothing(&["DataSourceExec"]);
    // Overlaps the first segment.
    fixture.run("INSERT INTO t VALUES (5, 5), (15, 15), (25, 25)");
    fixture.rows("STORAGE FLUSH TABLE t");
    all_sort_nothing(&["DataSourceExec"]);
    // Follows both.
    fixture.run("INSERT INTO t VALUES (30, 30), (31, 31)");
    fixture.rows("STORAGE FLUSH TABLE t");
    fixture.run("DELETE FROM t WHERE k = 15");
    all_sort_nothing(&["DataSourceExec"]);
    fixture.run("INSERT INTO t VALUES (7, 7)");
    all_sort_nothing(&["DataSourceExec", "HotExec"]);
    let keys: Vec<_> = [0, 5, 7, 10, 20, 25, 30, 31].iter().map(|k| vec![k.to_string()]).collect();
    assert_eq!(fixture.rows("SELECT k FROM t ORDER BY k"), keys);
    assert_eq!(fixture.rows("SELECT k FROM t ORDER BY k LIMIT 4"), keys[..4]);
}

#[test]
fn the_newest_rows_are_read_from_the_end() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    fixture.run("INSERT INTO t SELECT x, -x FROM generate_series(1, 100) a (x)");
    let sql = "SELECT k, v FROM t ORDER BY k DESC LIMIT 3";
    let plan = |sql: &str| {
        let lines = fixture.rows(&format!("EXPLAIN {sql}"));
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
    };
    let newest = [["100", "-100"], ["99", "-99"], ["98", "-98"]];
    for _ in 0..2 {
        assert!(plan(sql).starts_with("Access path: recent\n"), "{}", plan(sql));
        assert!(plan(sql).contains("columns (k, v), newest first, limit 3"), "{}", plan(sql));
        assert_eq!(fixture.rows(sql), newest);
        assert_eq!(fixture.rows(&format!("{sql} OFFSET 1")), [newest[1], newest[2], ["97", "-97"]]);
        fixture.rows("STORAGE FLUSH TABLE t");
        assert_eq!(fixture.rows(sql), newest);
        fixture.run("DELETE FROM t WHERE k = 99");
        fixture.run("INSERT INTO t VALUES (99, -99)");
        fixture.run("UPDATE t SET v = v WHERE k < 50");
    }
    // What is written in a transaction is merged in ascending order.
    fixture.run("BEGIN");
    fixture.run("INSERT INTO t VALUES (101, -101)");
    assert_eq!(fixture.rows(sql), [["101", "-101"], newest[0], newest[1]]);
    assert!(!plan(sql).contains("newest first"));
    fixture.run("ROLLBACK");
    for other in [
        "SELECT k, v FROM t ORDER BY v DESC LIMIT 3",
        "SELECT k, v FROM t WHERE v < 0 ORDER BY k DESC LIMIT 3",
        "SELECT k, v FROM t ORDER BY k DESC",
        "SELECT v, MAX(k) FROM t GROUP BY v ORDER BY 2 DESC LIMIT 3",
    ] {
        assert!(!plan(other).contains("newest first"), "{other}: {}", plan(other));
    }
    assert_eq!(fixture.rows("SELECT k, v FROM t ORDER BY v DESC LIMIT 1"), [["1", "-1"]]);
}
