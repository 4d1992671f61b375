//! `manifest.json` beside the segments: each table's tells of its own, whoever shares the
//! folder.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::fault;
use crate::fixture::{self, Fixture};

/// The paths of segments that a published manifest lists, and the table it names.
fn published(manifest: &Path) -> (String, Vec<String>) {
    let text = fs::read_to_string(manifest);
    let text = text.unwrap_or_else(|e| panic!("{}: {e}", manifest.display()));
    let values = |name: &str| -> Vec<String> {
        let before = format!("\"{name}\": \"");
        let after = text.split(&before).skip(1);
        after.filter_map(|value| value.split('"').next()).map(str::to_owned).collect()
    };
    (values("table").concat(), values("path"))
}

/// The paths of a table's segments, as the manifest has them.
fn listed(fixture: &Fixture, namespace: &str, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT path FROM system.manifest WHERE namespace = '{namespace}' \
         AND table_name = '{table}' ORDER BY path"
    );
    fixture.rows(&sql).concat()
}

fn id_of(fixture: &Fixture, namespace: &str, table: &str) -> String {
    let sql = format!(
        "SELECT table_id FROM system.tables WHERE namespace = '{namespace}' \
         AND table_name = '{table}'"
    );
    fixture.rows(&sql).concat().remove(0)
}

#[test]
fn tables_that_share_a_folder_have_a_manifest_each() {
    let fixture = Fixture::new();
    fixture.run("ALTER STORAGE local SET SHARED_TABLES_TEMPLATE 'all/{tableName}'");
    fixture.run("CREATE NAMESPACE other");
    for namespace in ["default", "other"] {
        fixture.run(&format!("CREATE SHARED TABLE {namespace}.t (k INT PRIMARY KEY)"));
        for key in [1, 2] {
            fixture.run(&format!("INSERT INTO {namespace}.t VALUES ({key})"));
            fixture.run(&format!("STORAGE FLUSH TABLE {namespace}.t"));
        }
    }
    let folder = fixture.path().join("segments/all/t");
    let name = |namespace| format!("manifest-{}.json", id_of(&fixture, namespace, "t"));
    for namespace in ["default", "other"] {
        let (table, segments) = published(&folder.join(name(namespace)));
        assert_eq!(table, format!("{namespace}.t"));
        assert_eq!((segments.len(), &segments), (2, &listed(&fixture, namespace, "t")));
    }
    assert!(!folder.join("manifest.json").exists(), "it would be of one of them");
    // A folder that a table has for itself says so again.
    fixture.run("ALTER STORAGE local SET SHARED_TABLES_TEMPLATE 'own/{namespace}/{tableName}'");
    fixture.run("INSERT INTO other.t VALUES (3)");
    fixture.run("STORAGE FLUSH TABLE other.t");
    let own = fixture.path().join("segments/own/other/t/manifest.json");
    let (table, segments) = published(&own);
    assert_eq!((table.as_str(), segments.len()), ("other.t", 3));
    assert_eq!(published(&folder.join(name("other"))).1, segments, "the old folder's is new too");
    // With its last segment a table leaves nothing behind.
    fixture.run("DROP TABLE default.t");
    fixture.run("DROP TABLE other.t");
    assert!(!folder.exists() && !own.exists());
}

#[test]
fn a_table_that_takes_the_name_of_another_takes_its_folder_and_not_its_segments() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY)");
    fixture.run("INSERT INTO t VALUES (1)");
    fixture.run("STORAGE FLUSH TABLE t");
    let folder = fixture.path().join("segments/default");
    assert_eq!(published(&folder.join("t/manifest.json")).1, listed(&fixture, "default", "t"));
    fixture.run("ALTER TABLE t RENAME TO u");
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY)");
    for table in ["t", "u", "t"] {
        fixture.run(&format!("INSERT INTO {table} SELECT COALESCE(MAX(k), 0) + 1 FROM {table}"));
        fixture.run(&format!("STORAGE FLUSH TABLE {table}"));
    }
    for (manifest, table) in [
        ("t/manifest.json".to_owned(), "t"),
        ("u/manifest.json".to_owned(), "u"),
        (format!("t/manifest-{}.json", id_of(&fixture, "default", "u")), "u"),
    ] {
        let expected = (format!("default.{table}"), listed(&fixture, "default", table));
        assert_eq!(published(&folder.join(&manifest)), expected, "{manifest}");
    }
}

#[test]
fn a_manifest_that_is_not_published_is_no_failure_and_goes_with_its_folder() {
    for (action, told) in [("abort", [].as_slice()), ("io_error", ["ok 0"].as_slice())] {
        let home = TempDir::new().expect("a temporary folder can be made");
        let dir = home.path().join("database");
        let before = ["CREATE SHARED TABLE t (k INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"];
        fault::run(&dir, None, &before);
        let fault = format!("manifest.before_rename={action}");
        assert_eq!(fault::run(&dir, Some(&fault), &["STORAGE FLUSH TABLE t"]).lines, told);
        let folder = dir.join("segments/default/t");
        assert!(
            folder.join("manifest.json.new").exists() && !folder.join("manifest.json").exists()
        );
        let database = fixture::open(&dir);
        let root = fixture::root(&database);
        assert_eq!(fixture::rows(&root, "SELECT k FROM t"), [["1"]], "{action}");
        fixture::run(&root, "DROP TABLE t");
        assert!(!folder.exists(), "{action}");
        database.close().expect("the database closes");
    }
}
