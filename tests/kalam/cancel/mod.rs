//! Statements that would run for ever end when they are told to, and the session goes on.

mod latency;

use std::sync::atomic::{AtomicBool, Ordering};

use kalam_core::{
    Database, Error, Options, Params, QueryResult, Session, SqlState, TransactionStatus,
};

use crate::fixture::{self, Fixture};

/// A number of rows that no machine counts within a test's time.
const ENDLESS: &str = "1000000000000";

fn endless_queries() -> Vec<(&'static str, String)> {
    let series = format!("generate_series(1, {ENDLESS})");
    vec![
        ("count", format!("SELECT COUNT(*) FROM {series} a (x) WHERE x % 7 = 8")),
        ("cross join", "SELECT COUNT(*) FROM big a, big b, big c, big d".to_owned()),
        ("join", "SELECT COUNT(*) FROM big a JOIN big b ON a.v < b.k + 1 JOIN big c ON c.v <= a.k".to_owned()),
        ("sort", format!("SELECT x FROM {series} a (x) ORDER BY x % 1000 LIMIT 3")),
        ("window", "SELECT SUM(n) FROM (SELECT ROW_NUMBER() OVER (ORDER BY a.k + b.k + c.k) n FROM big a, big b, big c, big d)".to_owned()),
        ("distinct", format!("SELECT COUNT(DISTINCT x % 1000) FROM {series} a (x)")),
        (
            "recursive query",
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 0 FROM r) SELECT COUNT(*) FROM r"
                .to_owned(),
        ),
        ("subquery", "SELECT k FROM big WHERE k = (SELECT COUNT(*) FROM big a, big b, big c, big d)".to_owned()),
    ]
}

fn endless_writes() -> Vec<(&'static str, String)> {
    let never = "(SELECT COUNT(*) FROM big a, big b, big c, big d)";
    vec![
        ("insert", "INSERT INTO other SELECT a.k FROM big a, big b, big c, big d".to_owned()),
        ("update", format!("UPDATE big SET v = v + 1 WHERE k < {never}")),
        ("delete", format!("DELETE FROM big WHERE k < {never}")),
        ("value", format!("INSERT INTO other VALUES ({never})")),
    ]
}

fn filled() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE big (k BIGINT PRIMARY KEY, v BIGINT)");
    fixture.run("CREATE TABLE other (k BIGINT PRIMARY KEY)");
    fixture.run("INSERT INTO big SELECT x, x FROM generate_series(1, 2000) a (x)");
    fixture.run("STORAGE FLUSH TABLE big");
    fixture.run("INSERT INTO big SELECT x, x FROM generate_series(2001, 4000) a (x)");
    fixture
}

fn run(session: &Session, sql: &str) -> Result<(), Error> {
    session.execute(sql, &Params::None).and_then(QueryResult::collect).map(drop)
}

/// Interrupts again and again until `call` is over, and returns what came of it: at
/// which of its steps the statement is stopped is not known.
fn interrupted<T: Send>(session: &Session, call: impl FnOnce() -> T + Send) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                session.interrupt();
                std::thread::yield_now();
            }
        });
        let outcome = call();
        over.store(true, Ordering::Release);
        outcome
    })
}

/// The SQLSTATE of an outcome, with the message of an error that nobody expects.
fn code(outcome: Result<(), Error>) -> String {
    match outcome {
        Ok(()) => "00000".to_owned(),
        Err(error) if error.sqlstate() == SqlState::QUERY_CANCELED => "57014".to_owned(),
        Err(error) => fixture::full_text(&error),
    }
}

#[test]
fn an_interrupt_stops_whatever_runs_and_the_session_goes_on() {
    let fixture = filled();
    for (what, sql) in endless_queries().into_iter().chain(endless_writes()) {
        let outcome = interrupted(fixture.root(), || run(fixture.root(), &sql));
        assert_eq!(code(outcome), "57014", "{what}");
        assert_eq!(fixture.rows("SELECT COUNT(*) FROM big"), [["4000"]], "after {what}");
    }
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM other"), [["0"]], "nothing was written");
    fixture.run("INSERT INTO other VALUES (1)");
}

#[test]
fn planning_is_stopped_too() {
    let fixture = filled();
    let joined = |count: usize| {
        let tables: Vec<String> = (0..count).map(|i| format!("big b{i}")).collect();
        let equal: Vec<String> = (1..count).map(|i| format!("b{i}.k = b{}.v", i - 1)).collect();
        format!("SELECT COUNT(*) FROM {} WHERE {}", tables.join(", "), equal.join(" AND "))
    };
    for sql in [joined(60), format!("EXPLAIN {}", joined(60))] {
        let outcome = interrupted(fixture.root(), || run(fixture.root(), &sql));
        assert_eq!(code(outcome), "57014");
    }
    assert_eq!(fixture.rows(&joined(2)), [["4000"]]);
}

#[test]
fn an_interrupt_between_two_batches_stops_the_query() {
    let fixture = filled();
    let sql = format!("SELECT x FROM generate_series(1, {ENDLESS}) a (x)");
    let mut result = fixture.root().execute(&sql, &Params::None).expect("it starts");
    assert!(result.next_batch().expect("there is one").is_some());
    fixture.root().interrupt();
    assert_eq!(result.next_batch().expect_err("it was stopped").sqlstate().as_str(), "57014");
    assert!(result.next_batch().is_err() || result.next_batch().is_ok_and(|b| b.is_none()));
    assert_eq!(fixture.rows("SELECT 1"), [["1"]]);
}

#[test]
fn a_result_is_cancelled_from_another_thread_and_no_other_is() {
    let fixture = filled();
    let sql = format!("SELECT COUNT(*) FROM generate_series(1, {ENDLESS}) a (x) WHERE x % 7 = 8");
    let result = fixture.root().execute(&sql, &Params::None).expect("it starts");
    let other =
        fixture.root().execute("SELECT COUNT(*) FROM big", &Params::None).expect("it starts");
    let handle = result.cancel_handle();
    let error = std::thread::scope(|scope| {
        scope.spawn(|| handle.cancel());
        result.collect().map(drop).expect_err("it never ends by itself")
    });
    assert_eq!(error.sqlstate().as_str(), "57014");
    assert_eq!(other.collect().expect("nobody stopped it")[0].num_rows(), 1);
}

#[test]
fn an_interrupt_when_nothing_runs_does_nothing() {
    let fixture = filled();
    fixture.root().interrupt();
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM big"), [["4000"]]);
}

#[test]
fn another_sessions_statements_go_on() {
    let fixture = filled();
    let other = fixture.root().clone();
    let outcome =
        interrupted(fixture.root(), || fixture::try_rows(&other, "SELECT COUNT(*) FROM big"));
    assert_eq!(outcome.expect("nobody stopped it"), [["4000"]]);
}

#[test]
fn a_statement_that_was_stopped_fails_its_transaction() {
    let fixture = filled();
    for (what, sql) in endless_writes().into_iter().chain(endless_queries().into_iter().take(2)) {
        fixture.run("BEGIN");
        fixture.run("DELETE FROM big WHERE k = 1");
        let outcome = interrupted(fixture.root(), || run(fixture.root(), &sql));
        assert_eq!(code(outcome), "57014", "{what}");
        assert_eq!(fixture.root().transaction_status(), TransactionStatus::Failed, "{what}");
        assert_eq!(fixture.refused("SELECT 1").0, "25P02");
        fixture.run("ROLLBACK");
        assert_eq!(fixture.rows("SELECT COUNT(*) FROM big"), [["4000"]], "{what}");
    }
}

#[test]
fn a_program_that_asks_for_it_stops_the_statement_it_waits_for() {
    let fixture = filled();
    fixture.root().set_stop_request(Some(|| true));
    for (what, sql) in endless_queries().into_iter().chain(endless_writes()) {
        assert_eq!(code(run(fixture.root(), &sql)), "57014", "{what}");
    }
    fixture.root().set_stop_request(None);
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM big"), [["4000"]]);
}

#[test]
fn a_statement_that_takes_too_long_is_stopped() {
    let fixture = filled();
    let session = fixture.root().clone();
    fixture::run(&session, "SET statement_timeout = 1");
    for (what, sql) in endless_queries().into_iter().chain(endless_writes()) {
        assert_eq!(code(run(&session, &sql)), "57014", "{what}");
    }
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM big"), [["4000"]]);
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM other"), [["0"]]);
}

#[test]
fn a_database_is_opened_with_a_timeout_for_all_its_sessions() {
    let mut options = Options::default();
    options.set("statement_timeout", "1ms").expect("it is a setting");
    let database = Database::in_memory(options).expect("memory is there");
    let session = fixture::root(&database);
    let sql = format!("SELECT COUNT(*) FROM generate_series(1, {ENDLESS}) a (x) WHERE x % 7 = 8");
    assert_eq!(code(run(&session, &sql)), "57014");
}

#[test]
fn a_flush_that_is_stopped_leaves_every_row() {
    let fixture = filled();
    let outcome = interrupted(fixture.root(), || run(fixture.root(), "STORAGE FLUSH ALL"));
    assert!(["57014", "00000"].contains(&code(outcome).as_str()));
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM big"), [["4000"]]);
    fixture.run("STORAGE FLUSH ALL");
    assert_eq!(fixture.rows("SELECT COUNT(*), SUM(k) FROM big"), [["4000", "8002000"]]);
}
