//! Segments of many versions of a table in one scan: found by column ids, and pruned by
//! what each file says, whatever its columns were called and how wide they were.

use crate::fixture::Fixture;

/// Rows of one segment: several row groups.
const ROWS: u64 = 300_000;

/// The lines of EXPLAIN ANALYZE.
fn analyzed(fixture: &Fixture, sql: &str) -> String {
    let rows = fixture.rows(&format!("EXPLAIN ANALYZE VERBOSE {sql}"));
    rows.into_iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn dump() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (k BIGINT PRIMARY KEY, a SMALLINT, gone INT, s TEXT)");
    fixture.run(&format!(
        "INSERT INTO t SELECT value, value / 10, 1, 's' || LPAD(CAST(value AS TEXT), 8, '0') FROM generate_series(0, {})",
        ROWS - 1
    ));
    fixture.run("STORAGE FLUSH TABLE t");
    fixture.run("ALTER TABLE t DROP COLUMN gone");
    fixture.run("ALTER TABLE t RENAME COLUMN a TO amount");
    fixture.run("ALTER TABLE t ALTER COLUMN amount TYPE INT");
    fixture.run("ALTER TABLE t ADD COLUMN gone BIGINT DEFAULT 5");
    fixture.run(&format!(
        "INSERT INTO t SELECT value, value / 10, 's' || LPAD(CAST(value AS TEXT), 8, '0'), value FROM generate_series({ROWS}, {})",
        2 * ROWS - 1
    ));
    fixture.run("STORAGE FLUSH TABLE t");
    for sql in [
        "SELECT COUNT(s) FROM t WHERE amount BETWEEN 100 AND 110",
        "SELECT COUNT(s) FROM t WHERE amount BETWEEN 29990 AND 30010",
        "SELECT COUNT(s) FROM t WHERE amount = 59000",
        "SELECT COUNT(s) FROM t WHERE gone = 400000",
        "SELECT COUNT(s) FROM t WHERE gone = 5",
        "SELECT COUNT(amount) FROM t WHERE s = 's00000007'",
    ] {
        println!("=== {sql}: {:?}\n{}", fixture.rows(sql), analyzed(&fixture, sql));
    }
}
