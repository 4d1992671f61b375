//! Several threads at once: one winner for each key, one snapshot for each reader.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::fixture::{self, Fixture, Seeded};

pub(crate) const THREADS: u64 = 8;
const TIME: Duration = Duration::from_secs(4);

#[test]
fn threads_that_insert_different_keys_all_succeed() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (k INT PRIMARY KEY, thread INT)");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let session = fixture::root(fixture.database());
            scope.spawn(move || {
                for i in 0..60 {
                    let key = i * THREADS + thread;
                    fixture::run(&session, &format!("INSERT INTO t VALUES ({key}, {thread})"));
                }
            });
        }
        let session = fixture::root(fixture.database());
        scope.spawn(move || {
            for _ in 0..6 {
                fixture::run(&session, "STORAGE FLUSH TABLE t");
            }
        });
    });
    assert_eq!(
        fixture.rows("SELECT COUNT(*), COUNT(DISTINCT k), MIN(k), MAX(k) FROM t"),
        [["480", "480", "0", "479"]]
    );
    assert_eq!(
        fixture.rows("SELECT DISTINCT n FROM (SELECT COUNT(*) AS n FROM t GROUP BY thread) x"),
        [["60"]]
    );
}

/// How many inserts succeed, of all that [`THREADS`] try in the same moments; the others are
/// refused with `23505`. `insert` makes one of a round and a thread.
pub(crate) fn race(fixture: &Fixture, rounds: u64, insert: fn(u64, u64) -> String) -> u64 {
    let wins = AtomicU64::new(0);
    let barrier = std::sync::Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let session = fixture::root(fixture.database());
            let (wins, barrier) = (&wins, &barrier);
            scope.spawn(move || {
                for round in 0..rounds {
                    barrier.wait();
                    match fixture::try_run(&session, &insert(round, thread)) {
                        Ok(_) => _ = wins.fetch_add(1, Ordering::Relaxed),
                        Err(error) => assert_eq!(error.sqlstate().as_str(), "23505", "{error:?}"),
                    }
                    if thread == 0 && round % 10 == 0 {
                        fixture::run(&session, "STORAGE FLUSH TABLE t");
                    }
                }
            });
        }
    });
    wins.into_inner()
}

#[test]
fn of_threads_that_insert_the_same_key_exactly_one_wins() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (k INT PRIMARY KEY, thread INT)");
    let insert = |key, thread| format!("INSERT INTO t VALUES ({key}, {thread})");
    assert_eq!(race(&fixture, 50, insert), 50);
    assert_eq!(fixture.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), [["50", "50"]]);
}

#[test]
fn a_key_deleted_and_inserted_by_many_threads_is_there_at_most_once() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (k INT PRIMARY KEY, v INT)");
    let balance = std::sync::atomic::AtomicI64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = fixture::root(fixture.database());
            let balance = &balance;
            scope.spawn(move || {
                for i in 0..80 {
                    let sql = format!("INSERT INTO t VALUES (1, {})", thread * 1000 + i);
                    if fixture::try_run(&session, &sql).is_ok() {
                        balance.fetch_add(1, Ordering::Relaxed);
                    }
                    let deleted = fixture::run(&session, "DELETE FROM t WHERE k = 1");
                    balance.fetch_sub(deleted as i64, Ordering::Relaxed);
                }
            });
        }
        let session = fixture::root(fixture.database());
        scope.spawn(move || {
            for _ in 0..20 {
                fixture::run(&session, "STORAGE FLUSH TABLE t");
            }
        });
    });
    let count = fixture.rows("SELECT COUNT(*) FROM t");
    assert_eq!(count, [[balance.load(Ordering::Relaxed).to_string()]]);
}

/// Ends the others when one of them panics.
struct StopAtPanic<'a>(&'a AtomicBool);

impl Drop for StopAtPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Writers move money in single statements, threads flush and compact, and readers add up.
/// With `KALAM_READS` it goes on until there were so many sums.
#[test]
fn every_reader_sees_one_moment() {
    let fixture = Fixture::new();
    let accounts = 40;
    fixture.run("CREATE SHARED TABLE account (id INT PRIMARY KEY, money BIGINT NOT NULL)");
    let rows: Vec<String> = (0..accounts).map(|id| format!("({id}, 1000)")).collect();
    fixture.run(&format!("INSERT INTO account VALUES {}", rows.join(", ")));
    let done = AtomicBool::new(false);
    let (moves, reads) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let session = fixture::root(fixture.database());
            let (done, moves) = (&done, &moves);
            scope.spawn(move || {
                let mut random = Seeded(writer);
                while !done.load(Ordering::Relaxed) {
                    let from = random.below(accounts);
                    let to = (from + 1 + random.below(accounts - 1)) % accounts;
                    let sql = format!(
                        "UPDATE account SET money = money + CASE WHEN id = {from} THEN -7 ELSE 7 \
                         END WHERE id IN ({from}, {to})"
                    );
                    assert_eq!(fixture::run(&session, &sql), 2);
                    moves.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let session = fixture::root(fixture.database());
        let (flag, read_count) = (&done, &reads);
        scope.spawn(move || {
            for step in 0u64.. {
                if flag.load(Ordering::Relaxed) {
                    break;
                }
                let word = if step % 5 == 4 { "COMPACT" } else { "FLUSH" };
                fixture::run(&session, &format!("STORAGE {word} TABLE account"));
            }
        });
        for _ in 0..2 {
            let session = fixture::root(fixture.database());
            scope.spawn(move || {
                let _stop = StopAtPanic(flag);
                while !flag.load(Ordering::Relaxed) {
                    let found = fixture::rows(&session, "SELECT COUNT(*), SUM(money) FROM account");
                    assert_eq!(found, [["40", "40000"]], "wrong sum");
                    read_count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let wanted = fixture::number_from("KALAM_READS", 0);
        let begin = Instant::now();
        let goes_on = || begin.elapsed() < TIME || reads.load(Ordering::Relaxed) < wanted;
        while goes_on() && !done.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        done.store(true, Ordering::Relaxed);
    });
    let (moves, reads) = (moves.into_inner(), reads.into_inner());
    println!("{moves} transfers, {reads} sums, 0 wrong");
    assert!(moves > 0 && reads > 0);
    assert_eq!(fixture.rows("SELECT COUNT(*), SUM(money) FROM account"), [["40", "40000"]]);
}

#[test]
fn updates_of_one_row_from_many_threads_all_count() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE counter (id INT PRIMARY KEY, n BIGINT)");
    fixture.run("INSERT INTO counter VALUES (1, 0)");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = fixture::root(fixture.database());
            scope.spawn(move || {
                for i in 0..40 {
                    fixture::run(&session, "UPDATE counter SET n = n + 1 WHERE id = 1");
                    if thread == 0 && i % 8 == 0 {
                        fixture::run(&session, "STORAGE FLUSH TABLE counter");
                    }
                }
            });
        }
    });
    assert_eq!(fixture.rows("SELECT n FROM counter"), [["160"]]);
}

/// A row is written as a whole: whoever changes a column must have read what the others hold.
#[test]
fn threads_that_change_different_columns_of_a_hot_row_lose_nothing() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE counter (id INT PRIMARY KEY, n0 INT, n1 INT, n2 INT)");
    fixture.run("INSERT INTO counter VALUES (1, 0, 0, 0)");
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let session = fixture::root(fixture.database());
            scope.spawn(move || {
                for i in 1..1000 {
                    let update = format!("UPDATE counter SET n{thread} = {i} WHERE id = 1");
                    fixture::run(&session, &update);
                    let read = format!("SELECT n{thread} FROM counter WHERE id = 1");
                    let found = fixture::rows(&session, &read);
                    assert_eq!(found, [[i.to_string()]], "a lost update of column {thread}");
                }
            });
        }
    });
    assert_eq!(fixture.rows("SELECT n0, n1, n2 FROM counter"), [["999", "999", "999"]]);
}

/// Each key is upserted by all threads at once, in both tiers: whoever finds it taken
/// counts on.
#[test]
fn upserts_of_the_same_keys_from_many_threads_all_count() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE counter (id INT PRIMARY KEY, n BIGINT NOT NULL)");
    let rounds = 30;
    let barrier = std::sync::Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let session = fixture::root(fixture.database());
            let barrier = &barrier;
            scope.spawn(move || {
                for round in 0..rounds {
                    barrier.wait();
                    let sql = format!(
                        "INSERT INTO counter VALUES ({0}, 1), ({1}, 1) ON CONFLICT (id) DO UPDATE \
                         SET n = counter.n + excluded.n",
                        round / 2,
                        100 + round
                    );
                    assert_eq!(fixture::run(&session, &sql), 2);
                    if thread == 0 && round % 5 == 0 {
                        fixture::run(&session, "STORAGE FLUSH TABLE counter");
                    }
                }
            });
        }
    });
    let expected = THREADS * rounds * 2;
    assert_eq!(
        fixture.rows("SELECT SUM(n), COUNT(*) FROM counter")[0],
        [expected.to_string(), (rounds / 2 + rounds).to_string()]
    );
    assert_eq!(
        fixture.rows("SELECT DISTINCT n FROM counter WHERE id >= 100"),
        [[THREADS.to_string()]]
    );
}

#[test]
fn of_threads_that_insert_or_leave_the_same_key_one_inserts() {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (k INT PRIMARY KEY, thread INT)");
    let inserted = AtomicU64::new(0);
    let barrier = std::sync::Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let session = fixture::root(fixture.database());
            let (inserted, barrier) = (&inserted, &barrier);
            scope.spawn(move || {
                for key in 0..40 {
                    barrier.wait();
                    let sql =
                        format!("INSERT INTO t VALUES ({key}, {thread}) ON CONFLICT DO NOTHING");
                    inserted.fetch_add(fixture::run(&session, &sql), Ordering::Relaxed);
                    if thread == 1 && key % 10 == 0 {
                        fixture::run(&session, "STORAGE FLUSH TABLE t");
                    }
                }
            });
        }
    });
    assert_eq!(inserted.load(Ordering::Relaxed), 40);
    assert_eq!(fixture.rows("SELECT COUNT(*), COUNT(DISTINCT k) FROM t"), [["40", "40"]]);
}

#[test]
fn a_table_made_of_a_query_is_never_seen_without_its_rows() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE source AS SELECT value FROM generate_series(1, 500)");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let session = fixture::root(fixture.database());
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    match fixture::try_rows(&session, "SELECT COUNT(*) FROM copy") {
                        Ok(rows) => assert_eq!(rows, [["500"]]),
                        Err(e) => assert_eq!(e.sqlstate().as_str(), "42P01", "{e:?}"),
                    }
                }
            });
        }
        for _ in 0..30 {
            fixture.run("CREATE TABLE copy AS SELECT * FROM source");
            fixture.run("DROP TABLE copy");
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn tables_made_by_many_threads_are_all_there() {
    let mut fixture = Fixture::new();
    let wins = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = fixture::root(fixture.database());
            let wins = &wins;
            scope.spawn(move || {
                for i in 0..5 {
                    fixture::run(&session, &format!("CREATE TABLE t{thread}_{i} (k INT)"));
                    fixture::run(&session, &format!("INSERT INTO t{thread}_{i} VALUES ({i})"));
                    match fixture::try_run(&session, &format!("CREATE TABLE same{i} (k INT)")) {
                        Ok(_) => _ = wins.fetch_add(1, Ordering::Relaxed),
                        Err(error) => assert_eq!(error.sqlstate().as_str(), "42P07", "{error:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(wins.load(Ordering::Relaxed), 5);
    fixture.reopen();
    for thread in 0..4 {
        for i in 0..5 {
            assert_eq!(fixture.rows(&format!("SELECT k FROM t{thread}_{i}")), [[i.to_string()]]);
        }
    }
}
