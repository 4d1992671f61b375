//! What DESCRIBE and SHOW tell of the catalog.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};

use super::text_table::{TextColumn, TextTable};
use crate::catalog::{ColumnDefinition, TableDefinition, ViewDefinition};
use crate::model::{KalamDataType, Name};

/// DESCRIBE: one row for each column, by ordinal position.
///
/// Shape: ordinal BIGINT, column TEXT, type TEXT, nullable BOOLEAN, key BIGINT (the
/// place in the primary key, from 1) or NULL, default TEXT or NULL, comment TEXT or
/// NULL.
pub(crate) fn describe(table: &TableDefinition) -> RecordBatch {
    let columns = &table.columns;
    let default = |c: &ColumnDefinition| c.default.as_ref().map(|d| d.expression.clone());
    TextTable::default()
        .numbers("ordinal", columns.iter().map(|c| i64::from(c.ordinal)))
        .texts("column", columns.iter().map(|c| &c.name))
        .texts("type", columns.iter().map(written_type))
        .with("nullable", TextColumn::Flag(columns.iter().map(|c| c.nullable).collect()))
        .with(
            "key",
            TextColumn::NumberOrNull(columns.iter().map(|c| key_place(table, c)).collect()),
        )
        .with("default", TextColumn::TextOrNull(columns.iter().map(default).collect()))
        .with(
            "comment",
            TextColumn::TextOrNull(columns.iter().map(|c| c.comment.clone()).collect()),
        )
        .finish()
}

/// DESCRIBE of a table that no one stores: as [`describe`], from its columns.
pub(crate) fn describe_columns(schema: &Schema) -> RecordBatch {
    let fields = schema.fields();
    let none = || TextColumn::TextOrNull(vec![None; fields.len()]);
    let written = |field: &FieldRef| match KalamDataType::from_arrow_field(field) {
        Ok(data_type) => data_type.to_string(),
        Err(_) => field.data_type().to_string(),
    };
    TextTable::default()
        .numbers("ordinal", 1..=fields.len())
        .texts("column", fields.iter().map(|f| f.name()))
        .texts("type", fields.iter().map(written))
        .with("nullable", TextColumn::Flag(fields.iter().map(|f| f.is_nullable()).collect()))
        .with("key", TextColumn::NumberOrNull(vec![None; fields.len()]))
        .with("default", none())
        .with("comment", none())
        .finish()
}

/// DESCRIBE of a view: as that of a table, without keys, defaults and comments.
pub(crate) fn describe_view(view: &ViewDefinition) -> RecordBatch {
    let columns = &view.columns;
    let nothing = || TextColumn::TextOrNull(columns.iter().map(|_| None).collect());
    TextTable::default()
        .numbers("ordinal", (1..).take(columns.len()))
        .texts("column", columns.iter().map(|c| &c.name))
        .texts("type", columns.iter().map(|c| &c.data_type))
        .with("nullable", TextColumn::Flag(columns.iter().map(|_| true).collect()))
        .with("key", TextColumn::NumberOrNull(columns.iter().map(|_| None).collect()))
        .with("default", nothing())
        .with("comment", nothing())
        .finish()
}

/// SHOW TABLES: one row for each table and view, by namespace and name. The kind of a view
/// is VIEW.
///
/// Shape: namespace TEXT, table TEXT, kind TEXT, columns BIGINT, version BIGINT,
/// comment TEXT or NULL.
pub(crate) fn show_tables(
    tables: &[Arc<TableDefinition>],
    views: &[Arc<ViewDefinition>],
) -> RecordBatch {
    let tables = tables.iter().map(|t| {
        let version = i64::from(t.version.get());
        (&t.name, t.kind.as_str(), t.columns.len(), version, t.comment.clone())
    });
    let views =
        views.iter().map(|v| (&v.name, "VIEW", v.columns.len(), i64::from(v.version), None));
    let mut rows: Vec<_> = tables.chain(views).collect();
    rows.sort_by(|a, b| a.0.cmp(b.0));
    TextTable::default()
        .texts("namespace", rows.iter().map(|(name, ..)| &name.namespace))
        .texts("table", rows.iter().map(|(name, ..)| &name.table))
        .texts("kind", rows.iter().map(|(_, kind, ..)| kind))
        .numbers("columns", rows.iter().map(|(_, _, columns, ..)| count(*columns)))
        .numbers("version", rows.iter().map(|(.., version, _)| *version))
        .with(
            "comment",
            TextColumn::TextOrNull(rows.iter().map(|(.., comment)| comment.clone()).collect()),
        )
        .finish()
}

/// SHOW NAMESPACES: one row for each namespace, by name, with its number of tables
/// among `tables`.
///
/// Shape: namespace TEXT, tables BIGINT.
pub(crate) fn show_namespaces(namespaces: &[Name], tables: &[Arc<TableDefinition>]) -> RecordBatch {
    let mut namespaces: Vec<&Name> = namespaces.iter().collect();
    namespaces.sort();
    let tables_in =
        |name: &&Name| count(tables.iter().filter(|t| t.name.namespace == **name).count());
    let counts: Vec<i64> = namespaces.iter().map(tables_in).collect();
    TextTable::default().texts("namespace", namespaces).numbers("tables", counts).finish()
}

/// The type as CREATE TABLE writes it, with the length of VARCHAR(n).
pub(crate) fn written_type(column: &ColumnDefinition) -> String {
    match column.chars_max {
        Some(n) => format!("VARCHAR({n})"),
        None => column.data_type.to_string(),
    }
}

/// The place of a column in the primary key, from 1.
pub(crate) fn key_place(table: &TableDefinition, column: &ColumnDefinition) -> Option<i64> {
    table.primary_key.iter().position(|id| *id == column.id).map(|place| count(place + 1))
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::executor::define_table::tests::define;

    fn lines(batch: RecordBatch) -> Vec<String> {
        let text = pretty_format_batches(&[batch]).expect("shown").to_string();
        text.lines().filter(|line| line.starts_with('|')).map(str::to_owned).collect()
    }

    #[test]
    fn describe_tells_type_key_default_and_comment() {
        let table = define(
            "CREATE TABLE t (a VARCHAR(5) COMMENT 'x', b INT DEFAULT 7 NOT NULL, PRIMARY KEY (b, a))",
        );
        assert_eq!(
            lines(describe(&table.expect("valid"))),
            [
                "| ordinal | column | type       | nullable | key | default | comment |",
                "| 1       | a      | VARCHAR(5) | false    | 2   |         | x       |",
                "| 2       | b      | INT        | false    | 1   | 7       |         |",
            ]
        );
    }

    #[test]
    fn show_lists_by_name() {
        let tables: Vec<_> = ["CREATE TABLE u (a INT)", "CREATE USER TABLE t (a INT, b INT)"]
            .iter()
            .map(|sql| Arc::new(define(sql).expect("valid")))
            .collect();
        assert_eq!(
            lines(show_tables(&tables, &[]))[1..],
            [
                "| app       | t     | USER   | 2       | 1       |         |",
                "| app       | u     | SHARED | 1       | 1       |         |",
            ]
        );
        let names = ["default", "app"].map(|name| Name::new("namespace", name).expect("valid"));
        assert_eq!(
            lines(show_namespaces(&names, &tables))[1..],
            ["| app       | 2      |", "| default   | 0      |",]
        );
        assert_eq!(show_tables(&[], &[]).num_rows(), 0);
    }
}
