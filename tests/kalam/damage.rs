//! Damaged, foreign and occupied directories: an error that names the thing, never a
//! wrong answer, and nothing touched.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kalam_core::{Database, Error, Options};
use tempfile::TempDir;

use crate::fixture::{self, Fixture, Seeded};

/// Two tables with a flushed segment each; returns the segment of the first.
fn two_tables() -> (Fixture, PathBuf) {
    let fixture = Fixture::new();
    for table in ["t", "other"] {
        fixture.run(&format!("CREATE SHARED TABLE {table} (k INT PRIMARY KEY, v TEXT)"));
        let rows: Vec<String> = (0..500).map(|k| format!("({k}, 'value {k}')")).collect();
        fixture.run(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")));
        fixture.run(&format!("STORAGE FLUSH TABLE {table}"));
    }
    let segments = fixture.segments("t");
    assert_eq!(segments.len(), 1, "{segments:?}");
    (fixture, segments[0].clone())
}

/// Replaces the segment by what `damage` makes of its bytes, looks, and repairs it.
fn damaged(name: &str, damage: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) {
    let (mut fixture, segment) = two_tables();
    let whole = std::fs::read(&segment).expect("the segment can be read");
    fixture.reopen_after(|_| put(&segment, damage(whole.clone())));
    assert_detected(&fixture, &segment, name);
    fixture.reopen_after(|_| put(&segment, Some(whole)));
    assert_eq!(fixture.rows("SELECT COUNT(*), COUNT(v) FROM t"), [["500", "500"]], "{name}");
}

fn put(segment: &Path, bytes: Option<Vec<u8>>) {
    match bytes {
        Some(bytes) => std::fs::write(segment, bytes).expect("the segment can be written"),
        None => std::fs::remove_file(segment).expect("the segment can be removed"),
    }
}

fn assert_detected(fixture: &Fixture, segment: &Path, name: &str) {
    let file = segment.file_name().expect("segments have names").to_string_lossy();
    for sql in [
        "SELECT * FROM t",
        "SELECT SUM(k) FROM t",
        "SELECT v FROM t WHERE k = 7",
        "UPDATE t SET v = 'x' WHERE k = 7",
        "DELETE FROM t WHERE v = 'value 8'",
        "INSERT INTO t VALUES (9, 'again')",
    ] {
        let (state, text) = fixture.refused(sql);
        assert_eq!(state, "XX001", "{name}: {sql}: {text}");
        assert!(text.contains(&*file), "{name}: {sql}: {text} does not name {file}");
    }
    let other = fixture.rows("SELECT COUNT(*), COUNT(v), MAX(k) FROM other");
    assert_eq!(other, [["500", "500", "499"]], "{name}");
    assert_eq!(fixture.run("INSERT INTO other VALUES (1000, 'still works')"), 1);
}

#[test]
fn a_truncated_segment_is_named() {
    for cut in [1, 8, 100] {
        damaged("truncated", |mut bytes| {
            bytes.truncate(bytes.len() - cut);
            Some(bytes)
        });
    }
    damaged("cut in half", |mut bytes| {
        bytes.truncate(bytes.len() / 2);
        Some(bytes)
    });
}

#[test]
fn an_empty_segment_is_named() {
    damaged("empty", |_| Some(Vec::new()));
}

#[test]
fn a_missing_segment_is_named() {
    damaged("missing", |_| None);
}

#[test]
fn a_longer_segment_is_named() {
    damaged("longer", |mut bytes| {
        bytes.extend([0; 64]);
        Some(bytes)
    });
}

#[test]
fn a_segment_of_another_table_is_named() {
    let (mut fixture, segment) = two_tables();
    let foreign = fixture.segments("other")[0].clone();
    let whole = std::fs::read(&segment).expect("the segment can be read");
    let bytes = std::fs::read(&foreign).expect("the segment can be read");
    fixture.reopen_after(|_| put(&segment, Some(bytes)));
    assert_detected(&fixture, &segment, "foreign");
    fixture.reopen_after(|_| put(&segment, Some(whole)));
    assert_eq!(fixture.rows("SELECT COUNT(v) FROM t"), [["500"]]);
}

#[test]
fn every_flipped_bit_of_a_segment_is_found() {
    let (mut fixture, segment) = two_tables();
    let whole = std::fs::read(&segment).expect("the segment can be read");
    let mut random = Seeded(11);
    for _ in 0..40 {
        let mut bytes = whole.clone();
        let place = random.below(bytes.len() as u64) as usize;
        bytes[place] ^= 1 << random.below(8);
        fixture.reopen_after(|_| put(&segment, Some(bytes)));
        let (state, text) = fixture.refused("SELECT * FROM t");
        assert_eq!(state, "XX001", "byte {place} of {}: {text}", whole.len());
    }
    fixture.reopen_after(|_| put(&segment, Some(whole)));
    assert_eq!(fixture.rows("SELECT COUNT(v) FROM t"), [["500"]]);
}

/// A file that nobody listed is not data.
#[test]
fn a_stray_segment_file_is_not_read() {
    let (mut fixture, segment) = two_tables();
    let stray = segment.with_file_name("stray.parquet");
    fixture.reopen_after(|_| _ = std::fs::copy(&segment, &stray).expect("it can be copied"));
    assert_eq!(fixture.rows("SELECT COUNT(*), COUNT(v) FROM t"), [["500", "500"]]);
}

#[test]
fn a_flipped_bit_in_the_log_loses_nothing_silently() {
    let original = TempDir::new().expect("a temporary folder can be made");
    // In `full` each acknowledged commit is on the device, and none may go missing.
    let database = Database::open(original.path(), Options::default()).expect("it opens");
    let root = fixture::root(&database);
    fixture::run(&root, "CREATE SHARED TABLE t (k INT PRIMARY KEY, v TEXT)");
    for key in 0..200 {
        fixture::run(&root, &format!("INSERT INTO t VALUES ({key}, '{}')", "log ".repeat(50)));
    }
    let mut random = Seeded(5);
    for _ in 0..6 {
        let copy = TempDir::new().expect("a temporary folder can be made");
        copy_folder(original.path(), copy.path());
        let logs: Vec<PathBuf> = tree(copy.path())
            .into_keys()
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .collect();
        assert!(!logs.is_empty(), "the log of recent commits is a file .log");
        for log in logs {
            let mut bytes = std::fs::read(&log).expect("the log can be read");
            if bytes.len() > 1_000 {
                let place = bytes.len() / 4 + random.below(bytes.len() as u64 / 4) as usize;
                bytes[place] ^= 1;
                std::fs::write(&log, bytes).expect("the log can be written");
            }
        }
        match Database::open(copy.path(), fixture::options()) {
            Err(error) => assert_eq!(error.sqlstate().as_str(), "XX001", "{error:?}"),
            Ok(database) => {
                let count = fixture::rows(&fixture::root(&database), "SELECT COUNT(v) FROM t");
                assert_eq!(count, [["200"]], "rows are lost and nobody says so");
            }
        }
    }
}

#[test]
fn a_damaged_store_file_is_an_error_at_open() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT)");
    fixture.close();
    let current: Vec<PathBuf> = tree(fixture.path())
        .into_keys()
        .filter(|path| path.file_name().is_some_and(|name| name == "CURRENT"))
        .collect();
    assert_eq!(current.len(), 1, "one RocksDB has one CURRENT");
    std::fs::write(&current[0], "garbage").expect("it can be written");
    assert_eq!(state(Database::open(fixture.path(), fixture::options())), "XX001");
}

/// Files with their bytes; folders with nothing.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("folder entries can be read").path();
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(path, Vec::new());
        } else {
            let bytes = std::fs::read(&path).expect("the file can be read");
            found.insert(path, bytes);
        }
    }
    found
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the folder can be read") {
        let path = entry.expect("folder entries can be read").path();
        let target = to.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            std::fs::create_dir(&target).expect("a folder can be made");
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}

fn state(result: Result<Database, Error>) -> String {
    match result {
        Ok(_) => panic!("the directory was opened"),
        Err(error) => error.sqlstate().to_string(),
    }
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_alone() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    std::fs::write(dir.path().join("notes.txt"), "mine").expect("it can be written");
    std::fs::create_dir(dir.path().join("photos")).expect("a folder can be made");
    let before = tree(dir.path());
    let error = Database::open(dir.path(), fixture::options()).err().expect("it is not ours");
    assert_eq!(error.sqlstate().as_str(), "XX001", "{error:?}");
    let name = dir.path().file_name().expect("it has a name").to_string_lossy().into_owned();
    assert!(fixture::full_text(&error).contains(&name), "{error:?}");
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT)");
    fixture.run("INSERT INTO t VALUES (1)");
    fixture.close();
    let file = fixture.path().join("KALAM");
    let ours = std::fs::read_to_string(&file).expect("a database has a file KALAM");
    assert_eq!(ours.lines().next(), Some("kalamdb format 1"));
    std::fs::write(&file, "kalamdb format 999\n").expect("it can be written");
    let before = tree(fixture.path());
    let error = Database::open(fixture.path(), fixture::options()).err().expect("it is newer");
    assert_eq!(error.sqlstate().as_str(), "0A000", "{error:?}");
    assert!(fixture::full_text(&error).contains("999"), "{error:?}");
    assert_eq!(tree(fixture.path()), before);
    for nonsense in ["", "kalamdb", "kalamdb format x\n", "\0\0\0\0"] {
        std::fs::write(&file, nonsense).expect("it can be written");
        let found = state(Database::open(fixture.path(), fixture::options()));
        assert_eq!(found, "XX001", "{nonsense:?}");
    }
    std::fs::write(&file, ours).expect("it can be written");
    fixture.reopen();
    assert_eq!(fixture.rows("SELECT k FROM t"), [["1"]]);
}

#[test]
fn a_database_that_was_not_made_to_its_end_is_made_and_one_without_its_format_is_refused() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT)");
    fixture.close();
    let (format, new) = (fixture.path().join("KALAM"), fixture.path().join("KALAM.new"));
    std::fs::rename(&format, &new).expect("a file can be renamed");
    fixture.reopen();
    assert_eq!(fixture.rows("SELECT k FROM t"), [[""; 1]; 0]);
    fixture.close();
    assert!(format.is_file() && !new.exists(), "it is a database now");
    std::fs::remove_file(&format).expect("a file can be removed");
    assert_eq!(state(Database::open(fixture.path(), fixture::options())), "XX001");
    // Of the first steps nothing but the names may be there.
    for names in [&["LOCK"][..], &["LOCK", "KALAM.new"]] {
        let dir = TempDir::new().expect("a temporary folder can be made");
        for name in names {
            std::fs::write(dir.path().join(name), "").expect("it can be written");
        }
        fixture::open(dir.path()).close().expect("the database closes");
    }
}

#[test]
fn a_path_that_is_a_file_is_refused_and_left_alone() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let file = dir.path().join("file");
    std::fs::write(&file, "mine").expect("it can be written");
    let found = state(Database::open(&file, fixture::options()));
    assert!(["XX001", "58030"].contains(&found.as_str()), "{found}");
    let found = state(Database::open(file.join("below"), fixture::options()));
    assert!(["XX001", "58030"].contains(&found.as_str()), "{found}");
    assert_eq!(std::fs::read(&file).expect("it can be read"), b"mine");
}

#[test]
fn a_missing_directory_is_made_only_when_asked() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let path = dir.path().join("a").join("b");
    let options = Options { create_if_missing: false, ..fixture::options() };
    state(Database::open(&path, options));
    assert!(!dir.path().join("a").exists());
    fixture::open(&path).close().expect("the database closes");
    assert!(path.join("KALAM").is_file());
}

/// A process that holds a directory until its input ends.
struct Holder(Child);

impl Holder {
    fn start(path: &Path) -> (Holder, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kalam-test-child"))
            .args(["hold".as_ref(), path.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("the output is piped"))
            .read_line(&mut line)
            .expect("the child's output can be read");
        (Holder(child), line.trim_end().to_owned())
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("the child ends");
    }
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let (holder, line) = Holder::start(dir.path());
    assert_eq!(line, "open");
    let error = Database::open(dir.path(), fixture::options()).err().expect("it is held");
    assert_eq!(error.sqlstate().as_str(), "55006", "{error:?}");
    assert!(error.is_retryable());
    let text = fixture::full_text(&error);
    assert!(text.contains(&holder.0.id().to_string()), "{text} does not name the process");
    holder.end();
    fixture::open(dir.path()).close().expect("the database closes");
}

#[test]
fn another_process_is_refused_while_this_one_is_open() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT)");
    let (holder, line) = Holder::start(fixture.path());
    assert!(line.starts_with("error 55006"), "{line}");
    holder.end();
    assert_eq!(fixture.run("INSERT INTO t VALUES (1)"), 1);
}

#[test]
fn a_killed_holder_leaves_the_directory_free() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let (mut holder, line) = Holder::start(dir.path());
    assert_eq!(line, "open");
    holder.0.kill().expect("the child can be killed");
    holder.0.wait().expect("the child ends");
    fixture::open(dir.path()).close().expect("the database closes");
}

#[test]
fn options_and_ids_out_of_range_are_refused() {
    let mut options = Options::default();
    for (key, value) in [
        ("durability", "sometimes"),
        ("threads", "0"),
        ("threads", "many"),
        ("memory_limit", "1"),
        ("memory_limit", "-1"),
        ("cache_bytes", "1 parsec"),
        ("storage_path", ""),
        ("no_such_key", "1"),
    ] {
        let error = options.set(key, value).expect_err("it is out of range");
        assert_eq!(error.sqlstate().as_str(), "22023", "{key} = {value}");
        assert!(error.message().contains(key), "{error:?} does not name {key}");
        assert!(error.hint().is_some(), "{error:?} has no way out");
    }
    let fixture = Fixture::new();
    for user in ["", "a\nb", "\0", &"x".repeat(256)] {
        let result = fixture.database().session(user, kalam_core::model::Role::User, None);
        assert_eq!(result.err().map(|e| e.sqlstate().to_string()), Some("22023".into()));
    }
    let result = fixture.database().session("a", kalam_core::model::Role::User, Some("nowhere"));
    assert_eq!(result.err().map(|e| e.sqlstate().to_string()), Some("3F000".into()));
}

/// No user id leads out of the storage folder.
#[test]
fn user_ids_cannot_leave_their_folder() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE t (k INT PRIMARY KEY, v TEXT)");
    let long = "x".repeat(255);
    let users =
        ["../../escape", "/etc", "..", ".", "a/b", "a\\b", "A", "a", "ä", "%2e", " ", "nul", &long];
    for user in users {
        let session = fixture.user(user);
        fixture::run(&session, &format!("INSERT INTO t VALUES (1, '{user}')"));
    }
    fixture.run("STORAGE FLUSH TABLE t");
    for user in users {
        let expected = if user == " " { " ".into() } else { user.to_owned() };
        assert_eq!(fixture::rows(&fixture.user(user), "SELECT v FROM t"), [[expected]]);
    }
    let segments = fixture.path().join("segments");
    assert_eq!(fixture::parquet_files(fixture.path()), fixture::parquet_files(&segments));
    assert_eq!(fixture::parquet_files(&segments).len(), users.len());
}
