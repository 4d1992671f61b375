//! Segments that are too large for one request.

use super::{House, Server};
use crate::fixture::{refused, rows, run};

/// Texts that do not compress make a segment of more than one part.
pub(super) fn fill(house: &House) {
    run(house.root(), "CREATE TABLE t (k INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'far')");
    let sql = "INSERT INTO t SELECT value, RANDOM_STRING(1000) FROM generate_series(1, 16000)";
    run(house.root(), sql);
}

pub(super) const SUM: &str = "SELECT COUNT(*), COUNT(DISTINCT v), SUM(LENGTH(v)) FROM t";
pub(super) const SUMMED: [&str; 3] = ["16000", "16000", "16000000"];

#[test]
fn a_large_segment_goes_up_and_comes_down_in_parts() {
    let mut server = Server::start();
    let mut house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    fill(&house);
    run(house.root(), "STORAGE FLUSH TABLE t");
    let sizes = server.sizes();
    assert_eq!(sizes.len(), 1);
    assert!(sizes[0].1 > 8 << 20, "{sizes:?} is one part");
    assert_eq!(server.tell("uploads kalam"), "0");
    let uploaded = house.open.as_ref().expect("it is open").0.counters();
    assert_eq!((uploaded.segments_uploaded, uploaded.bytes_uploaded), (1, sizes[0].1));
    let stats = rows(house.root(), "SHOW STATS FOR TABLE t");
    assert_eq!(stats[0][9..], ["1".to_owned(), sizes[0].1.to_string()], "remote");
    house.close();
    std::fs::remove_dir_all(house.database().join("cache")).expect("copies may be removed");
    let bytes = sizes[0].1;
    let counters = |house: &House| house.open.as_ref().expect("it is open").0.counters();
    server.gets();
    house.reopen();
    assert_eq!(counters(&house).segments_fetched, 0);
    assert_eq!(rows(house.root(), SUM), [SUMMED]);
    assert!(server.gets() > 1, "it came in one part");
    let fetched = counters(&house);
    assert_eq!((fetched.segments_fetched, fetched.bytes_fetched), (1, bytes));
    assert_eq!((fetched.segments_uploaded, fetched.bytes_uploaded), (0, 0));
    house.reopen();
    assert_eq!(rows(house.root(), SUM), [SUMMED]);
    let again = counters(&house);
    assert_eq!((again.segments_fetched, again.copy_hits), (0, 1));
    let held = "SELECT value FROM system.stats WHERE name = 'copy_bytes'";
    assert_eq!(rows(house.root(), held), [[bytes.to_string()]]);
}

#[test]
fn an_upload_that_stops_between_its_parts_leaves_none_of_them() {
    let mut server = Server::start();
    let house = House::new(1 << 30);
    run(house.root(), &server.create("far", "kalam"));
    fill(&house);
    // The upload begins and its first part arrives.
    server.tell("writes 2");
    assert_eq!(refused(house.root(), "STORAGE FLUSH TABLE t").0, "58030");
    assert_eq!(rows(house.root(), SUM), [SUMMED]);
    server.tell("mode well");
    assert_eq!(server.tell("uploads kalam"), "0");
    assert_eq!(server.objects(), Vec::<String>::new());
    run(house.root(), "STORAGE FLUSH TABLE t");
    assert_eq!(rows(house.root(), SUM), [SUMMED]);
    assert_eq!(server.objects().len(), 1);
}

#[test]
fn parts_whose_answers_are_lost_are_put_together_once() {
    let mut server = Server::start();
    let house = House::new(0);
    run(house.root(), &server.create("far", "kalam"));
    fill(&house);
    server.tell("mode forgetful");
    let outcome = crate::fixture::try_run(house.root(), "STORAGE FLUSH TABLE t");
    server.tell("mode well");
    if let Err(e) = outcome {
        // An upload whose name was lost cannot be gone on with.
        assert_eq!(e.sqlstate().to_string(), "58030");
        run(house.root(), "STORAGE FLUSH TABLE t");
    }
    assert_eq!(rows(house.root(), SUM), [SUMMED]);
    assert_eq!(server.objects().len(), 1);
}
