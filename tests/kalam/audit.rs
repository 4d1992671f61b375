//! The audit log: what is in it, that it cannot be avoided, and that it stays small.

use std::sync::Arc;

use kalam_core::env::ManualClock;
use kalam_core::model::Role;
use kalam_core::{Database, Params, Session};

use crate::fixture::{self, Fixture, Rows, options, run, try_rows};

/// The newest records: user, role, subject, action, object, outcome, detail.
fn records(session: &Session) -> Rows {
    fixture::rows(
        session,
        "SELECT user_id, role, subject, action, object, outcome, detail \
         FROM system.audit_log ORDER BY number",
    )
}

/// What a statement of a session adds to the log.
fn added(fixture: &Fixture, session: &Session, sql: &str) -> Rows {
    let before = records(fixture.root()).len();
    let _ = session.execute(sql, &Params::None).and_then(kalam_core::QueryResult::collect);
    records(fixture.root()).split_off(before)
}

fn session(fixture: &Fixture, role: Role) -> Session {
    fixture.database().session(role.as_str(), role, None).expect("roles are valid user ids")
}

#[test]
fn every_statement_that_defines_or_moves_leaves_a_record() {
    let fixture = Fixture::new();
    let dba = session(&fixture, Role::Dba);
    for (sql, action, object) in [
        ("CREATE NAMESPACE shop", "CREATE NAMESPACE", "shop"),
        ("CREATE TABLE shop.item (id INT PRIMARY KEY)", "CREATE TABLE", "shop.item"),
        ("CREATE USER TABLE shop.cart (id INT PRIMARY KEY)", "CREATE TABLE", "shop.cart"),
        ("TRUNCATE shop.item", "TRUNCATE", "shop.item"),
        ("STORAGE FLUSH TABLE shop.item", "STORAGE FLUSH TABLE", "shop.item"),
        ("STORAGE FLUSH ALL IN shop", "STORAGE FLUSH ALL", "shop"),
        ("STORAGE COMPACT TABLE shop.item", "STORAGE COMPACT TABLE", "shop.item"),
        ("VACUUM shop.item", "VACUUM", "shop.item"),
        ("DROP TABLE shop.item", "DROP TABLE", "shop.item"),
    ] {
        let expected = ["dba", "dba", "NULL", action, object, "ok", "NULL"];
        assert_eq!(added(&fixture, &dba, sql), [expected], "{sql}");
    }
    let cascade = added(&fixture, &dba, "DROP NAMESPACE shop CASCADE");
    let actions: Vec<_> = cascade.iter().map(|r| (r[3].as_str(), r[4].as_str())).collect();
    assert_eq!(actions, [("DROP TABLE", "shop.cart"), ("DROP NAMESPACE", "shop")]);
    // What changed nothing, because it was there or failed, leaves none.
    fixture.run("CREATE NAMESPACE shop");
    for sql in [
        "CREATE NAMESPACE IF NOT EXISTS shop",
        "CREATE NAMESPACE shop",
        "CREATE TABLE nowhere.item (id INT)",
        "DROP TABLE IF EXISTS item",
        "SELECT 1",
    ] {
        assert_eq!(added(&fixture, &dba, sql), Rows::new(), "{sql}");
    }
}

#[test]
fn users_and_logins_leave_records() {
    let fixture = Fixture::new();
    let root = fixture.root();
    for (sql, action, detail) in [
        ("CREATE USER 'ann' WITH PASSWORD 'correct horse' ROLE dba", "CREATE USER", "role dba"),
        ("ALTER USER 'ann' SET ROLE service", "ALTER USER", "role service"),
        ("ALTER USER 'ann' SET PASSWORD 'battery staple'", "ALTER USER", "password"),
    ] {
        let expected = ["root", "system", "NULL", action, "ann", "ok", detail];
        assert_eq!(added(&fixture, root, sql), [expected], "{sql}");
    }
    let before = records(root).len();
    let database = fixture.database();
    database.login("ann", "battery staple").expect("the password is right");
    let _ = database.login("ann", "wrong");
    let _ = database.login("some secret", "wrong");
    let told = records(root).split_off(before);
    assert_eq!(told[0], ["ann", "service", "NULL", "LOGIN", "NULL", "ok", "NULL"]);
    assert_eq!(told[1], ["ann", "NULL", "NULL", "LOGIN", "NULL", "failed", "wrong password"]);
    // Who types a password for a name does not find it in the log.
    assert_eq!(told[2], ["NULL", "NULL", "NULL", "LOGIN", "NULL", "failed", "unknown user"]);
    let expected = ["root", "system", "NULL", "DROP USER", "ann", "ok", "NULL"];
    assert_eq!(added(&fixture, root, "DROP USER 'ann'"), [expected]);
}

#[test]
fn acting_for_another_leaves_a_record_that_no_rollback_takes_away() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE note (id INT PRIMARY KEY)");
    let service = session(&fixture, Role::Service);
    let act = "EXECUTE AS USER";
    for (sql, object, outcome, detail) in [
        ("EXECUTE AS USER 'bob' (INSERT INTO note VALUES (1))", "default.note", "ok", "INSERT"),
        ("EXECUTE AS USER 'bob' (SELECT * FROM note)", "NULL", "ok", "SELECT"),
        (
            "EXECUTE AS USER 'bob' (INSERT INTO note VALUES (1))",
            "default.note",
            "failed",
            "INSERT: 23505",
        ),
        (
            "EXECUTE AS USER 'bob' (DROP TABLE note)",
            "default.note",
            "denied",
            "role user may not run DROP TABLE",
        ),
    ] {
        let expected = ["service", "service", "bob", act, object, outcome, detail];
        assert_eq!(added(&fixture, &service, sql), [expected], "{sql}");
    }
    run(&service, "BEGIN");
    run(&service, "EXECUTE AS USER 'bob' (INSERT INTO note VALUES (2))");
    run(&service, "ROLLBACK");
    let last = records(fixture.root()).pop().expect("there are records");
    assert_eq!(last[2..6], ["bob", act, "default.note", "ok"]);
    let alice = fixture.user("alice");
    let refused = added(&fixture, &alice, "EXECUTE AS USER 'bob' (SELECT 1)");
    assert_eq!(refused[0][2..6], ["bob", act, "bob", "denied"]);
}

#[test]
fn reading_everybody_leaves_a_record_each_time() {
    let fixture = Fixture::new();
    fixture.run("CREATE USER TABLE note (id INT PRIMARY KEY)");
    let dba = session(&fixture, Role::Dba);
    for sql in [
        "SELECT * FROM all_users('note')",
        "SELECT * FROM all_users('note')",
        "EXPLAIN SELECT * FROM all_users('note')",
        "INSERT INTO note SELECT id FROM all_users('note')",
        "SELECT * FROM all_users('note') a JOIN all_users('note') b ON a.id = b.id",
    ] {
        let expected = ["dba", "dba", "NULL", "ALL_USERS", "default.note", "ok", "NULL"];
        assert_eq!(added(&fixture, &dba, sql), [expected], "{sql}");
    }
}

#[test]
fn every_refusal_leaves_a_record() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE ledger (id INT PRIMARY KEY)");
    fixture.run("CREATE USER TABLE note (id INT PRIMARY KEY)");
    let alice = fixture.user("alice");
    for (sql, action, object) in [
        ("SELECT * FROM ledger", "SELECT", "default.ledger"),
        ("INSERT INTO ledger VALUES (1)", "INSERT", "default.ledger"),
        ("DROP TABLE ledger", "DROP TABLE", "default.ledger"),
        ("SELECT * FROM all_users('note')", "SELECT", "all_users"),
        ("SELECT * FROM system.users", "SELECT", "system.users"),
        ("CREATE USER 'alice' WITH ROLE system", "CREATE USER", "alice"),
        ("PREPARE p AS SELECT * FROM ledger", "PREPARE", "default.ledger"),
        ("SELECT 1; DROP TABLE ledger", "DROP TABLE", "default.ledger"),
        ("EXPLAIN SELECT * FROM ledger", "EXPLAIN", "default.ledger"),
    ] {
        let told = added(&fixture, &alice, sql);
        assert_eq!(told.len(), 1, "{sql}: {told:?}");
        assert_eq!(told[0][..6], ["alice", "user", "NULL", action, object, "denied"], "{sql}");
    }
    let before = records(fixture.root()).len();
    assert!(alice.as_user("bob").is_err());
    assert!(alice.prepare("SELECT * FROM ledger").is_err());
    assert!(alice.execute_many("INSERT INTO ledger VALUES (?)", &[]).is_err());
    let told = records(fixture.root()).split_off(before);
    let actions: Vec<_> = told.iter().map(|record| record[3].as_str()).collect();
    assert_eq!(actions, ["AS USER", "SELECT", "INSERT"]);
    // A transaction that is rolled back was refused all the same.
    run(&alice, "BEGIN");
    assert_eq!(added(&fixture, &alice, "SELECT * FROM ledger").len(), 1);
    run(&alice, "ROLLBACK");
}

#[test]
fn refusals_in_a_loop_are_counted_and_not_written() {
    let dir = tempfile::TempDir::new().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let database = Database::open_with_clock(dir.path(), options(), clock.clone())
        .expect("the database opens");
    let root = fixture::root(&database);
    let alice = database.session("alice", Role::User, None).expect("a valid user id");
    let refuse = |times: u32| {
        for n in 0..times {
            assert!(try_rows(&alice, &format!("DROP TABLE t{n}")).is_err());
        }
    };
    refuse(500);
    assert_eq!(records(&root).len(), 100);
    clock.advance_ms(60_000);
    refuse(1);
    let told = records(&root);
    assert_eq!(told.len(), 102);
    assert_eq!(told[100][6], "400 more were not recorded one by one");
    refuse(110);
    drop((root, alice));
    database.close().expect("the database closes");
    drop(database);
    let database =
        Database::open_with_clock(dir.path(), options(), clock).expect("the database opens");
    let told = records(&fixture::root(&database));
    assert_eq!(told.len(), 202);
    assert_eq!(told[201][6], "11 more were not recorded one by one");
}

#[test]
fn records_outlive_the_process_and_are_numbered_without_gaps() {
    let mut fixture = Fixture::new();
    fixture.run("CREATE NAMESPACE one");
    fixture.reopen();
    fixture.run("CREATE NAMESPACE two");
    let numbers = fixture.rows("SELECT number, object FROM system.audit_log ORDER BY number");
    assert_eq!(numbers, [["1", "one"], ["2", "two"]]);
}

#[test]
fn only_dba_and_system_read_the_log() {
    let fixture = Fixture::new();
    for role in [Role::Anonymous, Role::User, Role::Service] {
        for table in ["system.audit_log", "system.users"] {
            let sql = format!("SELECT * FROM {table}");
            let refused = try_rows(&session(&fixture, role), &sql).expect_err("refused");
            assert_eq!(refused.sqlstate().as_str(), "42501");
        }
    }
    for role in [Role::Dba, Role::System] {
        let session = session(&fixture, role);
        try_rows(&session, "SELECT * FROM system.users").expect("it may");
        assert!(try_rows(&session, "DELETE FROM system.audit_log").is_err());
    }
}
