//! What statements that change rows tell: how many, which, and the number of their
//! commit.

use arrow::datatypes::{DataType, Schema};
use kalam_core::{Params, QueryResult, ScalarValue};

use crate::fixture::{Fixture, Rows};
use crate::render;

fn filled() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT NOT NULL, u UUID, d DECIMAL(8, 2))");
    fixture.run("INSERT INTO t VALUES (1, 'a', NULL, 1), (2, 'b', NULL, 2)");
    fixture.run("STORAGE FLUSH TABLE t");
    fixture.run("INSERT INTO t VALUES (3, 'c', NULL, 3)");
    fixture
}

/// Rows affected and rows returned.
fn both(fixture: &Fixture, sql: &str, values: &[ScalarValue]) -> (Option<u64>, Rows) {
    let params = Params::Positional(values.to_vec());
    let result = fixture.root().execute(sql, &params).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    let affected = result.rows_affected();
    (affected, render::rows(&result.collect().expect("the rows are there")))
}

#[test]
fn rows_that_do_not_change_are_returned_and_not_counted() {
    let fixture = filled();
    for (sql, affected, returned) in [
        ("INSERT INTO t (k, v) VALUES (4, 'd'), (5, 'e') RETURNING k", 2, "4 5"),
        ("UPDATE t SET v = 'a' WHERE k IN (1, 4) RETURNING k", 1, "1 4"),
        (
            "INSERT INTO t (k, v) VALUES (6, 'f'), (1, 'a'), (2, 'x') ON CONFLICT (k) DO UPDATE \
          SET v = excluded.v RETURNING k",
            2,
            "6 1 2",
        ),
        (
            "INSERT INTO t (k, v) VALUES (1, 'x'), (7, 'g') ON CONFLICT DO NOTHING RETURNING k",
            1,
            "7",
        ),
        ("DELETE FROM t WHERE k > 5 RETURNING k", 2, "6 7"),
        ("DELETE FROM t WHERE k > 5 RETURNING k", 0, ""),
    ] {
        let (count, rows) = both(&fixture, sql, &[]);
        assert_eq!(count, Some(affected), "{sql}");
        let mut found: Vec<String> = rows.into_iter().flatten().collect();
        if !sql.starts_with("INSERT") {
            found.sort();
        }
        assert_eq!(found.join(" "), returned, "{sql}");
    }
}

#[test]
fn returned_columns_have_their_types_and_are_known_before() {
    let fixture = filled();
    let columns = |schema: &Schema| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect()
    };
    for (sql, values) in [
        ("INSERT INTO t VALUES (?, ?, NULL, '1.5') RETURNING *", vec![10.into(), "x".into()]),
        (
            "INSERT INTO t (k, v) VALUES (11, 'x') RETURNING k * 2 AS twice, u, d, _seq, _deleted",
            vec![],
        ),
        (
            "INSERT INTO t (k, v) VALUES (?, 'y') ON CONFLICT (k) DO UPDATE SET v = t.v || ? \
          RETURNING v, k",
            vec![11.into(), "z".into()],
        ),
        (
            "UPDATE t SET v = s.v FROM t AS s WHERE s.k = t.k AND t.k < ? RETURNING t.k, s.d",
            vec![9.into()],
        ),
        ("UPDATE t SET v = s.v FROM t AS s WHERE s.k = t.k RETURNING t.*", vec![]),
        (
            "MERGE INTO t USING (VALUES (1, 'm'), (50, 'n')) AS s (k, v) ON s.k = t.k \
          WHEN MATCHED AND t.k < $1 THEN UPDATE SET v = $2 \
          WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, $2) RETURNING merge_action(), s.v, t.*",
            vec![9.into(), "p".into()],
        ),
        ("DELETE FROM t USING t AS s WHERE s.k = t.k RETURNING *, t.k + s.k AS sum", vec![]),
        ("DELETE FROM t WHERE v = ?", vec!["x".into()]),
    ] {
        let statement = fixture.root().prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert_eq!(statement.parameter_types().len(), values.len(), "{sql}");
        assert!(statement.parameter_types().iter().all(Option::is_some), "{sql}");
        let known = statement.result_schema();
        let result = fixture
            .root()
            .execute_prepared(&statement, &Params::Positional(values))
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert_eq!(columns(&known), columns(&result.schema()), "{sql}");
        assert!(result.rows_affected().is_some(), "{sql}");
        let fields = result.schema();
        for batch in result.collect().expect("the rows are there") {
            assert_eq!(batch.schema().fields(), fields.fields(), "{sql}");
        }
    }
}

#[test]
fn the_number_of_the_own_commit_is_returned() {
    let fixture = filled();
    let seq_of = |key: i32| fixture.rows(&format!("SELECT _seq FROM t WHERE k = {key}"))[0].clone();
    for (sql, key) in [
        ("INSERT INTO t (k, v) VALUES (10, 'x') RETURNING _seq", 10),
        ("UPDATE t SET v = 'y' WHERE k = 1 RETURNING t._seq AS number", 1),
        ("UPDATE t SET v = 'y' WHERE k = 1 RETURNING _seq", 1),
        (
            "INSERT INTO t (k, v) VALUES (2, 'z') ON CONFLICT (k) DO UPDATE SET v = 'z' RETURNING _seq",
            2,
        ),
        (
            "INSERT INTO t (k, v) VALUES (2, 'z') ON CONFLICT (k) DO UPDATE SET v = 'z' RETURNING _seq",
            2,
        ),
    ] {
        let (_, rows) = both(&fixture, sql, &[]);
        assert_eq!(rows, [seq_of(key)], "{sql}");
    }
    fixture.run("BEGIN");
    let (_, rows) = both(&fixture, "UPDATE t SET v = 'w' WHERE k = 1 RETURNING _seq", &[]);
    assert_eq!(rows, [seq_of(1)], "what the transaction sees");
    fixture.run("ROLLBACK");
}

#[test]
fn many_sets_of_parameters_upsert_as_one_after_another_would() {
    let fixture = filled();
    let sets = |rows: &[(i32, &str)]| -> Vec<Params> {
        let set = |(k, v): &(i32, &str)| Params::Positional(vec![(*k).into(), (*v).into()]);
        rows.iter().map(set).collect()
    };
    let upsert = "INSERT INTO t (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = ";
    for (set, rows, affected, expected) in [
        ("excluded.v", vec![(1, "p"), (20, "q"), (3, "c")], 2, "p b c q"),
        ("t.v || excluded.v", vec![(1, "x"), (1, "y"), (21, "z"), (21, "z")], 4, "pxy b c q zz"),
    ] {
        let sql = format!("{upsert}{set}");
        let count = fixture.root().execute_many(&sql, &sets(&rows)).expect("it runs");
        assert_eq!(count, affected, "{sql}");
        let found: Rows = fixture.rows("SELECT v FROM t ORDER BY k");
        assert_eq!(found.concat().join(" "), expected, "{sql}");
    }
    let sql = "INSERT INTO t (k, v) VALUES (?, ?) ON CONFLICT DO NOTHING";
    let count = fixture.root().execute_many(sql, &sets(&[(1, "n"), (30, "m"), (30, "o")]));
    assert_eq!(count.expect("it runs"), 1);
    let sql = "INSERT INTO t (k, v) VALUES (?, ?) RETURNING k";
    let error = fixture.root().execute_many(sql, &sets(&[(40, "n")])).expect_err("it is refused");
    assert_eq!(error.sqlstate().as_str(), "0A000");
    assert_eq!(fixture.rows("SELECT v FROM t WHERE k >= 30"), [["m"]]);
}

#[test]
fn a_returned_row_outlives_its_table() {
    let fixture = filled();
    let result: QueryResult =
        fixture.root().execute("DELETE FROM t RETURNING k", &Params::None).expect("it runs");
    fixture.run("DROP TABLE t");
    assert_eq!(result.collect().expect("the rows are there")[0].num_rows(), 3);
}
