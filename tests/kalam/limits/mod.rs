//! Limits on statements and on what they use: beyond each is an error, just below it is
//! not.

mod memory;

use std::path::Path;

use kalam_core::{Database, Options, Params, QueryResult, ScalarValue, Session};
use tempfile::TempDir;

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

/// A database of a memory limit that it passes soon.
fn limited(folder: &Path, settings: &[(&str, &str)]) -> Session {
    let mut options = fixture::options();
    for (name, value) in settings {
        options.set(name, value).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
    fixture::root(&Database::open(folder, options).expect("it opens"))
}

const LITTLE_MEMORY: [(&str, &str); 2] = [("memory_limit", "64MiB"), ("threads", "2")];

#[test]
fn a_result_beyond_its_limit_is_refused_while_it_is_read() {
    let fixture = Fixture::new();
    let rows = "SELECT x FROM generate_series(1, 100000) a (x)";
    fixture.run("SET max_result_bytes = '100KiB'");
    assert_eq!(fixture.refused(rows).0, "54000");
    let mut result = fixture.root().execute(rows, &Params::None).expect("it starts");
    while result.next_batch().is_ok_and(|batch| batch.is_some()) {}
    assert!(result.next_batch().is_ok_and(|batch| batch.is_none()), "it is at its end");
    // What is counted is the result, not what it was made of.
    assert_eq!(fixture.rows(&format!("SELECT COUNT(*) FROM ({rows})")), [["100000"]]);
    assert_eq!(fixture.rows(&format!("{rows} ORDER BY x LIMIT 1")), [["1"]]);
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    fixture.run("INSERT INTO t VALUES (1, REPEAT('x', 200000))");
    assert_eq!(fixture.refused("SELECT * FROM t WHERE k = 1").0, "54000", "a row by its key");
    assert_eq!(fixture.rows("SELECT LENGTH(v) FROM t WHERE k = 1"), [["200000"]]);
    fixture.run("RESET max_result_bytes");
    assert_eq!(fixture.rows(rows).len(), 100_000);
}

#[test]
fn functions_that_make_much_of_little_are_refused_before_they_do() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let session = limited(folder.path(), &LITTLE_MEMORY);
    let many = "FROM generate_series(1, 100000) a (x)";
    for sql in [
        "SELECT LENGTH(REPEAT('x', 1000000000))".to_owned(),
        format!("SELECT SUM(LENGTH(REPEAT('x', x * 0 + 1000000))) {many}"),
        format!("SELECT SUM(LENGTH(LPAD('x', 1000000 + CAST(x AS INT)))) {many}"),
        format!("SELECT SUM(LENGTH(RPAD('x', 1000000 + CAST(x AS INT), 'ab'))) {many}"),
        "SELECT LENGTH(LPAD('x', 2000000000))".to_owned(),
        "SELECT CARDINALITY(ARRAY_REPEAT(1, 1000000000))".to_owned(),
        "SELECT CARDINALITY(RANGE(0, 1000000000))".to_owned(),
        "SELECT CARDINALITY(GENERATE_SERIES(1, 1000000000))".to_owned(),
        format!(
            "SELECT SUM(LENGTH(REPLACE(REPEAT('x', 1000), 'x', CAST(x AS TEXT) || REPEAT('y', 1000)))) {many}"
        ),
        format!(
            "SELECT SUM(LENGTH(REGEXP_REPLACE(CAST(x AS TEXT) || REPEAT('x', 1000), '.', REPEAT('y', 1000), 'g'))) {many}"
        ),
        // Each step makes twice as much of the one before.
        format!(
            "WITH s0 AS (SELECT REPEAT('x', 1000) AS v), {} SELECT LENGTH(v) FROM s30",
            (0..30)
                .map(|i| format!("s{} AS (SELECT v || v AS v FROM s{i})", i + 1))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        format!(
            "SELECT SUM(LENGTH(CONCAT(REPEAT('x', 9000), REPEAT('y', 9000), CAST(x AS TEXT)))) {many}"
        ),
    ] {
        let error = fixture::try_rows(&session, &sql).expect_err(&sql);
        let state = error.sqlstate().as_str();
        assert!(["53200", "54000"].contains(&state), "{sql}: {error:?}");
        assert_eq!(fixture::rows(&session, "SELECT 1"), [["1"]], "the session goes on");
    }
    for (sql, expected) in [
        ("SELECT LENGTH(REPEAT('x', 1000000))", "1000000"),
        ("SELECT CARDINALITY(RANGE(0, 1000000))", "1000000"),
        ("SELECT 'a' || 'b' || NULL || 'c' IS NULL", "true"),
        ("SELECT 'a' || 1 || 'b'", "a1b"),
        ("SELECT SUM(LENGTH(CAST(x AS TEXT) || 'abc')) FROM generate_series(1, 9) a (x)", "36"),
    ] {
        assert_eq!(fixture::rows(&session, sql), [[expected]], "{sql}");
    }
}

#[test]
fn a_function_whose_work_grows_faster_than_its_texts_refuses_long_ones() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    fixture.run("INSERT INTO t VALUES (1, REPEAT('ab', 1500)), (2, NULL), (3, '')");
    for sql in [
        "SELECT LEVENSHTEIN(REPEAT('ab', 5000), REPEAT('ba', 5000))",
        "SELECT LEVENSHTEIN(v, REPEAT('ba', 5000)) FROM t",
        "SELECT LEVENSHTEIN(v, v || v) FROM t WHERE k = 1",
    ] {
        assert_eq!(fixture.refused(sql).0, "54000", "{sql}");
    }
    let sql = "SELECT LEVENSHTEIN(v, 'x' || v) FROM t ORDER BY k";
    assert_eq!(fixture.rows(sql), [["1"], ["NULL"], ["1"]]);
    let sql = "SELECT LEVENSHTEIN(REPEAT('a', 1000000), 'b')";
    assert_eq!(fixture.rows(sql), [["1000000"]]);
}

#[test]
fn text_beyond_two_gibibytes_is_refused() {
    let fixture = Fixture::new();
    let sql = "SELECT LENGTH(v || v || v) FROM (SELECT REPEAT('x', 800000000 + CAST(x AS INT)) AS v FROM generate_series(1, 1) a (x))";
    assert!(["53200", "54000"].contains(&fixture.refused(sql).0.as_str()));
    assert_eq!(fixture.rows("SELECT 1"), [["1"]]);
}

fn spilled(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn what_does_not_fit_into_memory_is_sorted_on_disk_and_nothing_stays_there() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let temp = folder.path().join("temp");
    drop(limited(folder.path(), &LITTLE_MEMORY));
    let elsewhere = temp.join("mine");
    std::fs::create_dir_all(temp.join("datafusion-left")).expect("a folder can be made");
    std::fs::write(temp.join("datafusion-left/rows"), "x").expect("a file can be written");
    std::fs::write(&elsewhere, "x").expect("a file can be written");
    let session = limited(folder.path(), &LITTLE_MEMORY);
    assert!(!temp.join("datafusion-left").exists(), "what a crash left is removed");
    assert!(elsewhere.exists(), "nothing else is");
    let sql = "SELECT x, REPEAT('y', 100) FROM generate_series(1, 600000) a (x) ORDER BY x % 1000, x DESC";
    let mut result = session.execute(sql, &Params::None).expect("it starts");
    let first = result.next_batch().expect("it spills").expect("there are rows");
    assert!(first.num_rows() > 0);
    let used =
        fixture::rows(&session, "SELECT value > 0 FROM system.stats WHERE name = 'spilled_bytes'");
    assert_eq!(used, [["true"]]);
    let rows: usize = result.collect().expect("it ends").iter().map(|b| b.num_rows()).sum();
    assert_eq!(rows + first.num_rows(), 600_000);
    assert_eq!(spilled(&temp), 2, "the folder of this process, and the other file");
    drop(session);
    assert_eq!(spilled(&temp), 1, "the other file");
}

#[test]
fn what_cannot_spill_fails_and_the_session_goes_on() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let session = limited(folder.path(), &[("memory_limit", "16MiB"), ("threads", "1")]);
    fixture::run(&session, "CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    for sql in [
        "SELECT ARRAY_AGG(x) FROM generate_series(1, 10000000) a (x)",
        "INSERT INTO t SELECT x, REPEAT('y', 100) FROM generate_series(1, 1000000) a (x) \
         ON CONFLICT DO NOTHING",
    ] {
        let outcome = session.execute(sql, &Params::None).and_then(QueryResult::collect);
        let error = outcome.map(drop).expect_err(sql);
        assert_eq!(error.sqlstate().as_str(), "53200", "{sql}: {error:?}");
    }
    assert_eq!(fixture::rows(&session, "SELECT COUNT(*) FROM t"), [["0"]]);
    // Rows that replace none go to files as they come.
    let many = "INSERT INTO t SELECT x, REPEAT('y', 100) FROM generate_series(1, 1000000) a (x)";
    assert_eq!(fixture::run(&session, many), 1_000_000);
    assert_eq!(fixture::rows(&session, "SELECT COUNT(*) FROM t"), [["1000000"]]);
}

#[test]
fn temporary_folders_of_databases_are_apart() {
    let folders = [(); 2].map(|()| TempDir::new().expect("a temporary folder can be made"));
    let shared = TempDir::new().expect("a temporary folder can be made");
    let setting = shared.path().to_str().expect("it is text").to_owned();
    let open = |folder: &TempDir| limited(folder.path(), &[("temp_directory", &setting)]);
    let first = open(&folders[0]);
    let second = open(&folders[1]);
    assert_eq!(spilled(shared.path()), 2);
    let mut memory = Options::default();
    memory.set("temp_directory", &setting).expect("it is a setting");
    let third = fixture::root(&Database::in_memory(memory).expect("memory is there"));
    for session in [&first, &second, &third] {
        assert_eq!(fixture::rows(session, "SELECT 1"), [["1"]]);
    }
}

#[test]
fn every_setting_is_in_the_readme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("it can be read");
    for name in Fixture::new().rows("SELECT name FROM system.settings").iter().flatten() {
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in README.md");
    }
}
