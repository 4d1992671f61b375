//! A store that fails, answers late, or goes away in the middle.

use std::time::{Duration, Instant};

use super::{COUNT, COUNTED, House, Server};
use crate::fixture::{refused, rows, run};

#[test]
fn rows_stay_hot_while_the_store_fails_and_go_when_it_is_back() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    for mode in ["away", "denied"] {
        server.tell(&format!("mode {mode}"));
        let (state, message) = refused(house.root(), "STORAGE FLUSH TABLE t");
        assert_eq!(state, "58030", "{mode}: {message}");
        assert!(message.contains("storage \"far\""), "{mode}: {message}");
        assert_eq!(rows(house.root(), COUNT), [COUNTED], "{mode}");
        let check = rows(house.root(), "STORAGE CHECK far");
        assert_eq!((check[0][0].as_str(), check[0][1].as_str()), ("put", "false"), "{check:?}");
        assert_eq!(house.manifest().len(), 0, "{mode}");
    }
    server.tell("mode well");
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(server.objects().len(), house.manifest().len());
    house.reopen();
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
}

#[test]
fn an_upload_whose_answer_is_lost_was_made_once() {
    let mut server = Server::start();
    for (mode, config) in [("forgetful", "timeout_ms = 5000"), ("silent", "timeout_ms = 1000")] {
        let mut house = House::new(1 << 30);
        let before = server.objects().len();
        run(house.root(), &server.create_with("far", &format!("kalam/{mode}"), config));
        house.fill();
        server.tell(&format!("mode {mode}"));
        run(house.root(), "STORAGE FLUSH TABLE t");
        server.tell("mode well");
        assert_eq!(server.objects().len() - before, house.manifest().len(), "{mode}");
        house.reopen();
        assert_eq!(rows(house.root(), COUNT), [COUNTED], "{mode}");
    }
}

#[test]
fn a_bucket_that_is_not_there_is_told_of() {
    let mut server = Server::start();
    let house = House::new(1 << 30);
    run(house.root(), &server.create("nowhere", "no-such-bucket"));
    run(house.root(), "CREATE TABLE t (k INT PRIMARY KEY) WITH (STORAGE_ID = 'nowhere')");
    run(house.root(), "INSERT INTO t VALUES (1)");
    let (state, message) = refused(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(state, "58030", "{message}");
    assert!(message.contains("no such bucket"), "{message}");
    server.tell("bucket no-such-bucket");
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(rows(house.root(), "SELECT COUNT(*) FROM t"), [["1"]]);
}

const OF_USERS: &str = "SELECT _user, COUNT(*) FROM all_users('t') GROUP BY 1 ORDER BY 1";

#[test]
fn a_store_that_goes_away_between_two_users_keeps_the_rows_of_both() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    run(house.root(), "CREATE USER TABLE t (k INT PRIMARY KEY) WITH (STORAGE_ID = 'far')");
    let users = ["ann", "bob", "cyd"];
    for user in users {
        run(&house.user(user), "INSERT INTO t SELECT value FROM generate_series(1, 100)");
    }
    let all = users.map(|user| [user, "100"]);
    server.tell("writes 1");
    assert_eq!(refused(house.root(), "STORAGE FLUSH TABLE t").0, "58030");
    assert_eq!(house.manifest().len(), 1);
    assert_eq!(rows(house.root(), OF_USERS), all);
    house.reopen();
    assert_eq!(rows(house.root(), OF_USERS), all);
    server.tell("mode well");
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(rows(house.root(), OF_USERS), all);
    assert_eq!(server.objects().len(), 3);
    assert_eq!(house.manifest().len(), 3);
}

#[test]
fn a_job_in_the_background_says_what_failed_and_ends_when_the_store_is_back() {
    let mut server = Server::start();
    let house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    let table = "CREATE TABLE t (k INT PRIMARY KEY) \
                 WITH (STORAGE_ID = 'far', FLUSH_POLICY = 'rows:100')";
    run(house.root(), table);
    server.tell("mode denied");
    run(house.root(), "INSERT INTO t SELECT value FROM generate_series(1, 100)");
    let job = "SELECT state, message LIKE '%storage \"far\" refuses its credentials%' \
               FROM system.jobs WHERE kind = 'flush'";
    wait_for(&house, job, &["retrying", "true"]);
    assert_eq!(rows(house.root(), "SELECT COUNT(*) FROM t"), [["100"]]);
    server.tell("mode well");
    let ended = "SELECT state, attempts > 1, rows FROM system.jobs WHERE kind = 'flush'";
    wait_for(&house, ended, &["completed", "true", "100"]);
    assert_eq!(rows(house.root(), "SELECT COUNT(*) FROM t"), [["100"]]);
    assert_eq!(server.objects().len(), 1);
}

fn wait_for(house: &House, sql: &str, expected: &[&str]) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let found = rows(house.root(), sql);
        if found.iter().any(|row| row == expected) {
            return;
        }
        assert!(Instant::now() < until, "{sql}: {found:?}, not {expected:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_statement_that_waits_for_a_store_stops_when_it_is_to() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    run(house.root(), "SET statement_timeout = '200ms'");
    server.tell("mode silent");
    assert_eq!(refused(house.root(), "STORAGE FLUSH TABLE t").0, "57014");
    server.tell("mode well");
    run(house.root(), "SET statement_timeout = 0");
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    house.reopen();
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    assert_eq!(server.objects(), house.manifest());
}

#[test]
fn what_cannot_be_deleted_goes_when_the_store_is_back() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    server.tell("mode away");
    run(house.root(), "DROP TABLE t");
    assert_eq!(house.copies().len(), 0);
    assert_eq!(server.tell("mode well"), "ok");
    assert_eq!(server.objects().len(), 1);
    house.reopen();
    run(house.root(), "DROP STORAGE far");
    assert_eq!(server.objects(), Vec::<String>::new());
}
