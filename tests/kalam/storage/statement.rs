//! Statements that move, export and remove segments, on those of a bucket.

use std::fs;

use super::{House, Server};
use crate::fixture::{self, rows, run};

/// Two users with segments, marks and hot rows.
fn house(server: &Server) -> House {
    let house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    let table = "CREATE USER TABLE t (k INT PRIMARY KEY, v TEXT UNIQUE) \
                 WITH (STORAGE_ID = 'far', DELETED_RETENTION_HOURS = 0)";
    run(house.root(), table);
    for user in ["ann", "bob"] {
        let session = house.user(user);
        for from in [1, 101] {
            let to = from + 99;
            let sql = format!(
                "INSERT INTO t SELECT value, 'v' || value FROM generate_series({from}, {to})"
            );
            run(&session, &sql);
            run(house.root(), "STORAGE FLUSH TABLE t");
        }
    }
    for user in ["ann", "bob"] {
        run(&house.user(user), "UPDATE t SET v = 'w' || k WHERE k <= 10");
        run(&house.user(user), "DELETE FROM t WHERE k > 190");
    }
    house
}

const BY_USER: &str = "SELECT _user, COUNT(*), COUNT(DISTINCT v), SUM(k) FROM all_users('t') \
                       GROUP BY 1 ORDER BY 1";
const OF_BOTH: [[&str; 4]; 2] = [["ann", "190", "190", "18145"], ["bob", "190", "190", "18145"]];

#[test]
fn a_compaction_replaces_objects_by_fewer() {
    let mut server = Server::start();
    let mut house = house(&server);
    assert_eq!(server.objects().len(), 4);
    for statement in ["STORAGE COMPACT TABLE t", "VACUUM t", "STORAGE FLUSH TABLE t", "VACUUM"] {
        run(house.root(), statement);
        assert_eq!(rows(house.root(), BY_USER), OF_BOTH, "{statement}");
        assert_eq!(server.objects(), house.manifest(), "{statement}");
    }
    run(house.root(), "STORAGE COMPACT TABLE t");
    assert_eq!(server.objects().len(), 2);
    house.reopen();
    assert_eq!(rows(house.root(), BY_USER), OF_BOTH);
}

#[test]
fn a_compaction_brings_segments_to_the_storage_that_the_table_has_now() {
    let mut server = Server::start();
    let house = house(&server);
    run(house.root(), "ALTER TABLE t SET (STORAGE_ID = 'local')");
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(rows(house.root(), BY_USER), OF_BOTH);
    run(house.root(), "STORAGE COMPACT TABLE t");
    assert_eq!(rows(house.root(), BY_USER), OF_BOTH);
    assert_eq!(server.objects(), Vec::<String>::new());
    run(house.root(), "DROP STORAGE far");
    assert_eq!(fixture::parquet_files(&house.database()).len(), 2);
}

#[test]
fn an_export_has_the_rows_of_a_bucket() {
    let server = Server::start();
    let mut house = house(&server);
    house.close();
    fs::remove_dir_all(house.database().join("cache")).expect("copies may be removed");
    house.reopen();
    let folder = house.dir.path().join("export");
    let sql = format!("EXPORT USER 'ann' TO '{}'", folder.display());
    assert_eq!(rows(house.root(), &sql)[0][..2], ["1", "190"]);
    assert_eq!(fixture::parquet_files(&folder).len(), 1);
}

#[test]
fn a_purge_leaves_no_object_and_no_copy() {
    let mut server = Server::start();
    let mut house = house(&server);
    run(house.root(), "CREATE USER 'ann' WITH ROLE user");
    run(house.root(), "ALTER USER 'ann' SET STORAGE far");
    assert_eq!(rows(house.root(), "DROP USER 'ann' PURGE")[0][..2], ["2", "true"]);
    let objects = server.objects();
    assert_eq!(objects, house.manifest());
    assert!(objects.iter().all(|key| key.contains("/bob/")), "{objects:?}");
    assert_eq!(house.copies().len(), 2);
    let users = "SELECT users FROM system.storages WHERE storage = 'far'";
    assert_eq!(rows(house.root(), users), [["0"]]);

    // What cannot be removed now is said to be there, and goes later.
    server.tell("mode away");
    assert_eq!(rows(house.root(), "DROP USER 'bob' PURGE")[0][..2], ["2", "false"]);
    assert_eq!(house.copies().len(), 0);
    assert_eq!(rows(house.root(), "SELECT COUNT(*) FROM all_users('t')"), [["0"]]);
    house.reopen();
    server.tell("mode well");
    assert_eq!(server.objects().len(), 2);
    house.reopen();
    run(house.root(), "CREATE TABLE other (k INT)");
    run(house.root(), "DROP TABLE other");
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[test]
fn truncate_and_drop_leave_no_object() {
    let mut server = Server::start();
    let house = house(&server);
    run(&house.user("ann"), "TRUNCATE t");
    assert_eq!(rows(house.root(), BY_USER), OF_BOTH[1..]);
    assert_eq!(server.objects(), house.manifest());
    run(house.root(), "DROP TABLE t");
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[test]
fn a_result_that_is_still_read_keeps_its_objects() {
    let mut server = Server::start();
    let house = House::new(0);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    let result = house.root().execute("SELECT v FROM t", &kalam_core::Params::None);
    let result = result.expect("the query begins");
    run(house.root(), "DROP TABLE t");
    assert_eq!(server.objects().len(), 1);
    let read: usize =
        result.collect().expect("its rows are there").iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(read, 5000);
    run(house.root(), "CREATE TABLE other (k INT)");
    run(house.root(), "DROP TABLE other");
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[test]
fn templates_change_while_the_database_is_open() {
    let mut server = Server::start();
    let house = house(&server);
    run(house.root(), "ALTER STORAGE far SET USER_TABLES_TEMPLATE 'new/{userId}/{tableName}'");
    run(&house.user("ann"), "INSERT INTO t VALUES (500, 'more')");
    run(house.root(), "STORAGE FLUSH TABLE t");
    let objects = server.objects();
    assert_eq!(objects, house.manifest());
    assert!(objects.iter().any(|key| key.starts_with("new/ann/t/")), "{objects:?}");
    assert!(objects.iter().any(|key| key.starts_with("default/t/ann/")), "{objects:?}");
    assert_eq!(rows(&house.user("ann"), "SELECT COUNT(*) FROM t"), [["191"]]);
}
