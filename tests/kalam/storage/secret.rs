//! Credentials of storages.

use super::{House, Server};
use crate::fixture::{self, refused, rows, run};
use kalam_core::Database;

#[test]
fn secrets_of_storages_are_nowhere_to_be_found() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    let create = server.create("far", "kalam");
    run(house.root(), &create);
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    server.tell("mode denied");
    run(house.root(), "INSERT INTO t VALUES (6000, 'x')");
    let mut texts = vec![
        refused(house.root(), "STORAGE FLUSH TABLE t").1,
        refused(house.root(), &create).1,
        format!("{:?}", rows(house.root(), "SHOW STORAGES")),
        format!("{:?}", rows(house.root(), "SELECT * FROM system.storages")),
        format!("{:?}", rows(house.root(), "SELECT * FROM system.audit_log")),
        format!("{:?}", rows(house.root(), "SELECT * FROM system.jobs")),
        format!("{:?}", rows(house.root(), "STORAGE CHECK far EXTENDED")),
        format!("{:?}", house.open.as_ref().expect("open").0.catalog().storages()),
    ];
    for broken in [
        create.replace("CONFIG (", "CONFIG "),
        create.replace(") CONFIG", " CONFIG"),
        create.replace("zqxcanaryid'", "zqxcanaryid"),
        create.replace("CREDENTIALS", "CREDENTIAL"),
        create.replace("BUCKET", "BUCKETS"),
        create.replace("access_key_id =", "access_key ="),
        format!("SELECT 1; {}", create.replace("TYPE", "KIND")),
        create.replace("endpoint = 'http://", "endpoint = 'http://zqxcanary:zqxcanary@"),
    ] {
        texts.push(refused(house.root(), &broken).1);
    }
    server.tell("mode well");
    house.reopen();
    run(house.root(), "STORAGE FLUSH TABLE t");
    let backup = house.dir.path().join("backup");
    run(house.root(), &format!("BACKUP DATABASE TO '{}'", backup.display()));
    let mut folders = vec![house.dir.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be listed") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file can be read");
                texts.push(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    assert!(texts.iter().all(|text| !text.contains("zqxcanary")));
}

#[test]
fn a_secret_that_another_host_sealed_can_be_given_again() {
    let server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    house.fill();
    std::fs::remove_file(&house.options.host_key_file).expect("the key is there");
    house.reopen();
    let (state, message) = refused(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(state, "58030");
    assert!(message.contains("another key"), "{message}");
    let alter = |key: &str| {
        let sql = format!(
            "ALTER STORAGE far SET CREDENTIALS (access_key_id = env('PATH'), \
             secret_access_key = {key})"
        );
        run(house.root(), &sql);
    };
    alter("env('KALAM_NO_SUCH_VARIABLE')");
    let (state, message) = refused(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(state, "58030");
    assert!(message.contains("KALAM_NO_SUCH_VARIABLE is not set"), "{message}");
    let file = house.dir.path().join("secret");
    alter(&format!("file('{}')", file.display()));
    assert_eq!(refused(house.root(), "STORAGE FLUSH TABLE t").0, "58030");
    std::fs::write(&file, "from a file\n").expect("a file can be written");
    run(house.root(), "STORAGE FLUSH TABLE t");
}

#[test]
fn a_key_beside_the_lock_is_refused() {
    let house = House::new(1 << 30);
    let database = house.dir.path().join("other");
    let options = kalam_core::Options {
        host_key_file: database.join("keys/host.key").display().to_string(),
        ..fixture::options()
    };
    let error = Database::open(&database, options).err().expect("it is refused");
    assert_eq!(error.sqlstate().to_string(), "22023");
    assert!(error.message().contains("lies in the database directory"), "{error}");
}
