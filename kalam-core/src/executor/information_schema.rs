//! information_schema: the standard's view of the catalog.
//!
//! Source: ISO/IEC 9075-11 as PostgreSQL has it, "Chapter 35. The Information
//! Schema"; the column `kalam_type` is ours.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::constraint::{check_constraints_table, key_column_usage_table, table_constraints_table};
use super::describe::written_type;
use super::text_table::{TextColumn, TextTable};
use crate::catalog::{ColumnDefinition, TableDefinition, ViewDefinition};
use crate::model::{ColumnId, KalamDataType, Name, TableName};

/// The catalog of every object.
const CATALOG: &str = "kalam";

/// A table of information_schema over the namespaces, tables and views that the session
/// may see; `None` for a name that it does not have.
pub(crate) fn information_schema_table(
    name: &str,
    namespaces: &[Name],
    tables: &[Arc<TableDefinition>],
    views: &[Arc<ViewDefinition>],
) -> Option<RecordBatch> {
    let mut tables: Vec<&TableDefinition> = tables.iter().map(Arc::as_ref).collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    match name {
        "tables" => Some(tables_table(&tables, views)),
        "views" => Some(views_table(views)),
        "columns" => Some(columns_table(&tables, views)),
        "schemata" => Some(schemata_table(namespaces)),
        "key_column_usage" => Some(key_column_usage_table(&tables)),
        "table_constraints" => Some(table_constraints_table(&tables)),
        "check_constraints" => Some(check_constraints_table(&tables)),
        _ => None,
    }
}

fn tables_table(tables: &[&TableDefinition], views: &[Arc<ViewDefinition>]) -> RecordBatch {
    let tables =
        tables.iter().map(|t| (&t.name, "BASE TABLE", "YES", t.kind.as_str(), t.comment.clone()));
    let views = views.iter().map(|v| {
        let table_type = if v.files.is_some() { "FOREIGN" } else { "VIEW" };
        (&v.name, table_type, "NO", v.kind(), None)
    });
    let mut rows: Vec<_> = tables.chain(views).collect();
    rows.sort_by(|a, b| a.0.cmp(b.0));
    TextTable::default()
        .texts("table_catalog", rows.iter().map(|_| CATALOG))
        .texts("table_schema", rows.iter().map(|(name, ..)| &name.namespace))
        .texts("table_name", rows.iter().map(|(name, ..)| &name.table))
        .texts("table_type", rows.iter().map(|(_, table_type, ..)| table_type))
        .texts("is_insertable_into", rows.iter().map(|(_, _, insertable, ..)| insertable))
        .texts("kalam_kind", rows.iter().map(|(.., kind, _)| kind))
        .with(
            "table_comment",
            TextColumn::TextOrNull(rows.iter().map(|(.., comment)| comment.clone()).collect()),
        )
        .finish()
}

fn views_table(views: &[Arc<ViewDefinition>]) -> RecordBatch {
    let views: Vec<_> = views.iter().filter(|v| v.files.is_none()).collect();
    TextTable::default()
        .texts("table_catalog", views.iter().map(|_| CATALOG))
        .texts("table_schema", views.iter().map(|v| &v.name.namespace))
        .texts("table_name", views.iter().map(|v| &v.name.table))
        .texts("view_definition", views.iter().map(|v| &v.query))
        .texts("check_option", views.iter().map(|_| "NONE"))
        .texts("is_updatable", views.iter().map(|_| "NO"))
        .texts("is_insertable_into", views.iter().map(|_| "NO"))
        .finish()
}

/// The columns of a view as those of a table without keys and defaults.
fn view_columns(view: &ViewDefinition) -> impl Iterator<Item = ColumnDefinition> {
    (1..).zip(&view.columns).map(|(place, column)| {
        ColumnDefinition::new(ColumnId(place), column.name.clone(), column.data_type.clone())
    })
}

fn schemata_table(namespaces: &[Name]) -> RecordBatch {
    let mut namespaces: Vec<&Name> = namespaces.iter().collect();
    namespaces.sort();
    TextTable::default()
        .texts("catalog_name", namespaces.iter().map(|_| CATALOG))
        .texts("schema_name", &namespaces)
        .finish()
}

fn columns_table(tables: &[&TableDefinition], views: &[Arc<ViewDefinition>]) -> RecordBatch {
    let of_tables = tables.iter().flat_map(|t| t.columns.iter().map(|c| (&t.name, c.clone())));
    let of_views = views.iter().flat_map(|v| view_columns(v).map(|c| (&v.name, c)));
    let mut rows: Vec<(&TableName, ColumnDefinition)> = of_tables.chain(of_views).collect();
    rows.sort_by(|a, b| a.0.cmp(b.0));
    let columns = || rows.iter().map(|(_, column)| column);
    let numbers = |number: &dyn Fn(&ColumnDefinition) -> Option<i64>| {
        TextColumn::NumberOrNull(columns().map(number).collect())
    };
    let texts = |text: &dyn Fn(&ColumnDefinition) -> Option<String>| {
        TextColumn::TextOrNull(columns().map(text).collect())
    };
    TextTable::default()
        .texts("table_catalog", rows.iter().map(|_| CATALOG))
        .texts("table_schema", rows.iter().map(|(name, _)| &name.namespace))
        .texts("table_name", rows.iter().map(|(name, _)| &name.table))
        .texts("column_name", columns().map(|c| &c.name))
        .numbers("ordinal_position", columns().map(|c| i64::from(c.ordinal)))
        .with("column_default", texts(&|c| c.default.as_ref().map(|d| d.expression.clone())))
        .texts("is_nullable", columns().map(|c| if c.nullable { "YES" } else { "NO" }))
        .texts("data_type", columns().map(|c| standard_type(&c.data_type, c.chars_max)))
        .with("character_maximum_length", numbers(&|c| c.chars_max.map(i64::from)))
        .with("numeric_precision", numbers(&|c| numeric(&c.data_type).map(|n| n.precision)))
        .with("numeric_precision_radix", numbers(&|c| numeric(&c.data_type).map(|n| n.radix)))
        .with("numeric_scale", numbers(&|c| numeric(&c.data_type).and_then(|n| n.scale)))
        .with("datetime_precision", numbers(&|c| datetime_precision(&c.data_type)))
        .texts("udt_name", columns().map(|c| udt_name(&c.data_type, c.chars_max)))
        .texts("kalam_type", columns().map(written_type))
        .with("column_comment", texts(&|c| c.comment.clone()))
        .finish()
}

/// The name of a type in `data_type`, as PostgreSQL spells it; ours where it has
/// none.
fn standard_type(data_type: &KalamDataType, chars_max: Option<u32>) -> &'static str {
    match data_type {
        KalamDataType::Boolean => "boolean",
        KalamDataType::SmallInt => "smallint",
        KalamDataType::Int => "integer",
        KalamDataType::BigInt => "bigint",
        KalamDataType::Float => "real",
        KalamDataType::Double => "double precision",
        KalamDataType::Decimal { .. } => "numeric",
        KalamDataType::Text if chars_max.is_some() => "character varying",
        KalamDataType::Text => "text",
        KalamDataType::Json => "jsonb",
        KalamDataType::File => "file",
        KalamDataType::Bytes => "bytea",
        KalamDataType::Uuid => "uuid",
        KalamDataType::Date => "date",
        KalamDataType::Time => "time without time zone",
        KalamDataType::Timestamp => "timestamp without time zone",
        KalamDataType::DateTime => "timestamp with time zone",
        KalamDataType::Embedding(_) => "vector",
        KalamDataType::List(_) => "ARRAY",
    }
}

/// PostgreSQL's internal name of a type; that of a list is its element's after `_`.
fn udt_name(data_type: &KalamDataType, chars_max: Option<u32>) -> String {
    let name = match data_type {
        KalamDataType::Boolean => "bool",
        KalamDataType::SmallInt => "int2",
        KalamDataType::Int => "int4",
        KalamDataType::BigInt => "int8",
        KalamDataType::Float => "float4",
        KalamDataType::Double => "float8",
        KalamDataType::Text if chars_max.is_some() => "varchar",
        KalamDataType::Time => "time",
        KalamDataType::Timestamp => "timestamp",
        KalamDataType::DateTime => "timestamptz",
        KalamDataType::List(element) => return format!("_{}", udt_name(element, None)),
        other => standard_type(other, chars_max),
    };
    name.to_owned()
}

struct Numeric {
    precision: i64,
    radix: i64,
    scale: Option<i64>,
}

fn numeric(data_type: &KalamDataType) -> Option<Numeric> {
    let binary = |precision, scale| Some(Numeric { precision, radix: 2, scale });
    match data_type {
        KalamDataType::SmallInt => binary(16, Some(0)),
        KalamDataType::Int => binary(32, Some(0)),
        KalamDataType::BigInt => binary(64, Some(0)),
        KalamDataType::Float => binary(24, None),
        KalamDataType::Double => binary(53, None),
        KalamDataType::Decimal { precision, scale } => Some(Numeric {
            precision: i64::from(*precision),
            radix: 10,
            scale: Some(i64::from(*scale)),
        }),
        _ => None,
    }
}

fn datetime_precision(data_type: &KalamDataType) -> Option<i64> {
    match data_type {
        KalamDataType::Date => Some(0),
        KalamDataType::Time | KalamDataType::Timestamp | KalamDataType::DateTime => Some(6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;
    use crate::executor::define_table::tests::define;

    fn column(batch: &RecordBatch, name: &str) -> Vec<String> {
        let array = batch.column_by_name(name).expect(name);
        (0..batch.num_rows())
            .map(|row| arrow::util::display::array_value_to_string(array, row).expect("shown"))
            .collect()
    }

    #[test]
    fn every_table_has_its_standard_columns() {
        let sql = "CREATE TABLE t (a INT, b VARCHAR(9) NOT NULL, c DECIMAL(10, 2) DEFAULT 1, \
            d TEXT[], e EMBEDDING(3), f TIMESTAMPTZ, PRIMARY KEY (b, a))";
        let tables = [Arc::new(define(sql).expect("valid"))];
        let namespaces = [Name::new("namespace", "app").expect("valid")];
        let read = |name| information_schema_table(name, &namespaces, &tables, &[]);
        let columns = read("columns").expect("known");
        assert_eq!(
            column(&columns, "data_type"),
            [
                "integer",
                "character varying",
                "numeric",
                "ARRAY",
                "vector",
                "timestamp with time zone"
            ]
        );
        assert_eq!(
            column(&columns, "udt_name"),
            ["int4", "varchar", "numeric", "_text", "vector", "timestamptz"]
        );
        assert_eq!(column(&columns, "is_nullable")[..3], ["NO", "NO", "YES"]);
        assert_eq!(column(&columns, "numeric_scale")[..3], ["0", "", "2"]);
        assert_eq!(column(&columns, "character_maximum_length")[1], "9");
        assert_eq!(column(&columns, "kalam_type")[4], "EMBEDDING(3)");
        let keys = read("key_column_usage").expect("known");
        assert_eq!(column(&keys, "column_name"), ["b", "a"]);
        assert_eq!(column(&keys, "constraint_name"), ["t_pkey", "t_pkey"]);
        let listed = read("tables").expect("known");
        assert_eq!(column(&listed, "table_type"), ["BASE TABLE"]);
        assert_eq!(listed.column(0).as_string::<i32>().value(0), "kalam");
        assert_eq!(column(&read("schemata").expect("known"), "schema_name"), ["app"]);
        assert_eq!(read("views").expect("known").num_rows(), 0);
        assert!(read("nothing").is_none());
    }
}
