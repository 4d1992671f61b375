//! The kinds of object stores that are not S3.

use super::{House, Server};
use crate::fixture::{rows, run};

/// The key of a service account that asks nobody for tokens, as emulators take it.
const NO_LOGIN: &str = r#"{"private_key": "", "private_key_id": "", "client_email": "",
    "disable_oauth": true}"#;

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
    house.close();
    std::fs::remove_dir_all(house.database().join("cache")).expect("copies may be removed");
    house.reopen();
    assert_eq!(rows(house.root(), super::COUNT), [super::COUNTED]);
    run(house.root(), "DROP TABLE t");
    assert_eq!(server.objects(), Vec::<String>::new());
}
