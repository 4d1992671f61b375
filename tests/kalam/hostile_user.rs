//! User ids that look like paths, like other users, or like nothing: each has a place of
//! its own, which none of them can leave.

use std::collections::{BTreeMap, BTreeSet};

use kalam_core::model::Role;
use kalam_core::{Params, ScalarValue};

use crate::fixture::{self, Fixture, parquet_files, rows, run};

/// Ids that somebody might choose, so that they are taken for somebody else or land
/// somewhere else.
fn ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        // Paths.
        "..",
        ".",
        "../bob",
        "../../etc/passwd",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "..\\bob",
        "bob/",
        "bob/../alice",
        "./bob",
        "~",
        "~root",
        "C:",
        "con",
        "nul.parquet",
        "%2e%2e",
        "%2e%2e%2fbob",
        "..%2fbob",
        "%",
        "%00",
        "{userId}",
        "{shard}",
        "$HOME",
        "-",
        "--",
        "*",
        "?",
        "bob.",
        ".bob",
        "bob ",
        " bob",
        "\t",
        "\n",
        "bob\nalice",
        "bob\r",
        // NUL and what is no character.
        "a\0b",
        "\0",
        "bob\0",
        "\u{feff}bob",
        "\u{202e}bob",
        "bob\u{200b}",
        "\u{fffd}",
        "\u{ffff}",
        // Case, width, composition, look-alikes.
        "bob",
        "BOB",
        "Bob",
        "b\u{43e}b",
        "\u{ff42}\u{ff4f}\u{ff42}",
        "b\u{f6}b",
        "bo\u{308}b",
        "\u{130}d",
        "\u{131}d",
        "id",
        "ID",
        "stra\u{df}e",
        "strasse",
        "STRASSE",
        "\u{212a}",
        "k",
        "K",
        "\u{3c3}",
        "\u{3c2}",
        "\u{fb01}",
        "fi",
        // SQL, numbers, names of the engine's own.
        "'; DROP TABLE note; --",
        "\"",
        "'",
        "1",
        "01",
        "1.0",
        "-1",
        "NULL",
        "null",
        "true",
        "system",
        "root",
        "shared",
        "_",
        "0",
        "anonymous",
        "segments",
        "manifest.json",
        "note",
        "default",
    ]
    .map(str::to_owned)
    .into();
    ids.extend([255, 256, 1_000, 100_000].map(|length| "x".repeat(length)));
    ids.extend(["\u{1F600}".repeat(60), "../".repeat(80), "\u{e4}".repeat(128)]);
    ids
}

#[test]
fn every_user_id_has_a_place_of_its_own_or_is_refused() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE USER TABLE note (id INT PRIMARY KEY, text TEXT)");
    fixture.run("CREATE USER TABLE other (id INT PRIMARY KEY, text TEXT)");
    let ids = ids();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "no id is tried twice");
    let mut accepted = BTreeMap::new();
    for (number, id) in ids.iter().enumerate() {
        match fixture.database().session(id, Role::User, None) {
            Ok(session) => {
                // The same key for all of them.
                run(&session, &format!("INSERT INTO note VALUES (1, 'of number {number}')"));
                accepted.insert(id.clone(), number);
            }
            Err(error) => assert_eq!(error.sqlstate().as_str(), "22023", "{id:?}: {error:?}"),
        }
    }
    println!("{} of {} ids accepted", accepted.len(), ids.len());
    assert!(accepted.len() > 40 && accepted.len() < ids.len());
    let reads_own = |fixture: &Fixture, when: &str| {
        for (id, number) in &accepted {
            let session = fixture.user(id);
            let own = [["1".to_owned(), format!("of number {number}")]];
            assert_eq!(rows(&session, "SELECT * FROM note"), own, "{id:?} {when}");
            let user = rows(&session, "SELECT CURRENT_USER()");
            assert_eq!(user, [[id.clone()]], "{id:?} {when}");
            assert_eq!(rows(&session, "SELECT * FROM other"), fixture::Rows::new());
        }
    };
    reads_own(&fixture, "hot");
    fixture.run("STORAGE FLUSH TABLE note");
    reads_own(&fixture, "flushed");
    let listed = fixture.segments("note");
    let there = parquet_files(fixture.path());
    assert_eq!(there.len(), accepted.len(), "a file for each user, below the database's folder");
    assert_eq!(listed, there, "the files are those of the manifest");
    let parents: BTreeSet<_> = there.iter().map(|path| path.parent()).collect();
    assert_eq!(parents.len(), accepted.len(), "a folder for each user");
    fixture.reopen();
    reads_own(&fixture, "reopened");
    let everybody = fixture.rows("SELECT COUNT(*), COUNT(DISTINCT _user) FROM all_users('note')");
    assert_eq!(everybody, [[accepted.len().to_string(), accepted.len().to_string()]]);
    // One goes, and nobody else does.
    let last = accepted.keys().next().expect("there are some").clone();
    run(&fixture.user(&last), "DELETE FROM note");
    accepted.remove(&last);
    let left = fixture.rows("SELECT COUNT(*) FROM all_users('note')");
    assert_eq!(left, [[accepted.len().to_string()]]);
}

#[test]
fn a_statement_of_one_user_finds_nothing_of_another_in_the_hands_of_another() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE note (id INT PRIMARY KEY, text TEXT)");
    fixture.run("CREATE VIEW mine AS SELECT * FROM note");
    let users = ["bob", "BOB", "b\u{43e}b", "bob.", "\u{ff42}\u{ff4f}\u{ff42}"];
    for user in users {
        run(&fixture.user(user), &format!("INSERT INTO note VALUES (1, '{user}')"));
    }
    for flushed in [false, true] {
        if flushed {
            fixture.run("STORAGE FLUSH ALL");
        }
        for sql in [
            "SELECT text FROM note",
            "SELECT text FROM note WHERE id = ?",
            "SELECT text FROM note WHERE id >= ? ORDER BY id DESC LIMIT 1",
            "SELECT text FROM mine WHERE id = ?",
            "WITH x AS (SELECT * FROM note) SELECT text FROM x",
            "SELECT CAST(text AS TEXT) FROM mine",
            "SELECT MAX(text) FROM note",
            "SELECT (SELECT UPPER(LOWER(text)) FROM note WHERE id = ?) IS NOT NULL",
            "UPDATE note SET text = text RETURNING text",
        ] {
            let count = sql.matches('?').count();
            let params = match count {
                0 => Params::None,
                _ => Params::Positional(vec![ScalarValue::Int32(Some(1))]),
            };
            // Whoever prepares it, whoever runs it.
            for owner in users {
                let prepared = fixture.user(owner).prepare(sql).expect("it can be prepared");
                for user in users {
                    let session = fixture.user(user);
                    let result = session.execute_prepared(&prepared, &params);
                    let found = result.and_then(kalam_core::QueryResult::collect).expect("it runs");
                    let found = crate::render::rows(&found);
                    let own = found == [[user]] || found == [["true"]];
                    assert!(own, "{sql} of {owner} by {user}: {found:?}");
                }
            }
        }
    }
}
