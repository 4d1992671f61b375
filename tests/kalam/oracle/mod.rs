//! Queries whose answers are known from one another, over tables and with predicates made
//! at random: a table is its rows where a predicate is true, false and NULL (ternary logic
//! partitioning), and a filter finds as many rows as the predicate is true of when it is
//! only computed (no optimization). The same query has the same answer in every state of
//! the data.
//!
//! `KALAM_ORACLE=25000` makes about 100,000 pairs of queries, `KALAM_ORACLE_SEED=7` others.
//! From the hundredth predicate on, each is asked of two of the states.
//!
//! Source: Rigger, Su, "Finding Bugs in Database Systems via Query Partitioning" and
//! "Detecting Optimization Bugs in Database Engines via Non-Optimizing Reference
//! Engine Construction".

mod predicate;
mod schema;

use std::collections::HashMap;

use self::predicate::Predicates;
use self::schema::Schema;
use crate::fixture::{self, Fixture, Rows, Seeded, number_from};

/// Predicates of one run, unless the environment says another number.
const PREDICATES: u64 = 40;
const SEED: u64 = 17;

/// Predicates that are asked of every state.
const OF_EVERY_STATE: u64 = 100;

/// What a query gives: its rows in order of their text, or the SQLSTATE.
type Outcome = Result<Rows, String>;

fn outcome(fixture: &Fixture, sql: &str) -> Outcome {
    let mut rows =
        fixture::try_rows(fixture.root(), sql).map_err(|error| error.sqlstate().to_string())?;
    rows.sort_unstable();
    Ok(rows)
}

/// Databases with the same rows in different states, and answers of queries that come
/// again and again.
struct States {
    states: Vec<(&'static str, Fixture)>,
    /// Which of them are asked.
    asked: Vec<usize>,
    known: HashMap<String, Outcome>,
}

impl States {
    /// The answer of a query, which every state gives.
    fn answer(&self, sql: &str) -> Outcome {
        let mut outcomes = self.asked.iter().map(|index| {
            let (name, fixture) = &self.states[*index];
            (name, outcome(fixture, sql))
        });
        let (_, first) = outcomes.next().expect("there are states");
        for (name, other) in outcomes {
            assert_eq!(other, first, "{name}: {sql}");
        }
        if let Err(state) = &first {
            assert!(!state.starts_with("XX"), "{state}: {sql}");
        }
        first
    }

    /// The answer of a query without a predicate.
    fn known(&mut self, sql: &str) -> Outcome {
        if let Some(known) = self.known.get(sql) {
            return known.clone();
        }
        let outcome = self.answer(sql);
        self.known.insert(sql.to_owned(), outcome.clone());
        outcome
    }
}

fn partitions(predicate: &str) -> [String; 3] {
    [predicate.to_owned(), format!("NOT {predicate}"), format!("{predicate} IS NULL")]
}

/// Checks one predicate and returns how many of its comparisons could be made: one of
/// two queries may end in an error of a value (22003), as any order of evaluation may.
fn check(states: &mut States, from: &str, predicate: &str) -> u64 {
    let mut compared = 0;
    for select in ["*", "DISTINCT t.c2, t.c0"] {
        let whole = states.known(&format!("SELECT {select} FROM {from}")).expect("it reads");
        let part = |p: String| states.answer(&format!("SELECT {select} FROM {from} WHERE {p}"));
        let parts: Result<Vec<Rows>, String> =
            partitions(predicate).map(part).into_iter().collect();
        if let Ok(parts) = parts {
            let mut rows = parts.concat();
            rows.sort_unstable();
            if select != "*" {
                rows.dedup();
            }
            assert_eq!(rows, whole, "SELECT {select} FROM {from}, partitioned by {predicate}");
            compared += 1;
        }
    }
    let least_and_most = format!("SELECT MIN(t.c0), MAX(t.c1), COUNT(t.c2), SUM(t.k) FROM {from}");
    let union = partitions(predicate).map(|p| {
        format!(
            "SELECT MIN(t.c0) AS a, MAX(t.c1) AS c, COUNT(t.c2) AS b, SUM(t.k) AS k \
             FROM {from} WHERE {p}"
        )
    });
    let of_parts =
        format!("SELECT MIN(a), MAX(c), SUM(b), SUM(k) FROM ({}) p", union.join(" UNION ALL "));
    if let Ok(rows) = states.answer(&of_parts) {
        assert_eq!(Ok(rows), states.known(&least_and_most), "{from}, by {predicate}");
        compared += 1;
    }
    let filtered = states.answer(&format!("SELECT COUNT(*) FROM {from} WHERE {predicate}"));
    let computed =
        states.answer(&format!("SELECT ({predicate}) IS TRUE AS p FROM {from}")).map(|rows| {
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
    let mut compared = 0;
    // A schema serves many predicates of a long run, because its databases cost more.
    let of_one_schema = (predicates / 100).clamp(20, 250);
    let mut index = 0;
    while index < predicates {
        let schema = Schema::new(&mut random);
        let mut states =
            States { states: schema.states(), asked: vec![0, 1, 2, 3, 4], known: HashMap::new() };
        for _ in 0..of_one_schema.min(predicates - index) {
            if index >= OF_EVERY_STATE {
                let first = random.below(5);
                states.asked = vec![first as usize, ((first + 1 + random.below(4)) % 5) as usize];
            }
            let (from, joined) = match index % 4 {
                0 | 1 => ("t", false),
                2 => ("t JOIN u ON t.k = u.k", true),
                _ => ("t LEFT JOIN u ON t.k = u.c0 AND u.k > 3", true),
            };
            let mut source = Predicates { schema: &schema, random: &mut random, joined };
            let predicate = source.predicate(3);
            compared += check(&mut states, from, &predicate);
            index += 1;
        }
    }
    println!("{compared} of {} comparisons made", predicates * 4);
    assert!(compared * 10 >= predicates * 4 * 8, "most queries have an answer");
}
