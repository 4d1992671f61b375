//! What the shared library shows.

use std::process::Command;

use crate::install::{PREFIX, library, run};

#[test]
#[cfg(target_os = "linux")]
fn the_library_exports_its_own_functions_and_nothing_of_what_is_in_it() {
    let listed = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library()));
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next_back()).collect();
    let foreign: Vec<_> = names
        .iter()
        .filter(|name| !name.starts_with("kalam_") && !name.starts_with("Adbc"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let declared = crate::header::functions().len();
    let ours = names.iter().filter(|name| name.starts_with("kalam_")).count();
    assert_eq!(ours, declared, "functions of the header that the library does not have");
}

#[test]
#[cfg(target_os = "linux")]
fn the_library_has_the_name_of_its_abi() {
    let library = PREFIX.join("lib/libkalamdb.so");
    let dynamic = run(Command::new("readelf").arg("-d").arg(library));
    assert!(dynamic.contains("soname: [libkalamdb.so.1]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}
