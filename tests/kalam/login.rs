//! Passwords: who comes in, with which role, and what nobody is told.

use std::path::Path;
use std::sync::Arc;

use kalam_core::env::ManualClock;
use kalam_core::model::Role;
use kalam_core::{Database, Params};
use tempfile::TempDir;

use crate::fixture::{self, Fixture, full_text, options, rows, run, try_rows};

const RIGHT: &str = "correct horse";
const WRONG: &str = "wrong horse";
const MINUTE_MS: i64 = 60_000;

/// A database with a clock that stands, and the user `ann` in it.
struct House {
    clock: Arc<ManualClock>,
    database: Database,
    dir: TempDir,
}

impl House {
    fn new() -> House {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let clock = Arc::new(ManualClock::new(1_700_000_000_000));
        let database = Self::open(dir.path(), &clock);
        let house = House { clock, database, dir };
        house.run(&format!("CREATE USER 'ann' WITH PASSWORD '{RIGHT}' ROLE service"));
        house
    }

    fn open(path: &Path, clock: &Arc<ManualClock>) -> Database {
        Database::open_with_clock(path, options(), clock.clone()).expect("the database opens")
    }

    fn reopen(self) -> House {
        let House { clock, database, dir } = self;
        database.close().expect("the database closes");
        drop(database);
        let database = Self::open(dir.path(), &clock);
        House { clock, database, dir }
    }

    fn run(&self, sql: &str) {
        run(&fixture::root(&self.database), sql);
    }

    fn comes_in(&self, password: &str) -> bool {
        match self.database.login("ann", password) {
            Ok(session) => {
                assert_eq!(session.user().as_str(), "ann");
                true
            }
            Err(e) => {
                assert_eq!(e.sqlstate().as_str(), "28P01");
                false
            }
        }
    }

    fn goes_wrong(&self, times: u32) {
        for _ in 0..times {
            assert!(!self.comes_in(WRONG));
        }
    }
}

#[test]
fn who_logs_in_has_the_role_of_the_account_now_and_later() {
    let house = House::new();
    house.run("CREATE TABLE ledger (id INT PRIMARY KEY)");
    let ann = house.database.login("ann", RIGHT).expect("the password is right");
    assert_eq!(ann.role(), Role::Service);
    run(&ann, "INSERT INTO ledger VALUES (1)");
    house.run("ALTER USER 'ann' SET ROLE user");
    assert_eq!(ann.role(), Role::User);
    let refused = try_rows(&ann, "SELECT * FROM ledger").expect_err("a user may not");
    assert_eq!(refused.sqlstate().as_str(), "42501");
    house.run("ALTER USER 'ann' SET ROLE dba");
    assert_eq!(rows(&ann, "SELECT * FROM ledger"), [["1"]]);
    assert_eq!(ann.clone().role(), Role::Dba);
}

#[test]
fn everybody_who_does_not_come_in_is_told_the_same() {
    let house = House::new();
    house.run("CREATE USER 'bea' WITH ROLE system");
    house.run("CREATE USER 'cid' WITH PASSWORD 'battery staple'");
    house.run("DROP USER 'cid'");
    house.run("CREATE USER 'dan' WITH PASSWORD 'battery staple'");
    for _ in 0..10 {
        let _ = house.database.login("dan", WRONG);
    }
    let long = "x".repeat(2_000);
    let tries = [
        ("ann", WRONG),
        ("ann", ""),
        ("ann", &long),
        ("bea", ""),
        ("cid", "battery staple"),
        ("dan", "battery staple"),
        ("nobody", RIGHT),
        ("", RIGHT),
        ("a\0b", RIGHT),
    ];
    let told: Vec<String> = tries
        .iter()
        .map(|(user, password)| match house.database.login(user, password) {
            Ok(_) => panic!("{user:?} comes in"),
            Err(e) => full_text(&e),
        })
        .collect();
    assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
}

#[test]
fn ten_wrong_passwords_lock_out_for_fifteen_minutes_over_a_reopening() {
    let house = House::new();
    house.goes_wrong(10);
    assert!(!house.comes_in(RIGHT));
    let house = house.reopen();
    house.clock.advance_ms(15 * MINUTE_MS - 1);
    assert!(!house.comes_in(RIGHT));
    house.clock.advance_ms(1);
    assert!(house.comes_in(RIGHT));
}

#[test]
fn a_login_and_a_new_password_begin_the_count_again() {
    let house = House::new();
    house.goes_wrong(9);
    assert!(house.comes_in(RIGHT));
    house.goes_wrong(9);
    let house = house.reopen();
    house.goes_wrong(1);
    assert!(!house.comes_in(RIGHT));
    house.run(&format!("ALTER USER 'ann' SET PASSWORD '{WRONG}'"));
    assert!(house.comes_in(WRONG));
}

#[test]
fn a_dropped_user_is_out_and_the_next_of_the_name_has_their_rows() {
    let house = House::new();
    house.run("CREATE USER TABLE note (id INT PRIMARY KEY)");
    let before = house.database.login("ann", RIGHT).expect("the password is right");
    run(&before, "INSERT INTO note VALUES (7)");
    house.run("DROP USER 'ann'");
    let refused = try_rows(&before, "SELECT * FROM note").expect_err("ann is gone");
    assert_eq!(refused.sqlstate().as_str(), "28P01");
    assert_eq!(before.role(), Role::Anonymous);
    assert!(!house.comes_in(RIGHT));
    house.run(&format!("CREATE USER 'ann' WITH PASSWORD '{WRONG}'"));
    let after = house.database.login("ann", WRONG).expect("the password is right");
    assert_eq!(rows(&after, "SELECT * FROM note"), [["7"]]);
    assert!(try_rows(&before, "SELECT * FROM note").is_err(), "an earlier login stays over");
    let house = house.reopen();
    assert!(house.comes_in(WRONG));
}

#[test]
fn a_password_is_written_nowhere() {
    const CANARY: &str = "cAnAry-9f3b";
    let mut fixture = Fixture::new();
    let bind = Params::Positional(vec![CANARY.into()]);
    let mut told = String::new();
    for sql in [
        format!("CREATE USER 'ann' WITH PASSWORD '{CANARY}' ROLE dba"),
        format!("CREATE USER 'ann' WITH PASSWORD '{CANARY}'"),
        format!("CREATE USER 'bea' WITH PASSWORD '{CANARY}' ROL dba"),
        format!("CREATE USER 'bea' WITH PASSWORD '{CANARY}' ROLE wizard"),
        format!("CREATE USER 'bea' WITH PASSWORD {CANARY}"),
        format!("CREATE USER 'bea' PASSWORT '{CANARY}' PASSWORD"),
        format!("CRATE USER 'bea' WITH PASSWORD '{CANARY}'"),
        format!("CREATE USER 'bea' WITH PASSWORD '{CANARY}"),
        format!("CREATE USER '' WITH PASSWORD '{CANARY}'"),
        format!("ALTER USER 'nobody' SET PASSWORD '{CANARY}'"),
        format!("ALTER USER 'ann' SET PASSWORD '{CANARY}' ; SELECT * FROM nowhere"),
        format!("PREPARE p AS CREATE USER 'x' WITH PASSWORD '{CANARY}'"),
        format!("EXPLAIN CREATE USER 'x' WITH PASSWORD '{CANARY}'"),
        format!("EXECUTE AS USER 'root' (CREATE USER 'ann' WITH PASSWORD '{CANARY}')"),
        format!("EXECUTE AS USER 'bob' (ALTER USER 'ann' SET PASSWORD '{CANARY}')"),
        format!("EXECUTE AS USER 'bob' (ALTER USER 'ann' SET PASSWORD '{CANARY}'"),
    ] {
        if let Err(e) = try_rows(fixture.root(), &sql) {
            told +=
                &format!("{e:?} {e} {:?}\n", std::error::Error::source(&e).map(|s| s.to_string()));
        }
        let _ = fixture.user("alice").execute(&sql, &Params::None).map_err(|e| {
            told += &format!("{e:?}\n");
        });
    }
    let bound = fixture.root().execute("ALTER USER 'ann' SET PASSWORD $1", &bind);
    bound.expect("a password may be a parameter");
    let number = Params::Positional(vec![12_345_678_i64.into()]);
    let refused = fixture.root().execute("ALTER USER 'ann' SET PASSWORD $1", &number);
    told += &format!("{:?}", refused.err().expect("a number is no password"));
    fixture.database().login("ann", CANARY).expect("the password is right");
    for sql in ["SELECT * FROM system.users", "SELECT * FROM system.audit_log"] {
        told += &format!("{:?}", fixture.rows(sql));
    }
    assert!(told.contains("ann"), "the log tells of ann: {told}");
    assert!(!told.contains(CANARY) && !told.contains("12345678"), "{told}");
    assert!(!told.contains("$argon2"), "no hash is shown: {told}");
    fixture.close();
    assert_eq!(files_with(fixture.path(), CANARY.as_bytes()), Vec::<String>::new());
    assert_ne!(files_with(fixture.path(), b"$argon2id$"), Vec::<String>::new());
}

#[test]
fn the_text_of_a_password_is_parsed_again_each_time() {
    let fixture = Fixture::new();
    let parses = |sql: &str| {
        let before = fixture.database().counters().parses;
        for _ in 0..2 {
            fixture.run(sql);
        }
        fixture.database().counters().parses - before
    };
    assert_eq!(parses("CREATE USER IF NOT EXISTS 'a' WITH PASSWORD 'correct horse'"), 2);
    assert_eq!(parses("CREATE USER IF NOT EXISTS 'a' WITH ROLE user"), 1);
    assert_eq!(parses("SELECT 'password'"), 1);
}

/// The files below a folder that hold these bytes.
fn files_with(folder: &Path, wanted: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("folder entries can be read").path();
        if path.is_dir() {
            found.extend(files_with(&path, wanted));
        } else if std::fs::read(&path)
            .expect("the file can be read")
            .windows(wanted.len())
            .any(|part| part == wanted)
        {
            found.push(path.display().to_string());
        }
    }
    found
}
