//! A backup has all that was committed before it, whatever else happens meanwhile; a
//! restore gives it back, or nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use kalam_core::Database;
use tempfile::TempDir;

use crate::fault;
use crate::fixture::{self, Fixture, Seeded, refused, rows, run};

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder can be made")
}

/// A database with hot and cold rows of several users, marks and unique entries.
fn filled() -> Fixture {
    let fixture = Fixture::new();
    for sql in [
        "CREATE NAMESPACE shop",
        "CREATE TABLE shop.item (id INT PRIMARY KEY, name TEXT UNIQUE)",
        "CREATE USER TABLE shop.note (id INT PRIMARY KEY, body TEXT)",
        "INSERT INTO shop.item SELECT value, 'item ' || value FROM generate_series(1, 3000)",
    ] {
        fixture.run(sql);
    }
    for user in ["ann", "bob"] {
        run(
            &fixture.user(user),
            "INSERT INTO shop.note SELECT value, CURRENT_USER() FROM generate_series(1, 500)",
        );
    }
    fixture.run("STORAGE FLUSH ALL");
    fixture.run("DELETE FROM shop.item WHERE id % 10 = 0");
    fixture.run("UPDATE shop.item SET name = 'new ' || id WHERE id % 10 = 1");
    fixture.run("CREATE USER 'ann' WITH ROLE service");
    fixture
}

const QUESTIONS: [&str; 5] = [
    "SELECT COUNT(*), SUM(id), MIN(name), MAX(name) FROM shop.item",
    "SELECT COUNT(*) FROM shop.item WHERE _deleted = true",
    "SELECT _user, COUNT(*), SUM(id), MIN(body) FROM all_users('shop.note') GROUP BY _user ORDER BY _user",
    "SELECT user_id, role FROM system.users ORDER BY user_id",
    "SELECT namespace, table_name FROM system.tables ORDER BY namespace, table_name",
];

fn answers(database: &Database) -> Vec<fixture::Rows> {
    let root = fixture::root(database);
    QUESTIONS.iter().map(|sql| rows(&root, sql)).collect()
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

fn back_up(fixture: &Fixture, to: &Path) -> Vec<u64> {
    fixture.rows(&format!("BACKUP DATABASE TO {}", quoted(to)))[0]
        .iter()
        .take(4)
        .map(|count| count.parse().expect("a report has numbers"))
        .collect()
}

/// Restores a backup and opens it.
fn restored(backup: &Path) -> (TempDir, Database) {
    let target = folder();
    Database::restore(backup, target.path()).unwrap_or_else(|e| panic!("it restores: {e:?}"));
    let database = fixture::open(target.path());
    (target, database)
}

#[test]
fn a_restored_backup_answers_as_the_database_did() {
    let fixture = filled();
    let backup = folder();
    let place = backup.path().join("nightly");
    let expected = answers(fixture.database());
    let done = back_up(&fixture, &place);
    assert_eq!(done[..3], [1, 3, 3]);
    fixture.run("DELETE FROM shop.item");
    fixture.run("DROP TABLE shop.note");
    let (_target, database) = restored(&place);
    assert_eq!(answers(&database), expected);
    let root = fixture::root(&database);
    run(&root, "INSERT INTO shop.item VALUES (10, 'item 10')");
    assert_eq!(refused(&root, "INSERT INTO shop.item VALUES (-1, 'new 1')").0, "23505");
    run(&root, "STORAGE FLUSH ALL");
    database.close().expect("the database closes");
}

#[test]
fn a_later_backup_copies_new_segments_only_and_forgets_old_ones() {
    let fixture = filled();
    let backup = folder();
    back_up(&fixture, backup.path());
    let file =
        |number: usize| fixture::parquet_files(&backup.path().join("segments"))[number].clone();
    let first: Vec<(PathBuf, u64)> =
        (0..3).map(|n| (file(n), fs::metadata(file(n)).expect("it is there").ino())).collect();
    let same = back_up(&fixture, backup.path());
    assert_eq!(same[..3], [2, 3, 0]);
    for (path, inode) in &first {
        assert_eq!(fs::metadata(path).expect("it is there").ino(), *inode);
    }
    fixture.run("STORAGE FLUSH TABLE shop.item");
    assert_eq!(back_up(&fixture, backup.path())[..3], [3, 4, 1]);
    fixture.run("DROP TABLE shop.note");
    assert_eq!(back_up(&fixture, backup.path())[..3], [4, 2, 0]);
    assert_eq!(fixture::parquet_files(&backup.path().join("segments")).len(), 2);
    let states = fs::read_dir(backup.path())
        .expect("it can be listed")
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with("state-"));
    assert_eq!(states.count(), 1);
    let (_target, database) = restored(backup.path());
    assert_eq!(rows(&fixture::root(&database), QUESTIONS[0]), fixture.rows(QUESTIONS[0]));
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_is_one_moment_although_others_write_and_flush() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE account (id INT PRIMARY KEY, cents BIGINT NOT NULL)");
    fixture.run("INSERT INTO account SELECT value, 100 FROM generate_series(1, 50)");
    fixture.run("CREATE TABLE other (id INT PRIMARY KEY)");
    let stop = AtomicBool::new(false);
    let backup = folder();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let session = fixture::root(fixture.database());
            let mut random = Seeded(5);
            while !stop.load(Ordering::Relaxed) {
                let (from, to) = (random.below(50) + 1, random.below(50) + 1);
                // Every transfer leaves the sum as it is.
                run(
                    &session,
                    &format!(
                        "UPDATE account SET cents = cents + CASE id WHEN {from} THEN -1 ELSE 1 END \
                         WHERE id IN ({from}, {to}) AND {from} <> {to}"
                    ),
                );
            }
        });
        scope.spawn(|| {
            let session = fixture::root(fixture.database());
            while !stop.load(Ordering::Relaxed) {
                run(&session, "STORAGE FLUSH TABLE account");
                run(&session, "TRUNCATE other");
                run(&session, "INSERT INTO other SELECT value FROM generate_series(1, 100)");
                run(&session, "STORAGE FLUSH TABLE other");
            }
        });
        // Also when an assertion fails: the threads would go on for ever.
        let _stop = StopAtEnd(&stop);
        for _ in 0..8 {
            back_up(&fixture, backup.path());
            let (_target, database) = restored(backup.path());
            let root = fixture::root(&database);
            let sum = rows(&root, "SELECT COUNT(*), SUM(cents) FROM account");
            assert_eq!(sum, [["50", "5000"]]);
            let other = rows(&root, "SELECT COUNT(*) FROM other");
            assert!(["0", "100"].contains(&other[0][0].as_str()), "{other:?}");
        }
    });
    assert_eq!(fixture.rows("SELECT SUM(cents) FROM account"), [["5000"]]);
}

#[test]
fn places_that_are_no_place_for_a_backup_are_refused() {
    let fixture = filled();
    let inside = fixture.path().join("backup");
    let outside = folder();
    fs::write(outside.path().join("letter.txt"), "dear").expect("it can be written");
    let file = outside.path().join("letter.txt");
    let below = inside.join("x/../y");
    for (place, says) in [
        (inside.as_path(), "in the database"),
        (below.as_path(), "in the database"),
        (&fixture.path().join("segments/b"), "in the database"),
        (fixture.path(), "in the database"),
        (fixture.path().parent().expect("it has one"), "holds no backup"),
        (outside.path(), "holds no backup"),
        (file.as_path(), "is a file"),
        (&file.join("x"), "is a file"),
    ] {
        let (state, text) = fixture.refused(&format!("BACKUP DATABASE TO {}", quoted(place)));
        assert!(state == "22023" && text.contains(says), "{}: {state} {text}", place.display());
    }
    assert!(!inside.exists());
    let link = outside.path().join("link");
    std::os::unix::fs::symlink(fixture.path(), &link).expect("a link can be made");
    let (state, _) = fixture.refused(&format!("BACKUP DATABASE TO {}", quoted(&link.join("b"))));
    assert_eq!(state, "22023");
}

#[test]
fn a_folder_has_the_backups_of_one_database() {
    let (one, two) = (filled(), filled());
    let backup = folder();
    back_up(&one, backup.path());
    let (state, text) = two.refused(&format!("BACKUP DATABASE TO {}", quoted(backup.path())));
    assert!(state == "22023" && text.contains("another database"), "{text}");
    let (_target, database) = restored(backup.path());
    assert_eq!(answers(&database), answers(one.database()));
}

#[test]
fn a_restore_wants_a_finished_backup_and_an_empty_directory() {
    let fixture = filled();
    let (backup, target, empty) = (folder(), folder(), folder());
    back_up(&fixture, backup.path());
    fs::write(target.path().join("letter.txt"), "dear").expect("it can be written");
    let code = |backup: &Path, target: &Path| {
        let error = Database::restore(backup, target).expect_err("it is refused");
        error.sqlstate().to_string()
    };
    assert_eq!(code(backup.path(), target.path()), "22023");
    assert_eq!(code(backup.path(), &target.path().join("letter.txt")), "22023");
    assert_eq!(code(backup.path(), fixture.path()), "22023");
    assert_eq!(code(empty.path(), &empty.path().join("new")), "22023");
    assert_eq!(code(&empty.path().join("nothing"), &empty.path().join("new")), "58030");
    assert_eq!(fs::read(target.path().join("letter.txt")).expect("it is there"), b"dear");
    assert!(!empty.path().join("new").exists());
}

/// Files of a backup that hold data, without the lock.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it can be listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if entry.file_name() != "LOCK" {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_flipped_bit_anywhere_in_a_backup_is_found() {
    let fixture = filled();
    let backup = folder();
    back_up(&fixture, backup.path());
    let sql = format!("VERIFY BACKUP {}", quoted(backup.path()));
    assert_eq!(fixture.rows(&sql)[0][..2], ["1", "3"]);
    let mut random = Seeded(11);
    for file in files_below(backup.path()) {
        let whole = fs::read(&file).expect("it can be read");
        if whole.is_empty() {
            continue;
        }
        // The file may be a link to one of the open database, which stays as it is.
        fs::remove_file(&file).expect("it can be removed");
        for _ in 0..4 {
            let mut bytes = whole.clone();
            let place = random.below(whole.len() as u64) as usize;
            bytes[place] ^= 1 << random.below(8);
            fs::write(&file, &bytes).expect("it can be written");
            let (state, text) = fixture.refused(&sql);
            // A version that is not ours and a folder name are what else a bit can make.
            assert!(state == "XX001" || state == "0A000", "{}: {text}", file.display());
            let target = folder();
            let error = Database::restore(backup.path(), target.path()).expect_err("it is damaged");
            assert_eq!(error.sqlstate().to_string(), state);
            assert_eq!(fs::read_dir(target.path()).expect("it is there").count(), 0);
        }
        fs::write(&file, &whole[..whole.len() - 1]).expect("it can be written");
        assert_eq!(fixture.refused(&sql).0, "XX001", "{}", file.display());
        fs::remove_file(&file).expect("it can be removed");
        let expected = if file.ends_with("BACKUP") { "22023" } else { "XX001" };
        assert_eq!(fixture.refused(&sql).0, expected, "{}", file.display());
        fs::write(&file, &whole).expect("it can be written");
    }
    assert_eq!(fixture.rows(&sql).len(), 1);
}

#[test]
fn a_database_whose_storage_is_elsewhere_comes_back_on_its_own() {
    let (dir, elsewhere, backup) = (folder(), folder(), folder());
    let options = kalam_core::Options {
        storage_path: elsewhere.path().join("cold").display().to_string(),
        ..fixture::options()
    };
    let database = Database::open(dir.path(), options).expect("it opens");
    let root = fixture::root(&database);
    run(&root, "CREATE TABLE t (id INT PRIMARY KEY)");
    run(&root, "INSERT INTO t SELECT value FROM generate_series(1, 100)");
    run(&root, "STORAGE FLUSH ALL");
    run(&root, &format!("BACKUP DATABASE TO {}", quoted(backup.path())));
    let (target, copy) = restored(backup.path());
    let copied = fixture::root(&copy);
    assert_eq!(rows(&copied, "SELECT COUNT(*) FROM t"), [["100"]]);
    assert_eq!(fixture::parquet_files(target.path()).len(), 1);
    run(&copied, "TRUNCATE t");
    assert_eq!(rows(&root, "SELECT COUNT(*) FROM t"), [["100"]]);
    let inside = elsewhere.path().join("cold/backup");
    let sql = format!("BACKUP DATABASE TO {}", quoted(&inside));
    assert_eq!(refused(&root, &sql).0, "22023");
}

#[test]
fn backups_and_restores_are_in_the_audit_log() {
    let fixture = filled();
    let (backup, target) = (folder(), folder());
    let place = quoted(backup.path());
    fixture.run(&format!("BACKUP DATABASE TO {place}"));
    fixture.run(&format!("VERIFY BACKUP {place}"));
    fixture.run(&format!("RESTORE DATABASE FROM {place} TO {}", quoted(&target.path().join("d"))));
    let sql = "SELECT action FROM system.audit_log WHERE action LIKE '%BACKUP%' \
               OR action LIKE 'RESTORE%' ORDER BY 1";
    let actions: Vec<String> = fixture.rows(sql).concat();
    assert_eq!(actions, ["BACKUP DATABASE", "RESTORE DATABASE", "VERIFY BACKUP"]);
}

/// A child that dies at this point of a statement.
fn dies(dir: &Path, point: &str, statements: &[&str]) {
    let outcome = fault::run(dir, Some(&format!("{point}=abort")), statements);
    assert!(outcome.aborted, "{point}: {:?}", outcome.lines);
}

/// What a fault test backs up: one row in a segment, one that is hot.
const BACKED_UP: [&str; 5] = [
    "CREATE TABLE t (id INT PRIMARY KEY)",
    "INSERT INTO t VALUES (1)",
    "STORAGE FLUSH TABLE t",
    "INSERT INTO t VALUES (2)",
    "BACKUP DATABASE TO '{dir}-backup'",
];

#[test]
fn a_backup_that_is_killed_leaves_the_one_before_or_is_done() {
    for (point, is_done) in [
        ("backup.before_checkpoint", false),
        ("backup.after_checkpoint", false),
        ("backup.after_segment", false),
        ("backup.before_manifest", false),
        ("backup.after_manifest", true),
    ] {
        let home = folder();
        let (dir, backup) = (home.path().join("database"), home.path().join("database-backup"));
        fault::run(&dir, None, &BACKED_UP);
        let more = ["INSERT INTO t VALUES (3)", "STORAGE FLUSH TABLE t", BACKED_UP[4]];
        dies(&dir, point, &more);
        let count = |expected: &str| {
            let (_target, database) = restored(&backup);
            let root = fixture::root(&database);
            assert_eq!(rows(&root, "SELECT COUNT(*) FROM t"), [[expected]], "{point}");
        };
        count(if is_done { "3" } else { "2" });
        let again = fault::run(&dir, None, &[BACKED_UP[4], "VERIFY BACKUP '{dir}-backup'"]);
        assert!(again.lines.iter().all(|line| line.starts_with("ok")), "{:?}", again.lines);
        count("3");
        assert_eq!(fixture::parquet_files(&backup).len(), 2, "{point}");
    }
}

#[test]
fn a_first_backup_that_is_killed_is_no_backup_and_can_be_repeated() {
    for point in ["backup.before_checkpoint", "backup.after_segment", "backup.before_manifest"] {
        let home = folder();
        let dir = home.path().join("database");
        let backup = home.path().join("database-backup");
        fault::run(&dir, None, &BACKED_UP[..4]);
        dies(&dir, point, &BACKED_UP[4..]);
        let error = Database::restore(&backup, home.path().join("copy")).expect_err("it is none");
        assert_eq!(error.sqlstate().to_string(), "22023", "{point}");
        fault::run(&dir, None, &BACKED_UP[4..]);
        let (_target, database) = restored(&backup);
        assert_eq!(rows(&fixture::root(&database), "SELECT COUNT(*) FROM t"), [["2"]]);
    }
}

#[test]
fn a_restore_that_is_killed_leaves_a_directory_that_says_so() {
    for point in [
        "restore.after_marker",
        "restore.after_state_file",
        "restore.after_state",
        "restore.after_segment",
        "restore.before_finish",
        "restore.before_marker_goes",
    ] {
        let home = folder();
        let (dir, copy) = (home.path().join("database"), home.path().join("database-copy"));
        fault::run(&dir, None, &BACKED_UP);
        dies(&dir, point, &["RESTORE DATABASE FROM '{dir}-backup' TO '{dir}-copy'"]);
        let opened = Database::open(&copy, fixture::options()).map(|_| ());
        let error = opened.expect_err("it is half a database");
        assert_eq!(error.sqlstate().to_string(), "XX001", "{point}");
        assert!(fixture::full_text(&error).contains("did not end"), "{error:?}");
        let backup = home.path().join("database-backup");
        let error = Database::restore(&backup, &copy).expect_err("something is there");
        assert_eq!(error.sqlstate().to_string(), "XX001", "{point}");
        fs::remove_dir_all(&copy).expect("it can be removed");
        Database::restore(&backup, &copy).expect("it restores");
        let database = fixture::open(&copy);
        assert_eq!(rows(&fixture::root(&database), "SELECT COUNT(*) FROM t"), [["2"]]);
    }
}
