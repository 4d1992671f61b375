//! A result is a moment of the database, and is nobody's hostage.

use kalam_core::{Database, Params};

use crate::fixture::{self, Fixture};
use crate::render;

/// A table with rows in both tiers.
fn filled() -> Fixture {
    let fixture = Fixture::new();
    fixture.run("CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)");
    let values = |from: u32, to: u32| {
        let rows: Vec<String> = (from..to).map(|k| format!("({k}, 'old {k}')")).collect();
        format!("INSERT INTO t VALUES {}", rows.join(", "))
    };
    fixture.run(&values(0, 3_000));
    fixture.run("STORAGE FLUSH TABLE t");
    fixture.run(&values(3_000, 4_000));
    fixture
}

fn old_rows() -> Vec<Vec<String>> {
    (0..4_000).map(|k| vec![k.to_string(), format!("old {k}")]).collect()
}

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort_by_key(|row| row[0].parse::<u32>().expect("k is a number"));
    rows
}

#[test]
fn a_result_reads_the_moment_of_its_statement() {
    let fixture = filled();
    let unread = fixture.root().execute("SELECT k, v FROM t", &Params::None).expect("it runs");
    let mut begun = fixture.root().execute("SELECT k, v FROM t", &Params::None).expect("it runs");
    let first = begun.next_batch().expect("it reads").expect("there are rows");
    fixture.run("UPDATE t SET v = 'new' WHERE k % 2 = 0");
    fixture.run("DELETE FROM t WHERE k % 3 = 0");
    fixture.run("STORAGE FLUSH TABLE t");
    fixture.run("INSERT INTO t VALUES (5000, 'new')");
    fixture.run("STORAGE FLUSH TABLE t");
    let mut rest = begun.collect().expect("it reads");
    rest.insert(0, first);
    assert_eq!(sorted(render::rows(&rest)), old_rows());
    assert_eq!(sorted(render::rows(&unread.collect().expect("it reads"))), old_rows());
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t WHERE v = 'new'"), [["1334"]]);
}

#[test]
fn a_result_outlives_a_dropped_table() {
    let fixture = filled();
    let result = fixture.root().execute("SELECT k, v FROM t", &Params::None).expect("it runs");
    fixture.run("DROP TABLE t");
    fixture.run("CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)");
    fixture.run("STORAGE FLUSH ALL");
    assert_eq!(sorted(render::rows(&result.collect().expect("it reads"))), old_rows());
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["0"]]);
}

#[test]
fn a_result_outlives_session_and_database_handles() {
    let dir = tempfile::TempDir::new().expect("a temporary folder can be made");
    let result = {
        let database = fixture::open(dir.path());
        let root = fixture::root(&database);
        fixture::run(&root, "CREATE TABLE t (k INT PRIMARY KEY)");
        fixture::run(&root, "INSERT INTO t VALUES (1), (2)");
        fixture::run(&root, "STORAGE FLUSH TABLE t");
        fixture::run(&root, "INSERT INTO t VALUES (3)");
        root.execute("SELECT k FROM t ORDER BY k", &Params::None).expect("it runs")
    };
    assert_eq!(render::rows(&result.collect().expect("it reads")), [["1"], ["2"], ["3"]]);
    let again = fixture::open(dir.path());
    assert_eq!(fixture::rows(&fixture::root(&again), "SELECT COUNT(*) FROM t"), [["3"]]);
}

#[test]
fn a_closed_database_refuses_calls_and_lets_results_be_read() {
    let fixture = filled();
    let mut result = fixture.root().execute("SELECT k, v FROM t", &Params::None).expect("it runs");
    let first = result.next_batch().expect("it reads").expect("there are rows");
    let clone = fixture.database().clone();
    fixture.database().close().expect("it closes");
    for sql in ["SELECT 1", "INSERT INTO t VALUES (9000, 'x')", "CREATE TABLE u (k INT)"] {
        assert_eq!(fixture.refused(sql).0, "08003", "{sql}");
    }
    let late = clone.session("root", kalam_core::model::Role::System, None);
    assert_eq!(late.err().expect("a closed database has no sessions").sqlstate().as_str(), "08003");
    let mut rest = result.collect().expect("it reads");
    rest.insert(0, first);
    assert_eq!(sorted(render::rows(&rest)), old_rows());
    clone.close().expect("closing twice is nothing");
}

#[test]
fn a_directory_opened_twice_in_one_process_is_one_database() {
    let fixture = filled();
    let twice = fixture::open(fixture.path());
    fixture::run(&fixture::root(&twice), "INSERT INTO t VALUES (9000, 'second')");
    assert_eq!(fixture.rows("SELECT v FROM t WHERE k = 9000"), [["second"]]);
    if let Ok(path) = std::fs::canonicalize(fixture.path()) {
        let same = fixture::open(&path);
        fixture::run(&fixture::root(&same), "DELETE FROM t WHERE k = 9000");
        assert_eq!(fixture.rows("SELECT v FROM t WHERE k = 9000"), Vec::<Vec<String>>::new());
    }
}

#[test]
fn databases_in_memory_are_apart() {
    let one = Database::in_memory(fixture::options()).expect("memory is there");
    let two = Database::in_memory(fixture::options()).expect("memory is there");
    fixture::run(&fixture::root(&one), "CREATE TABLE t (k INT)");
    assert_eq!(fixture::refused(&fixture::root(&two), "SELECT * FROM t").0, "42P01");
}

#[test]
fn sequence_numbers_rise_across_reopening() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY)");
    let mut last = 0u64;
    for key in 0..4 {
        fixture.run(&format!("INSERT INTO t VALUES ({key})"));
        if key == 2 {
            fixture.run("STORAGE FLUSH TABLE t");
        }
        let seq = &fixture.rows(&format!("SELECT _seq FROM t WHERE k = {key}"))[0][0];
        let seq: u64 = seq.parse().expect("_seq is a number");
        assert!(seq > last, "{seq} after {last}");
        last = seq;
        fixture.reopen();
    }
}
