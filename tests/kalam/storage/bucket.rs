//! Objects of a bucket, and their copies on the local disk.

use std::path::PathBuf;
use std::time::Instant;

use super::{COUNT, COUNTED, House, Server};
use crate::fixture::{refused, rows, run};

#[test]
fn a_bucket_holds_segments_and_the_disk_copies_of_them() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam/below"));
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    let objects = server.objects();
    assert_eq!(objects.len(), house.manifest().len());
    assert!(objects.iter().all(|key| key.starts_with("below/default/t/")), "{objects:?}");
    server.gets();
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    run(house.root(), "UPDATE t SET v = 'new' WHERE k = 77");
    assert_eq!(rows(house.root(), "SELECT v FROM t WHERE k = 77"), [["new"]]);
    assert_eq!(rows(house.root(), "SELECT v FROM t WHERE k = 78"), [["v78"]]);
    assert_eq!(server.gets(), 0, "what was uploaded is read from the disk");

    // From the copies, while the store is away; and opening asks for nothing.
    server.tell("mode away");
    let started = Instant::now();
    house.reopen();
    assert!(started.elapsed().as_secs() < 4, "opening waited for the store");
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    server.tell("mode well");
    run(house.root(), "DROP TABLE t");
    assert_eq!(server.objects(), Vec::<String>::new());
    assert_eq!(house.copies(), Vec::<PathBuf>::new());
    run(house.root(), "DROP STORAGE far");
}

#[test]
fn a_copy_that_rotted_or_is_gone_is_fetched_again() {
    let server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    let copy = house.copies().pop().expect("there is a copy");
    let mut bytes = std::fs::read(&copy).expect("the copy can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&copy, bytes).expect("the copy can be written");
    house.reopen();
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    std::fs::remove_file(&copy).expect("the copy can be removed");
    house.reopen();
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
    assert!(copy.is_file());
}

#[test]
fn a_damaged_object_is_told_of_and_never_read() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    let check = rows(house.root(), "STORAGE CHECK far EXTENDED");
    assert!(check.iter().all(|row| row[1] == "true"), "{check:?}");
    assert_eq!(check.len(), 5, "{check:?}");
    for damage in ["damage", "empty"] {
        server.tell(&format!("{damage} kalam"));
        let check = rows(house.root(), "STORAGE CHECK far EXTENDED");
        let is_told = check.iter().any(|row| row[0] == "segment" && row[1] == "false");
        assert!(is_told, "{damage}: {check:?}");
        house.reopen();
        assert_eq!(refused(house.root(), COUNT).0, "XX001", "{damage}");
    }
}

#[test]
fn copies_stay_below_their_limit() {
    let mut server = Server::start();
    let limit = 40 << 10;
    let mut house = House::new(limit);
    run(house.root(), &server.create("far", "kalam"));
    run(house.root(), "CREATE TABLE t (k INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'far')");
    for round in 0..6 {
        let (from, to) = (round * 1000 + 1, round * 1000 + 1000);
        let sql = "INSERT INTO t SELECT value, RANDOM_STRING(8) FROM";
        run(house.root(), &format!("{sql} generate_series({from}, {to})"));
        run(house.root(), "STORAGE FLUSH TABLE t");
        for _ in 0..2 {
            let sizes = house.copies();
            let sizes = sizes.iter().map(|c| c.metadata().expect("a copy has a size").len());
            let bytes: u64 = sizes.sum();
            assert!(bytes <= limit as u64, "{bytes} bytes of copies");
            assert_eq!(rows(house.root(), "SELECT COUNT(*) FROM t"), [[to.to_string()]]);
            assert_eq!(rows(house.root(), "SELECT COUNT(v) FROM t"), [[to.to_string()]]);
            house.reopen();
        }
    }
    assert_eq!(server.objects().len(), 6);
}

#[test]
fn a_database_in_memory_and_one_without_copies_read_the_bucket() {
    let mut server = Server::start();
    let house = House::new(0);
    run(house.root(), &server.create("far", "kalam/a"));
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(house.copies(), Vec::<PathBuf>::new());
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);

    let database = kalam_core::Database::in_memory(house.options.clone()).expect("memory is there");
    let root = crate::fixture::root(&database);
    run(&root, &server.create("far", "kalam/b"));
    run(&root, "CREATE TABLE t (k INT PRIMARY KEY) WITH (STORAGE_ID = 'far')");
    run(&root, "INSERT INTO t SELECT value FROM generate_series(1, 100)");
    run(&root, "STORAGE FLUSH TABLE t");
    assert_eq!(rows(&root, "SELECT COUNT(*) FROM t"), [["100"]]);
    assert_eq!(server.objects().len(), 2);
    run(&root, "DROP TABLE t");
    assert_eq!(server.objects().len(), 1);
}
