//! Backups of a database whose segments are in a bucket.

use kalam_core::Database;

use super::{COUNT, COUNTED, House, Server};
use crate::fixture::{self, refused, rows, run};

#[test]
fn a_backup_has_the_bytes_of_a_bucket_and_comes_back_without_it() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    let backup = house.dir.path().join("backup");
    let target = house.dir.path().join("copy");
    let make = format!("BACKUP DATABASE TO '{}'", backup.display());
    run(house.root(), &make);
    assert_eq!(fixture::parquet_files(&backup).len(), 1);
    assert!(!backup.join("cache").exists());
    // What the backup has is not fetched again, and a rotted copy is no reason to fail.
    server.gets();
    run(house.root(), &make);
    assert_eq!(server.gets(), 0);
    std::fs::remove_dir_all(&backup).expect("the backup can be removed");
    let copy = house.copies().pop().expect("there is a copy");
    std::fs::write(&copy, b"rot").expect("the copy can be written");
    run(house.root(), &make);
    run(house.root(), &format!("VERIFY BACKUP '{}'", backup.display()));

    server.tell("mode away");
    let (from, to) = (backup.display(), target.display());
    run(house.root(), &format!("RESTORE DATABASE FROM '{from}' TO '{to}'"));
    let database = Database::open(&target, house.options.clone()).expect("it opens");
    let root = fixture::root(&database);
    assert_eq!(rows(&root, COUNT), [COUNTED]);
    let storage = "SELECT type, path, credentials, config FROM system.storages \
                   WHERE storage = 'far'";
    assert_eq!(rows(&root, storage), [["filesystem", "storages/far", "NULL", "NULL"]]);
    // It shares nothing with the database that was backed up.
    run(&root, "DELETE FROM t WHERE k > 10");
    run(&root, "STORAGE COMPACT TABLE t");
    run(&root, "DROP TABLE t");
    run(&root, "DROP STORAGE far");
    drop(root);
    database.close().expect("it closes");
    server.tell("mode well");
    assert_eq!(server.objects(), house.manifest());
    house.reopen();
    assert_eq!(rows(house.root(), COUNT), [COUNTED]);
}

#[test]
fn a_backup_that_cannot_read_the_bucket_says_so_and_keeps_the_one_before() {
    let mut server = Server::start();
    let house = House::new(0);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    let backup = house.dir.path().join("backup");
    let make = format!("BACKUP DATABASE TO '{}'", backup.display());
    run(house.root(), &make);
    run(house.root(), "STORAGE FLUSH TABLE t");
    server.tell("mode away");
    let (state, message) = refused(house.root(), &make);
    assert_eq!(state, "58030", "{message}");
    assert!(message.contains("storage \"far\""), "{message}");
    let verify = format!("VERIFY BACKUP '{}'", backup.display());
    assert_eq!(rows(house.root(), &verify)[0][0], "1");
    server.tell("mode well");
    run(house.root(), &make);
    assert_eq!(rows(house.root(), &verify)[0][0], "2");
}
