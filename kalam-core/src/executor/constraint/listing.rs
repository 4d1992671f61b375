//! What information_schema tells of constraints.

use arrow::array::RecordBatch;

use crate::catalog::TableDefinition;
use crate::executor::text_table::TextTable;
use crate::model::{ColumnId, TableName};

/// The catalog of every object.
const CATALOG: &str = "kalam";

/// A key of a table: its primary key, or a UNIQUE constraint.
struct Key<'a> {
    table: &'a TableDefinition,
    name: String,
    constraint_type: &'static str,
    columns: &'a [ColumnId],
}

/// The keys of tables, by table and name.
fn keys<'a>(tables: &[&'a TableDefinition]) -> Vec<Key<'a>> {
    let of_table = |table: &'a TableDefinition| {
        let primary = (!table.primary_key.is_empty()).then(|| Key {
            table,
            name: format!("{}_pkey", table.name.table),
            constraint_type: "PRIMARY KEY",
            columns: &table.primary_key,
        });
        let uniques = table.uniques.iter().map(move |unique| Key {
            table,
            name: unique.name.to_string(),
            constraint_type: "UNIQUE",
            columns: &unique.columns,
        });
        primary.into_iter().chain(uniques)
    };
    let mut keys: Vec<Key<'a>> = tables.iter().flat_map(|table| of_table(table)).collect();
    keys.sort_by(|a, b| (&a.table.name, &a.name).cmp(&(&b.table.name, &b.name)));
    keys
}

/// information_schema.table_constraints.
pub(crate) fn table_constraints_table(tables: &[&TableDefinition]) -> RecordBatch {
    let keys = keys(tables);
    let keys = keys.iter().map(|key| (&key.table.name, key.name.clone(), key.constraint_type));
    let checks = checks(tables).into_iter().map(|(table, name, _)| (table, name, "CHECK"));
    let mut rows: Vec<(&TableName, String, &str)> = keys.chain(checks).collect();
    rows.sort();
    let constants = |value: &'static str| rows.iter().map(move |_| value);
    TextTable::default()
        .texts("constraint_catalog", constants(CATALOG))
        .texts("constraint_schema", rows.iter().map(|(table, ..)| &table.namespace))
        .texts("constraint_name", rows.iter().map(|(_, name, _)| name))
        .texts("table_catalog", constants(CATALOG))
        .texts("table_schema", rows.iter().map(|(table, ..)| &table.namespace))
        .texts("table_name", rows.iter().map(|(table, ..)| &table.table))
        .texts("constraint_type", rows.iter().map(|(.., constraint_type)| constraint_type))
        .texts("is_deferrable", constants("NO"))
        .texts("initially_deferred", constants("NO"))
        .texts("enforced", constants("YES"))
        .finish()
}

/// information_schema.check_constraints.
pub(crate) fn check_constraints_table(tables: &[&TableDefinition]) -> RecordBatch {
    let rows = checks(tables);
    TextTable::default()
        .texts("constraint_catalog", rows.iter().map(|_| CATALOG))
        .texts("constraint_schema", rows.iter().map(|(table, ..)| &table.namespace))
        .texts("constraint_name", rows.iter().map(|(_, name, _)| name))
        .texts("check_clause", rows.iter().map(|(.., expression)| expression))
        .finish()
}

fn checks<'a>(tables: &[&'a TableDefinition]) -> Vec<(&'a TableName, String, &'a str)> {
    let of_table = |table: &'a TableDefinition| {
        table.checks.iter().map(|c| (&table.name, c.name.to_string(), c.expression.as_str()))
    };
    let mut rows: Vec<_> = tables.iter().flat_map(|table| of_table(table)).collect();
    rows.sort();
    rows
}

/// information_schema.key_column_usage.
pub(crate) fn key_column_usage_table(tables: &[&TableDefinition]) -> RecordBatch {
    let keys = keys(tables);
    let columns = |key: &Key<'_>| -> Vec<(TableName, String, String, i64)> {
        let columns = key.columns.iter().filter_map(|id| key.table.column_by_id(*id));
        (1..)
            .zip(columns)
            .map(|(place, column)| {
                (key.table.name.clone(), key.name.clone(), column.name.to_string(), place)
            })
            .collect()
    };
    let rows: Vec<_> = keys.iter().flat_map(columns).collect();
    TextTable::default()
        .texts("constraint_catalog", rows.iter().map(|_| CATALOG))
        .texts("constraint_schema", rows.iter().map(|(table, ..)| &table.namespace))
        .texts("constraint_name", rows.iter().map(|(_, name, ..)| name))
        .texts("table_catalog", rows.iter().map(|_| CATALOG))
        .texts("table_schema", rows.iter().map(|(table, ..)| &table.namespace))
        .texts("table_name", rows.iter().map(|(table, ..)| &table.table))
        .texts("column_name", rows.iter().map(|(_, _, column, _)| column))
        .numbers("ordinal_position", rows.iter().map(|(.., place)| *place))
        .finish()
}
