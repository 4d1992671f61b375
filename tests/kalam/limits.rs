//! Limits on statements: beyond each is an error, just below it is not.

use kalam_core::{Params, ScalarValue};

use crate::fixture::{self, Fixture};

/// The longest text, and as much as fits into it.
const TEXT_BYTES_MAX: usize = 1 << 20;

fn padded(bytes: usize) -> String {
    let head = "SELECT '";
    format!("{head}{}'", "x".repeat(bytes - head.len() - 1))
}

#[test]
fn a_statement_beyond_a_limit_is_refused() {
    let fixture = Fixture::new();
    for (what, sql) in [
        ("text", padded(TEXT_BYTES_MAX + 1)),
        ("nesting", format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200))),
        ("queries", format!("SELECT {}1{}", "(SELECT ".repeat(20), ")".repeat(20))),
        ("arms", format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(600))),
        ("tables", format!("SELECT 1 FROM (SELECT 1) a {}", ", (SELECT 1) b".repeat(600))),
        ("terms", format!("SELECT 1 WHERE 1 = 1 {}", "OR 1 = 1 ".repeat(20_000))),
        ("operators", format!("SELECT 1 {}", "+ 1 ".repeat(5_000))),
        ("parameters", "SELECT $65536".to_owned()),
    ] {
        assert_eq!(fixture.refused(&sql).0, "54000", "{what}");
    }
    assert_eq!(fixture.rows("SELECT 1"), [["1"]], "the session goes on");
}

#[test]
fn a_statement_at_a_limit_runs() {
    let fixture = Fixture::new();
    for sql in [
        padded(TEXT_BYTES_MAX),
        format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100)),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(100)),
        format!("SELECT 1 WHERE 1 = 1 {}", "OR 1 = 1 ".repeat(1_000)),
    ] {
        fixture::try_rows(fixture.root(), &sql).unwrap_or_else(|e| panic!("{e:?}"));
    }
    let values = vec![ScalarValue::Int64(Some(1)); 2_000];
    let list = vec!["?"; values.len()].join(", ");
    let sql = format!("SELECT 1 WHERE 1 IN ({list})");
    let result = fixture.root().execute(&sql, &Params::Positional(values)).expect("it runs");
    assert_eq!(result.collect().expect("it runs")[0].num_rows(), 1);
}

#[test]
fn a_statement_that_changes_more_rows_than_memory_holds_is_refused_and_changes_none() {
    let dir = tempfile::TempDir::new().expect("a temporary folder can be made");
    let options = kalam_core::Options { memory_limit_bytes: 16 << 20, ..fixture::options() };
    let database = kalam_core::Database::open(dir.path(), options).expect("it opens");
    let root = fixture::root(&database);
    fixture::run(&root, "CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    let insert = |rows: u32| {
        format!(
            "INSERT INTO t SELECT value, REPEAT('x', 100) FROM generate_series(1, {rows}) AS g (value)"
        )
    };
    assert_eq!(fixture::refused(&root, &insert(500_000)).0, "53200");
    assert_eq!(fixture::rows(&root, "SELECT COUNT(*) FROM t"), [["0"]]);
    assert_eq!(fixture::run(&root, &insert(1_000)), 1_000);
    assert_eq!(fixture::run(&root, "UPDATE t SET v = v || '!'"), 1_000);
}
