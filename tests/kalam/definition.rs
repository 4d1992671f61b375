//! What SHOW CREATE TABLE prints makes the same table.

use crate::fixture::Fixture;

/// Definitions that use every part of the statement.
const TABLES: [&str; 5] = [
    "CREATE SHARED TABLE one (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), name TEXT NOT NULL \
     DEFAULT 'it''s', price DECIMAL(12, 3), tags TEXT[], at TIMESTAMP DEFAULT NOW())",
    "CREATE USER TABLE one (a INT, b VARCHAR(20), v DOUBLE DEFAULT 1.5, PRIMARY KEY (b, a)) \
     WITH (FLUSH_POLICY = 'rows:500,interval:60', DELETED_RETENTION_HOURS = 24)",
    "CREATE STREAM TABLE one (id UUID PRIMARY KEY DEFAULT UUID_V7(), e EMBEDDING(4)) \
     WITH (TTL_SECONDS = 60)",
    "CREATE SHARED TABLE one (a INT COMMENT 'it''s a', \"Mixed\" BOOLEAN, j JSON, f FILE, \
     b BYTES) WITH (ACCESS_LEVEL = 'PUBLIC', COMPRESSION = 'lz4')",
    "CREATE SHARED TABLE one (d DATE, t TIME, z DATETIME, s SMALLINT, r FLOAT, n INT NOT NULL)",
];

#[test]
fn show_create_table_prints_what_makes_the_same_table() {
    for definition in TABLES {
        let mut fixture = Fixture::new();
        fixture.run(definition);
        let shown = |fixture: &Fixture| {
            fixture.rows("SHOW CREATE TABLE one")[0].last().expect("it has a column").clone()
        };
        let first = shown(&fixture);
        let described = fixture.rows("DESCRIBE one");
        fixture.reopen();
        assert_eq!(shown(&fixture), first, "{definition}");
        fixture.run("DROP TABLE one");
        fixture.run(&first);
        assert_eq!(shown(&fixture), first, "{definition}");
        assert_eq!(fixture.rows("DESCRIBE one"), described, "{definition}");
    }
}

#[test]
fn describe_lists_the_columns_in_order() {
    let fixture = Fixture::new();
    fixture.run("CREATE TABLE t (b INT, a TEXT NOT NULL, c DECIMAL(5, 2), PRIMARY KEY (a))");
    let rows = fixture.rows("DESCRIBE t");
    let names: Vec<bool> =
        rows.iter().zip(["b", "a", "c"]).map(|(row, name)| row.iter().any(|v| v == name)).collect();
    assert_eq!(names, [true, true, true], "{rows:?}");
    let text = format!("{rows:?}").to_uppercase();
    assert!(text.contains("DECIMAL(5") && text.contains("TEXT"), "{text}");
}
