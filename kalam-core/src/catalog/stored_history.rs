//! The history of a table as it is stored: each distinct column once, versions as lists
//! of places among them. Fifty versions take little more than one.

use std::fmt;
use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ColumnDefinition, SchemaVersionEntry};
use crate::model::SchemaVersion;

#[derive(Serialize, Deserialize)]
struct StoredHistory {
    /// Every column that differs from the others, of all versions.
    columns: Vec<Arc<ColumnDefinition>>,
    versions: Vec<StoredVersion>,
}

#[derive(Serialize, Deserialize)]
struct StoredVersion {
    version: SchemaVersion,
    /// Places of its columns among those of the history.
    columns: Vec<u32>,
    change: String,
    created_at_ms: i64,
}

/// A version with its columns in it, as the first databases have them.
#[derive(Deserialize)]
struct WholeVersion {
    version: SchemaVersion,
    columns: Vec<Arc<ColumnDefinition>>,
    change: String,
    created_at_ms: i64,
}

pub(super) fn serialize<S: Serializer>(
    history: &[SchemaVersionEntry],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut columns: Vec<Arc<ColumnDefinition>> = Vec::new();
    let mut place = |column: &Arc<ColumnDefinition>| {
        // Versions share their columns, so that most are found by their address.
        let known = columns
            .iter()
            .rposition(|known| Arc::ptr_eq(known, column))
            .or_else(|| columns.iter().rposition(|known| known == column));
        let place = known.unwrap_or_else(|| {
            columns.push(column.clone());
            columns.len() - 1
        });
        u32::try_from(place).expect("fewer columns than 4 billion")
    };
    let versions = history
        .iter()
        .map(|entry| StoredVersion {
            version: entry.version,
            columns: entry.columns.iter().map(&mut place).collect(),
            change: entry.change.clone(),
            created_at_ms: entry.created_at_ms,
        })
        .collect();
    StoredHistory { columns, versions }.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SchemaVersionEntry>, D::Error> {
    deserializer.deserialize_any(EitherForm)
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = Vec<SchemaVersionEntry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the versions of a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let stored = StoredHistory::deserialize(MapAccessDeserializer::new(map))?;
        let column = |place: &u32| {
            let column = stored.columns.get(*place as usize).cloned();
            column.ok_or_else(|| A::Error::custom(format!("there is no column {place}")))
        };
        let entry = |version: &StoredVersion| {
            Ok(SchemaVersionEntry {
                version: version.version,
                columns: version.columns.iter().map(column).collect::<Result<_, _>>()?,
                change: version.change.clone(),
                created_at_ms: version.created_at_ms,
            })
        };
        stored.versions.iter().map(entry).collect()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let versions = Vec::<WholeVersion>::deserialize(SeqAccessDeserializer::new(seq))?;
        let entry = |WholeVersion { version, columns, change, created_at_ms }| SchemaVersionEntry {
            version,
            columns,
            change,
            created_at_ms,
        };
        Ok(versions.into_iter().map(entry).collect())
    }
}

/// Columns of a version, those that the one before has too taken from it.
pub(super) fn shared_columns(
    columns: &[ColumnDefinition],
    before: Option<&SchemaVersionEntry>,
) -> Vec<Arc<ColumnDefinition>> {
    let known = |column: &ColumnDefinition| {
        let known = before.and_then(|entry| entry.columns.iter().find(|c| ***c == *column));
        known.cloned()
    };
    columns.iter().map(|column| known(column).unwrap_or_else(|| Arc::new(column.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ColumnId, KalamDataType, Name};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "super")]
        history: Vec<SchemaVersionEntry>,
    }

    fn column(id: u32) -> ColumnDefinition {
        let name = Name::new("column", &format!("c{id}")).expect("valid name");
        ColumnDefinition::new(ColumnId(id), name, KalamDataType::Int)
    }

    fn history(versions: u16) -> Vec<SchemaVersionEntry> {
        let mut history: Vec<SchemaVersionEntry> = Vec::new();
        for version in 1..=versions {
            let columns: Vec<_> =
                (u32::from(version)..u32::from(version) + 20).map(column).collect();
            history.push(SchemaVersionEntry {
                version: SchemaVersion(version),
                columns: shared_columns(&columns, history.last()),
                change: format!("change {version}"),
                created_at_ms: version.into(),
            });
        }
        history
    }

    #[test]
    fn versions_share_what_they_have_in_common() {
        let one = Holder { history: history(1) };
        let fifty = Holder { history: history(50) };
        let text = |holder| serde_json::to_string(holder).expect("serializes");
        assert!(text(&fifty).len() < 8 * text(&one).len(), "{}", text(&fifty).len());
        let read: Holder = serde_json::from_str(&text(&fifty)).expect("reads");
        assert_eq!(read, fifty);
        let last = |n: usize| &read.history[n].columns[19 - n];
        assert!(Arc::ptr_eq(last(0), last(1)), "a column is in memory once");
    }

    #[test]
    fn whole_versions_of_the_first_databases_are_read() {
        let columns = [column(1)];
        let text = serde_json::json!({"history": [
            {"version": 1, "columns": columns, "change": "create table", "created_at_ms": 5}
        ]});
        let read: Holder = serde_json::from_value(text).expect("reads");
        assert_eq!(*read.history[0].columns[0], columns[0]);
        let broken = serde_json::json!({"history": {"columns": [], "versions": [
            {"version": 1, "columns": [3], "change": "", "created_at_ms": 5}
        ]}});
        assert!(serde_json::from_value::<Holder>(broken).is_err());
    }
}
