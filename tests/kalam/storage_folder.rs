//! A storage's folder that goes away while a flush writes to it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::{fault, fixture};

/// Steps of a flush before its file has its name.
const POINTS: [&str; 3] = ["flush.before_read", "storage.announced", "flush.before_sync"];

#[test]
fn a_folder_that_goes_away_in_the_middle_of_a_flush_costs_no_row_and_leaves_no_file() {
    POINTS.iter().for_each(|point| check(point));
}

fn check(point: &str) {
    let home = TempDir::new().expect("a temporary folder can be made");
    let [dir, far, away, held] =
        ["database", "far", "away", "held"].map(|name| home.path().join(name));
    let create = format!("CREATE STORAGE far TYPE 'filesystem' PATH '{}'", far.display());
    let before = [
        create.as_str(),
        "CREATE TABLE t (k INT PRIMARY KEY) WITH (STORAGE_ID = 'far')",
        "INSERT INTO t SELECT value FROM generate_series(1, 100)",
        "STORAGE FLUSH TABLE t",
        "INSERT INTO t SELECT value FROM generate_series(101, 200)",
    ];
    let made = fault::run(&dir, None, &before);
    assert!(made.lines.iter().all(|line| line.starts_with("ok")), "{point}: {:?}", made.lines);
    let fault = format!("{point}=hold:{}", held.display());
    let meanwhile = [
        "STORAGE FLUSH TABLE t",
        "STORAGE FLUSH TABLE t",
        "SELECT k FROM t WHERE k = 150",
        "SELECT k FROM t WHERE k = 50",
        "INSERT INTO t VALUES (201)",
    ];
    let outcome = std::thread::scope(|threads| {
        threads.spawn(|| take_away(&far, &away, &held));
        fault::run(&dir, Some(&fault), &meanwhile)
    });
    let told: Vec<&str> = outcome.lines.iter().map(|line| &line[..11.min(line.len())]).collect();
    assert_eq!(told, ["error 58030", "error 58030", "ok 0", "error 58030", "ok 1"], "{point}");

    fs::remove_file(&far).expect("it is there");
    fs::rename(&away, &far).expect("the folder comes back");
    let database = fixture::open(&dir);
    let root = fixture::root(&database);
    let sql = "SELECT COUNT(*), COUNT(DISTINCT k) FROM t";
    assert_eq!(fixture::rows(&root, sql), [["201", "201"]], "{point}");
    assert_eq!(fixture::parquet_files(&far).len(), 1, "{point}");
    fixture::run(&root, "STORAGE FLUSH TABLE t");
    assert_eq!(fixture::rows(&root, sql), [["201", "201"]], "{point}");
    assert_eq!(fixture::parquet_files(&far).len(), 2, "{point}");
    database.close().expect("the database closes");
}

/// Puts a file in the place of a folder, as soon as whoever is held at a fault point says so.
fn take_away(folder: &Path, away: &Path, held: &Path) {
    while !held.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    fs::rename(folder, away).expect("the folder is there");
    fs::write(folder, "no folder").expect("a file can be written");
    fs::remove_file(held).expect("it is there");
}
