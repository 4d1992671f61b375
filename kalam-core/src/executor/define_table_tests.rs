//! Tests of CREATE TABLE's rules.

use super::*;
use crate::catalog::{Compression, FlushPolicy};
use crate::executor::parse::parse;
use crate::executor::statement::Statement;
use crate::model::{AccessLevel, TableKind};

pub(crate) fn define(sql: &str) -> Result<TableDefinition> {
    let Statement::CreateTable(spec) = parse(sql)?.remove(0).statement else {
        panic!("{sql} is no CREATE TABLE");
    };
    let name = TableName {
        namespace: Name::new("namespace", "app").expect("valid"),
        table: Name::new("table", &spec.table.table)?,
    };
    define_table(&spec, name, TableId(7), 1_000)
}

fn refused(sql: &str) -> (&'static str, String) {
    let error = define(sql).expect_err(sql);
    (error.sqlstate().as_str(), error.message().to_owned())
}

fn code(sql: &str) -> &'static str {
    refused(sql).0
}

#[test]
fn a_table_has_ids_ordinals_key_and_history_from_one() {
    let table = define(
        "CREATE USER TABLE app.messages (
            id BIGINT DEFAULT SNOWFLAKE_ID() PRIMARY KEY,
            body VARCHAR(20) NOT NULL COMMENT 'what it says',
            \"Sent\" TIMESTAMPTZ DEFAULT now())
         WITH (FLUSH_POLICY = 'rows:1000,interval:60', COMPRESSION = lz4, STORAGE_ID = 'cold')",
    )
    .expect("valid");
    assert_eq!(table.kind, TableKind::User);
    assert_eq!(
        table.columns.iter().map(|c| (c.id.0, c.ordinal)).collect::<Vec<_>>(),
        [(1, 1), (2, 2), (3, 3)]
    );
    assert_eq!(table.primary_key, [ColumnId(1)]);
    assert_eq!(table.next_column_id, ColumnId(4));
    assert_eq!(table.version, SchemaVersion(1));
    assert_eq!(table.history.len(), 1);
    assert!(table.history[0].columns.iter().map(AsRef::as_ref).eq(&table.columns));
    assert!(!table.columns[0].nullable && !table.columns[1].nullable && table.columns[2].nullable);
    assert_eq!(table.columns[1].chars_max, Some(20));
    assert_eq!(table.columns[1].comment.as_deref(), Some("what it says"));
    assert_eq!(table.columns[2].name.as_str(), "Sent");
    let default = table.columns[2].default.as_ref().expect("there is one");
    assert_eq!(default.expression, "NOW()");
    assert_eq!(
        table.options.flush_policy,
        Some(FlushPolicy { rows: Some(1_000), interval_seconds: Some(60) })
    );
    assert_eq!(table.options.compression, Compression::Lz4);
    assert_eq!(table.options.storage.as_str(), "cold");
    assert_eq!(table.created_at_ms, 1_000);
}

#[test]
fn what_is_not_said_has_its_default() {
    let table = define("CREATE TABLE t (a INT)").expect("valid");
    assert_eq!(table.kind, TableKind::Shared);
    assert!(table.has_hidden_key());
    assert_eq!(table.options.access_level, AccessLevel::Private);
    assert_eq!(table.options.deleted_retention_hours, 168);
    assert_eq!(table.options.storage.as_str(), "local");
    assert_eq!(table.options.flush_policy, None);
    assert_eq!(table.options.compression, Compression::Zstd);
}

#[test]
fn each_broken_name_rule_has_its_own_message() {
    for (sql, expected) in [
        ("CREATE TABLE t (_a INT)", "starts with an underscore"),
        ("CREATE TABLE t (_seq INT)", "is a system column"),
        ("CREATE TABLE t (\"1a\" INT)", "starts with a digit"),
        ("CREATE TABLE t (\"a b\" INT)", "holds the character ' '"),
        ("CREATE TABLE t (\"\" INT)", "is empty"),
    ] {
        let (code, message) = refused(sql);
        assert_eq!(code, "42602", "{sql}");
        assert!(message.contains(expected), "{message}");
    }
    let long = format!("CREATE TABLE t ({} INT)", "a".repeat(65));
    assert!(refused(&long).1.contains("longer than 64 characters"));
    assert_eq!(code("CREATE TABLE t (a INT, A INT)"), "42701");
    let (code, message) = refused("CREATE TABLE t (a INT, \"A\" INT)");
    assert_eq!((code, message.as_str()), ("42701", "columns \"a\" and \"A\" differ only in case"));
}

#[test]
fn keys_that_cannot_be_are_refused() {
    assert_eq!(code("CREATE TABLE t ()"), "42P16");
    assert_eq!(code("CREATE TABLE t (a INT, PRIMARY KEY (b))"), "42703");
    assert_eq!(code("CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)"), "42P16");
    assert_eq!(code("CREATE TABLE t (a INT PRIMARY KEY, PRIMARY KEY (a))"), "42P16");
    assert_eq!(code("CREATE TABLE t (a INT, PRIMARY KEY (a), PRIMARY KEY (a))"), "42P16");
    assert_eq!(code("CREATE TABLE t (a INT, PRIMARY KEY (a, a))"), "42P16");
    assert_eq!(code("CREATE TABLE t (a INT NULL, PRIMARY KEY (a))"), "42P16");
    for data_type in ["EMBEDDING(3)", "TEXT[]", "JSON", "FILE"] {
        assert_eq!(code(&format!("CREATE TABLE t (a {data_type} PRIMARY KEY)")), "42P16");
    }
    let table = define("CREATE TABLE t (a INT, b UUID, PRIMARY KEY (b, a))").expect("valid");
    assert_eq!(table.primary_key, [ColumnId(2), ColumnId(1)]);
    assert!(table.columns.iter().all(|c| !c.nullable));
}

#[test]
fn generated_ids_are_snowflakes_on_a_bigint() {
    for column in [
        "id SERIAL",
        "id BIGSERIAL",
        "id BIGINT AUTO_INCREMENT",
        "id BIGINT GENERATED ALWAYS AS IDENTITY",
        "id BIGINT GENERATED BY DEFAULT AS IDENTITY",
    ] {
        let table = define(&format!("CREATE TABLE t ({column} PRIMARY KEY)")).expect(column);
        let id = &table.columns[0];
        assert_eq!(id.data_type, KalamDataType::BigInt);
        assert!(!id.nullable);
        let default = id.default.as_ref().map(|d| d.expression.as_str());
        assert_eq!(default, Some("SNOWFLAKE_ID()"));
    }
    assert_eq!(code("CREATE TABLE t (id INT AUTO_INCREMENT)"), "42804");
    assert_eq!(code("CREATE TABLE t (id SERIAL DEFAULT 1)"), "42601");
}

#[test]
fn options_are_checked_against_the_kind_and_their_range() {
    for (sql, expected) in [
        ("CREATE TABLE t (a INT) WITH (FOO = 1)", "option FOO is unknown"),
        ("CREATE TABLE t (a INT) WITH (TYPE = 'x')", "value 'x' of option TYPE"),
        ("CREATE USER TABLE t (a INT) WITH (TYPE = 'SHARED')", "contradicts"),
        ("CREATE TABLE t (a INT) WITH (TTL_SECONDS = 5)", "does not apply to SHARED"),
        ("CREATE STREAM TABLE t (a INT)", "needs TTL_SECONDS"),
        ("CREATE STREAM TABLE t (a INT) WITH (TTL_SECONDS = 0)", "value '0'"),
        ("CREATE STREAM TABLE t (a INT) WITH (TTL_SECONDS = -1)", "value '-1'"),
        ("CREATE USER TABLE t (a INT) WITH (ACCESS_LEVEL = 'PUBLIC')", "does not apply to USER"),
        ("CREATE TABLE t (a INT) WITH (ACCESS_LEVEL = 'secret')", "value 'secret'"),
        ("CREATE TABLE t (a INT) WITH (COMPRESSION = 'gzip')", "value 'gzip'"),
        ("CREATE TABLE t (a INT) WITH (COMPRESSION='lz4', compression='lz4')", "given twice"),
        ("CREATE TABLE t (a INT) WITH (DELETED_RETENTION_HOURS = 'x')", "value 'x'"),
    ] {
        let (code, message) = refused(sql);
        assert_eq!(code, "22023", "{sql}");
        assert!(message.contains(expected), "{message}");
    }
    for policy in [
        "",
        "rows",
        "rows:0",
        "rows:10000001",
        "interval:0",
        "interval:604801",
        "x:1",
        "rows:1,rows:2",
        "rows:-1",
        "rows:1,",
    ] {
        let sql = format!("CREATE TABLE t (a INT) WITH (FLUSH_POLICY = '{policy}')");
        assert_eq!(code(&sql), "22023", "{policy}");
    }
    let stream = define("CREATE TABLE t (a INT) WITH (TYPE = 'STREAM', TTL_SECONDS = 60)");
    let stream = stream.expect("valid");
    assert_eq!((stream.kind, stream.options.ttl_seconds), (TableKind::Stream, Some(60)));
    let public = define("CREATE TABLE t (a INT) WITH (ACCESS_LEVEL = public)").expect("valid");
    assert_eq!(public.options.access_level, AccessLevel::Public);
}

#[test]
fn defaults_are_known_and_fit_their_column() {
    for column in ["a INT DEFAULT foo()", "a INT DEFAULT abs(1)", "a INT DEFAULT now(1)"] {
        assert_eq!(code(&format!("CREATE TABLE t ({column})")), "42883", "{column}");
    }
    for column in [
        "a INT DEFAULT NOW()",
        "a INT DEFAULT SNOWFLAKE_ID()",
        "a BIGINT DEFAULT UUID_V7()",
        "a UUID DEFAULT ULID()",
        "a BOOLEAN DEFAULT CURRENT_USER()",
        "a INT DEFAULT RANDOM_STRING(1)",
    ] {
        assert_eq!(code(&format!("CREATE TABLE t ({column})")), "42804", "{column}");
    }
    assert_eq!(code("CREATE TABLE t (a VARCHAR(10) DEFAULT ULID())"), "22001");
    assert_eq!(code("CREATE TABLE t (a TEXT DEFAULT RANDOM_STRING(0))"), "22023");
    assert_eq!(code("CREATE TABLE t (a TEXT DEFAULT b)"), "0A000");
    assert_eq!(code("CREATE TABLE t (a INT DEFAULT 1 + (SELECT 1))"), "0A000");
    for column in [
        "a TIMESTAMP DEFAULT CURRENT_TIMESTAMP",
        "a DATE DEFAULT CURRENT_DATE",
        "a TEXT DEFAULT CURRENT_USER",
        "a TEXT DEFAULT current_role()",
        "a UUID DEFAULT UUID()",
        "a TEXT DEFAULT RANDOM_STRING(12) NOT NULL",
    ] {
        define(&format!("CREATE TABLE t ({column})")).expect(column);
    }
}

#[test]
fn an_error_says_where_it_is() {
    let error = define("CREATE TABLE t (a INT,\n  b foo)").expect_err("refused");
    assert_eq!(error.sqlstate().as_str(), "42704");
    assert_eq!(error.position(), Some(Position { line: 2, column: 5 }));
}
