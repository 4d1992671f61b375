//! GetStatistics and GetStatisticNames.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use adbc_core::constants as c;
use adbc_core::schemas::{
    GET_STATISTIC_NAMES_SCHEMA, GET_STATISTICS_SCHEMA, STATISTIC_VALUE_SCHEMA,
    STATISTICS_DB_SCHEMA_SCHEMA, STATISTICS_SCHEMA,
};
use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int16Array, Int64Array, StringArray,
    UnionArray, new_empty_array,
};
use arrow::datatypes::{DataType, Field};
use kalam_core::model::KalamDataType;
use kalam_core::{Error, ErrorKind, Result, Session, SqlState};

use super::CATALOG;
use super::info::{batch, internal, push};
use super::ingest::{qualified, quoted};
use super::like::fits;
use super::objects::{Listing, lists, structs, table_schema};
use super::rows::Rows;
use crate::value;

/// Statistics of our own: name, key, and the column of SHOW STATS.
const OWN: [(&str, i16, &str); 5] = [
    ("kalamdb.statistic.hot_rows", 1024, "hot_rows"),
    ("kalamdb.statistic.cold_rows", 1025, "cold_rows"),
    ("kalamdb.statistic.deleted_rows", 1026, "deleted_rows"),
    ("kalamdb.statistic.segments", 1027, "segments"),
    ("kalamdb.statistic.cold_bytes", 1028, "cold_bytes"),
];

/// The statistics that the interface does not know.
///
/// # Errors
/// Never but for a bug.
pub(super) fn statistic_names() -> Result<Rows> {
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(OWN.map(|(name, ..)| name)));
    let keys: ArrayRef = Arc::new(Int16Array::from_iter_values(OWN.map(|(_, key, _)| key)));
    batch(GET_STATISTIC_NAMES_SCHEMA.clone(), vec![names, keys])
}

/// What one table or column tells.
struct Statistic {
    table: String,
    column: Option<String>,
    key: i16,
    value: Value,
}

/// The members of the interface's union that are used.
enum Value {
    Int(i64),
    Real(f64),
    Bytes(Vec<u8>),
}

/// What tables and their columns have in the caller's scope, exactly. Patterns are those of
/// LIKE.
///
/// Of a table: rows; by tier if the role may see that. Of a column: NULLs; the least and
/// the largest value of numbers, texts (as bytes of UTF-8), dates and times (as their Arrow
/// numbers); distinct values where it is unique. Cost: reads the columns.
///
/// # Errors
/// What reading the tables raises.
pub(super) fn statistics(
    session: &Session,
    catalog: Option<&str>,
    namespace: Option<&str>,
    table: Option<&str>,
) -> Result<Rows> {
    let catalogs: Vec<&str> = if fits(CATALOG, catalog) { vec![CATALOG] } else { vec![] };
    let (mut namespaces, mut ranges) = (Vec::<String>::new(), Vec::<Range<usize>>::new());
    let mut found = Vec::new();
    if !catalogs.is_empty() {
        let unique = Unique::read(session)?;
        let sql = "SELECT table_schema, table_name FROM information_schema.tables \
            WHERE table_type = 'BASE TABLE' ORDER BY table_schema, table_name";
        let listing = Listing::of(session, sql)?;
        for (own, name) in
            listing.texts("table_schema")?.into_iter().zip(listing.texts("table_name")?)
        {
            if !fits(&own, namespace) || !fits(&name, table) {
                continue;
            }
            let start = found.len();
            found.extend(of_table(session, &own, &name, &unique)?);
            match ranges.last_mut().filter(|_| namespaces.last() == Some(&own)) {
                Some(range) => range.end = found.len(),
                None => {
                    namespaces.push(own);
                    ranges.push(start..found.len());
                }
            }
        }
    }
    let items = lists(&STATISTICS_SCHEMA, &array(&found)?, &ranges)?;
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(&namespaces));
    let schemas = structs(&STATISTICS_DB_SCHEMA_SCHEMA, vec![names, items])?;
    let all: Vec<Range<usize>> = catalogs.iter().map(|_| 0..namespaces.len()).collect();
    let schemas = lists(&STATISTICS_DB_SCHEMA_SCHEMA, &schemas, &all)?;
    batch(GET_STATISTICS_SCHEMA.clone(), vec![Arc::new(StringArray::from(catalogs)), schemas])
}

/// The columns of which each is a key by itself.
struct Unique(HashMap<[String; 2], Vec<String>>);

impl Unique {
    fn read(session: &Session) -> Result<Unique> {
        let sql = "SELECT table_schema, table_name, constraint_name, MIN(column_name) AS name \
            FROM information_schema.key_column_usage \
            GROUP BY table_schema, table_name, constraint_name HAVING COUNT(*) = 1";
        let listing = Listing::of(session, sql)?;
        let (namespaces, tables) = (listing.texts("table_schema")?, listing.texts("table_name")?);
        let mut found = HashMap::<[String; 2], Vec<String>>::new();
        for ((namespace, table), column) in
            namespaces.into_iter().zip(tables).zip(listing.texts("name")?)
        {
            found.entry([namespace, table]).or_default().push(column);
        }
        Ok(Unique(found))
    }

    fn has(&self, namespace: &str, table: &str, column: &str) -> bool {
        let columns = self.0.get(&[namespace.to_owned(), table.to_owned()]);
        columns.is_some_and(|columns| columns.iter().any(|name| name == column))
    }
}

/// Nothing of a table that is gone meanwhile, or that the session may not read.
fn of_table(
    session: &Session,
    namespace: &str,
    table: &str,
    unique: &Unique,
) -> Result<Vec<Statistic>> {
    let found = of_columns(session, namespace, table, unique).and_then(|mut all| {
        all.extend(of_tiers(session, namespace, table)?);
        Ok(all)
    });
    if_allowed(found)
}

/// Nothing if the session may not see it, or it is not there.
fn if_allowed(found: Result<Vec<Statistic>>) -> Result<Vec<Statistic>> {
    match found {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            Ok(Vec::new())
        }
        found => found,
    }
}

/// Whether the least and the largest value are told: what has an order, and a member of
/// the interface's union.
fn has_bounds(field: &Field) -> bool {
    use KalamDataType as T;
    let known = KalamDataType::from_arrow_field(field);
    let bounded = [
        T::SmallInt,
        T::Int,
        T::BigInt,
        T::Float,
        T::Double,
        T::Text,
        T::Date,
        T::Time,
        T::Timestamp,
        T::DateTime,
    ];
    known.is_ok_and(|known| bounded.contains(&known))
}

/// The rows of a table, and what its columns hold, by one query.
fn of_columns(
    session: &Session,
    namespace: &str,
    table: &str,
    unique: &Unique,
) -> Result<Vec<Statistic>> {
    let schema = table_schema(session, Some(namespace), table)?;
    let mut outputs = vec!["COUNT(*)".to_owned()];
    for field in schema.fields() {
        let name = quoted(field.name());
        outputs.push(format!("COUNT({name})"));
        if has_bounds(field) {
            outputs.extend([format!("MIN({name})"), format!("MAX({name})")]);
        }
    }
    let outputs: Vec<String> =
        outputs.iter().enumerate().map(|(place, output)| format!("{output} AS c{place}")).collect();
    let sql = format!("SELECT {} FROM {}", outputs.join(", "), qualified(namespace, table));
    let row = Listing::of(session, &sql)?.into_batch();
    let mut outputs = row.columns().iter();
    let mut next = || bound(outputs.next());
    let number = |value: Option<Value>| match value {
        Some(Value::Int(number)) => number,
        _ => 0,
    };
    let rows = number(next()?);
    let of = |column: Option<&str>, key: i16, value: Value| Statistic {
        table: table.to_owned(),
        column: column.map(str::to_owned),
        key,
        value,
    };
    let mut all = vec![of(None, c::ADBC_STATISTIC_ROW_COUNT_KEY, Value::Int(rows))];
    for field in schema.fields() {
        let name = Some(field.name().as_str());
        let values = number(next()?);
        all.push(of(name, c::ADBC_STATISTIC_NULL_COUNT_KEY, Value::Int(rows - values)));
        if unique.has(namespace, table, field.name()) {
            all.push(of(name, c::ADBC_STATISTIC_DISTINCT_COUNT_KEY, Value::Int(values)));
        }
        if has_bounds(field) {
            let bounds = [
                (c::ADBC_STATISTIC_MIN_VALUE_KEY, next()?),
                (c::ADBC_STATISTIC_MAX_VALUE_KEY, next()?),
            ];
            all.extend(bounds.into_iter().filter_map(|(key, value)| Some(of(name, key, value?))));
        }
    }
    Ok(all)
}

/// The value in the one row of a column.
fn bound(column: Option<&ArrayRef>) -> Result<Option<Value>> {
    let Some(column) = column.filter(|column| column.len() == 1 && column.is_valid(0)) else {
        return Ok(None);
    };
    Ok(Some(match column.data_type() {
        DataType::Float32 | DataType::Float64 => Value::Real(value::double(column, 0)?),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Value::Bytes(value::bytes(column, 0)?.to_vec())
        }
        _ => Value::Int(value::integer(column, 0)?),
    }))
}

/// Rows and bytes by tier.
fn of_tiers(session: &Session, namespace: &str, table: &str) -> Result<Vec<Statistic>> {
    let sql = format!("SHOW STATS FOR TABLE {}", qualified(namespace, table));
    let found = Listing::of(session, &sql).and_then(|listing| {
        let one = |(_, key, column): (_, i16, &str)| {
            let value = listing.numbers(column)?.iter().flatten().next().unwrap_or_default();
            Ok(Statistic { table: table.to_owned(), column: None, key, value: Value::Int(value) })
        };
        OWN.into_iter().map(one).collect()
    });
    if_allowed(found)
}

fn array(found: &[Statistic]) -> Result<ArrayRef> {
    let DataType::Union(fields, _) = &*STATISTIC_VALUE_SCHEMA else {
        return Err(Error::new(SqlState::INTERNAL_ERROR, "statistics are no union"));
    };
    let (mut types, mut offsets) = (Vec::<i8>::new(), Vec::new());
    let (mut numbers, mut reals, mut bytes) = (Vec::new(), Vec::new(), Vec::<&[u8]>::new());
    for statistic in found {
        let (member, offset) = match &statistic.value {
            Value::Int(number) => (0, push(&mut numbers, *number)),
            Value::Real(real) => (2, push(&mut reals, *real)),
            Value::Bytes(text) => (3, push(&mut bytes, text.as_slice())),
        };
        types.push(member);
        offsets.push(offset);
    }
    let mut members: Vec<ArrayRef> =
        fields.iter().map(|(_, field)| new_empty_array(field.data_type())).collect();
    members[0] = Arc::new(Int64Array::from(numbers));
    members[2] = Arc::new(Float64Array::from(reals));
    members[3] = Arc::new(BinaryArray::from(bytes));
    let values = UnionArray::try_new(fields.clone(), types.into(), Some(offsets.into()), members)
        .map_err(internal)?;
    structs(
        &STATISTICS_SCHEMA,
        vec![
            Arc::new(StringArray::from_iter_values(found.iter().map(|s| &s.table))),
            Arc::new(found.iter().map(|s| s.column.as_deref()).collect::<StringArray>()),
            Arc::new(Int16Array::from_iter_values(found.iter().map(|s| s.key))),
            Arc::new(values),
            Arc::new(BooleanArray::from(vec![false; found.len()])),
        ],
    )
}
