//! COPY: what is in files goes in as INSERT would put it, and comes out as it is.

use std::fs;
use std::path::Path;

use kalam_core::{Database, Params, Session};
use tempfile::TempDir;

use crate::fixture::{self, Fixture, rows, run};

/// A database, and a folder beside it.
fn opened() -> (Fixture, TempDir) {
    (Fixture::new(), TempDir::new().expect("a temporary folder can be made"))
}

fn write(folder: &TempDir, name: &str, content: &[u8]) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file can be written");
    path.display().to_string()
}

/// Names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry.expect("entries can be read"))).collect();
    names.sort();
    names
}

#[test]
fn lines_of_other_programs_are_rows() {
    let (db, folder) = opened();
    db.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    let file = write(&folder, "t.csv", b"\xEF\xBB\xBFk,v\r\n1,one\r\n\r\n2,\"two\r\nlines\"\r\n3,");
    assert_eq!(db.run(&format!("COPY t FROM '{file}'")), 3);
    assert_eq!(
        db.rows("SELECT k, v FROM t ORDER BY k"),
        [["1", "one"], ["2", "two\r\nlines"], ["3", "NULL"]]
    );
    let file = write(&folder, "t.tsv", b"4\tfour\n5\t\"five\"\n");
    assert_eq!(db.run(&format!("COPY t FROM '{file}'")), 2);
    let file = write(&folder, "t.jsonl", b"{\"k\": 6, \"v\": \"s\\u00e9\"}\n\n{\"k\":7}");
    assert_eq!(db.run(&format!("COPY t FROM '{file}'")), 2);
    assert_eq!(
        db.rows("SELECT v FROM t WHERE k > 3 ORDER BY k"),
        [["four"], ["five"], ["s\u{e9}"], ["NULL"]]
    );
}

#[test]
fn a_wrong_line_refuses_all_and_is_named() {
    let (db, folder) = opened();
    db.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT NOT NULL, n SMALLINT CHECK (n > 0))");
    let many: String = (1..=20_000).map(|k| format!("{k},v,1\n")).collect();
    for (name, last, state, place) in [
        ("type", "x,v,1", "22P02", "line 20001 of"),
        ("range", "1,v,99999", "22003", "line 20001 of"),
        ("null", "0,,1", "23502", "line 20001 of"),
        ("quote", "0,\"v,1", "22P04", "line 20001 of"),
        ("width", "0,v", "22P04", "line 20001 of"),
        ("key", "5,v,1", "23505", ""),
        ("check", "0,v,-1", "23514", ""),
    ] {
        let file = write(&folder, &format!("{name}.csv"), format!("{many}{last}\n").as_bytes());
        let (code, message) = db.refused(&format!("COPY t FROM '{file}'"));
        assert_eq!(code, state, "{name}: {message}");
        assert!(message.contains(place), "{name}: {message}");
    }
    let file = write(&folder, "bytes.csv", b"1,v,1\n2,\xFF,1\n");
    let (code, message) = db.refused(&format!("COPY t FROM '{file}'"));
    assert_eq!(code, "22021", "{message}");
    assert!(message.contains("line 2 of"), "{message}");
    assert_eq!(db.rows("SELECT COUNT(*) FROM t"), [["0"]]);
}

#[test]
fn many_rows_of_a_file_go_past_the_hot_tier() {
    let (mut db, folder) = opened();
    db.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT)");
    db.run("CREATE TABLE u (k BIGINT PRIMARY KEY, v TEXT)");
    let out = |name: &str| folder.path().join(name).display().to_string();
    db.run("INSERT INTO t SELECT value, 'v' || value FROM generate_series(1, 60000)");
    for name in ["t.parquet", "t.csv", "t.json"] {
        assert_eq!(db.run(&format!("COPY t TO '{}'", out(name))), 60_000);
        db.run("TRUNCATE u");
        assert_eq!(db.run(&format!("COPY u FROM '{}'", out(name))), 60_000, "{name}");
        assert_eq!(db.segments("u").len(), 1, "{name}");
        db.reopen();
        assert_eq!(db.rows("SELECT COUNT(*) FROM t JOIN u USING (k) WHERE t.v = u.v"), [["60000"]]);
    }
}

#[test]
fn a_file_is_there_when_it_is_whole() {
    let (db, folder) = opened();
    db.run("CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    db.run("INSERT INTO t SELECT value, 5000 - value FROM generate_series(1, 5000)");
    let path = folder.path().join("t.csv").display().to_string();
    let (code, _) = db.refused(&format!("COPY (SELECT 1 / v FROM t ORDER BY k) TO '{path}'"));
    assert_eq!(code, "22012");
    assert_eq!(names(folder.path()), Vec::<String>::new());
    db.run(&format!("COPY t TO '{path}'"));
    let before = fs::read(&path).expect("it is there");
    let sql = format!("COPY (SELECT 1 / v FROM t ORDER BY k) TO '{path}' (OVERWRITE)");
    assert_eq!(db.refused(&sql).0, "22012");
    assert_eq!(fs::read(&path).expect("it is there"), before);
    // What a crash left is in nobody's way.
    fs::write(folder.path().join("u.csv.partial"), b"half").expect("a file can be written");
    let other = folder.path().join("u.csv").display().to_string();
    db.run(&format!("COPY (SELECT 1 AS a) TO '{other}'"));
    assert_eq!(fs::read_to_string(&other).expect("it is there"), "a\n1\n");
    assert_eq!(names(folder.path()), ["t.csv", "u.csv"]);
}

#[test]
fn the_database_itself_is_no_place_for_files() {
    let (db, folder) = opened();
    db.run("CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    db.run("INSERT INTO t VALUES (1, 'one')");
    db.run("STORAGE FLUSH TABLE t");
    let inside = db.path().join("stolen.csv").display().to_string();
    assert_eq!(db.refused(&format!("COPY t TO '{inside}'")).0, "22023");
    let segment = db.segments("t")[0].display().to_string();
    assert_eq!(db.refused(&format!("COPY t FROM '{segment}'")).0, "22023");
    let link = folder.path().join("link.parquet");
    std::os::unix::fs::symlink(&segment, &link).expect("a link can be made");
    assert_eq!(db.refused(&format!("COPY t FROM '{}'", link.display())).0, "22023");
}

#[test]
fn parameters_name_the_file_and_reach_the_query() {
    let (db, folder) = opened();
    let path = folder.path().join("p.csv").display().to_string();
    let params = Params::Positional(vec![7i64.into(), path.as_str().into()]);
    let done = db.root().execute("COPY (SELECT $1 + 1 AS n) TO $2", &params);
    assert_eq!(done.expect("it is written").rows_affected(), Some(1));
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "n\n8\n");
}

#[test]
fn each_user_copies_their_own_rows() {
    let (db, folder) = opened();
    db.run("CREATE USER TABLE t (k INT PRIMARY KEY, v TEXT)");
    let file = write(&folder, "t.csv", b"1,one\n2,two\n");
    db.run(&format!("COPY t FROM '{file}'"));
    let ann = db.user("ann");
    assert_eq!(rows(&ann, "SELECT COUNT(*) FROM t"), [["0"]]);
    assert_eq!(fixture::refused(&ann, &format!("COPY t FROM '{file}'")).0, "42501");
    let log = "SELECT action, object FROM system.audit_log WHERE action LIKE 'COPY%' \
               AND outcome = 'ok'";
    assert_eq!(db.rows(log), [["COPY FROM", "default.t"]]);
}

#[test]
fn files_are_read_into_a_database_in_memory_too() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let database = Database::in_memory(fixture::options()).expect("memory is there");
    let root: Session = fixture::root(&database);
    run(&root, "CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    let file = write(&folder, "t.csv", b"1,one\n");
    run(&root, &format!("COPY t FROM '{file}'"));
    assert_eq!(rows(&root, "SELECT k, v FROM t"), [["1", "one"]]);
}
