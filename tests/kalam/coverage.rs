//! How much the specification says: the least number of records for each area.

use std::path::Path;

/// Areas, the folders of `slt` that speak of them, and the records that they must have.
const AREAS: [(&str, &[&str], usize); 7] = [
    ("authorization", &["isolation", "user"], 60),
    ("transactions", &["transaction"], 40),
    ("DDL", &["ddl"], 80),
    ("DML", &["dml"], 80),
    ("query", &["query"], 100),
    ("types", &["types"], 60),
    ("system tables", &["system"], 30),
];

/// Statements and queries in the files of a folder and below it.
fn records(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let mut found = 0;
    for entry in entries {
        let path = entry.expect("folder entries can be read").path();
        if path.is_dir() {
            found += records(&path);
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            let text = std::fs::read_to_string(&path).expect("the specification can be read");
            let is_record =
                |line: &&str| line.starts_with("statement ") || line.starts_with("query ");
            found += text.lines().filter(is_record).count();
        }
    }
    found
}

#[test]
fn every_area_of_the_specification_has_its_records() {
    let slt = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    let mut short = Vec::new();
    for (area, folders, least) in AREAS {
        let found: usize = folders.iter().map(|folder| records(&slt.join(folder))).sum();
        println!("{area}: {found} records");
        if found < least {
            short
                .push(format!("{area}: {found} records in {}, {least} needed", folders.join(", ")));
        }
    }
    assert!(short.is_empty(), "{}", short.join("\n"));
}
