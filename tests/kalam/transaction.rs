//! Transactions of sessions that run side by side: who sees what, and who wins.

use std::sync::atomic::{AtomicU64, Ordering};

use kalam_core::{IsolationLevel, Params, ScalarValue, Session, TransactionStatus};

use crate::fixture::{self, Fixture, Seeded, refused, rows, run};
use crate::render;

const LEVELS: [IsolationLevel; 3] =
    [IsolationLevel::ReadCommitted, IsolationLevel::RepeatableRead, IsolationLevel::Serializable];

/// Where the rows are when the transactions begin, and what happens to them meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    Hot,
    Cold,
    /// Hot when they are changed, cold at COMMIT.
    Moving,
}

const TIERS: [Tier; 3] = [Tier::Hot, Tier::Cold, Tier::Moving];

/// Rows 1, 2, 3 with v = 10, 20, 30, and two sessions.
fn two_sessions(tier: Tier) -> (Fixture, Session, Session) {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v INT NOT NULL)");
    fixture.run("INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)");
    if tier == Tier::Cold {
        fixture.run("STORAGE FLUSH TABLE t");
    }
    let (a, b) = (fixture::root(fixture.database()), fixture::root(fixture.database()));
    (fixture, a, b)
}

fn meanwhile(fixture: &Fixture, tier: Tier) {
    if tier == Tier::Moving {
        fixture.run("STORAGE FLUSH TABLE t");
    }
}

fn code(outcome: Result<(), kalam_core::Error>) -> String {
    outcome.err().map_or_else(|| "00000".to_owned(), |e| e.sqlstate().to_string())
}

#[test]
fn a_lost_update_is_refused_wherever_the_row_is() {
    for tier in TIERS {
        for level in LEVELS {
            for change in ["UPDATE t SET v = 0 WHERE k = 1", "DELETE FROM t WHERE k = 1"] {
                let (fixture, a, b) = two_sessions(tier);
                a.begin(level).expect("it begins");
                run(&a, "UPDATE t SET v = v + 1 WHERE k = 1");
                run(&b, change);
                meanwhile(&fixture, tier);
                assert_eq!(code(a.commit()), "40001", "{tier:?} {level:?} {change}");
                assert_eq!(a.transaction_status(), TransactionStatus::Idle);
                let left = fixture.rows("SELECT COUNT(*) FROM t WHERE k = 1 AND v > 0");
                assert_eq!(left, [["0"]], "{tier:?} {level:?} {change}");
            }
        }
    }
}

#[test]
fn a_key_that_two_transactions_insert_is_there_once() {
    for tier in TIERS {
        for before in ["", "DELETE FROM t WHERE k = 1"] {
            let (fixture, a, b) = two_sessions(tier);
            let key = if before.is_empty() {
                9
            } else {
                run(&a, before);
                1
            };
            for session in [&a, &b] {
                run(session, "BEGIN");
                run(session, &format!("INSERT INTO t VALUES ({key}, {key})"));
            }
            meanwhile(&fixture, tier);
            assert_eq!(code(a.commit()), "00000");
            meanwhile(&fixture, tier);
            assert_eq!(code(b.commit()), "40001", "{tier:?} {before}");
            let found = fixture.rows(&format!("SELECT COUNT(*) FROM t WHERE k = {key}"));
            assert_eq!(found, [["1"]], "{tier:?}");
        }
    }
}

#[test]
fn rows_that_only_move_do_not_conflict() {
    for level in LEVELS {
        let (fixture, a, b) = two_sessions(Tier::Hot);
        a.begin(level).expect("it begins");
        run(&a, "UPDATE t SET v = 11 WHERE k = 1");
        run(&a, "DELETE FROM t WHERE k = 2");
        run(&a, "INSERT INTO t VALUES (4, 40)");
        fixture.run("STORAGE FLUSH TABLE t");
        // Newer rows beside them in a segment of their own.
        run(&b, "INSERT INTO t VALUES (5, 50)");
        fixture.run("STORAGE FLUSH TABLE t");
        run(&a, "UPDATE t SET v = v + 1 WHERE k = 1");
        let seen = if level == IsolationLevel::ReadCommitted { 4 } else { 3 };
        assert_eq!(rows(&a, "SELECT COUNT(*), MIN(v) FROM t"), [[seen.to_string(), "12".into()]]);
        let expected = if level == IsolationLevel::Serializable { "40001" } else { "00000" };
        assert_eq!(code(a.commit()), expected, "{level:?}");
        if expected == "00000" {
            let found = fixture.rows("SELECT * FROM t ORDER BY k");
            assert_eq!(found, [["1", "12"], ["3", "30"], ["4", "40"], ["5", "50"]]);
            let deleted = fixture.rows("SELECT k, v FROM t WHERE _deleted = true");
            assert_eq!(deleted, [["2", "20"]]);
        }
    }
}

#[test]
fn a_row_in_a_segment_with_newer_rows_is_still_the_same_row() {
    let (fixture, a, b) = two_sessions(Tier::Hot);
    run(&a, "BEGIN");
    run(&a, "UPDATE t SET v = v + 1 WHERE k <= 2");
    // The segment holds rows that the transaction does not see.
    run(&b, "UPDATE t SET v = 33 WHERE k = 3");
    fixture.run("STORAGE FLUSH TABLE t");
    assert_eq!(code(a.commit()), "00000");
    assert_eq!(fixture.rows("SELECT * FROM t ORDER BY k"), [["1", "11"], ["2", "21"], ["3", "33"]]);
    run(&a, "BEGIN");
    run(&a, "UPDATE t SET v = 0 WHERE k = 3");
    run(&b, "UPDATE t SET v = 34 WHERE k = 3");
    fixture.run("STORAGE FLUSH TABLE t");
    assert_eq!(code(a.commit()), "40001");
}

#[test]
fn write_skew_passes_the_snapshot_and_not_serializable() {
    for tier in TIERS {
        for (level, expected) in
            [(IsolationLevel::RepeatableRead, "00000"), (IsolationLevel::Serializable, "40001")]
        {
            let (fixture, a, b) = two_sessions(tier);
            for session in [&a, &b] {
                session.begin(level).expect("it begins");
                assert_eq!(rows(session, "SELECT SUM(v) FROM t WHERE k <= 2"), [["30"]]);
            }
            run(&a, "UPDATE t SET v = v - 30 WHERE k = 1");
            run(&b, "UPDATE t SET v = v - 30 WHERE k = 2");
            meanwhile(&fixture, tier);
            assert_eq!(code(a.commit()), "00000");
            assert_eq!(code(b.commit()), expected, "{tier:?} {level:?}");
        }
    }
}

#[test]
fn a_phantom_is_refused_under_serializable() {
    let phantoms = [
        "INSERT INTO t VALUES (7, 70)",
        "UPDATE t SET v = 31 WHERE k = 3",
        "DELETE FROM t WHERE k = 3",
        "UPDATE t SET k = 8 WHERE k = 1",
    ];
    for tier in TIERS {
        for phantom in phantoms {
            let (fixture, a, b) = two_sessions(tier);
            a.begin(IsolationLevel::Serializable).expect("it begins");
            rows(&a, "SELECT COUNT(*) FROM t WHERE k >= 3");
            run(&a, "INSERT INTO t VALUES (100, 1)");
            run(&b, phantom);
            meanwhile(&fixture, tier);
            assert_eq!(code(a.commit()), "40001", "{tier:?} {phantom}");
            // Outside of the range that was read.
            a.begin(IsolationLevel::Serializable).expect("it begins");
            rows(&a, "SELECT COUNT(*) FROM t WHERE k >= 50");
            run(&a, "INSERT INTO t VALUES (200, 1)");
            run(&b, "UPDATE t SET v = v + 1 WHERE k = 2");
            assert_eq!(code(a.commit()), "00000", "{tier:?}");
        }
    }
}

#[test]
fn a_user_who_owned_nothing_conflicts_with_their_first_row() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE t (k INT PRIMARY KEY)");
    fixture.run("CREATE TABLE log (k INT PRIMARY KEY)");
    for query in ["SELECT COUNT(*) FROM t", "SELECT k FROM t WHERE k = 1"] {
        let user = format!("user{}", query.len());
        let session = || {
            let role = kalam_core::model::Role::Service;
            fixture.database().session(&user, role, None).expect("a valid user")
        };
        let (a, b) = (session(), session());
        a.begin(IsolationLevel::Serializable).expect("it begins");
        rows(&a, query);
        run(&a, &format!("INSERT INTO log VALUES ({})", query.len()));
        run(&b, "INSERT INTO t VALUES (1)");
        assert_eq!(code(a.commit()), "40001", "{query}");
    }
}

#[test]
fn an_open_result_does_not_see_what_the_transaction_writes_later() {
    let (fixture, a, _) = two_sessions(Tier::Cold);
    run(&a, "BEGIN");
    run(&a, "UPDATE t SET v = 21 WHERE k = 2");
    let open = a.execute("SELECT k, v FROM t ORDER BY k", &Params::None).expect("it runs");
    run(&a, "UPDATE t SET v = 0");
    run(&a, "DELETE FROM t WHERE k = 1");
    fixture.run("STORAGE FLUSH TABLE t");
    run(&a, "ROLLBACK");
    let found = render::rows(&open.collect().expect("it reads"));
    assert_eq!(found, [["1", "10"], ["2", "21"], ["3", "30"]]);
}

#[test]
fn a_result_that_breaks_fails_its_transaction() {
    let (_fixture, a, _) = two_sessions(Tier::Hot);
    run(&a, "BEGIN");
    assert_eq!(refused(&a, "SELECT 1 / (k - k) FROM t").0, "22012");
    assert_eq!(a.transaction_status(), TransactionStatus::Failed);
    assert_eq!(code(a.commit()), "25P02");
    assert_eq!(a.transaction_status(), TransactionStatus::Idle);
}

#[test]
fn a_dropped_session_rolls_back() {
    let (fixture, a, b) = two_sessions(Tier::Cold);
    run(&a, "BEGIN");
    run(&a, "DELETE FROM t");
    drop(a);
    assert_eq!(rows(&b, "SELECT COUNT(*) FROM t"), [["3"]]);
    run(&b, "UPDATE t SET v = 0");
    assert_eq!(fixture.rows("SELECT SUM(v) FROM t"), [["0"]]);
}

#[test]
fn a_clone_of_a_session_is_outside_of_its_transaction() {
    let (_fixture, a, _) = two_sessions(Tier::Hot);
    run(&a, "BEGIN");
    run(&a, "DELETE FROM t");
    let other = a.clone();
    assert_eq!(other.transaction_status(), TransactionStatus::Idle);
    assert_eq!(rows(&other, "SELECT COUNT(*) FROM t"), [["3"]]);
}

#[test]
fn a_table_that_is_dropped_meanwhile_refuses_the_commit() {
    let (fixture, a, b) = two_sessions(Tier::Cold);
    fixture.run("CREATE TABLE other (k INT PRIMARY KEY)");
    run(&a, "BEGIN");
    run(&a, "INSERT INTO other VALUES (1)");
    run(&a, "UPDATE t SET v = 0");
    run(&b, "DROP TABLE t");
    assert_eq!(code(a.commit()), "42P01");
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM other"), [["0"]]);
    assert_eq!(code(a.commit()), "25P01");
}

#[test]
fn a_closed_database_refuses_the_commit() {
    let (fixture, a, _) = two_sessions(Tier::Hot);
    run(&a, "BEGIN");
    run(&a, "DELETE FROM t");
    fixture.database().close().expect("it closes");
    assert_eq!(code(a.commit()), "08003");
}

#[test]
fn a_large_transaction_is_one_commit() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)");
    let numbers = "FROM generate_series(1, 50000) AS g (value)";
    fixture.run(&format!("INSERT INTO t SELECT value, 0 {numbers}"));
    fixture.run("STORAGE FLUSH TABLE t");
    let a = fixture::root(fixture.database());
    run(&a, "BEGIN");
    assert_eq!(run(&a, &format!("INSERT INTO t SELECT value + 50000, 0 {numbers}")), 50_000);
    assert_eq!(run(&a, "UPDATE t SET v = v + 1"), 100_000);
    assert_eq!(run(&a, "DELETE FROM t WHERE k % 10 = 0"), 10_000);
    for key in 0..300 {
        run(&a, &format!("INSERT INTO t VALUES ({}, 1)", -key));
    }
    assert_eq!(rows(&a, "SELECT COUNT(*), SUM(v) FROM t"), [["90300", "90300"]]);
    assert_eq!(fixture.rows("SELECT COUNT(*), SUM(v) FROM t"), [["50000", "0"]]);
    fixture.run("STORAGE FLUSH TABLE t");
    a.commit().expect("it commits");
    assert_eq!(
        fixture.rows("SELECT COUNT(*), SUM(v), COUNT(DISTINCT _seq) FROM t"),
        [["90300", "90300", "1"]]
    );
}

#[test]
fn sets_of_parameters_see_what_the_earlier_ones_did() {
    for tier in [Tier::Hot, Tier::Cold] {
        let (fixture, a, _) = two_sessions(tier);
        let sets: Vec<Params> = [(1, 1), (1, 2), (2, 1), (1, 3)]
            .map(|(k, by)| {
                Params::Positional(vec![ScalarValue::Int32(Some(by)), ScalarValue::Int32(Some(k))])
            })
            .into();
        let changed = a.execute_many("UPDATE t SET v = v + ? WHERE k = ?", &sets);
        assert_eq!(changed.expect("it runs"), 4);
        let expected = [["1", "16"], ["2", "21"], ["3", "30"]];
        assert_eq!(fixture.rows("SELECT * FROM t ORDER BY k"), expected);
        let one = fixture.rows("SELECT COUNT(DISTINCT _seq) FROM t WHERE k <= 2");
        assert_eq!(one, [["1"]], "one commit");
    }
}

#[test]
fn threads_share_the_transaction_of_their_session() {
    let (fixture, a, _) = two_sessions(Tier::Hot);
    run(&a, "BEGIN");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let a = &a;
            scope.spawn(move || {
                for i in 0..20 {
                    run(a, &format!("INSERT INTO t VALUES ({}, 0)", 100 + thread * 20 + i));
                }
            });
        }
    });
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["3"]]);
    run(&a, "COMMIT");
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["83"]]);
}

/// Transfers between accounts, each a transaction of four statements; the sum never
/// changes, and under SERIALIZABLE an invariant over two accounts holds as well.
#[test]
fn transfers_keep_the_sum_while_rows_are_flushed() {
    const ACCOUNTS: u64 = 12;
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE account (id INT PRIMARY KEY, money BIGINT NOT NULL)");
    for id in 0..ACCOUNTS {
        fixture.run(&format!("INSERT INTO account VALUES ({id}, 1000)"));
    }
    let (done, conflicts) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for (thread, level) in LEVELS.into_iter().enumerate() {
            let session = fixture::root(fixture.database());
            let (done, conflicts) = (&done, &conflicts);
            scope.spawn(move || {
                let mut random = Seeded(thread as u64);
                for _ in 0..60 {
                    let from = random.below(ACCOUNTS);
                    let to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
                    session.begin(level).expect("none is open");
                    let moved = [
                        format!("UPDATE account SET money = money - 7 WHERE id = {from}"),
                        "SAVEPOINT s".into(),
                        format!("DELETE FROM account WHERE id = {to}"),
                        "ROLLBACK TO s".into(),
                        format!("UPDATE account SET money = money + 7 WHERE id = {to}"),
                    ]
                    .iter()
                    .try_for_each(|sql| fixture::try_run(&session, sql).map(|_| ()));
                    let outcome = moved.and_then(|()| session.commit());
                    match outcome {
                        Ok(()) => _ = done.fetch_add(1, Ordering::Relaxed),
                        Err(e) => {
                            assert_eq!(e.sqlstate().as_str(), "40001", "{e:?}");
                            conflicts.fetch_add(1, Ordering::Relaxed);
                            if session.transaction_status() != TransactionStatus::Idle {
                                session.rollback().expect("one is open");
                            }
                        }
                    }
                    let found = rows(&session, "SELECT COUNT(*), SUM(money) FROM account");
                    assert_eq!(found, [["12", "12000"]]);
                }
            });
        }
        let session = fixture::root(fixture.database());
        scope.spawn(move || {
            for _ in 0..15 {
                run(&session, "STORAGE FLUSH TABLE account");
            }
        });
    });
    println!("{done:?} transfers, {conflicts:?} conflicts");
    assert!(done.into_inner() > 60);
}
