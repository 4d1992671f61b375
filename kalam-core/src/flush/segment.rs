//! What the manifest knows of a segment.

use serde::{Deserialize, Serialize};

use crate::model::ScopeId;
use crate::model::{ColumnId, Name, SchemaVersion, SegmentId, Seq};
use crate::store::EntityKey;

/// One immutable Parquet file: the rows of one scope, sorted by key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentMeta {
    pub(crate) id: SegmentId,
    pub(crate) scope: ScopeId,
    /// The storage that holds the file.
    pub(crate) storage: Name,
    /// The file, relative to its storage.
    pub(crate) path: String,
    /// Version of the table's columns that the file has.
    pub(crate) schema_version: SchemaVersion,
    pub(crate) rows: u32,
    pub(crate) bytes: u64,
    /// XXH3-128 of the whole file, in hexadecimal.
    pub(crate) checksum: String,
    /// Smallest and largest key, without the scope prefix.
    #[serde(with = "hex_bytes")]
    pub(crate) min_key: Vec<u8>,
    #[serde(with = "hex_bytes")]
    pub(crate) max_key: Vec<u8>,
    pub(crate) min_seq: Seq,
    pub(crate) max_seq: Seq,
    pub(crate) columns: Vec<ColumnStatistics>,
    /// Milliseconds since 1970 UTC.
    pub(crate) created_at_ms: i64,
}

impl SegmentMeta {
    /// The `_seq` of all rows, if they have one: the file need not know it, because it may
    /// have been written before its commit.
    pub(crate) fn seq(&self) -> Option<Seq> {
        (self.min_seq == self.max_seq).then_some(self.max_seq)
    }
}

/// What is known of a column's values in one segment, deleted rows included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ColumnStatistics {
    pub(crate) column: ColumnId,
    pub(crate) nulls: u64,
    /// Memcomparable bounds, absent for types without an order.
    #[serde(default, with = "crate::model::hex_option", skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<Vec<u8>>,
    #[serde(default, with = "crate::model::hex_option", skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<Vec<u8>>,
}

mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        hex::decode(text.as_ref()).map_err(serde::de::Error::custom)
    }
}

/// Place of a segment in the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentKey {
    pub(crate) scope: ScopeId,
    pub(crate) segment: SegmentId,
}

impl EntityKey for SegmentKey {
    fn encode(&self, out: &mut Vec<u8>) {
        self.scope.encode(out);
        out.extend_from_slice(&self.segment.get().to_be_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (scope, segment) = bytes.split_at_checked(ScopeId::ENCODED_LEN)?;
        Some(SegmentKey {
            scope: ScopeId::decode(scope)?,
            segment: SegmentId(u64::from_be_bytes(segment.try_into().ok()?)),
        })
    }
}
