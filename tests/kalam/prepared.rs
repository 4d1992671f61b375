//! Prepared statements: what they tell before they run, and whose rows they reach.

use arrow::datatypes::DataType;
use kalam_core::{Params, PreparedStatement, QueryResult, ScalarValue, Session};

use crate::fixture::{Fixture, Rows};
use crate::render;

fn filled() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT, u UUID, at TIMESTAMP, d DOUBLE)");
    fixture.run("INSERT INTO t (k, v, d) VALUES (1, 'a', 1.5), (2, 'b', 2.5)");
    fixture
}

fn prepare(session: &Session, sql: &str) -> PreparedStatement {
    session.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"))
}

fn values(values: &[ScalarValue]) -> Params {
    Params::Positional(values.to_vec())
}

fn rows(session: &Session, statement: &PreparedStatement, given: &[ScalarValue]) -> Rows {
    let result = session.execute_prepared(statement, &values(given));
    render::rows(&result.and_then(QueryResult::collect).expect("it runs"))
}

#[test]
fn parameters_have_the_type_of_what_they_stand_beside() {
    let fixture = filled();
    let uuid = DataType::FixedSizeBinary(16);
    for (sql, expected) in [
        ("SELECT v FROM t WHERE k = ?", vec![Some(DataType::Int32)]),
        ("SELECT v FROM t WHERE ? < d AND u = ?", vec![Some(DataType::Float64), Some(uuid)]),
        ("SELECT v FROM t WHERE k IN (?, ?)", vec![Some(DataType::Int32); 2]),
        ("SELECT ? FROM t", vec![None]),
        ("INSERT INTO t (v, k) VALUES ($2, $1)", vec![Some(DataType::Int32), Some(DataType::Utf8)]),
        ("UPDATE t SET v = $2 WHERE k = $1", vec![Some(DataType::Int32), Some(DataType::Utf8)]),
        ("DELETE FROM t AS x WHERE x.v = :v", vec![Some(DataType::Utf8)]),
        ("CREATE NAMESPACE n", vec![]),
    ] {
        assert_eq!(prepare(fixture.root(), sql).parameter_types(), expected, "{sql}");
    }
}

#[test]
fn the_columns_of_the_result_are_known_before_it_runs() {
    let fixture = filled();
    let root = fixture.root();
    for sql in [
        "SELECT k, v AS name, d * 2 AS twice FROM t WHERE k > 0",
        "SELECT * FROM t WHERE k = 1",
        "SELECT COUNT(*), MAX(at) FROM t",
        "SHOW TABLES",
    ] {
        let statement = prepare(root, sql);
        let known = statement.result_schema();
        let result = root.execute_prepared(&statement, &Params::None).expect(sql);
        let columns = |schema: &arrow::datatypes::Schema| -> Vec<(String, DataType)> {
            schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect()
        };
        assert_eq!(columns(&known), columns(&result.schema()), "{sql}");
    }
    assert!(prepare(root, "DELETE FROM t").result_schema().fields().is_empty());
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["2"]], "nothing ran");
}

#[test]
fn a_wrong_number_or_type_says_what_was_expected_and_what_came() {
    let fixture = filled();
    let root = fixture.root();
    let statement = prepare(root, "SELECT v FROM t WHERE k = $1 AND d > $2");
    let refused = |given: &[ScalarValue]| {
        let error = root
            .execute_prepared(&statement, &values(given))
            .map(|_| ())
            .expect_err("it is refused");
        (error.sqlstate().to_string(), error.message().to_owned())
    };
    let one = refused(&[1.into()]);
    assert_eq!(one, ("42P02".into(), "statement takes 2 parameters, got 1".into()));
    let wrong = refused(&[1.into(), true.into()]);
    assert_eq!(wrong, ("42804".into(), "parameter $2 is of type DOUBLE, got BOOLEAN".into()));
    assert_eq!(rows(root, &statement, &[1i64.into(), 1.into()]), [["a"]]);
}

#[test]
fn one_statement_serves_every_user_their_own_rows() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE m (k INT PRIMARY KEY, v TEXT)");
    let (ada, bob) = (fixture.user("ada"), fixture.user("bob"));
    let insert = prepare(fixture.root(), "INSERT INTO m VALUES (?, ?)");
    for (session, name) in [(&ada, "ada"), (&bob, "bob")] {
        let sets = [values(&[1.into(), name.into()]), values(&[2.into(), name.into()])];
        assert_eq!(session.execute_prepared_many(&insert, &sets).expect("it runs"), 2);
    }
    for sql in ["SELECT v FROM m WHERE k = ?", "SELECT v FROM m WHERE v <> '' AND k >= ? LIMIT 1"] {
        let statement = prepare(&ada, sql);
        for _ in 0..2 {
            assert_eq!(rows(&ada, &statement, &[2.into()]), [["ada"]]);
            assert_eq!(rows(&bob, &statement, &[2.into()]), [["bob"]]);
            assert_eq!(rows(fixture.root(), &statement, &[2.into()]), Rows::new());
        }
    }
}

#[test]
fn each_execution_has_the_rights_of_its_session() {
    let fixture = filled();
    let statement = prepare(fixture.root(), "SELECT v FROM t WHERE v <> ''");
    let error = fixture.user("ada").execute_prepared(&statement, &Params::None).map(|_| ());
    assert_eq!(error.expect_err("it is refused").sqlstate().as_str(), "42501");
    let error = fixture.user("ada").prepare("SELECT v FROM t").map(|_| ());
    assert_eq!(error.expect_err("it is refused").sqlstate().as_str(), "42501");
}

#[test]
fn tables_change_and_the_statement_follows_or_refuses() {
    let fixture = filled();
    let root = fixture.root();
    let count = prepare(root, "SELECT COUNT(v) FROM t WHERE k > ?");
    let all = prepare(root, "SELECT * FROM t");
    fixture.run("DROP TABLE t");
    let missing = root.execute_prepared(&count, &values(&[0.into()])).map(|_| ());
    assert_eq!(missing.expect_err("it is refused").sqlstate().as_str(), "42P01");
    fixture.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v INT)");
    fixture.run("INSERT INTO t VALUES (1, 1)");
    assert_eq!(rows(root, &count, &[0.into()]), [["1"]]);
    assert_eq!(count.parameter_types(), [Some(DataType::Int64)]);
    let changed = root.execute_prepared(&all, &Params::None).map(|_| ());
    assert_eq!(changed.expect_err("it is refused").sqlstate().as_str(), "0A000");
}

#[test]
fn a_prepared_statement_is_never_parsed_again() {
    let fixture = filled();
    let root = fixture.root();
    let statement = prepare(root, "SELECT v FROM t WHERE d > ?");
    rows(root, &statement, &[1.into()]);
    let before = fixture.database().counters();
    for _ in 0..5 {
        rows(root, &statement, &[1.into()]);
    }
    let after = fixture.database().counters();
    assert_eq!(after.parses, before.parses);
    assert_eq!(after.plan_misses, before.plan_misses);
    assert_eq!(after.plan_hits, before.plan_hits + 5);
}
