//! Collecting the stored bytes of values into an Arrow array.

use std::mem;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, FixedSizeBinaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, ListArray,
    NullBufferBuilder, PrimitiveArray, StringArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Time64MicrosecondType, TimestampMicrosecondType,
};

use super::damaged;
use crate::model::KalamDataType;
use crate::{Error, Result, SqlState};

/// Collects the values of one column, as the bytes that a record has for them.
pub(super) struct ColumnBuilder {
    data_type: KalamDataType,
    arrow_type: DataType,
    nulls: NullBufferBuilder,
    values: Values,
}

/// Values by their width, not by their type: DATE is an i32 like INT.
enum Values {
    Bool(BooleanBufferBuilder),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    I128(Vec<i128>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Uuid(Vec<u8>),
    /// End offsets, from a leading 0, and the bytes of all values.
    Bytes(Vec<i32>, Vec<u8>),
    /// All vectors side by side, and the dimensions.
    Embedding(Vec<f32>, usize),
    /// End offsets, from a leading 0, and the elements.
    List(Vec<i32>, Box<ColumnBuilder>),
}

impl ColumnBuilder {
    pub(super) fn new(data_type: &KalamDataType, capacity: usize) -> Self {
        ColumnBuilder {
            arrow_type: data_type.arrow_type(),
            nulls: NullBufferBuilder::new(capacity),
            values: Values::new(data_type, capacity),
            data_type: data_type.clone(),
        }
    }

    pub(super) fn append_null(&mut self) {
        self.nulls.append_null();
        match &mut self.values {
            Values::Bool(values) => values.append(false),
            Values::I16(values) => values.push(0),
            Values::I32(values) => values.push(0),
            Values::I64(values) => values.push(0),
            Values::I128(values) => values.push(0),
            Values::F32(values) => values.push(0.0),
            Values::F64(values) => values.push(0.0),
            Values::Uuid(values) => values.extend_from_slice(&[0; 16]),
            Values::Embedding(values, dimensions) => {
                values.resize(values.len() + *dimensions, 0.0);
            }
            Values::Bytes(ends, _) | Values::List(ends, _) => {
                ends.push(*ends.last().expect("offsets start with 0"));
            }
        }
    }

    /// Appends a value from its stored bytes, which are checked: their length here,
    /// text as a whole in [`finish`](Self::finish).
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.values {
            Values::Bool(values) => match bytes {
                [0] => values.append(false),
                [1] => values.append(true),
                _ => return Err(damaged()),
            },
            Values::I16(values) => values.push(i16::from_le_bytes(exactly(bytes)?)),
            Values::I32(values) => values.push(i32::from_le_bytes(exactly(bytes)?)),
            Values::I64(values) => values.push(i64::from_le_bytes(exactly(bytes)?)),
            Values::I128(values) => values.push(i128::from_le_bytes(exactly(bytes)?)),
            Values::F32(values) => values.push(f32::from_le_bytes(exactly(bytes)?)),
            Values::F64(values) => values.push(f64::from_le_bytes(exactly(bytes)?)),
            Values::Uuid(values) => values.extend_from_slice(&exactly::<16>(bytes)?),
            Values::Bytes(ends, data) => {
                data.extend_from_slice(bytes);
                ends.push(end_offset(data.len())?);
            }
            Values::Embedding(values, dimensions) => {
                let (chunks, []) = bytes.as_chunks::<4>() else { return Err(damaged()) };
                if chunks.len() != *dimensions {
                    return Err(damaged());
                }
                values.extend(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)));
            }
            Values::List(ends, elements) => {
                elements.append_list(bytes)?;
                ends.push(end_offset(elements.nulls.len())?);
            }
        }
        self.nulls.append_non_null();
        Ok(())
    }

    /// Appends the elements of a stored list.
    fn append_list(&mut self, bytes: &[u8]) -> Result<()> {
        let (count, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
        let count = u32::from_le_bytes(*count) as usize;
        let (bitmap, rest) = rest.split_at_checked(count.div_ceil(8)).ok_or_else(damaged)?;
        let is_null = |place: usize| bitmap[place / 8] & (1 << (place % 8)) != 0;
        let width = self.data_type.is_fixed_width();
        let (slots, data) =
            rest.split_at_checked(count * width.unwrap_or(4)).ok_or_else(damaged)?;
        let mut start = 0;
        for place in 0..count {
            let value = match width {
                Some(width) => &slots[place * width..][..width],
                None => {
                    let end = u32::from_le_bytes(exactly(&slots[place * 4..][..4])?) as usize;
                    let value = data.get(start..end).ok_or_else(damaged)?;
                    start = end;
                    value
                }
            };
            if is_null(place) { self.append_null() } else { self.append(value)? }
        }
        if start == data.len() { Ok(()) } else { Err(damaged()) }
    }

    /// The array of what was appended; the builder is empty afterwards, with room for
    /// `room` values.
    ///
    /// # Errors
    /// `XX001` if text is not UTF-8.
    pub(super) fn finish(&mut self, room: usize) -> Result<ArrayRef> {
        let next = Values::new(&self.data_type, room);
        let nulls = self.nulls.finish();
        let values = mem::replace(&mut self.values, next);
        Ok(match values {
            Values::Bool(mut values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::I16(values) => Arc::new(Int16Array::new(values.into(), nulls)),
            Values::I32(values) => {
                let array = Int32Array::new(values.into(), nulls);
                match self.data_type {
                    KalamDataType::Date => Arc::new(array.reinterpret_cast::<Date32Type>()),
                    _ => Arc::new(array),
                }
            }
            Values::I64(values) => self.finish_i64(Int64Array::new(values.into(), nulls)),
            Values::I128(values) => Arc::new(
                PrimitiveArray::<Decimal128Type>::new(values.into(), nulls)
                    .with_data_type(self.arrow_type.clone()),
            ),
            Values::F32(values) => Arc::new(Float32Array::new(values.into(), nulls)),
            Values::F64(values) => Arc::new(Float64Array::new(values.into(), nulls)),
            Values::Uuid(values) => Arc::new(FixedSizeBinaryArray::new(16, values.into(), nulls)),
            Values::Bytes(ends, data) => self.finish_bytes(ends, data, nulls)?,
            Values::Embedding(values, _) => {
                let DataType::FixedSizeList(item, size) = &self.arrow_type else {
                    unreachable!("EMBEDDING is a fixed-size list");
                };
                let values = Arc::new(Float32Array::from(values));
                Arc::new(FixedSizeListArray::new(item.clone(), *size, values, nulls))
            }
            Values::List(ends, mut elements) => {
                let DataType::List(item) = &self.arrow_type else {
                    unreachable!("lists are lists");
                };
                let offsets = OffsetBuffer::new(ends.into());
                Arc::new(ListArray::new(item.clone(), offsets, elements.finish(0)?, nulls))
            }
        })
    }

    fn finish_i64(&self, array: Int64Array) -> ArrayRef {
        match self.data_type {
            KalamDataType::Time => Arc::new(array.reinterpret_cast::<Time64MicrosecondType>()),
            KalamDataType::Timestamp | KalamDataType::DateTime => Arc::new(
                array
                    .reinterpret_cast::<TimestampMicrosecondType>()
                    .with_data_type(self.arrow_type.clone()),
            ),
            _ => Arc::new(array),
        }
    }

    fn finish_bytes(
        &self,
        ends: Vec<i32>,
        data: Vec<u8>,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let offsets = OffsetBuffer::new(ends.into());
        if self.data_type == KalamDataType::Bytes {
            return Ok(Arc::new(BinaryArray::new(offsets, data.into(), nulls)));
        }
        // One check of all text at once is several times faster than one for each value.
        let array = StringArray::try_new(offsets, data.into(), nulls)
            .map_err(|e| damaged().with_source(e))?;
        Ok(Arc::new(array))
    }
}

impl Values {
    fn new(data_type: &KalamDataType, capacity: usize) -> Self {
        /// A guess at the length of text; short of it, the buffer grows.
        const BYTES_PER_VALUE: usize = 16;
        let ends = || {
            let mut ends = Vec::with_capacity(capacity + 1);
            ends.push(0);
            ends
        };
        match data_type {
            KalamDataType::Boolean => Values::Bool(BooleanBufferBuilder::new(capacity)),
            KalamDataType::SmallInt => Values::I16(Vec::with_capacity(capacity)),
            KalamDataType::Int | KalamDataType::Date => Values::I32(Vec::with_capacity(capacity)),
            KalamDataType::BigInt
            | KalamDataType::Time
            | KalamDataType::Timestamp
            | KalamDataType::DateTime => Values::I64(Vec::with_capacity(capacity)),
            KalamDataType::Decimal { .. } => Values::I128(Vec::with_capacity(capacity)),
            KalamDataType::Float => Values::F32(Vec::with_capacity(capacity)),
            KalamDataType::Double => Values::F64(Vec::with_capacity(capacity)),
            KalamDataType::Uuid => Values::Uuid(Vec::with_capacity(capacity * 16)),
            KalamDataType::Text
            | KalamDataType::Json
            | KalamDataType::File
            | KalamDataType::Bytes => {
                Values::Bytes(ends(), Vec::with_capacity(capacity * BYTES_PER_VALUE))
            }
            KalamDataType::Embedding(dimensions) => {
                let dimensions = usize::from(*dimensions);
                Values::Embedding(Vec::with_capacity(capacity * dimensions), dimensions)
            }
            KalamDataType::List(element) => {
                Values::List(ends(), Box::new(ColumnBuilder::new(element, capacity)))
            }
        }
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| damaged())
}

fn end_offset(length: usize) -> Result<i32> {
    i32::try_from(length).map_err(|_| {
        Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "one batch of a column is longer than 2 GiB")
            .with_hint("read fewer rows at a time")
    })
}
