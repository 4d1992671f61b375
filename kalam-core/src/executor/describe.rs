//! What DESCRIBE and SHOW tell of the catalog.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::show_create_table::quoted_name;
use super::text_table::{TextColumn, TextTable};
use crate::catalog::{
    ColumnDefinition, Namespace, SchemaVersionEntry, TableDefinition, ViewDefinition,
};
use crate::model::{ColumnId, KalamDataType};

/// DESCRIBE: one row for each column, by ordinal position.
///
/// Shape: ordinal BIGINT, column TEXT, type TEXT, nullable BOOLEAN, key BIGINT (the
/// place in the primary key, from 1) or NULL, default TEXT or NULL, comment TEXT or
/// NULL.
pub(crate) fn describe(table: &TableDefinition) -> RecordBatch {
    describe_version(&table.primary_key, &table.columns)
}

/// As [`describe`], for the columns of any version of a table with this key.
pub(crate) fn describe_version<C: AsRef<ColumnDefinition>>(
    key: &[ColumnId],
    columns: &[C],
) -> RecordBatch {
    let default = |c: &ColumnDefinition| c.default.as_ref().map(|d| d.expression.clone());
    let place =
        |c: &ColumnDefinition| key.iter().position(|id| *id == c.id).map(|place| count(place + 1));
    let columns = || columns.iter().map(AsRef::as_ref);
    TextTable::default()
        .numbers("ordinal", columns().map(|c| i64::from(c.ordinal)))
        .texts("column", columns().map(|c| &c.name))
        .texts("type", columns().map(written_type))
        .with("nullable", TextColumn::Flag(columns().map(|c| c.nullable).collect()))
        .with("key", TextColumn::NumberOrNull(columns().map(place).collect()))
        .with("default", TextColumn::TextOrNull(columns().map(default).collect()))
        .with("comment", TextColumn::TextOrNull(columns().map(|c| c.comment.clone()).collect()))
        .finish()
}

/// DESCRIBE .. HISTORY: one row for each schema version, oldest first.
///
/// Shape: version BIGINT, change TEXT (what made the version of the one before), columns
/// TEXT (names and types by ordinal position), created_at DATETIME.
pub(crate) fn describe_history(table: &TableDefinition) -> RecordBatch {
    let versions = || table.history.iter();
    TextTable::default()
        .numbers("version", versions().map(|v| i64::from(v.version.get())))
        .texts("change", versions().map(|v| &v.change))
        .texts("columns", versions().map(written_columns))
        .moments("created_at", versions().map(|v| v.created_at_ms))
        .finish()
}

/// DESCRIBE of a table that no one stores: as [`describe`], from its columns.
pub(crate) fn describe_columns(schema: &Schema) -> RecordBatch {
    let fields = schema.fields();
    let none = || TextColumn::TextOrNull(vec![None; fields.len()]);
    TextTable::default()
        .numbers("ordinal", 1..=fields.len())
        .texts("column", fields.iter().map(|f| f.name()))
        .texts("type", fields.iter().map(|f| KalamDataType::name_of_arrow_field(f)))
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
/// is VIEW, that of a registered table REGISTERED.
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
        views.iter().map(|v| (&v.name, v.kind(), v.columns.len(), i64::from(v.version), None));
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
/// Shape: namespace TEXT, tables BIGINT, description TEXT or NULL.
pub(crate) fn show_namespaces(
    namespaces: &[Arc<Namespace>],
    tables: &[Arc<TableDefinition>],
) -> RecordBatch {
    let mut namespaces: Vec<&Namespace> = namespaces.iter().map(AsRef::as_ref).collect();
    namespaces.sort_by(|a, b| a.name.cmp(&b.name));
    let tables_in =
        |n: &&Namespace| count(tables.iter().filter(|t| t.name.namespace == n.name).count());
    let descriptions = namespaces.iter().map(|n| n.description.clone()).collect();
    TextTable::default()
        .texts("namespace", namespaces.iter().map(|n| &n.name))
        .numbers("tables", namespaces.iter().map(tables_in))
        .with("description", TextColumn::TextOrNull(descriptions))
        .finish()
}

/// The columns of a schema version: names and types, as CREATE TABLE writes them.
pub(crate) fn written_columns(version: &SchemaVersionEntry) -> String {
    let column = |c: &Arc<ColumnDefinition>| {
        let null = if c.nullable { "" } else { " NOT NULL" };
        format!("{} {}{null}", quoted_name(c.name.as_str()), written_type(c))
    };
    version.columns.iter().map(column).collect::<Vec<_>>().join(", ")
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
    use crate::model::Name;

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
        let namespaces = [("default", None), ("app", Some("x"))].map(|(name, description)| {
            let name = Name::new("namespace", name).expect("valid");
            let description = description.map(str::to_owned);
            Arc::new(Namespace { name, description, created_at_ms: 0 })
        });
        assert_eq!(
            lines(show_namespaces(&namespaces, &tables))[1..],
            ["| app       | 2      | x           |", "| default   | 0      |             |",]
        );
        assert_eq!(show_tables(&[], &[]).num_rows(), 0);
    }
}
