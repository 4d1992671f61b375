//! Arrow data goes in whole or not at all, with the checks of INSERT.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, LargeStringArray, RecordBatch,
    RecordBatchIterator, StringArray,
};
use arrow::record_batch::RecordBatchReader;
use kalam_core::AppendMode;

use crate::fixture::{self, Fixture};

fn reader(batches: Vec<RecordBatch>) -> Box<dyn RecordBatchReader + Send> {
    let schema = batches[0].schema();
    Box::new(RecordBatchIterator::new(batches.into_iter().map(Ok), schema))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns are of one length")
}

fn pairs(keys: std::ops::Range<i32>, value: &str) -> RecordBatch {
    let values = keys.clone().map(|k| format!("{value} {k}"));
    batch(vec![
        ("k", Arc::new(Int32Array::from_iter_values(keys)) as ArrayRef),
        ("v", Arc::new(StringArray::from_iter_values(values))),
    ])
}

fn table() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT, n INT DEFAULT 7)");
    fixture
}

#[test]
fn batches_arrive_in_one_commit_with_defaults() {
    let fixture = table();
    let data = reader(vec![pairs(0..1_000, "a"), pairs(1_000..1_500, "b")]);
    assert_eq!(fixture.root().append("t", data, AppendMode::Append).expect("it fits"), 1_500);
    assert_eq!(
        fixture.rows("SELECT COUNT(*), SUM(n), COUNT(DISTINCT k) FROM t"),
        [["1500", "10500", "1500"]]
    );
    assert_eq!(fixture.rows("SELECT v FROM t WHERE k = 1200"), [["b 1200"]]);
    fixture.run("STORAGE FLUSH TABLE t");
    let again = reader(vec![pairs(2_000..2_010, "c"), pairs(5..6, "cold duplicate")]);
    let error = fixture.root().append("t", again, AppendMode::Append).expect_err("a duplicate");
    assert_eq!(error.sqlstate().as_str(), "23505");
    let twice = reader(vec![pairs(3_000..3_001, "x"), pairs(3_000..3_001, "y")]);
    let error = fixture.root().append("t", twice, AppendMode::Append).expect_err("a duplicate");
    assert_eq!(error.sqlstate().as_str(), "23505");
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["1500"]]);
}

#[test]
fn upsert_replaces_rows_in_both_tiers() {
    let mut fixture = table();
    fixture
        .root()
        .append("t", reader(vec![pairs(0..100, "old")]), AppendMode::Append)
        .expect("new");
    fixture.run("STORAGE FLUSH TABLE t");
    fixture
        .root()
        .append("t", reader(vec![pairs(100..150, "old")]), AppendMode::Append)
        .expect("new");
    let data = reader(vec![pairs(50..120, "new"), pairs(200..210, "new")]);
    assert_eq!(fixture.root().append("t", data, AppendMode::Upsert).expect("it fits"), 80);
    let expected = [["160", "80", "160"]];
    let sql = "SELECT COUNT(*), COUNT(*) FILTER (WHERE v LIKE 'new%'), COUNT(DISTINCT k) FROM t";
    assert_eq!(fixture.rows(sql), expected);
    fixture.run("STORAGE FLUSH TABLE t");
    assert_eq!(fixture.rows(sql), expected);
    fixture.reopen();
    assert_eq!(fixture.rows(sql), expected);
}

#[test]
fn columns_match_by_name_and_convert() {
    let fixture = table();
    let data = batch(vec![
        ("v", Arc::new(LargeStringArray::from(vec!["x", "y"])) as ArrayRef),
        ("k", Arc::new(Int64Array::from(vec![1, 2]))),
    ]);
    fixture.root().append("t", reader(vec![data]), AppendMode::Append).expect("it fits");
    assert_eq!(
        fixture.rows("SELECT k, v, n FROM t ORDER BY k"),
        [["1", "x", "7"], ["2", "y", "7"]]
    );
}

#[test]
fn what_does_not_fit_is_refused_whole() {
    let fixture = table();
    let append = |columns: Vec<(&str, ArrayRef)>| {
        let data = reader(vec![pairs(0..5, "good"), batch(columns)]);
        fixture.root().append("t", data, AppendMode::Append)
    };
    let one = || Arc::new(Int32Array::from(vec![9])) as ArrayRef;
    let unknown = reader(vec![batch(vec![("k", one()), ("nothing", one())])]);
    let error = fixture.root().append("t", unknown, AppendMode::Append).expect_err("no column");
    assert_eq!(error.sqlstate().as_str(), "42703");
    let keyless = reader(vec![batch(vec![("n", one())])]);
    let error = fixture.root().append("t", keyless, AppendMode::Append).expect_err("no key");
    assert_eq!(error.sqlstate().as_str(), "23502");
    let null = Arc::new(Int32Array::from(vec![None::<i32>])) as ArrayRef;
    let v = Arc::new(StringArray::from(vec!["x"])) as ArrayRef;
    append(vec![("k", null), ("v", v)]).expect_err("a NULL key");
    let big = Arc::new(Int64Array::from(vec![1i64 << 40])) as ArrayRef;
    let error = fixture
        .root()
        .append("t", reader(vec![batch(vec![("k", big)])]), AppendMode::Append)
        .expect_err("out of range");
    assert_eq!(error.sqlstate().as_str(), "22003");
    let fraction = Arc::new(Float64Array::from(vec![f64::NAN])) as ArrayRef;
    fixture
        .root()
        .append("t", reader(vec![batch(vec![("k", fraction)])]), AppendMode::Append)
        .expect_err("not a number");
    let error = fixture
        .root()
        .append("nothing", reader(vec![pairs(0..1, "x")]), AppendMode::Append)
        .expect_err("no table");
    assert_eq!(error.sqlstate().as_str(), "42P01");
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["0"]]);
}

#[test]
fn rows_belong_to_the_user_who_appends() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE own (k INT PRIMARY KEY, v TEXT)");
    fixture.run("CREATE SHARED TABLE closed (k INT PRIMARY KEY, v TEXT)");
    let (alice, bob) = (fixture.user("alice"), fixture.root().as_user("bob").expect("root may"));
    alice.append("own", reader(vec![pairs(0..10, "alice")]), AppendMode::Append).expect("hers");
    bob.append("own", reader(vec![pairs(0..5, "bob")]), AppendMode::Append).expect("his");
    assert_eq!(fixture::rows(&alice, "SELECT COUNT(*), MIN(v) FROM own"), [["10", "alice 0"]]);
    assert_eq!(fixture::rows(&bob, "SELECT COUNT(*), MIN(v) FROM own"), [["5", "bob 0"]]);
    let error = alice
        .append("closed", reader(vec![pairs(0..1, "x")]), AppendMode::Append)
        .expect_err("a user may not write shared tables");
    assert_eq!(error.sqlstate().as_str(), "42501");
    assert_eq!(alice.as_user("bob").err().map(|e| e.sqlstate().to_string()), Some("42501".into()));
}
