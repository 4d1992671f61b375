//! What a user leaves behind: an export has all of it, and a purge none.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kalam_core::Database;
use kalam_core::model::Role;
use tempfile::TempDir;

use crate::fixture::{Fixture, refused, rows, run, try_run};

/// What is in every value of the user who goes.
const CANARY: &str = "zqxpurge";

/// Tables with hot and cold rows, marks and unique entries of two users.
fn house() -> Fixture {
    let fixture = Fixture::new();
    for sql in [
        "CREATE USER TABLE note (id TEXT PRIMARY KEY, body TEXT, mail TEXT UNIQUE)",
        "CREATE USER TABLE tag (id INT PRIMARY KEY, words TEXT[])",
        "CREATE STREAM TABLE event (id INT PRIMARY KEY, body TEXT) WITH (TTL_SECONDS = 3600)",
        "CREATE USER 'eve' WITH PASSWORD 'a long password' ROLE service",
    ] {
        fixture.run(sql);
    }
    for (user, word) in [("eve", CANARY), ("ann", "plain")] {
        let session = fixture.user(user);
        for sql in [
            "INSERT INTO note SELECT 'k{w}' || value, '{w} body ' || value, '{w}@' || value \
             FROM generate_series(1, 2000)",
            "INSERT INTO tag SELECT value, ARRAY['{w}'] FROM generate_series(1, 100)",
            "INSERT INTO event SELECT value, '{w}' FROM generate_series(1, 100)",
        ] {
            run(&session, &sql.replace("{w}", word));
        }
    }
    fixture.run("STORAGE FLUSH TABLE note");
    for (user, word) in [("eve", CANARY), ("ann", "plain")] {
        let session = fixture.user(user);
        run(&session, "DELETE FROM note WHERE id LIKE '%7'");
        run(&session, &format!("UPDATE note SET body = 'new {word}' WHERE id LIKE '%3'"));
    }
    fixture
}

/// Files of a folder that hold a text, whatever they are, and paths that have it.
fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it can be listed").flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().contains(text) {
            found.push(path.clone());
        }
        if path.is_dir() {
            found.extend(files_with(&path, text));
            continue;
        }
        let bytes = match fs::read(&path) {
            // An open database may delete a file after it was listed.
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            read => read.expect("it can be read"),
        };
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_purged_user_leaves_no_byte_in_any_file() {
    let mut fixture = house();
    assert!(!files_with(fixture.path(), CANARY).is_empty());
    let answer = fixture.rows("DROP USER 'eve' PURGE");
    assert_eq!(answer[0][..2], ["1", "true"]);
    assert!(answer[0][2].starts_with("UC-"), "{answer:?}");
    for sql in ["SELECT COUNT(*) FROM note", "SELECT COUNT(*) FROM tag"] {
        assert_eq!(rows(&fixture.user("eve"), sql), [["0"]]);
    }
    assert_eq!(rows(&fixture.user("ann"), "SELECT COUNT(*) FROM note"), [["1800"]]);
    assert_eq!(rows(&fixture.user("ann"), "SELECT COUNT(*) FROM event"), [["100"]]);
    let log = "SELECT COUNT(*) FROM system.audit_log WHERE action = 'DROP USER PURGE'";
    assert_eq!(fixture.rows(log), [["1"]]);
    // RocksDB's list of its files names keys; opening writes a new one.
    fixture.reopen();
    fixture.close();
    assert_eq!(files_with(fixture.path(), CANARY), Vec::<PathBuf>::new());
    assert!(!files_with(fixture.path(), "plain").is_empty());
    fixture.reopen();
    assert_eq!(rows(&fixture.user("ann"), "SELECT COUNT(*) FROM note"), [["1800"]]);
    assert_eq!(fixture.rows("SELECT user_id FROM system.users"), [[""; 1]; 0]);
}

#[test]
fn whoever_gets_the_user_id_next_finds_nothing_and_starts_anew() {
    let fixture = house();
    let eve = fixture.user("eve");
    run(&eve, "INSERT INTO tag VALUES (1000, NULL)");
    let before = fixture.database().login("eve", "a long password").expect("she has an account");
    fixture.run("DROP USER 'eve' PURGE");
    assert_eq!(before.role(), Role::Anonymous);
    fixture.run("CREATE USER 'eve' WITH PASSWORD 'a long password' ROLE service");
    assert_eq!(before.role(), Role::Anonymous);
    // The session of before goes on, with rows that are new.
    assert_eq!(run(&eve, "INSERT INTO note VALUES ('k', 'b', 'zqxpurge@1')"), 1);
    assert_eq!(rows(&eve, "SELECT id FROM note"), [["k"]]);
    assert_eq!(rows(&eve, "SELECT COUNT(*) FROM note WHERE _deleted = true"), [["0"]]);
    fixture.run("STORAGE FLUSH TABLE note");
    assert_eq!(rows(&eve, "SELECT id FROM note"), [["k"]]);
}

#[test]
fn a_result_that_is_still_read_keeps_what_it_reads() {
    let mut fixture = house();
    let eve = fixture.user("eve");
    let open =
        eve.execute("SELECT body FROM note", &kalam_core::Params::None).expect("the query starts");
    assert_eq!(fixture.rows("DROP USER 'eve' PURGE")[0][..2], ["1", "false"]);
    let found: usize =
        open.collect().expect("it reads what it saw").iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(found, 1800);
    assert_eq!(rows(&eve, "SELECT COUNT(*) FROM note"), [["0"]]);
    drop(eve);
    fixture.reopen();
    fixture.reopen();
    fixture.close();
    assert_eq!(files_with(fixture.path(), CANARY), Vec::<PathBuf>::new());
}

#[test]
fn what_a_result_kept_is_erased_when_the_result_ends() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let options = kalam_core::Options { auto_maintenance: true, ..crate::fixture::options() };
    let database = Database::open(dir.path(), options).expect("the database opens");
    let root = crate::fixture::root(&database);
    run(&root, "CREATE USER TABLE note (id INT PRIMARY KEY, body TEXT)");
    let eve = database.session("eve", Role::User, None).expect("a valid user");
    run(&eve, &format!("INSERT INTO note SELECT value, '{CANARY}' FROM generate_series(1, 100)"));
    run(&root, "STORAGE FLUSH TABLE note");
    run(&eve, &format!("INSERT INTO note VALUES (0, '{CANARY}')"));
    let open =
        eve.execute("SELECT body FROM note", &kalam_core::Params::None).expect("the query starts");
    assert_eq!(rows(&root, "DROP USER 'eve' PURGE")[0][..2], ["1", "false"]);
    assert!(!files_with(dir.path(), CANARY).is_empty());
    drop(open);
    let done = "SELECT COUNT(*) FROM system.jobs WHERE kind = 'user_cleanup' AND \
        state = 'completed' AND subject = 'purged users'";
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while rows(&root, done) == [["0"]] {
        assert!(std::time::Instant::now() < until, "nobody erases the rest");
        std::thread::yield_now();
    }
    assert_eq!(files_with(dir.path(), CANARY), Vec::<PathBuf>::new());
    database.close().expect("the database closes");
}

#[test]
fn a_purge_beside_writers_of_the_user_leaves_whole_rows_or_none() {
    let fixture = house();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let session = fixture.user("eve");
                scope.spawn(move || {
                    for step in 0..200 {
                        let key = writer * 1000 + step;
                        let sql = format!("INSERT INTO note VALUES ('w{key}', 'b', 'm{key}')");
                        try_run(&session, &sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
                    }
                })
            })
            .collect();
        for _ in 0..5 {
            fixture.run("DROP USER IF EXISTS 'eve' PURGE");
        }
        for writer in writers {
            writer.join().expect("the writer ends");
        }
    });
    fixture.run("DROP USER IF EXISTS 'eve' PURGE");
    let eve = fixture.user("eve");
    assert_eq!(rows(&eve, "SELECT COUNT(*) FROM note"), [["0"]]);
    // Every value of the UNIQUE column is free again.
    assert_eq!(
        run(
            &eve,
            "INSERT INTO note SELECT 'x' || value, 'b', 'm' || value FROM generate_series(0, 2199)"
        ),
        2200
    );
    let all = "SELECT _user, COUNT(*) FROM all_users('note') GROUP BY _user ORDER BY _user";
    assert_eq!(fixture.rows(all), [["ann", "1800"], ["eve", "2200"]]);
}

#[test]
fn an_export_has_the_rows_of_one_user_and_tells_what_it_has() {
    let fixture = house();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let target = folder.path().join("eve");
    let answer = fixture.rows(&format!("EXPORT USER 'eve' TO '{}'", target.display()));
    assert_eq!(answer[0][..2], ["3", "2000"]);
    let mut names: Vec<String> = fs::read_dir(&target)
        .expect("it can be listed")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let files =
        ["default.event.parquet", "default.note.parquet", "default.tag.parquet", "manifest.json"];
    assert_eq!(names, files);
    assert!(files_with(&target, "plain").is_empty(), "rows of another user are in it");
    let manifest = fs::read_to_string(target.join("manifest.json")).expect("it can be read");
    for part in ["\"user\": \"eve\"", "\"rows\": 1800", "\"table\": \"default.note\""] {
        assert!(manifest.contains(part), "{part} in {manifest}");
    }
    let sql = format!("EXPORT USER 'eve' TO '{}'", target.display());
    assert_eq!(fixture.refused(&sql).0, "22023");
    let inside = fixture.path().join("segments/eve");
    let sql = format!("EXPORT USER 'eve' TO '{}'", inside.display());
    assert_eq!(fixture.refused(&sql).0, "22023");
    assert_eq!(fs::read_dir(folder.path()).expect("it can be listed").count(), 1);
}

#[test]
fn exports_and_purges_are_for_those_who_may() {
    let fixture = house();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let database: &Database = fixture.database();
    for (role, exports, purges) in [
        (Role::User, false, false),
        (Role::Service, false, false),
        (Role::Dba, true, false),
        (Role::System, true, true),
    ] {
        let session = database.session("someone", role, None).expect("a valid user");
        let sql = format!("EXPORT USER 'eve' TO '{}'", folder.path().join(role.as_str()).display());
        assert_eq!(try_run(&session, &sql).is_ok(), exports, "{role} exports");
        if purges {
            run(&session, "DROP USER 'eve' PURGE");
        } else {
            assert_eq!(refused(&session, "DROP USER 'eve' PURGE").0, "42501");
        }
    }
    assert_eq!(fixture.refused("DROP USER 'eve' PURGE").0, "42704");
    assert_eq!(fixture.refused("DROP USER 'nobody' PURGE").0, "42704");
    let sql = format!("EXPORT USER 'eve' TO '{}'", folder.path().join("late").display());
    assert_eq!(fixture.refused(&sql).0, "42704");
    fixture.run("DROP USER IF EXISTS 'eve' PURGE");
}
