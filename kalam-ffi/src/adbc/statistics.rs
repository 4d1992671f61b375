//! GetStatistics and GetStatisticNames.

use std::ops::Range;
use std::sync::Arc;

use adbc_core::constants::ADBC_STATISTIC_ROW_COUNT_KEY;
use adbc_core::schemas::{
    GET_STATISTIC_NAMES_SCHEMA, GET_STATISTICS_SCHEMA, STATISTIC_VALUE_SCHEMA,
    STATISTICS_DB_SCHEMA_SCHEMA, STATISTICS_SCHEMA,
};
use arrow::array::{
    ArrayRef, BooleanArray, Int16Array, Int64Array, StringArray, UnionArray, new_empty_array,
    new_null_array,
};
use arrow::datatypes::DataType;
use kalam_core::{Error, ErrorKind, Result, Session, SqlState};

use super::CATALOG;
use super::info::{batch, internal};
use super::ingest::quoted;
use super::like::fits;
use super::objects::{Listing, lists, structs};
use super::stream::Rows;

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

/// What one table tells.
struct Statistic {
    table: String,
    key: i16,
    value: i64,
}

/// Rows and bytes of tables, by tier: what the caller's scope has, exactly. Patterns are
/// those of LIKE.
///
/// # Errors
/// What reading information_schema raises.
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
            found.extend(of_table(session, &own, &name)?);
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

/// Nothing of a table that is gone meanwhile, or that the session may not read.
fn of_table(session: &Session, namespace: &str, table: &str) -> Result<Vec<Statistic>> {
    let sql = format!("SHOW STATS FOR TABLE {}.{}", quoted(namespace), quoted(table));
    let listing = match Listing::of(session, &sql) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            return Ok(Vec::new());
        }
        listing => listing?,
    };
    let number = |column: &str| -> Result<i64> {
        Ok(listing.numbers(column)?.iter().flatten().next().unwrap_or_default())
    };
    let statistic = |key, value| Statistic { table: table.to_owned(), key, value };
    let rows = number("hot_rows")?.saturating_add(number("cold_rows")?);
    let mut all = vec![statistic(ADBC_STATISTIC_ROW_COUNT_KEY, rows)];
    for (_, key, column) in OWN {
        all.push(statistic(key, number(column)?));
    }
    Ok(all)
}

fn array(found: &[Statistic]) -> Result<ArrayRef> {
    let DataType::Union(fields, _) = &*STATISTIC_VALUE_SCHEMA else {
        return Err(Error::new(SqlState::INTERNAL_ERROR, "statistics are no union"));
    };
    let mut members: Vec<ArrayRef> =
        fields.iter().map(|(_, field)| new_empty_array(field.data_type())).collect();
    members[0] = Arc::new(Int64Array::from_iter_values(found.iter().map(|s| s.value)));
    let types: Vec<i8> = found.iter().map(|_| 0).collect();
    let offsets: Vec<i32> = (0..).take(found.len()).collect();
    let values = UnionArray::try_new(fields.clone(), types.into(), Some(offsets.into()), members)
        .map_err(internal)?;
    structs(
        &STATISTICS_SCHEMA,
        vec![
            Arc::new(StringArray::from_iter_values(found.iter().map(|s| &s.table))),
            new_null_array(&DataType::Utf8, found.len()),
            Arc::new(Int16Array::from_iter_values(found.iter().map(|s| s.key))),
            Arc::new(values),
            Arc::new(BooleanArray::from(vec![false; found.len()])),
        ],
    )
}
