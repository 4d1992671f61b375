//! UNIQUE under random operations, under many threads, and over reopening.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{ArrayRef, Int32Array, RecordBatch, RecordBatchIterator};
use kalam_core::{AppendMode, Session};

use crate::concurrency::{THREADS, race};
use crate::fixture::{self, Fixture, Seeded};

#[test]
fn of_threads_that_insert_the_same_value_exactly_one_wins() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (k BIGINT PRIMARY KEY, u INT UNIQUE, thread INT)");
    let insert = |value, thread| {
        format!("INSERT INTO t VALUES ({}, {value}, {thread})", value * THREADS + thread)
    };
    assert_eq!(race(&fixture, 40, insert), 40);
    assert_eq!(fixture.rows("SELECT COUNT(*), COUNT(DISTINCT u) FROM t"), [["40", "40"]]);
}

#[test]
fn a_value_that_threads_take_and_free_is_there_at_most_once() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (k BIGINT PRIMARY KEY, u INT UNIQUE)");
    let balance = AtomicI64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = fixture::root(fixture.database());
            let balance = &balance;
            scope.spawn(move || {
                for i in 0..60 {
                    let key = thread * 1000 + i;
                    let taken = if i % 2 == 0 {
                        fixture::try_run(&session, &format!("INSERT INTO t VALUES ({key}, 1)"))
                    } else {
                        session.execute("BEGIN", &kalam_core::Params::None).expect("it begins");
                        fixture::try_run(&session, &format!("INSERT INTO t VALUES ({key}, 1)"))
                            .and_then(|_| session.commit().map(|()| 1))
                            .inspect_err(|_| _ = session.rollback())
                    };
                    match taken {
                        Ok(_) => _ = balance.fetch_add(1, Ordering::Relaxed),
                        Err(e) => {
                            assert!(["23505", "40001"].contains(&e.sqlstate().as_str()), "{e:?}");
                        }
                    }
                    let freed = match i % 3 {
                        0 => fixture::run(&session, "DELETE FROM t WHERE u = 1"),
                        1 => fixture::run(&session, "UPDATE t SET u = NULL WHERE u = 1"),
                        _ => 0,
                    };
                    balance.fetch_sub(freed as i64, Ordering::Relaxed);
                }
            });
        }
        let session = fixture::root(fixture.database());
        scope.spawn(move || {
            for _ in 0..15 {
                fixture::run(&session, "STORAGE FLUSH TABLE t");
            }
        });
    });
    let count = fixture.rows("SELECT COUNT(*) FROM t WHERE u = 1");
    assert_eq!(count, [[balance.load(Ordering::Relaxed).to_string()]]);
}

#[test]
fn an_upsert_frees_what_the_replaced_rows_had() {
    for flushed in [false, true] {
        let fixture = Fixture::new();
        fixture.run("CREATE TABLE t (k INT PRIMARY KEY, u INT UNIQUE)");
        fixture.run("INSERT INTO t VALUES (1, 10), (2, 20)");
        if flushed {
            fixture.run("STORAGE FLUSH TABLE t");
        }
        let rows = |rows: [(i32, i32); 2]| {
            let column = |values: [i32; 2]| Arc::new(Int32Array::from(values.to_vec())) as ArrayRef;
            let batch = RecordBatch::try_from_iter([
                ("k", column(rows.map(|row| row.0))),
                ("u", column(rows.map(|row| row.1))),
            ]);
            let batch = batch.expect("columns are of one length");
            let schema = batch.schema();
            Box::new(RecordBatchIterator::new([Ok(batch)], schema))
        };
        let upsert = |data| fixture.root().append("t", data, AppendMode::Upsert);
        // The rows change places.
        assert_eq!(upsert(rows([(1, 20), (2, 10)])).expect("it goes"), 2);
        assert_eq!(fixture.rows("SELECT * FROM t ORDER BY k"), [["1", "20"], ["2", "10"]]);
        let taken = upsert(rows([(1, 30), (3, 10)])).expect_err("2 has it");
        assert_eq!(taken.sqlstate().as_str(), "23505");
        upsert(rows([(1, 30), (3, 20)])).expect("1 had it");
        let (code, text) = fixture.refused("INSERT INTO t VALUES (4, 30)");
        assert_eq!(code, "23505");
        assert!(text.contains("(u) = (30)") && text.contains("t_u_key"), "{text}");
    }
}

/// What a table with `k PRIMARY KEY, u UNIQUE, UNIQUE (a, b)` holds.
type Rows = BTreeMap<i64, (Option<i64>, Option<i64>, i64)>;

fn sql(value: Option<i64>) -> String {
    value.map_or("NULL".to_owned(), |value| value.to_string())
}

/// Whether two rows share what they may not share.
fn clashes(rows: &Rows) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut pairs = std::collections::BTreeSet::new();
    rows.values().any(|(u, a, b)| {
        u.is_some_and(|u| !seen.insert(u)) || a.is_some_and(|a| !pairs.insert((a, *b)))
    })
}

/// Runs a statement that must do to the table what `change` does to the map, or be
/// refused if the outcome clashes.
fn both(
    session: &Session,
    table: &str,
    rows: &mut Rows,
    sql: &str,
    change: impl Fn(&mut Rows) -> bool,
) {
    let mut after = rows.clone();
    let is_allowed = change(&mut after) && !clashes(&after);
    match fixture::try_run(session, &sql.replace("{t}", table)) {
        Ok(_) => {
            assert!(is_allowed, "{sql} on {rows:?}");
            *rows = after;
        }
        Err(e) => {
            assert_eq!(e.sqlstate().as_str(), "23505", "{sql}: {e:?}");
            assert!(!is_allowed, "{sql} on {rows:?}: {e:?}");
        }
    }
}

fn step(session: &Session, table: &str, rows: &mut Rows, random: &mut Seeded) {
    let small = |random: &mut Seeded| random.below(6) as i64;
    let maybe = |random: &mut Seeded| Some(random.below(6) as i64).filter(|n| *n > 0);
    let (k, n) = (random.below(12) as i64, small(random));
    match random.below(7) {
        0..=2 => {
            let row = (maybe(random), maybe(random), n);
            let values = format!("({k}, {}, {}, {})", sql(row.0), sql(row.1), row.2);
            both(session, table, rows, &format!("INSERT INTO {{t}} VALUES {values}"), |rows| {
                rows.insert(k, row).is_none()
            });
        }
        3 => {
            let u = maybe(random);
            let text = format!("UPDATE {{t}} SET u = {} WHERE k = {k}", sql(u));
            both(session, table, rows, &text, |rows| {
                rows.get_mut(&k).into_iter().for_each(|row| row.0 = u);
                true
            });
        }
        4 => {
            both(session, table, rows, "UPDATE {t} SET u = u + 1, b = (b + 1) % 6", |rows| {
                for row in rows.values_mut() {
                    *row = (row.0.map(|u| u + 1), row.1, (row.2 + 1) % 6);
                }
                true
            });
        }
        5 => {
            let text = format!("UPDATE {{t}} SET k = k + 1, a = {n} WHERE k >= {k}");
            both(session, table, rows, &text, |rows| {
                let moved = rows.split_off(&k);
                rows.extend(moved.into_iter().map(|(k, row)| (k + 1, (row.0, Some(n), row.2))));
                true
            });
        }
        _ => {
            both(session, table, rows, &format!("DELETE FROM {{t}} WHERE b = {n}"), |rows| {
                rows.retain(|_, row| row.2 != n);
                true
            });
        }
    }
}

fn held(session: &Session, table: &str) -> Vec<Vec<String>> {
    fixture::rows(session, &format!("SELECT k, u, a, b FROM {table} ORDER BY k"))
}

fn expected(rows: &Rows) -> Vec<Vec<String>> {
    let row = |(k, (u, a, b)): (&i64, &(Option<i64>, Option<i64>, i64))| {
        vec![k.to_string(), sql(*u), sql(*a), b.to_string()]
    };
    rows.iter().map(row).collect()
}

/// Statements, transactions that are kept or not, flushes and reopenings, of two users:
/// the rows are those of a map in which no two rows clash.
#[test]
fn no_sequence_breaks_a_unique_constraint() {
    for seed in 0..12 {
        let mut random = Seeded(seed);
        let mut fixture = Fixture::new();
        fixture.run(
            "CREATE USER TABLE t (k BIGINT PRIMARY KEY, u BIGINT UNIQUE, a BIGINT, b BIGINT, \
             UNIQUE (a, b))",
        );
        let mut rows: BTreeMap<&str, Rows> = BTreeMap::new();
        for _ in 0..60 {
            let user = ["alice", "bob"][random.below(2) as usize];
            let session = fixture.user(user);
            let own = rows.entry(user).or_default();
            match random.below(10) {
                0 => _ = fixture.run("STORAGE FLUSH TABLE t"),
                1 => fixture.reopen(),
                2 | 3 => {
                    session.begin(kalam_core::IsolationLevel::RepeatableRead).expect("it begins");
                    let mut within = own.clone();
                    for _ in 0..random.below(5) {
                        let before = within.clone();
                        session.execute("SAVEPOINT s", &kalam_core::Params::None).expect("named");
                        step(&session, "t", &mut within, &mut random);
                        if within == before || random.below(4) == 0 {
                            session
                                .execute("ROLLBACK TO s", &kalam_core::Params::None)
                                .expect("it goes back");
                            within = before;
                        }
                        if random.below(6) == 0 {
                            fixture.run("STORAGE FLUSH TABLE t");
                        }
                    }
                    if random.below(3) > 0 {
                        session.commit().expect("nobody else writes");
                        *own = within;
                    } else {
                        session.rollback().expect("it is open");
                    }
                }
                _ => step(&session, "t", own, &mut random),
            }
            let session = fixture.user(user);
            assert_eq!(held(&session, "t"), expected(&rows[user]), "seed {seed}");
        }
    }
}
