//! Writing one record from single values, without arrays.

use datafusion::common::ScalarValue;

use super::layout::{RowLayout, Slot};
use super::{FORMAT, HEADER_LEN, RowHeader, VERSION_AT};
use crate::Result;
use crate::model::KalamDataType;
use crate::store::column::offset;

/// Whole numbers up to here are the same in DOUBLE.
const DOUBLE_EXACT_MAX: u64 = 1 << 53;

/// A value as a record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredValue<'a> {
    Null,
    /// Little endian; as many bytes count as the type has.
    Number([u8; 16]),
    /// The bytes, of any type.
    Bytes(&'a [u8]),
}

impl<'a> StoredValue<'a> {
    /// The value in a column of this type, if an assignment does nothing but store it; `None`
    /// if it has to convert, check or refuse.
    pub(crate) fn of(data_type: &KalamDataType, value: &'a ScalarValue) -> Option<StoredValue<'a>> {
        use KalamDataType as T;
        use ScalarValue as S;
        if value.is_null() {
            return Some(StoredValue::Null);
        }
        Some(match (data_type, value) {
            (T::Boolean, S::Boolean(Some(v))) => number(&[u8::from(*v)]),
            (T::SmallInt | T::Int | T::BigInt | T::Double, _) => match whole_number(value) {
                Some(whole) => stored_whole(data_type, whole)?,
                None => match (data_type, value) {
                    (T::Double, S::Float64(Some(v))) => number(&v.to_le_bytes()),
                    _ => return None,
                },
            },
            (T::Float, S::Float32(Some(v))) => number(&v.to_le_bytes()),
            (T::Date, S::Date32(Some(v))) => number(&v.to_le_bytes()),
            (T::Time, S::Time64Microsecond(Some(v)))
            | (T::Timestamp, S::TimestampMicrosecond(Some(v), None)) => number(&v.to_le_bytes()),
            (T::DateTime, S::TimestampMicrosecond(Some(v), Some(zone))) if &**zone == "UTC" => {
                number(&v.to_le_bytes())
            }
            (T::Text, S::Utf8(Some(v))) => StoredValue::Bytes(v.as_bytes()),
            (T::Bytes, S::Binary(Some(v))) => StoredValue::Bytes(v),
            (T::Uuid, S::FixedSizeBinary(16, Some(v))) if v.len() == 16 => StoredValue::Bytes(v),
            _ => return None,
        })
    }

    /// The bytes that a type of this width, if it has one, counts; `None` for NULL.
    pub(crate) fn bytes(&self, width: Option<usize>) -> Option<&[u8]> {
        match self {
            StoredValue::Null => None,
            StoredValue::Number(number) => Some(&number[..width.unwrap_or(number.len())]),
            StoredValue::Bytes(bytes) => Some(bytes),
        }
    }
}

fn number(bytes: &[u8]) -> StoredValue<'static> {
    let mut number = [0; 16];
    number[..bytes.len()].copy_from_slice(bytes);
    StoredValue::Number(number)
}

fn whole_number(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int16(Some(v)) => Some(i64::from(*v)),
        ScalarValue::Int32(Some(v)) => Some(i64::from(*v)),
        ScalarValue::Int64(Some(v)) => Some(*v),
        _ => None,
    }
}

fn stored_whole(data_type: &KalamDataType, whole: i64) -> Option<StoredValue<'static>> {
    Some(match data_type {
        KalamDataType::SmallInt => number(&i16::try_from(whole).ok()?.to_le_bytes()),
        KalamDataType::Int => number(&i32::try_from(whole).ok()?.to_le_bytes()),
        KalamDataType::BigInt => number(&whole.to_le_bytes()),
        _ if whole.unsigned_abs() <= DOUBLE_EXACT_MAX => {
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
            let double = whole as f64;
            number(&double.to_le_bytes())
        }
        _ => return None,
    })
}

impl RowLayout {
    /// Whether a record has this layout.
    pub(crate) fn is_of(&self, header: &RowHeader) -> bool {
        self.version == header.version
    }

    /// Appends the record of a row, as [`RowEncoder`](super::RowEncoder) does; values in the
    /// order of the layout.
    ///
    /// INVARIANT: the values of variable length have less than 4 GiB together.
    pub(crate) fn encode_values(&self, values: &[StoredValue<'_>], out: &mut Vec<u8>) {
        debug_assert_eq!(values.len(), self.columns.len());
        let start = out.len();
        out.resize(start + self.data_at, 0);
        out[start] = FORMAT;
        out[start + VERSION_AT..][..2].copy_from_slice(&self.version.get().to_le_bytes());
        let data = out.len();
        for (number, (column, value)) in self.columns.iter().zip(values).enumerate() {
            if *value == StoredValue::Null {
                out[start + HEADER_LEN + number / 8] |= 1 << (number % 8);
            }
            match column.slot {
                Slot::Fixed { at, width } => {
                    if let Some(bytes) = value.bytes(Some(width)) {
                        out[start + at..][..width].copy_from_slice(bytes);
                    }
                }
                Slot::Variable { number } => {
                    out.extend_from_slice(value.bytes(None).unwrap_or_default());
                    let end = offset(out.len() - data);
                    out[start + self.offsets_at + number * 4..][..4].copy_from_slice(&end);
                }
            }
        }
    }

    /// The values of a record of this layout, in its order.
    ///
    /// # Errors
    /// `XX001` if the record is damaged.
    pub(crate) fn values<'a>(&self, record: &'a [u8]) -> Result<Vec<StoredValue<'a>>> {
        self.check(record)?;
        let value = |(number, column): (usize, &super::layout::LayoutColumn)| {
            Ok(match Self::is_null(record, number) {
                true => StoredValue::Null,
                false => StoredValue::Bytes(self.value(record, column.slot)?),
            })
        };
        self.columns.iter().enumerate().map(value).collect()
    }

    /// Whether a column holds the same as a value of the record.
    pub(crate) fn is_same(
        &self,
        column: usize,
        one: &StoredValue<'_>,
        other: &StoredValue<'_>,
    ) -> bool {
        let width = match self.columns[column].slot {
            Slot::Fixed { width, .. } => Some(width),
            Slot::Variable { .. } => None,
        };
        one.bytes(width) == other.bytes(width)
    }
}
