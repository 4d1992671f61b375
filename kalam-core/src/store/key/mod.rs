//! Memcomparable keys: the order of the bytes is the order of the values.
//!
//! Each column of a key is encoded so that no encoding is a prefix of another of the
//! same type; the encodings are joined without separators. The byte layout is in
//! `FORMAT.md`, section Keys.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use datafusion::common::ScalarValue;

use crate::model::{KalamDataType, ScopeId, TableId, TableKind, UserKey};
use crate::store::column::{Column, Values, bytes_at};
use crate::store::row::StoredValue;
use crate::{Error, Result, SqlState};

/// Bytes of a hot key before the primary key: kind, table, user.
pub(crate) const SCOPE_PREFIX_LEN: usize = 13;

/// The prefix that the keys of one scope share, and no others.
pub(crate) fn scope_prefix(
    kind: TableKind,
    table: TableId,
    user: UserKey,
) -> [u8; SCOPE_PREFIX_LEN] {
    let mut prefix = [0; SCOPE_PREFIX_LEN];
    prefix[0] = kind.key_byte();
    prefix[1..5].copy_from_slice(&table.get().to_be_bytes());
    prefix[5..].copy_from_slice(&user.get().to_be_bytes());
    prefix
}

/// The prefix that the keys of one table share, of every owner, and no others.
pub(crate) fn table_prefix(kind: TableKind, table: TableId) -> Vec<u8> {
    scope_prefix(kind, table, UserKey::SHARED)[..SCOPE_PREFIX_LEN - size_of::<UserKey>()].to_vec()
}

/// The scope of a hot key.
pub(crate) fn scope_of(key: &[u8]) -> ScopeId {
    let (mut table, mut user) = ([0; 4], [0; 8]);
    table.copy_from_slice(&key[1..5]);
    user.copy_from_slice(&key[5..SCOPE_PREFIX_LEN]);
    ScopeId { table: TableId(u32::from_be_bytes(table)), user: UserKey(u64::from_be_bytes(user)) }
}

/// Within text and bytes, 0x00 is followed by this, so that it sorts after the end.
const ESCAPED_ZERO: u8 = 0xFF;
/// Ends text and bytes, after a 0x00. Smaller than [`ESCAPED_ZERO`]: a prefix sorts
/// before what it is a prefix of, whatever the next column holds.
const END: u8 = 0x01;

/// Encodes and decodes the keys of one table. Key columns are NOT NULL.
#[derive(Clone, Debug)]
pub(crate) struct KeyCodec {
    types: Vec<KalamDataType>,
}

impl KeyCodec {
    /// A codec for key columns of these types, in key order.
    ///
    /// # Errors
    /// `0A000` for types whose values have no order that a key could keep.
    pub(crate) fn new(types: Vec<KalamDataType>) -> Result<Self> {
        if let Some(refused) = types.iter().find(|t| !is_key_type(t)) {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("type {refused} cannot be part of a primary key"),
            )
            .with_hint("use a number, text, bytes, UUID, date or time"));
        }
        Ok(KeyCodec { types })
    }

    /// Prepares the key columns of a batch, which have exactly the types' Arrow
    /// types and no NULL.
    pub(crate) fn encoder(&self, arrays: &[ArrayRef]) -> Result<KeyEncoder> {
        if arrays.iter().any(|a| a.null_count() > 0) {
            return Err(internal("key columns hold NULL"));
        }
        self.encoder_of_some(arrays)
    }

    /// As [`KeyCodec::encoder`], of columns with NULLs: the rows that have one have no key.
    pub(crate) fn encoder_of_some(&self, arrays: &[ArrayRef]) -> Result<KeyEncoder> {
        if arrays.len() != self.types.len() {
            return Err(internal("key columns do not match the key"));
        }
        let columns = self
            .types
            .iter()
            .zip(arrays)
            .map(|(data_type, array)| Column::new(data_type, array))
            .collect::<Result<_>>()?;
        Ok(KeyEncoder { columns })
    }

    /// Appends the key of these values. Fewer values than key columns give a prefix
    /// of the keys that start with them.
    pub(crate) fn encode_scalars(&self, values: &[ScalarValue], out: &mut Vec<u8>) -> Result<()> {
        if values.len() > self.types.len() {
            return Err(internal("more values than key columns"));
        }
        for (data_type, value) in self.types.iter().zip(values) {
            encode_scalar(data_type, value, out)?;
        }
        Ok(())
    }

    /// Appends the key of these values, which are as records have them, one for each column
    /// of the key.
    ///
    /// # Errors
    /// `XX000` if one is NULL, or no value of its type.
    pub(crate) fn encode_stored<'v>(
        &self,
        values: impl Iterator<Item = StoredValue<'v>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        for (data_type, value) in self.types.iter().zip(values) {
            let bytes = value.bytes(data_type.is_fixed_width());
            bytes
                .and_then(|bytes| encode_bytes(data_type, bytes, out))
                .ok_or_else(|| internal("a key column was given no value of its type"))?;
        }
        Ok(())
    }

    /// Bytes that sort after every key, as a bound that is within the keys' scope. `None` if
    /// a key can begin with any number of 0xFF.
    pub(crate) fn end(&self) -> Option<Vec<u8>> {
        // No byte of UTF-8 is 0xFF, so that it ends what numbers before it begin.
        let widths = self.types.iter().map(|data_type| match data_type {
            KalamDataType::Bytes => None,
            other => Some(other.is_fixed_width().unwrap_or(0)),
        });
        Some(vec![u8::MAX; widths.sum::<Option<usize>>()? + 1])
    }

    /// Reads the values back: of the whole key, nothing left over.
    ///
    /// # Errors
    /// `XX001` if the bytes are no such key.
    pub(crate) fn decode(&self, key: &[u8]) -> Result<Vec<ScalarValue>> {
        let mut rest = key;
        let values = self
            .types
            .iter()
            .map(|data_type| decode_scalar(data_type, &mut rest).ok_or_else(damaged))
            .collect::<Result<Vec<_>>>()?;
        if rest.is_empty() { Ok(values) } else { Err(damaged()) }
    }
}

/// The key columns of one batch.
pub(crate) struct KeyEncoder {
    columns: Vec<Column>,
}

impl KeyEncoder {
    /// Appends the key of a row.
    pub(crate) fn encode(&self, row: usize, out: &mut Vec<u8>) {
        for column in &self.columns {
            match &column.values {
                Values::Bool(values) => out.push(u8::from(values.value(row))),
                Values::I16(values) => put_i16(values[row], out),
                Values::I32(values) => put_i32(values[row], out),
                Values::I64(values) => put_i64(values[row], out),
                Values::I128(values) => put_i128(values[row], out),
                Values::F32(values) => put_f32(values[row], out),
                Values::F64(values) => put_f64(values[row], out),
                Values::Uuid(values) => out.extend_from_slice(values.value(row)),
                Values::Bytes(offsets, data) => put_bytes(bytes_at(offsets, data, row), out),
                Values::Embedding(..) | Values::List(..) => {
                    unreachable!("KeyCodec::new refuses these types")
                }
            }
        }
    }
}

fn is_key_type(data_type: &KalamDataType) -> bool {
    !matches!(
        data_type,
        KalamDataType::Embedding(_)
            | KalamDataType::List(_)
            | KalamDataType::Json
            | KalamDataType::File
    )
}

fn internal(message: &'static str) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, message)
}

fn damaged() -> Error {
    Error::new(SqlState::DATA_CORRUPTED, "row key is damaged")
}

fn put_i16(value: i16, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i16::MIN).to_be_bytes());
}

fn put_i32(value: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i32::MIN).to_be_bytes());
}

fn put_i64(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i64::MIN).to_be_bytes());
}

fn put_i128(value: i128, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i128::MIN).to_be_bytes());
}

/// -0.0 is 0.0 and every NaN is one NaN, so that equal values have equal keys.
fn put_f32(value: f32, out: &mut Vec<u8>) {
    const SIGN: u32 = 1 << 31;
    let bits = if value.is_nan() { 0x7FC0_0000 } else { (value + 0.0).to_bits() };
    let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
    out.extend_from_slice(&ordered.to_be_bytes());
}

/// As [`put_f32`].
fn put_f64(value: f64, out: &mut Vec<u8>) {
    const SIGN: u64 = 1 << 63;
    let bits = if value.is_nan() { 0x7FF8_0000_0000_0000 } else { (value + 0.0).to_bits() };
    let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
    out.extend_from_slice(&ordered.to_be_bytes());
}

fn put_bytes(mut value: &[u8], out: &mut Vec<u8>) {
    out.reserve(value.len() + 2);
    while let Some(zero) = value.iter().position(|b| *b == 0) {
        out.extend_from_slice(&value[..=zero]);
        out.push(ESCAPED_ZERO);
        value = &value[zero + 1..];
    }
    out.extend_from_slice(value);
    out.extend_from_slice(&[0, END]);
}

fn encode_scalar(data_type: &KalamDataType, value: &ScalarValue, out: &mut Vec<u8>) -> Result<()> {
    use ScalarValue as S;
    match (data_type, value) {
        (KalamDataType::Boolean, S::Boolean(Some(v))) => out.push(u8::from(*v)),
        (KalamDataType::SmallInt, S::Int16(Some(v))) => put_i16(*v, out),
        (KalamDataType::Int, S::Int32(Some(v))) | (KalamDataType::Date, S::Date32(Some(v))) => {
            put_i32(*v, out);
        }
        (KalamDataType::BigInt, S::Int64(Some(v)))
        | (KalamDataType::Time, S::Time64Microsecond(Some(v)))
        | (
            KalamDataType::Timestamp | KalamDataType::DateTime,
            S::TimestampMicrosecond(Some(v), _),
        ) => put_i64(*v, out),
        (KalamDataType::Float, S::Float32(Some(v))) => put_f32(*v, out),
        (KalamDataType::Double, S::Float64(Some(v))) => put_f64(*v, out),
        (KalamDataType::Decimal { scale, .. }, S::Decimal128(Some(v), _, value_scale))
            if scale.cast_signed() == *value_scale =>
        {
            put_i128(*v, out);
        }
        (KalamDataType::Text, S::Utf8(Some(v)) | S::Utf8View(Some(v)) | S::LargeUtf8(Some(v))) => {
            put_bytes(v.as_bytes(), out);
        }
        (
            KalamDataType::Bytes,
            S::Binary(Some(v)) | S::BinaryView(Some(v)) | S::LargeBinary(Some(v)),
        ) => put_bytes(v, out),
        (KalamDataType::Uuid, S::FixedSizeBinary(16, Some(v))) if v.len() == 16 => {
            out.extend_from_slice(v);
        }
        _ => {
            return Err(Error::new(
                SqlState::INTERNAL_ERROR,
                format!("key column of {data_type} was given {}", value.data_type()),
            ));
        }
    }
    Ok(())
}

/// Appends the key of a value from the bytes that a record has for it.
fn encode_bytes(data_type: &KalamDataType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match data_type {
        KalamDataType::Boolean | KalamDataType::Uuid => out.extend_from_slice(bytes),
        KalamDataType::SmallInt => put_i16(i16::from_le_bytes(bytes.try_into().ok()?), out),
        KalamDataType::Int | KalamDataType::Date => {
            put_i32(i32::from_le_bytes(bytes.try_into().ok()?), out);
        }
        KalamDataType::BigInt
        | KalamDataType::Time
        | KalamDataType::Timestamp
        | KalamDataType::DateTime => put_i64(i64::from_le_bytes(bytes.try_into().ok()?), out),
        KalamDataType::Decimal { .. } => put_i128(i128::from_le_bytes(bytes.try_into().ok()?), out),
        KalamDataType::Float => put_f32(f32::from_le_bytes(bytes.try_into().ok()?), out),
        KalamDataType::Double => put_f64(f64::from_le_bytes(bytes.try_into().ok()?), out),
        KalamDataType::Text | KalamDataType::Bytes => put_bytes(bytes, out),
        KalamDataType::Json
        | KalamDataType::File
        | KalamDataType::Embedding(_)
        | KalamDataType::List(_) => return None,
    }
    Some(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (value, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*value)
}

pub(in crate::store) fn take_i64(rest: &mut &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(take(rest)?) ^ i64::MIN)
}

fn take_bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    loop {
        let zero = rest.iter().position(|b| *b == 0)?;
        value.extend_from_slice(&rest[..zero]);
        let mark = *rest.get(zero + 1)?;
        *rest = &rest[zero + 2..];
        match mark {
            END => return Some(value),
            ESCAPED_ZERO => value.push(0),
            _ => return None,
        }
    }
}

fn decode_scalar(data_type: &KalamDataType, rest: &mut &[u8]) -> Option<ScalarValue> {
    use ScalarValue as S;
    Some(match data_type {
        KalamDataType::Boolean => S::Boolean(Some(match take::<1>(rest)? {
            [0] => false,
            [1] => true,
            _ => return None,
        })),
        KalamDataType::SmallInt => S::Int16(Some(i16::from_be_bytes(take(rest)?) ^ i16::MIN)),
        KalamDataType::Int => S::Int32(Some(i32::from_be_bytes(take(rest)?) ^ i32::MIN)),
        KalamDataType::Date => S::Date32(Some(i32::from_be_bytes(take(rest)?) ^ i32::MIN)),
        KalamDataType::BigInt => S::Int64(Some(take_i64(rest)?)),
        KalamDataType::Time => S::Time64Microsecond(Some(take_i64(rest)?)),
        KalamDataType::Timestamp => S::TimestampMicrosecond(Some(take_i64(rest)?), None),
        KalamDataType::DateTime => {
            S::TimestampMicrosecond(Some(take_i64(rest)?), Some(Arc::from("UTC")))
        }
        KalamDataType::Float => {
            let ordered = u32::from_be_bytes(take(rest)?);
            let is_positive = ordered >> 31 == 1;
            let bits = if is_positive { ordered ^ (1 << 31) } else { !ordered };
            S::Float32(Some(f32::from_bits(bits)))
        }
        KalamDataType::Double => {
            let ordered = u64::from_be_bytes(take(rest)?);
            let is_positive = ordered >> 63 == 1;
            let bits = if is_positive { ordered ^ (1 << 63) } else { !ordered };
            S::Float64(Some(f64::from_bits(bits)))
        }
        KalamDataType::Decimal { precision, scale } => {
            let value = i128::from_be_bytes(take(rest)?) ^ i128::MIN;
            S::Decimal128(Some(value), *precision, scale.cast_signed())
        }
        KalamDataType::Text => S::Utf8(Some(String::from_utf8(take_bytes(rest)?).ok()?)),
        KalamDataType::Bytes => S::Binary(Some(take_bytes(rest)?)),
        KalamDataType::Uuid => S::FixedSizeBinary(16, Some(take::<16>(rest)?.to_vec())),
        KalamDataType::Json
        | KalamDataType::File
        | KalamDataType::Embedding(_)
        | KalamDataType::List(_) => return None,
    })
}

#[cfg(test)]
mod tests;
