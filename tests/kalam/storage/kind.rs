//! The kinds of object stores that are not S3.

use super::{House, Server};
use crate::fixture::{rows, run};

/// The key of a service account that asks nobody for tokens, as emulators take it.
const NO_LOGIN: &str = r#"{"private_key": "", "private_key_id": "", "client_email": "",
    "disable_oauth": true}"#;

/// The published key of the account that every emulator of Azure has.
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// S3 and Google's XML API have names and requests in common: the server knows both.
#[test]
fn a_bucket_of_gcs_takes_and_gives_segments() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    let create = format!(
        "CREATE STORAGE far TYPE 'gcs' BUCKET 'gs://kalam/below' \
         CREDENTIALS (service_account_key = '{NO_LOGIN}') \
         CONFIG (endpoint = '{}', allow_http = true)",
        server.endpoint()
    );
    run(house.root(), &create);
    let check = rows(house.root(), "STORAGE CHECK far");
    assert!(check.iter().all(|row| row[1] == "true"), "{check:?}");
    house.fill();
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(server.objects().len(), 1);
    without_copies(&mut house);
    assert_eq!(rows(house.root(), super::COUNT), [super::COUNTED]);
    run(house.root(), "DROP TABLE t");
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[test]
fn a_container_of_azure_takes_and_gives_segments_of_any_size() {
    let mut house = House::new(1 << 30);
    let program = super::cache().join("azurite/node_modules/.bin/azurite-blob");
    let mut server = Server::of("azure_server.py", &[&program, &house.dir.path().join("azurite")]);
    let create = format!(
        "CREATE STORAGE far TYPE 'azure' CONTAINER 'az://kalam/below' \
         CREDENTIALS (access_key = '{EMULATOR_KEY}') \
         CONFIG (account = 'devstoreaccount1', endpoint = '{}/devstoreaccount1', \
         allow_http = true)",
        server.endpoint()
    );
    run(house.root(), &create);
    let check = rows(house.root(), "STORAGE CHECK far");
    assert!(check.iter().all(|row| row[1] == "true"), "{check:?}");
    super::transfer::fill(&house);
    run(house.root(), "STORAGE FLUSH TABLE t");
    let path = house.manifest().concat();
    assert_eq!(server.tell(""), format!("below/{path}"));
    without_copies(&mut house);
    assert_eq!(rows(house.root(), super::transfer::SUM), [super::transfer::SUMMED]);
    run(house.root(), "DROP TABLE t");
    assert_eq!(server.tell(""), "");
}

fn without_copies(house: &mut House) {
    house.close();
    std::fs::remove_dir_all(house.database().join("cache")).expect("copies may be removed");
    house.reopen();
}
