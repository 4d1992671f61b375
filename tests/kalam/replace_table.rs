//! A table that takes the place of another one, in one commit.

use std::sync::atomic::{AtomicBool, Ordering};

use kalam_core::Session;
use kalam_core::model::Role;

use crate::fixture::{self, Fixture};

fn code(session: &Session, table: &str, by: &str) -> String {
    let error = session.replace_table(table, by).expect_err("it is refused");
    error.sqlstate().as_str().to_owned()
}

#[test]
fn the_name_stands_for_the_new_table_and_the_old_one_is_gone() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE USER TABLE t (k INT PRIMARY KEY, v TEXT UNIQUE)");
    fixture.run("INSERT INTO t VALUES (1, 'old'), (2, 'old too')");
    fixture.run("EXECUTE AS USER 'ann' (INSERT INTO t VALUES (1, 'hers'))");
    fixture.run("STORAGE FLUSH TABLE t");
    fixture.run("INSERT INTO t VALUES (3, 'hot')");
    fixture.run("CREATE SHARED TABLE new (k INT PRIMARY KEY, w BIGINT)");
    fixture.run("INSERT INTO new VALUES (1, 10)");
    fixture.run("STORAGE FLUSH TABLE new");
    fixture.run("INSERT INTO new VALUES (2, 20)");
    let old = fixture.segments("t");
    fixture.root().replace_table("t", "new").expect("it is replaced");
    for reopened in [false, true] {
        if reopened {
            fixture.reopen();
        }
        assert_eq!(fixture.rows("SELECT * FROM t ORDER BY k"), [["1", "10"], ["2", "20"]]);
        assert_eq!(fixture.refused("SELECT * FROM new").0, "42P01");
        assert!(old.iter().all(|file| !file.exists()), "{old:?}");
    }
    fixture.run("CREATE TABLE new (k INT)");
    // Where there is none, it is a new name.
    fixture.root().replace_table("default.other", "new").expect("it has another name");
    assert_eq!(fixture.rows("SELECT * FROM other"), fixture::Rows::new());
}

#[test]
fn what_drop_and_rename_refuse_is_refused_and_nothing_changes() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT)");
    fixture.run("INSERT INTO t VALUES (1)");
    fixture.run("CREATE TABLE new (k INT)");
    fixture.run("CREATE VIEW v AS SELECT k FROM t");
    fixture.run("CREATE NAMESPACE app");
    let root = fixture.root();
    assert_eq!(code(root, "t", "new"), "2BP01");
    assert_eq!(code(root, "v", "new"), "42809");
    assert_eq!(code(root, "t", "missing"), "42P01");
    assert_eq!(code(root, "app.t", "new"), "0A000");
    assert_eq!(code(root, "missing.t", "new"), "3F000");
    assert_eq!(code(root, "system.tables", "new"), "42501");
    assert_eq!(code(root, "t; DROP TABLE t", "new"), "42601");
    fixture.run("DROP VIEW v");
    let service = fixture.database().session("s", Role::Service, None).expect("a valid user");
    assert_eq!(code(&service, "t", "new"), "42501");
    fixture.run("BEGIN");
    assert_eq!(code(root, "t", "new"), "0A000");
    fixture.run("ROLLBACK");
    assert_eq!(fixture.rows("SELECT k FROM t"), [["1"]]);
    root.replace_table("t", "new").expect("nothing is in the way");
    assert_eq!(fixture.rows("SELECT k FROM t"), fixture::Rows::new());
}

#[test]
fn readers_and_writers_find_one_of_the_two_at_every_moment() {
    const ROUNDS: usize = 40;
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY)");
    fixture.run("INSERT INTO t VALUES (-1)");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = fixture.root().clone();
        let reading = scope.spawn({
            let over = &over;
            move || {
                while !over.load(Ordering::Acquire) {
                    let rows = fixture::rows(&reader, "SELECT COUNT(*) FROM t WHERE k < 0");
                    assert_eq!(rows, [["1"]]);
                }
            }
        });
        for round in 0..ROUNDS {
            fixture.run(&format!("CREATE TABLE new_{round} (k INT PRIMARY KEY)"));
            fixture.run(&format!("INSERT INTO new_{round} VALUES (-{}), (7)", round + 1));
            let new = format!("new_{round}");
            fixture.root().replace_table("t", &new).expect("it is replaced");
        }
        over.store(true, Ordering::Release);
        reading.join().expect("the reader found a table at every moment");
    });
    assert_eq!(fixture.rows("SELECT COUNT(*) FROM t"), [["2"]]);
}
