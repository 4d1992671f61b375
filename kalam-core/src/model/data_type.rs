//! The one table of types.

use serde::{Deserialize, Serialize};

/// The exact type of a column. The wire tag of each is in `FORMAT.md`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum KalamDataType {
    /// true or false.
    Boolean,
    /// 16-bit signed integer.
    SmallInt,
    /// 32-bit signed integer.
    Int,
    /// 64-bit signed integer.
    BigInt,
    /// 32-bit float.
    Float,
    /// 64-bit float.
    Double,
    /// Fixed-point number: 1 <= precision <= 38, 0 <= scale <= precision.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// UTF-8 text.
    Text,
    /// JSON text, checked when it is written.
    Json,
    /// Reference to a stored object, as JSON text: path, size, mime, sha256.
    File,
    /// Bytes.
    Bytes,
    /// 16 bytes, written as a UUID.
    Uuid,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 1970-01-01 without a time zone.
    Timestamp,
    /// Microseconds since 1970-01-01 UTC.
    DateTime,
    /// Vector of 32-bit floats, 1 to 8192 of them.
    Embedding(u16),
    /// List of a scalar type.
    List(Box<KalamDataType>),
}
