//! Segments of many versions of a table in one scan: found by column ids, and pruned by
//! what each file says, whatever its columns were called and how wide they were.

use crate::fixture::Fixture;

/// Rows of one segment: three row groups.
const ROWS: u64 = 300_000;

/// Two segments: one from before columns were dropped, renamed, widened and added, one of
/// the newest version. `amount` and `s` grow with the key through both.
fn house() -> Fixture {
    let fixture = Fixture::new();
    let text = "'s' || LPAD(CAST(value AS TEXT), 8, '0')";
    fixture.run("CREATE TABLE t (k BIGINT PRIMARY KEY, a SMALLINT, later INT, s TEXT)");
    fixture.run(&format!(
        "INSERT INTO t SELECT value, value / 10, 1, {text} FROM generate_series(0, {})",
        ROWS - 1
    ));
    fixture.run("STORAGE FLUSH TABLE t");
    for action in [
        "DROP COLUMN later",
        "RENAME COLUMN a TO amount",
        "ALTER COLUMN amount TYPE INT",
        "ADD COLUMN later BIGINT DEFAULT 5",
        "ADD COLUMN a TEXT",
    ] {
        fixture.run(&format!("ALTER TABLE t {action}"));
    }
    fixture.run(&format!(
        "INSERT INTO t SELECT value, value / 10, {text}, value, 'new' \
         FROM generate_series({ROWS}, {}) AS g(value)",
        2 * ROWS - 1
    ));
    fixture.run("STORAGE FLUSH TABLE t");
    assert_eq!(fixture.segments("t").len(), 2);
    fixture
}

/// What EXPLAIN ANALYZE says of a query's scan: rows that it gave, files, row groups and
/// rows of pages that it did not read.
fn scanned(fixture: &Fixture, sql: &str) -> [u64; 4] {
    let plan = fixture.rows(&format!("EXPLAIN ANALYZE {sql}"));
    let lines: Vec<String> = plan.into_iter().map(|row| row.join(" ")).collect();
    let all = lines.join("\n");
    let scan = all
        .lines()
        .find(|line| line.contains("Segments of default.t"))
        .unwrap_or_else(|| panic!("no scan of segments in {all}"));
    let number = |before: &str, after: &str| {
        let end = scan.find(after).unwrap_or(0);
        let text = scan[..end].rsplit(before).next().unwrap_or("");
        text.trim().parse().unwrap_or(0)
    };
    [
        number("[rows ", ", time"),
        number("pruned ", " files by statistics"),
        number("pruned ", " row groups by statistics"),
        number("pruned ", " rows by page statistics"),
    ]
}

#[test]
fn files_of_old_and_new_versions_are_pruned_alike() {
    let fixture = house();
    // The first and the last value of each file, and both sides of the border.
    for (sql, count, rows_max) in [
        ("SELECT COUNT(s) FROM t WHERE amount BETWEEN 100 AND 110", "110", 3 * 1024),
        ("SELECT COUNT(s) FROM t WHERE amount = 29999", "10", 2 * 1024),
        ("SELECT COUNT(s) FROM t WHERE amount BETWEEN 29999 AND 30000", "20", 3 * 1024),
        ("SELECT COUNT(s) FROM t WHERE amount = 59000", "10", 2 * 1024),
        ("SELECT COUNT(amount) FROM t WHERE s = 's00000007'", "1", 1024),
        ("SELECT COUNT(amount) FROM t WHERE s = 's00500000'", "1", 1024),
        ("SELECT COUNT(s) FROM t WHERE later = 400000", "1", 1024),
    ] {
        assert_eq!(fixture.rows(sql), [[count]], "{sql}");
        let [rows, files, groups, pages] = scanned(&fixture, sql);
        assert!(rows <= rows_max, "{sql}: {rows} rows are read");
        // All others are ruled out: whole files, their row groups, or pages of one.
        assert!(files + groups > 0 && pages > 0, "{sql}: {files}, {groups}, {pages}");
    }
}

#[test]
fn a_file_that_lacks_a_column_is_read_or_not_by_what_its_rows_show() {
    let fixture = house();
    for (sql, count, rows) in [
        // Rows from before show the default of the column: the new file cannot have it.
        ("SELECT COUNT(s) FROM t WHERE later = 5", "300000", ROWS),
        ("SELECT COUNT(s) FROM t WHERE a = 'new'", "300000", ROWS),
        ("SELECT COUNT(s) FROM t WHERE a IS NULL", "300000", ROWS),
    ] {
        assert_eq!(fixture.rows(sql), [[count]], "{sql}");
        assert_eq!(scanned(&fixture, sql)[0], rows, "{sql}");
    }
}

/// Each version adds, drops, renames or widens, and each flush leaves a file of it.
#[test]
fn one_scan_reads_files_of_many_versions() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k INT PRIMARY KEY, n SMALLINT)");
    let mut expected = Vec::new();
    for version in 0..40_i64 {
        let column = if version % 3 == 0 { "m" } else { "n" };
        let (k, n) = (version, version * 100);
        let name = fixture.rows(
            "SELECT column_name FROM system.columns WHERE table_name = 't' AND column_id = 2",
        );
        fixture.run(&format!("INSERT INTO t (k, {}) VALUES ({k}, {n})", name[0][0]));
        fixture.run("STORAGE FLUSH TABLE t");
        expected.push(vec![k.to_string(), n.to_string()]);
        if name[0][0] != column {
            fixture.run(&format!("ALTER TABLE t RENAME COLUMN {} TO {column}", name[0][0]));
        }
        match version {
            10 => fixture.run(&format!("ALTER TABLE t ALTER COLUMN {column} TYPE INT")),
            20 => fixture.run(&format!("ALTER TABLE t ALTER COLUMN {column} TYPE BIGINT")),
            _ => fixture.run(&format!("ALTER TABLE t ADD COLUMN c{version} INT DEFAULT {version}")),
        };
        if version % 4 == 3 {
            fixture.run(&format!("ALTER TABLE t DROP COLUMN c{version}"));
        }
    }
    assert_eq!(fixture.segments("t").len(), 40);
    fixture.run("ALTER TABLE t RENAME COLUMN m TO x");
    assert_eq!(fixture.rows("SELECT k, x FROM t ORDER BY k"), expected);
    let one = fixture.rows("SELECT k FROM t WHERE x = 1700");
    assert_eq!(one, [["17"]]);
    let [rows, files, groups, _] = scanned(&fixture, "SELECT k FROM t WHERE x = 1700");
    assert_eq!((rows, files + groups), (1, 39));
    // What came later shows its default in every file from before.
    assert_eq!(fixture.rows("SELECT COUNT(*), MIN(c30), MAX(c30) FROM t"), [["40", "30", "30"]]);
}
