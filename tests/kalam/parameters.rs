//! Parameters: three styles, typed where they stand, counted before anything runs.

use kalam_core::{Error, Params, ScalarValue, Session};

use crate::fixture::{self, Fixture, Rows};
use crate::render;

fn rows(session: &Session, sql: &str, params: &Params) -> Result<Rows, Error> {
    Ok(render::rows(&session.execute(sql, params)?.collect()?))
}

fn state(session: &Session, sql: &str, params: &Params) -> String {
    match rows(session, sql, params) {
        Ok(rows) => panic!("{sql}: succeeded with {rows:?}"),
        Err(error) => error.sqlstate().to_string(),
    }
}

fn int(value: i64) -> ScalarValue {
    ScalarValue::Int64(Some(value))
}

fn text(value: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(value.into()))
}

fn filled() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT, d DOUBLE)");
    fixture.run("INSERT INTO t VALUES (1, 'a', 1.5), (2, 'b', 2.5), (3, 'it''s', NULL)");
    fixture
}

#[test]
fn every_style_takes_values() {
    let fixture = filled();
    let root = fixture.root();
    let positional = Params::Positional(vec![int(1), text("b")]);
    let named = Params::Named(vec![("key".into(), int(1)), ("v".into(), text("b"))]);
    for (sql, params) in [
        ("SELECT k FROM t WHERE k = ? OR v = ? ORDER BY k", &positional),
        ("SELECT k FROM t WHERE k = $1 OR v = $2 ORDER BY k", &positional),
        ("SELECT k FROM t WHERE v = $2 OR k = $1 OR k = $1 ORDER BY k", &positional),
        ("SELECT k FROM t WHERE k = :key OR v = :v OR k = :key ORDER BY k", &named),
    ] {
        assert_eq!(rows(root, sql, params).expect(sql), [["1"], ["2"]], "{sql}");
    }
    let limit = Params::Positional(vec![int(2)]);
    let found = rows(root, "SELECT k FROM t ORDER BY k LIMIT ?", &limit).expect("it runs");
    assert_eq!(found, [["1"], ["2"]]);
}

#[test]
fn a_value_is_a_value_and_never_sql() {
    let fixture = filled();
    let root = fixture.root();
    let hostile = Params::Positional(vec![text("x' OR '1' = '1")]);
    assert!(rows(root, "SELECT k FROM t WHERE v = ?", &hostile).expect("it runs").is_empty());
    let quoted = Params::Positional(vec![text("it's")]);
    let found = rows(root, "SELECT k FROM t WHERE v = ?", &quoted).expect("it runs");
    assert_eq!(found, [["3"]]);
    let literal = rows(root, "SELECT '?', '$1', ':x'", &Params::None).expect("it runs");
    assert_eq!(literal, [["?", "$1", ":x"]]);
}

#[test]
fn writes_take_values_of_every_kind() {
    let fixture = filled();
    let root = fixture.root();
    let insert = Params::Positional(vec![int(9), ScalarValue::Null, int(4)]);
    rows(root, "INSERT INTO t VALUES (?, ?, ?)", &insert).expect("it runs");
    let update = Params::Positional(vec![text("new"), int(9)]);
    rows(root, "UPDATE t SET v = $1 WHERE k = $2", &update).expect("it runs");
    assert_eq!(fixture.rows("SELECT * FROM t WHERE k = 9"), [["9", "new", "4"]]);
    let delete = Params::Named(vec![("k".into(), int(9))]);
    rows(root, "DELETE FROM t WHERE k = :k", &delete).expect("it runs");
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["3"]]);
    let null = Params::Positional(vec![ScalarValue::Null]);
    assert!(rows(root, "SELECT k FROM t WHERE v = ?", &null).expect("it runs").is_empty());
}

#[test]
fn a_wrong_number_or_style_is_refused() {
    let fixture = filled();
    let root = fixture.root();
    let one = Params::Positional(vec![int(1)]);
    let two = Params::Positional(vec![int(1), int(2)]);
    let named = Params::Named(vec![("a".into(), int(1))]);
    for (sql, params) in [
        ("SELECT k FROM t WHERE k = ?", &Params::None),
        ("SELECT k FROM t WHERE k = ?", &two),
        ("SELECT k FROM t WHERE k = $2", &one),
        ("SELECT k FROM t", &one),
        ("SELECT k FROM t WHERE k = :b", &named),
        ("SELECT k FROM t WHERE k = :a OR k = :b", &named),
        ("SELECT k FROM t WHERE k = ?", &named),
    ] {
        assert_eq!(state(root, sql, params), "42P02", "{sql}");
    }
    for sql in ["SELECT k FROM t WHERE k = ? OR k = $1", "SELECT k FROM t WHERE k = ? OR k = :a"] {
        let found = state(root, sql, &two);
        assert!(["42601", "42P02"].contains(&found.as_str()), "{sql}: {found}");
    }
    let wrong = Params::Positional(vec![text("many")]);
    assert_eq!(state(root, "SELECT k FROM t WHERE k = ?", &wrong), "22P02");
    let big = Params::Positional(vec![int(1 << 40), text("x"), ScalarValue::Null]);
    assert_eq!(state(root, "INSERT INTO t VALUES (?, ?, ?)", &big), "22003");
}

#[test]
fn many_sets_are_one_commit() {
    let fixture = filled();
    let root = fixture.root();
    let set = |k: i64, v: &str| Params::Positional(vec![int(k), text(v)]);
    let insert = "INSERT INTO t (k, v) VALUES (?, ?)";
    let sets: Vec<Params> = (10..500).map(|k| set(k, "many")).collect();
    assert_eq!(root.execute_many(insert, &sets).expect("it runs"), 490);
    for bad in [set(499, "taken"), set(1 << 40, "big"), Params::Positional(vec![int(1_000)])] {
        let sets = [set(900, "good"), bad, set(901, "good")];
        root.execute_many(insert, &sets).expect_err("one set is bad");
        assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["493"]]);
    }
    root.execute_many(insert, &[set(900, "x"), set(900, "y")]).expect_err("a duplicate");
    let updates: Vec<Params> =
        (10..20).map(|k| Params::Positional(vec![text("changed"), int(k)])).collect();
    let count = root.execute_many("UPDATE t SET v = ? WHERE k = ?", &updates).expect("it runs");
    assert_eq!(count, 10);
    let deletes: Vec<Params> = (10..20).map(|k| Params::Positional(vec![int(k)])).collect();
    let count = root.execute_many("DELETE FROM t WHERE k = ?", &deletes).expect("it runs");
    assert_eq!(count, 10);
    assert_eq!(root.execute_many(insert, &[]).expect("nothing to do"), 0);
    root.execute_many("SELECT ?", &[Params::Positional(vec![int(1)])]).expect_err("not a write");
    fixture.run("STORAGE FLUSH TABLE t");
    root.execute_many(insert, &[set(800, "good"), set(499, "cold duplicate")])
        .expect_err("a duplicate of a cold row");
    assert_eq!(fixture::rows(root, "SELECT COUNT(*) FROM t"), [["483"]]);
}
