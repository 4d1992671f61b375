//! SHOW CREATE TABLE and SHOW CREATE VIEW: text that defines the same.

use arrow::array::RecordBatch;
use datafusion::sql::sqlparser::keywords::{
    ALL_KEYWORDS, ALL_KEYWORDS_INDEX, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_IDENTIFIER,
    RESERVED_FOR_TABLE_ALIAS,
};

use super::describe::written_type;
use super::table_options::written_options;
use super::text_table::TextTable;
use crate::catalog::{ColumnDefinition, TableDefinition, ViewDefinition};

/// SHOW CREATE TABLE: one row.
///
/// Shape: table TEXT, statement TEXT.
pub(crate) fn show_create_table(table: &TableDefinition) -> RecordBatch {
    TextTable::default()
        .texts("table", [&table.name])
        .texts("statement", [create_table_sql(table)])
        .finish()
}

/// SHOW CREATE VIEW: one row, as [`show_create_table`].
pub(crate) fn show_create_view(view: &ViewDefinition) -> RecordBatch {
    TextTable::default()
        .texts("table", [&view.name])
        .texts("statement", [create_view_sql(view)])
        .finish()
}

/// CREATE VIEW for a view like this one, or REGISTER TABLE for the files of a registered
/// table.
fn create_view_sql(view: &ViewDefinition) -> String {
    if let Some(files) = &view.files {
        return format!(
            "REGISTER TABLE {}.{} FROM '{}'",
            quoted_name(view.name.namespace.as_str()),
            quoted_name(view.name.table.as_str()),
            files.path.replace('\'', "''"),
        );
    }
    let columns: Vec<String> =
        view.columns.iter().map(|column| quoted_name(column.name.as_str())).collect();
    format!(
        "CREATE VIEW {}.{} ({}) AS {}",
        quoted_name(view.name.namespace.as_str()),
        quoted_name(view.name.table.as_str()),
        columns.join(", "),
        view.query,
    )
}

/// CREATE TABLE for a table like this one, one line for each column. Its kind and
/// every option that differs from the default are written out.
pub(crate) fn create_table_sql(table: &TableDefinition) -> String {
    let mut lines: Vec<String> = table.columns.iter().map(column).collect();
    if !table.primary_key.is_empty() {
        let key: Vec<String> = table
            .primary_key
            .iter()
            .filter_map(|id| table.column_by_id(*id))
            .map(|column| quoted_name(column.name.as_str()))
            .collect();
        lines.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    for unique in &table.uniques {
        let columns = unique.columns.iter().filter_map(|id| table.column_by_id(*id));
        let columns: Vec<String> = columns.map(|c| quoted_name(c.name.as_str())).collect();
        let name = quoted_name(unique.name.as_str());
        lines.push(format!("CONSTRAINT {name} UNIQUE ({})", columns.join(", ")));
    }
    for check in &table.checks {
        let name = quoted_name(check.name.as_str());
        lines.push(format!("CONSTRAINT {name} CHECK ({})", check.expression));
    }
    let mut sql = format!(
        "CREATE {} TABLE {}.{} (\n    {}\n)",
        table.kind,
        quoted_name(table.name.namespace.as_str()),
        quoted_name(table.name.table.as_str()),
        lines.join(",\n    "),
    );
    let options: Vec<String> = written_options(table.kind, &table.options)
        .into_iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    if !options.is_empty() {
        sql.push_str(&format!(" WITH ({})", options.join(", ")));
    }
    if let Some(comment) = &table.comment {
        sql.push_str(&format!(" COMMENT {}", quoted_text(comment)));
    }
    sql
}

fn column(column: &ColumnDefinition) -> String {
    let mut sql = format!("{} {}", quoted_name(column.name.as_str()), written_type(column));
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default {
        sql.push_str(&format!(" DEFAULT {}", default.expression));
    }
    if let Some(comment) = &column.comment {
        sql.push_str(&format!(" COMMENT {}", quoted_text(comment)));
    }
    sql
}

/// A name as SQL, in quotes unless it reads as itself without them.
pub(crate) fn quoted_name(name: &str) -> String {
    let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_plain && !is_reserved(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn is_reserved(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let Ok(index) = ALL_KEYWORDS.binary_search(&upper.as_str()) else {
        return false;
    };
    let keyword = ALL_KEYWORDS_INDEX[index];
    RESERVED_FOR_COLUMN_ALIAS.contains(&keyword)
        || RESERVED_FOR_TABLE_ALIAS.contains(&keyword)
        || RESERVED_FOR_IDENTIFIER.contains(&keyword)
        || ["PRIMARY", "CONSTRAINT", "CHECK", "UNIQUE", "FOREIGN", "EXCLUDE", "LIKE"]
            .contains(&upper.as_str())
}

fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::define_table::tests::define;

    #[test]
    fn the_text_defines_the_same_table() {
        for sql in [
            "CREATE TABLE t (a INT)",
            "CREATE USER TABLE t (id BIGINT DEFAULT snowflake_id() PRIMARY KEY, body TEXT NOT NULL,
                at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, n INT DEFAULT -5, d DECIMAL(10, 2) DEFAULT 1.50,
                s VARCHAR(20) DEFAULT 'it''s' COMMENT 'o''clock', b BOOLEAN DEFAULT TRUE,
                j JSON DEFAULT '{\"a\": 1}', v EMBEDDING(3), l TEXT[], u UUID DEFAULT uuid_v7())
             WITH (FLUSH_POLICY = 'interval:60,rows:1000', COMPRESSION = 'none',
                   DELETED_RETENTION_HOURS = 1, USE_USER_STORAGE = true, STORAGE_ID = 's3')
             COMMENT 'it''s'",
            "CREATE STREAM TABLE t (a INT) WITH (TTL_SECONDS = 60)",
            "CREATE TABLE t (\"Select\" INT, \"from\" TEXT, \"primary\" INT, \"check\" INT, b INT,
                PRIMARY KEY (b, \"Select\")) WITH (ACCESS_LEVEL = 'PUBLIC')",
            "CREATE TABLE t (id SERIAL PRIMARY KEY, x BIGINT GENERATED ALWAYS AS IDENTITY)",
            "CREATE TABLE t (a INT UNIQUE CHECK (a > 0 OR a IS NULL), b TEXT CONSTRAINT \"Bee\" CHECK (b <> ''),
                UNIQUE (b, a), CONSTRAINT both CHECK (t.a < 5 AND b LIKE 'x%'))",
        ] {
            let table = define(sql).expect(sql);
            let written = create_table_sql(&table);
            let again = define(&written).unwrap_or_else(|e| panic!("{written}\n{e:?}"));
            assert_eq!(again, table, "{written}");
        }
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        for (name, written) in [
            ("a_1", "a_1"),
            ("Abc", "\"Abc\""),
            ("é", "\"é\""),
            ("select", "\"select\""),
            ("comment", "comment"),
        ] {
            assert_eq!(quoted_name(name), written);
        }
    }
}
