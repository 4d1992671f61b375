//! Registered tables: files of other programs, as they were.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::TempDir;

use crate::fixture::Fixture;

/// Writes a file of rows with these ids.
fn write(db: &Fixture, path: &Path, ids: std::ops::Range<i64>) {
    let last = ids.end - 1;
    db.run(&format!(
        "COPY (SELECT value AS id, 'v' || value AS v FROM generate_series({}, {last})) TO '{}' \
         (OVERWRITE)",
        ids.start,
        path.display()
    ));
}

fn register(db: &Fixture, name: &str, path: &Path) {
    db.run(&format!("REGISTER TABLE {name} FROM '{}'", path.display()));
}

#[test]
fn the_files_of_a_folder_stay_a_table_over_a_reopening() {
    let mut db = Fixture::new();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let below = folder.path().join("2024");
    fs::create_dir(&below).expect("a folder can be made");
    write(&db, &folder.path().join("a.parquet"), 0..5_000);
    write(&db, &below.join("b.parquet"), 5_000..10_000);
    fs::write(folder.path().join("_SUCCESS"), b"").expect("a file can be written");
    fs::write(folder.path().join(".c.parquet"), b"half").expect("a file can be written");
    register(&db, "t", folder.path());
    for _ in 0..2 {
        assert_eq!(
            db.rows("SELECT COUNT(*), SUM(id), MAX(id) FROM t"),
            [["10000", "49995000", "9999"]]
        );
        assert_eq!(db.rows("SELECT v FROM t WHERE id = 7777"), [["v7777"]]);
        db.reopen();
    }
    // A file that came later is not part of it.
    write(&db, &folder.path().join("d.parquet"), 10_000..10_001);
    assert_eq!(db.rows("SELECT COUNT(*) FROM t"), [["10000"]]);
    db.run("UNREGISTER TABLE t");
    register(&db, "t", folder.path());
    assert_eq!(db.rows("SELECT COUNT(*) FROM t"), [["10001"]]);
}

#[test]
fn files_that_a_filter_excludes_are_not_read() {
    let db = Fixture::new();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let (a, b) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    write(&db, &a, 0..5_000);
    write(&db, &b, 5_000..10_000);
    register(&db, "t", folder.path());
    // The footer of the second file stays, and nothing of its pages.
    let file = fs::File::options().write(true).open(&b).expect("it is there");
    let modified = file.metadata().and_then(|m| m.modified()).expect("it has a time");
    file.write_all_at(&[0xFF; 4_000], 4).expect("it can be written");
    file.set_modified(modified).expect("its time can be set");
    assert_eq!(db.rows("SELECT v FROM t WHERE id = 4321"), [["v4321"]]);
    assert_eq!(db.rows("SELECT COUNT(*) FROM t WHERE id < 100"), [["100"]]);
    db.refused("SELECT v FROM t WHERE id = 7777");
}

#[test]
fn a_file_that_is_gone_or_another_is_an_error_that_names_it() {
    let db = Fixture::new();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let (a, b) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    write(&db, &a, 0..10);
    write(&db, &b, 10..20);
    register(&db, "t", folder.path());
    fs::rename(&b, folder.path().join("b.old")).expect("a file can be renamed");
    for sql in ["SELECT COUNT(*) FROM t", "SELECT * FROM t WHERE id = 1"] {
        let (state, message) = db.refused(sql);
        assert_eq!(state, "58030", "{message}");
        assert!(message.contains("b.parquet"), "{message}");
    }
    write(&db, &b, 10..30);
    let (state, message) = db.refused("SELECT COUNT(*) FROM t");
    assert_eq!(state, "22023", "{message}");
    assert!(message.contains("b.parquet") && message.contains("changed"), "{message}");
}

#[test]
fn files_of_a_table_have_the_same_columns() {
    let db = Fixture::new();
    let folder = TempDir::new().expect("a temporary folder can be made");
    write(&db, &folder.path().join("a.parquet"), 0..10);
    let other = folder.path().join("b.parquet").display().to_string();
    let register = format!("REGISTER TABLE t FROM '{}'", folder.path().display());
    for (query, problem) in [
        ("SELECT 1::INT AS id, 'v' AS v", "column \"id\" is of type Int32"),
        ("SELECT 1::BIGINT AS id", "has no column \"v\""),
        ("SELECT 1::BIGINT AS id, 'v' AS v, 1 AS w", "has a column \"w\""),
    ] {
        db.run(&format!("COPY ({query}) TO '{other}' (OVERWRITE)"));
        let (state, message) = db.refused(&register);
        assert_eq!(state, "42804", "{message}");
        assert!(message.contains(problem) && message.contains("b.parquet"), "{message}");
    }
    db.run(&format!("COPY (SELECT 'v' AS v, 10::BIGINT AS id) TO '{other}' (OVERWRITE)"));
    db.run(&register);
    assert_eq!(db.rows("SELECT COUNT(*), SUM(id) FROM t"), [["11", "55"]]);
}

#[test]
fn the_database_itself_cannot_be_registered() {
    let db = Fixture::new();
    db.run("CREATE TABLE t (k INT PRIMARY KEY)");
    db.run("INSERT INTO t VALUES (1)");
    db.run("STORAGE FLUSH TABLE t");
    for path in [db.path().to_path_buf(), db.segments("t")[0].clone()] {
        let (state, message) = db.refused(&format!("REGISTER TABLE u FROM '{}'", path.display()));
        assert_eq!(state, "22023", "{message}");
    }
}
