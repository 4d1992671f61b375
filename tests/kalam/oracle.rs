//! Queries whose answers are known from one another, with predicates made at random:
//! a table is its rows where a predicate is true, false and NULL (ternary logic
//! partitioning), and a filter finds as many rows as the predicate is true of when
//! it is only computed (no optimization). The same query has the same answer in every
//! state of the data.
//!
//! `KALAM_ORACLE=1000` sets the number of predicates, `KALAM_ORACLE_SEED=7` the seed.
//!
//! Source: Rigger, Su, "Finding Bugs in Database Systems via Query Partitioning" and
//! "Detecting Optimization Bugs in Database Engines via Non-Optimizing Reference
//! Engine Construction".

use crate::fixture::{self, Fixture, Rows, Seeded};

/// Predicates of one run, unless the environment says another number.
const PREDICATES: u64 = 40;
const SEED: u64 = 17;

/// Rows of each table.
const ROWS: u64 = 48;

/// Columns of the tables, by type.
const INTEGERS: [&str; 4] = ["t.k", "t.a", "u.k", "u.n"];
const REALS: [&str; 2] = ["t.c", "u.d"];
const TEXTS: [&str; 2] = ["t.b", "u.s"];

fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect(variable))
}

/// The states that the tables are in: the same rows, written by the same statements.
fn states(random: &mut Seeded) -> Vec<(&'static str, Fixture)> {
    let definitions = [
        "CREATE TABLE t (k INT PRIMARY KEY, a BIGINT, b TEXT, c DOUBLE, e BOOLEAN, d DATE)",
        "CREATE TABLE u (k INT, n SMALLINT, s TEXT, d DECIMAL(9, 2), PRIMARY KEY (k, n))",
    ];
    let mut writes: Vec<String> = Vec::new();
    for k in 0..ROWS {
        writes.push(format!(
            "INSERT INTO t VALUES ({k}, {}, {}, {}, {}, {})",
            integer(random),
            text(random),
            real(random),
            ["TRUE", "FALSE", "NULL"][random.below(3) as usize],
            ["NULL", "'2024-02-29'", "'1969-12-31'"][random.below(3) as usize],
        ));
        let key = (random.below(ROWS), k);
        let s = text(random);
        let d = real(random);
        writes.push(format!("INSERT INTO u VALUES ({}, {}, {s}, {d})", key.0, key.1));
    }
    for _ in 0..ROWS / 6 {
        let k = random.below(ROWS);
        writes.push(format!("UPDATE t SET a = {} WHERE k = {k}", integer(random)));
        writes.push(format!("DELETE FROM u WHERE n = {}", random.below(ROWS)));
    }
    let mut states = Vec::new();
    for name in ["hot", "half flushed", "flushed", "reopened"] {
        let mut fixture = Fixture::new();
        for sql in definitions {
            fixture.run(sql);
        }
        for (index, sql) in writes.iter().enumerate() {
            fixture.run(sql);
            if name == "half flushed" && index == writes.len() / 2 {
                fixture.run("STORAGE FLUSH ALL");
            }
        }
        if name == "flushed" || name == "reopened" {
            fixture.run("STORAGE FLUSH ALL");
        }
        if name == "reopened" {
            fixture.reopen();
        }
        states.push((name, fixture));
    }
    states
}

fn integer(random: &mut Seeded) -> String {
    match random.below(8) {
        0 => "NULL".into(),
        1 => "0".into(),
        n => (random.below(20) as i64 - 5 + n as i64).to_string(),
    }
}

fn real(random: &mut Seeded) -> String {
    match random.below(8) {
        0 => "NULL".into(),
        1 => "-0.5".into(),
        _ => format!("{}.25", random.below(30)),
    }
}

fn text(random: &mut Seeded) -> String {
    ["NULL", "''", "'a'", "'ab'", "'B'", "'a%'", "'ä'", "'10'"][random.below(8) as usize].into()
}

/// A predicate over the tables `t` and, if `joined`, `u`.
struct Predicates<'a> {
    random: &'a mut Seeded,
    joined: bool,
}

impl Predicates<'_> {
    fn one_of<const N: usize>(&mut self, columns: [&'static str; N]) -> &'static str {
        loop {
            let column = columns[self.random.below(N as u64) as usize];
            if self.joined || column.starts_with("t.") {
                return column;
            }
        }
    }

    fn number(&mut self, depth: u32) -> String {
        let choice = self.random.below(if depth == 0 { 4 } else { 9 });
        match choice {
            0 | 1 => self.one_of(INTEGERS).into(),
            2 => self.one_of(REALS).into(),
            3 => integer(self.random),
            4 => format!("({} + {})", self.number(depth - 1), self.number(depth - 1)),
            5 => format!("({} - {})", self.number(depth - 1), integer(self.random)),
            6 => format!("ABS({})", self.number(depth - 1)),
            7 => format!("COALESCE({}, {})", self.number(depth - 1), self.number(depth - 1)),
            _ => format!(
                "(CASE WHEN {} THEN {} ELSE {} END)",
                self.predicate(depth - 1),
                self.number(depth - 1),
                self.number(depth - 1)
            ),
        }
    }

    fn text(&mut self, depth: u32) -> String {
        match self.random.below(if depth == 0 { 3 } else { 5 }) {
            0 | 1 => self.one_of(TEXTS).into(),
            2 => text(self.random),
            3 => format!("UPPER({})", self.text(depth - 1)),
            _ => format!("({} || {})", self.text(depth - 1), self.text(depth - 1)),
        }
    }

    fn predicate(&mut self, depth: u32) -> String {
        let choice = self.random.below(if depth == 0 { 8 } else { 12 });
        let comparison = ["=", "<>", "<", "<=", ">", ">="][self.random.below(6) as usize];
        let below = depth.saturating_sub(1);
        match choice {
            0 | 1 => format!("({} {comparison} {})", self.number(below), self.number(below)),
            2 => format!("({} {comparison} {})", self.text(below), self.text(below)),
            3 => format!("({} IS NULL)", self.number(below)),
            4 => format!("({} LIKE {})", self.text(below), text(self.random)),
            5 => {
                let negated = ["", "NOT "][self.random.below(2) as usize];
                let items: Vec<String> = (0..3).map(|_| integer(self.random)).collect();
                format!("({} {negated}IN ({}))", self.number(below), items.join(", "))
            }
            6 => {
                let (low, high) = (integer(self.random), integer(self.random));
                format!("({} BETWEEN {low} AND {high})", self.number(below))
            }
            7 => ["t.e", "(t.d < DATE '2000-01-01')"][self.random.below(2) as usize].into(),
            8 => format!("(NOT {})", self.predicate(below)),
            9 => format!("({} AND {})", self.predicate(below), self.predicate(below)),
            10 => format!("({} OR {})", self.predicate(below), self.predicate(below)),
            _ => format!("({} IS DISTINCT FROM {})", self.predicate(below), self.predicate(below)),
        }
    }
}

/// What a query gives: its rows in order of their text, or the SQLSTATE.
type Outcome = Result<Rows, String>;

fn outcome(fixture: &Fixture, sql: &str) -> Outcome {
    let mut rows =
        fixture::try_rows(fixture.root(), sql).map_err(|error| error.sqlstate().to_string())?;
    rows.sort_unstable();
    Ok(rows)
}

/// The answer of a query, which every state gives.
fn answer(states: &[(&str, Fixture)], sql: &str) -> Outcome {
    let mut outcomes = states.iter().map(|(name, fixture)| (name, outcome(fixture, sql)));
    let (_, first) = outcomes.next().expect("there are states");
    for (name, other) in outcomes {
        assert_eq!(other, first, "{name}: {sql}");
    }
    if let Err(state) = &first {
        assert!(!state.starts_with("XX"), "{state}: {sql}");
    }
    first
}

/// Rows of the parts of a partition together, or nothing if one of them is an error.
fn together(parts: Vec<Outcome>) -> Option<Rows> {
    let mut rows: Rows = parts.into_iter().collect::<Result<Vec<_>, _>>().ok()?.concat();
    rows.sort_unstable();
    Some(rows)
}

fn partitions(predicate: &str) -> [String; 3] {
    [predicate.to_owned(), format!("NOT {predicate}"), format!("{predicate} IS NULL")]
}

/// Checks one predicate and returns how many of its comparisons could be made: one of
/// two queries may end in an error of a value (22003), as any order of evaluation may.
fn check(states: &[(&str, Fixture)], from: &str, predicate: &str) -> u64 {
    let mut compared = 0;
    let parts = |select: &str| -> Option<Rows> {
        let query = |p: String| answer(states, &format!("SELECT {select} FROM {from} WHERE {p}"));
        together(partitions(predicate).map(query).into())
    };
    for select in ["*", "t.a, t.b"] {
        let whole = answer(states, &format!("SELECT {select} FROM {from}")).expect("it reads");
        if let Some(rows) = parts(select) {
            assert_eq!(rows, whole, "SELECT {select} FROM {from}, partitioned by {predicate}");
            compared += 1;
        }
    }
    let least_and_most = format!("SELECT MIN(t.a), MAX(t.c), COUNT(t.b), SUM(t.k) FROM {from}");
    let union: Vec<String> = partitions(predicate)
        .iter()
        .map(|p| {
            format!(
                "SELECT MIN(t.a) AS a, MAX(t.c) AS c, COUNT(t.b) AS b, SUM(t.k) AS k \
                 FROM {from} WHERE {p}"
            )
        })
        .collect();
    let of_parts =
        format!("SELECT MIN(a), MAX(c), SUM(b), SUM(k) FROM ({}) p", union.join(" UNION ALL "));
    if let Ok(rows) = answer(states, &of_parts) {
        assert_eq!(Ok(rows), answer(states, &least_and_most), "{from}, by {predicate}");
        compared += 1;
    }
    let filtered = answer(states, &format!("SELECT COUNT(*) FROM {from} WHERE {predicate}"));
    let computed =
        answer(states, &format!("SELECT ({predicate}) IS TRUE AS p FROM {from}")).map(|rows| {
            let count = rows.iter().filter(|row| row[0] == "t" || row[0] == "true").count();
            vec![vec![count.to_string()]]
        });
    if let (Ok(filtered), Ok(computed)) = (filtered, computed) {
        assert_eq!(filtered, computed, "FROM {from} WHERE {predicate}");
        compared += 1;
    }
    compared
}

#[test]
fn partitions_are_the_whole_and_filters_find_what_the_predicate_says() {
    let seed = number_from("KALAM_ORACLE_SEED", SEED);
    let predicates = number_from("KALAM_ORACLE", PREDICATES);
    println!("seed {seed}, {predicates} predicates");
    let mut random = Seeded(seed);
    let states = states(&mut random);
    let mut compared = 0;
    for index in 0..predicates {
        let (from, joined) = match index % 4 {
            0 | 1 => ("t", false),
            2 => ("t JOIN u ON t.k = u.k", true),
            _ => ("t LEFT JOIN u ON t.k = u.n AND u.k > 3", true),
        };
        let mut predicates = Predicates { random: &mut random, joined };
        let predicate = predicates.predicate(3);
        compared += check(&states, from, &predicate);
    }
    println!("{compared} of {} comparisons made", predicates * 4);
    assert!(compared * 10 >= predicates * 4 * 8, "most queries have an answer");
}
