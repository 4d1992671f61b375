//! Nearest vectors first: read without a plan where nothing else is asked, and by a plan that
//! keeps only the rows that it answers with.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, RecordBatchIterator,
    StringArray,
};
use arrow::datatypes::{DataType, Field};
use kalam_core::{AppendMode, Session};

use crate::fixture::{self, Fixture, Seeded, rows};

#[test]
fn nearest_rows_are_kept_while_scanning_and_their_distance_is_computed_once() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE doc (k INT PRIMARY KEY, kind TEXT, e EMBEDDING(2))");
    fixture
        .run("INSERT INTO doc VALUES (1, 'a', '[1, 0]'), (2, 'a', '[0, 1]'), (3, 'b', '[1, 1]')");
    for sql in [
        "SELECT k FROM doc WHERE kind = 'a' ORDER BY e <=> '[1, 0]' LIMIT 2",
        "SELECT k, e <=> '[1, 0]' AS d FROM doc WHERE k > 0 ORDER BY d LIMIT 2",
        "SELECT k, e <=> '[1, 0]' AS d FROM doc WHERE k > 0 ORDER BY e <=> '[1, 0]' LIMIT 2",
    ] {
        let rows = fixture.rows(&format!("EXPLAIN VERBOSE {sql}"));
        let shown: Vec<&str> = rows.iter().flatten().map(String::as_str).collect();
        let plan = shown.join("\n");
        let physical = plan.split("physical").last().unwrap_or_default();
        assert!(physical.contains("TopK(fetch=2)"), "{sql}\n{plan}");
        // Merging the nearest of each partition looks at those few again.
        let for_each_row = |line: &&str| !line.contains("SortPreservingMergeExec");
        let computed = physical.lines().filter(for_each_row);
        let computed = computed.filter(|line| line.contains("cosine_distance(")).count();
        assert_eq!(computed, 1, "{sql}\n{plan}");
    }
}

#[test]
fn a_search_alone_is_an_access_path() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE doc (k INT PRIMARY KEY, e EMBEDDING(2), f EMBEDDING(2))");
    fixture.run("INSERT INTO doc VALUES (1, '[1, 0]', NULL), (2, '[0, 1]', '[0, 0]')");
    for (sql, path) in [
        ("SELECT k FROM doc ORDER BY e <=> '[1, 0]' LIMIT 2", "nearest"),
        ("SELECT d.* FROM doc d ORDER BY d.e <-> '[1, 0]' LIMIT 2", "planned"),
        ("SELECT * FROM doc d ORDER BY '[1, 0]' <-> d.e LIMIT 2 OFFSET 1", "nearest"),
        ("SELECT k FROM doc ORDER BY negative_inner_product(e, '[1, 0]') LIMIT 2", "nearest"),
        ("SELECT e <#> '[1, 0]' AS d FROM doc ORDER BY d LIMIT 2", "nearest"),
        ("SELECT f AS e FROM doc ORDER BY e <#> '[1, 0]' LIMIT 2", "planned"),
        ("SELECT e <=> '[1, 1]' AS d FROM doc ORDER BY e <=> '[1, 0]' LIMIT 2", "planned"),
        ("SELECT e <-> '[1, 0]' AS d FROM doc ORDER BY e <=> '[1, 0]' LIMIT 2", "planned"),
        ("SELECT f <=> '[1, 0]' AS d FROM doc ORDER BY e <=> '[1, 0]' LIMIT 2", "planned"),
        ("SELECT k FROM doc ORDER BY e <=> '[1, 0]' DESC LIMIT 2", "planned"),
        ("SELECT k FROM doc ORDER BY e <=> '[1, 0]' NULLS FIRST LIMIT 2", "planned"),
        ("SELECT k FROM doc ORDER BY e <=> '[1, 0]', k LIMIT 2", "planned"),
        ("SELECT k FROM doc ORDER BY e <=> f LIMIT 2", "planned"),
        ("SELECT k FROM doc ORDER BY e <=> '[1, 0]'", "planned"),
        ("SELECT k FROM doc WHERE k > 1 ORDER BY e <=> '[1, 0]' LIMIT 2", "planned"),
    ] {
        let lines = fixture.rows(&format!("EXPLAIN {sql}"));
        assert_eq!(lines[0], [format!("Access path: {path}")], "{sql}");
    }
    let lines = fixture.rows("EXPLAIN SELECT k FROM doc ORDER BY f <-> '[3, 4]' LIMIT 1");
    let expected = [
        ["Access path: nearest"],
        ["Rows of default.doc: columns (k), nearest by l2_distance of f, limit 1"],
        ["Scan of default.doc: 2 hot rows, 0 of 0 segments"],
    ];
    assert_eq!(lines, expected);
}

const DIMENSIONS: usize = 40;

/// Vectors of which some are NULL, some equal, some zero, and some no ordinary ones.
struct Vectors(Seeded);

impl Vectors {
    fn one(&mut self) -> Option<Vec<f32>> {
        let random = &mut self.0;
        let mut number = || random.below(2001) as f32 / 1000.0 - 1.0;
        let vector: Vec<f32> = (0..DIMENSIONS).map(|_| number()).collect();
        match random.below(60) {
            0 => None,
            1 => Some(vec![0.0; DIMENSIONS]),
            2 => Some(vec![0.5; DIMENSIONS]),
            3 => Some(vector.iter().map(|x| x * 1e25).collect()),
            4 => Some(vector.iter().map(|x| x * 1e-25).collect()),
            5 => Some([vec![f32::NAN], vector[1..].to_vec()].concat()),
            _ => Some(vector),
        }
    }

    fn append(&mut self, fixture: &Fixture, keys: std::ops::Range<i64>) {
        let count = keys.end - keys.start;
        let vectors: Vec<_> = (0..count).map(|_| self.one()).collect();
        let zero = || vec![0.0; DIMENSIONS];
        let values: Vec<f32> =
            vectors.iter().flat_map(|v| v.clone().unwrap_or_else(zero)).collect();
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let nulls: Vec<bool> = vectors.iter().map(Option::is_some).collect();
        let size = i32::try_from(DIMENSIONS).expect("it is small");
        let values = Arc::new(Float32Array::from(values));
        let e = FixedSizeListArray::new(item, size, values, Some(nulls.into()));
        let texts = StringArray::from_iter_values(keys.clone().map(|k| format!("text {k}")));
        let k: ArrayRef = Arc::new(Int64Array::from_iter_values(keys));
        let columns: [(&str, ArrayRef); 3] = [("k", k), ("t", Arc::new(texts)), ("e", Arc::new(e))];
        let batch = RecordBatch::try_from_iter(columns).expect("columns are of one length");
        let schema = batch.schema();
        let reader = Box::new(RecordBatchIterator::new([Ok(batch)], schema));
        fixture.root().append("doc", reader, AppendMode::Append).expect("the rows are new");
    }

    /// Compares what is read with what is planned: the same distances in the same order, and
    /// with each its row.
    fn check(&mut self, fixture: &Fixture) {
        for metric in ["<=>", "<->", "<#>"] {
            let mut asked = self.one();
            while asked.as_ref().is_none_or(|asked| asked[0].is_nan()) {
                asked = self.one();
            }
            let numbers: Vec<String> =
                asked.expect("it is none above").iter().map(f32::to_string).collect();
            let distance = format!("e {metric} '[{}]'", numbers.join(", "));
            for limit in ["LIMIT 1", "LIMIT 10", "LIMIT 7 OFFSET 5", "LIMIT 1000"] {
                let read = format!("SELECT k, t, {distance} AS d FROM doc ORDER BY d {limit}");
                let explained = fixture.rows(&format!("EXPLAIN {read}"));
                assert_eq!(explained[0], ["Access path: nearest"]);
                let planned = format!(
                    "SELECT {distance} AS d FROM doc WHERE k IS NOT NULL ORDER BY d {limit}"
                );
                // Of sketches, when pages were read before.
                for _ in 0..2 {
                    let found = fixture.rows(&read);
                    let distances: Vec<_> = found.iter().map(|row| vec![row[2].clone()]).collect();
                    assert_eq!(distances, fixture.rows(&planned), "{read}");
                    if found.is_empty() {
                        continue;
                    }
                    let k: Vec<&str> = found.iter().map(|row| row[0].as_str()).collect();
                    let each = format!(
                        "SELECT k, t, {distance} AS d FROM doc WHERE k IN ({})",
                        k.join(", ")
                    );
                    let (mut found, mut each) = (found.clone(), fixture.rows(&each));
                    found.sort();
                    each.sort();
                    assert_eq!(found, each, "{read}");
                }
            }
        }
    }
}

#[test]
fn what_is_read_is_what_a_plan_finds_in_every_tier() {
    let mut vectors = Vectors(Seeded(17));
    let mut fixture = Fixture::new();
    fixture.run(&format!(
        "CREATE TABLE doc (k BIGINT PRIMARY KEY, t TEXT, e EMBEDDING({DIMENSIONS}))"
    ));
    vectors.check(&fixture);
    vectors.append(&fixture, 0..300);
    vectors.check(&fixture);
    fixture.run("STORAGE FLUSH TABLE doc");
    // More than is held in memory: this one is read by sketches.
    vectors.append(&fixture, 1_000..9_000);
    fixture.run("STORAGE FLUSH TABLE doc");
    vectors.check(&fixture);
    fixture.run("DELETE FROM doc WHERE k % 3 = 0");
    fixture.run("UPDATE doc SET t = 'other' WHERE k % 7 = 0");
    vectors.append(&fixture, 500..700);
    vectors.check(&fixture);
    fixture.reopen();
    vectors.check(&fixture);
    fixture.run("STORAGE COMPACT TABLE doc");
    vectors.check(&fixture);
}

#[test]
fn rows_that_are_older_than_the_column_show_its_default() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE doc (k INT PRIMARY KEY)");
    fixture.run("INSERT INTO doc VALUES (1), (2)");
    fixture.run("STORAGE FLUSH TABLE doc");
    fixture.run("INSERT INTO doc VALUES (3)");
    fixture.run("ALTER TABLE doc ADD COLUMN e EMBEDDING(2) DEFAULT '[3, 4]'");
    fixture.run("ALTER TABLE doc ADD COLUMN f EMBEDDING(2)");
    fixture.run("INSERT INTO doc VALUES (4, '[0, 1]', '[0, 2]')");
    let nearest = |column: &str, limit: u32| {
        fixture.rows(&format!(
            "SELECT k, {column} <-> '[0, 0]' AS d FROM doc ORDER BY d LIMIT {limit}"
        ))
    };
    let sorted = |mut rows: Vec<Vec<String>>| {
        rows.sort();
        rows
    };
    assert_eq!(nearest("e", 1), [["4", "1"]]);
    assert_eq!(sorted(nearest("e", 9)), [["1", "5"], ["2", "5"], ["3", "5"], ["4", "1"]]);
    assert_eq!(nearest("f", 1), [["4", "2"]]);
    assert_eq!(sorted(nearest("f", 9)), [["1", "NULL"], ["2", "NULL"], ["3", "NULL"], ["4", "2"]]);
}

#[test]
fn a_search_sees_its_own_transaction_and_its_own_user() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE doc (k INT PRIMARY KEY, e EMBEDDING(2))");
    let (ada, ben) = (fixture.user("ada"), fixture.user("ben"));
    let nearest =
        |session: &Session| rows(session, "SELECT k FROM doc ORDER BY e <-> '[0, 0]' LIMIT 2");
    assert_eq!(nearest(&ada), Vec::<Vec<String>>::new());
    fixture::run(&ada, "INSERT INTO doc VALUES (1, '[1, 1]'), (2, '[2, 2]')");
    fixture::run(&ben, "INSERT INTO doc VALUES (9, '[0, 0]')");
    fixture.run("STORAGE FLUSH TABLE doc");
    fixture::run(&ada, "BEGIN");
    fixture::run(&ada, "INSERT INTO doc VALUES (3, '[0, 1]')");
    fixture::run(&ada, "DELETE FROM doc WHERE k = 1");
    assert_eq!(nearest(&ada), [["3"], ["2"]]);
    assert_eq!(nearest(&fixture.user("ada")), [["1"], ["2"]]);
    fixture::run(&ada, "ROLLBACK");
    assert_eq!(nearest(&ada), [["1"], ["2"]]);
    assert_eq!(nearest(&ben), [["9"]]);
}
