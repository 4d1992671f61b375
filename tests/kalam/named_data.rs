//! Arrow data of the program that queries read by name, and sessions that only read.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatchReader;
use kalam_core::{AppendMode, NamedData, Params, Session};

use crate::fixture::{self, Fixture, Rows};
use crate::render;

fn reader(keys: std::ops::Range<i32>, value: &str) -> Box<dyn RecordBatchReader + Send> {
    let values = keys.clone().map(|k| format!("{value} {k}"));
    let columns: [(&str, ArrayRef); 2] = [
        ("k", Arc::new(Int32Array::from_iter_values(keys))),
        ("v", Arc::new(StringArray::from_iter_values(values))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns are of one length");
    Box::new(RecordBatchIterator::new([Ok(batch.clone())], batch.schema()))
}

fn given(name: &str, keys: std::ops::Range<i32>) -> NamedData {
    let mut data = NamedData::default();
    data.insert(name, reader(keys, "given")).expect("it can be read");
    data
}

fn reading(session: &Session, data: &NamedData, sql: &str) -> Rows {
    let result = session.execute_reading(data, None, sql, &Params::None);
    render::rows(&result.and_then(|r| r.collect()).unwrap_or_else(|e| panic!("{sql}: {e:?}")))
}

fn table() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    fixture.run("INSERT INTO t VALUES (1, 'stored 1'), (2, 'stored 2')");
    fixture
}

#[test]
fn a_statement_finds_data_before_tables_and_after_ctes() {
    let fixture = table();
    let data = given("t", 1..4);
    let point = "SELECT v FROM t WHERE k = 1";
    let all = "SELECT COUNT(*) FROM t WHERE k < 10";
    // As a key lookup and as a plan that is kept.
    assert_eq!(
        (fixture.rows(point), fixture.rows(all)),
        (vec![vec!["stored 1".into()]], vec![vec!["2".into()]])
    );
    let root = fixture.root();
    assert_eq!(reading(root, &data, point), [["given 1"]]);
    assert_eq!(reading(root, &data, all), [["3"]]);
    assert_eq!(reading(root, &data, "SELECT v FROM default.t WHERE k = 1"), [["stored 1"]]);
    assert_eq!(reading(root, &data, "WITH t AS (SELECT 5 AS k) SELECT k FROM t"), [["5"]]);
    assert_eq!(
        (fixture.rows(point), fixture.rows(all)),
        (vec![vec!["stored 1".into()]], vec![vec!["2".into()]])
    );
}

#[test]
fn data_joins_tables_and_feeds_every_write() {
    let fixture = table();
    let root = fixture.root();
    let data = given("more", 2..5);
    let joined = "SELECT t.v, more.v FROM t JOIN more ON t.k = more.k";
    assert_eq!(reading(root, &data, joined), [["stored 2", "given 2"]]);
    reading(root, &data, "INSERT INTO t SELECT * FROM more WHERE k > 2");
    reading(root, &data, "UPDATE t SET v = more.v FROM more WHERE t.k = more.k AND t.k = 2");
    reading(root, &data, "DELETE FROM t WHERE k IN (SELECT k FROM more WHERE k = 3)");
    reading(root, &data, "INSERT INTO t VALUES (9, (SELECT MAX(v) FROM more))");
    assert_eq!(
        fixture.rows("SELECT * FROM t ORDER BY k"),
        [["1", "stored 1"], ["2", "given 2"], ["4", "given 4"], ["9", "given 4"]]
    );
    reading(
        root,
        &data,
        "MERGE INTO t USING more ON t.k = more.k WHEN MATCHED THEN UPDATE SET v = 'merged' \
         WHEN NOT MATCHED THEN INSERT VALUES (more.k, more.v)",
    );
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t WHERE v = 'merged'"), [["2"]]);
    assert_eq!(fixture.refused("SELECT * FROM more").0, "42P01");
}

#[test]
fn what_is_registered_stays_for_its_session_alone() {
    let fixture = table();
    let root = fixture.root();
    root.register("days", reader(0..3, "day")).expect("it can be read");
    let kept = root.execute("SELECT v FROM days", &Params::None).expect("it is there");
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM days"), [["3"]]);
    assert_eq!(reading(root, &given("days", 0..9), "SELECT COUNT(*) FROM days"), [["9"]]);
    root.register("days", reader(0..4, "day")).expect("it replaces the other");
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM days"), [["4"]]);
    let other = fixture.user("alice");
    assert_eq!(fixture::refused(&other, "SELECT * FROM days").0, "42P01");
    root.unregister("days").expect("it is there");
    assert_eq!(fixture.refused("SELECT * FROM days").0, "42P01");
    assert_eq!(root.unregister("days").expect_err("it is gone").sqlstate().as_str(), "42P01");
    assert_eq!(kept.collect().expect("a result keeps what it reads").len(), 1);
}

#[test]
fn a_view_never_reads_data() {
    let fixture = table();
    let root = fixture.root();
    fixture.run("CREATE VIEW seen AS SELECT v FROM t");
    assert_eq!(reading(root, &given("t", 0..9), "SELECT COUNT(*) FROM seen"), [["2"]]);
    root.register("days", reader(0..3, "day")).expect("it can be read");
    assert_eq!(fixture.refused("CREATE VIEW more AS SELECT v FROM days").0, "42P01");
}

#[test]
fn data_that_cannot_be_read_is_refused_and_leaves_nothing() {
    let fixture = table();
    let root = fixture.root();
    let refused = |name: &str, data| root.register(name, data).expect_err(name).sqlstate().as_str();
    assert_eq!(refused("no name", reader(0..1, "a")), "42602");
    let schema = reader(0..1, "a").schema();
    let broken = ArrowError::ExternalError("the source is gone".into());
    assert_eq!(refused("days", Box::new(RecordBatchIterator::new([Err(broken)], schema))), "22023");
    let twice = RecordBatch::try_from_iter([
        ("a", Arc::new(Int32Array::from(vec![1])) as ArrayRef),
        ("a", Arc::new(Int32Array::from(vec![2])) as ArrayRef),
    ]);
    let twice = twice.expect("Arrow allows it");
    let schema = twice.schema();
    assert_eq!(refused("days", Box::new(RecordBatchIterator::new([Ok(twice)], schema))), "42701");
    assert_eq!(fixture.refused("SELECT * FROM days").0, "42P01");
}

#[test]
fn a_read_only_session_changes_nothing() {
    let fixture = table();
    let reader_session = fixture.root().clone();
    reader_session.set_read_only(true);
    let inserts = reader_session.prepare("INSERT INTO t VALUES (7, 'x')").expect("it is known");
    let state = |e: kalam_core::Error| e.sqlstate().as_str();
    for sql in [
        "INSERT INTO t VALUES (7, 'x')",
        "UPDATE t SET v = 'x'",
        "DELETE FROM t",
        "CREATE TABLE u (k INT PRIMARY KEY)",
        "DROP TABLE t",
        "STORAGE FLUSH TABLE t",
        "EXECUTE AS USER 'alice' (DELETE FROM t)",
        "SELECT 1; DELETE FROM t",
    ] {
        assert_eq!(fixture::refused(&reader_session, sql).0, "25006", "{sql}");
    }
    let failed = reader_session.execute_prepared(&inserts, &Params::None).map(drop);
    assert_eq!(failed.map_err(state), Err("25006"));
    let failed = reader_session.execute_many("DELETE FROM t WHERE k = 1", &[Params::None]);
    assert_eq!(failed.map_err(state), Err("25006"));
    let failed = reader_session.append("t", reader(7..9, "x"), AppendMode::Append);
    assert_eq!(failed.map_err(state), Err("25006"));
    assert!(reader_session.as_user("root").expect("the same user").is_read_only());
    assert_eq!(fixture::rows(&reader_session, "SELECT COUNT(*) FROM t"), [["2"]]);
    reader_session.set_read_only(false);
    assert_eq!(fixture::run(&reader_session, "DELETE FROM t"), 2);
}
