//! One column of a batch, downcast once, so that writing a value costs a match on a
//! small enum instead of a dynamic call.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};

use crate::model::KalamDataType;
use crate::{Error, Result, SqlState};

/// The values of one column and which of them are NULL.
pub(super) struct Column {
    pub(super) nulls: Option<NullBuffer>,
    pub(super) values: Values,
}

/// Values by their width, not by their type: DATE is an i32 like INT.
pub(super) enum Values {
    Bool(BooleanBuffer),
    I16(ScalarBuffer<i16>),
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    I128(ScalarBuffer<i128>),
    F32(ScalarBuffer<f32>),
    F64(ScalarBuffer<f64>),
    Uuid(FixedSizeBinaryArray),
    Bytes(OffsetBuffer<i32>, Buffer),
    /// All vectors side by side, and the dimensions.
    Embedding(ScalarBuffer<f32>, usize),
    /// The elements, and the bytes of each, if they are all the same length.
    List(OffsetBuffer<i32>, Box<Column>, Option<usize>),
}

impl Column {
    /// Takes an array of exactly the type's Arrow type.
    pub(super) fn new(data_type: &KalamDataType, array: &ArrayRef) -> Result<Self> {
        if array.data_type() != &data_type.arrow_type() {
            return Err(Error::new(
                SqlState::INTERNAL_ERROR,
                format!("codec for {data_type} was given an array of {}", array.data_type()),
            ));
        }
        let values = match data_type {
            KalamDataType::Boolean => Values::Bool(array.as_boolean().values().clone()),
            KalamDataType::SmallInt => {
                Values::I16(array.as_primitive::<Int16Type>().values().clone())
            }
            KalamDataType::Int => Values::I32(array.as_primitive::<Int32Type>().values().clone()),
            KalamDataType::Date => Values::I32(array.as_primitive::<Date32Type>().values().clone()),
            KalamDataType::BigInt => {
                Values::I64(array.as_primitive::<Int64Type>().values().clone())
            }
            KalamDataType::Time => {
                Values::I64(array.as_primitive::<Time64MicrosecondType>().values().clone())
            }
            KalamDataType::Timestamp | KalamDataType::DateTime => {
                Values::I64(array.as_primitive::<TimestampMicrosecondType>().values().clone())
            }
            KalamDataType::Float => {
                Values::F32(array.as_primitive::<Float32Type>().values().clone())
            }
            KalamDataType::Double => {
                Values::F64(array.as_primitive::<Float64Type>().values().clone())
            }
            KalamDataType::Decimal { .. } => {
                Values::I128(array.as_primitive::<Decimal128Type>().values().clone())
            }
            KalamDataType::Text | KalamDataType::Json | KalamDataType::File => {
                let text = array.as_string::<i32>();
                Values::Bytes(text.offsets().clone(), text.values().clone())
            }
            KalamDataType::Bytes => {
                let bytes = array.as_binary::<i32>();
                Values::Bytes(bytes.offsets().clone(), bytes.values().clone())
            }
            KalamDataType::Uuid => Values::Uuid(array.as_fixed_size_binary().clone()),
            KalamDataType::Embedding(dimensions) => {
                let values = array.as_fixed_size_list().values().as_primitive::<Float32Type>();
                Values::Embedding(values.values().clone(), usize::from(*dimensions))
            }
            KalamDataType::List(element) => {
                let list = array.as_list::<i32>();
                let elements = Column::new(element, list.values())?;
                let width = element.is_fixed_width();
                Values::List(list.offsets().clone(), Box::new(elements), width)
            }
        };
        Ok(Column { nulls: array.nulls().cloned(), values })
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Writes a value of fixed width into its slot, which has that width.
    pub(super) fn write_fixed(&self, row: usize, slot: &mut [u8]) {
        match &self.values {
            Values::Bool(values) => slot[0] = u8::from(values.value(row)),
            Values::I16(values) => slot.copy_from_slice(&values[row].to_le_bytes()),
            Values::I32(values) => slot.copy_from_slice(&values[row].to_le_bytes()),
            Values::I64(values) => slot.copy_from_slice(&values[row].to_le_bytes()),
            Values::I128(values) => slot.copy_from_slice(&values[row].to_le_bytes()),
            Values::F32(values) => slot.copy_from_slice(&values[row].to_le_bytes()),
            Values::F64(values) => slot.copy_from_slice(&values[row].to_le_bytes()),
            Values::Uuid(values) => slot.copy_from_slice(values.value(row)),
            Values::Bytes(..) | Values::Embedding(..) | Values::List(..) => {
                unreachable!("values without a fixed width have no slot")
            }
        }
    }

    /// Appends a value of variable length.
    pub(super) fn append_variable(&self, row: usize, out: &mut Vec<u8>) {
        match &self.values {
            Values::Bytes(offsets, data) => out.extend_from_slice(bytes_at(offsets, data, row)),
            Values::Embedding(values, dimensions) => {
                let vector = &values[row * dimensions..(row + 1) * dimensions];
                let start = out.len();
                out.resize(start + vector.len() * 4, 0);
                for (slot, value) in out[start..].as_chunks_mut::<4>().0.iter_mut().zip(vector) {
                    *slot = value.to_le_bytes();
                }
            }
            Values::List(offsets, elements, width) => {
                elements.append_list(range_at(offsets, row), *width, out);
            }
            _ => unreachable!("values of fixed width are written into slots"),
        }
    }

    /// Appends a list: count, null bitmap, then slots or end offsets and data.
    fn append_list(&self, rows: std::ops::Range<usize>, width: Option<usize>, out: &mut Vec<u8>) {
        let count = rows.len();
        out.extend_from_slice(&offset(count));
        let bitmap = out.len();
        let slots = bitmap + count.div_ceil(8);
        out.resize(slots + count * width.unwrap_or(4), 0);
        let data = out.len();
        for (place, row) in rows.enumerate() {
            let is_null = self.is_null(row);
            if is_null {
                out[bitmap + place / 8] |= 1 << (place % 8);
            }
            match width {
                Some(width) if !is_null => {
                    let slot = slots + place * width;
                    self.write_fixed(row, &mut out[slot..slot + width]);
                }
                Some(_) => {}
                None => {
                    if !is_null {
                        self.append_variable(row, out);
                    }
                    let end = offset(out.len() - data);
                    out[slots + place * 4..][..4].copy_from_slice(&end);
                }
            }
        }
    }

    /// Bytes that `append_variable` will append.
    pub(super) fn variable_len(&self, row: usize) -> usize {
        if self.is_null(row) {
            return 0;
        }
        match &self.values {
            Values::Bytes(offsets, _) => range_at(offsets, row).len(),
            Values::Embedding(_, dimensions) => dimensions * 4,
            Values::List(offsets, elements, width) => {
                let rows = range_at(offsets, row);
                let count = rows.len();
                let data = match width {
                    Some(width) => count * width,
                    None => rows.map(|row| 4 + elements.variable_len(row)).sum(),
                };
                4 + count.div_ceil(8) + data
            }
            _ => 0,
        }
    }

    /// At least the bytes that all rows together append; quick to know.
    pub(super) fn variable_len_bound(&self, rows: usize) -> usize {
        match &self.values {
            Values::Bytes(_, data) => data.len(),
            Values::Embedding(_, dimensions) => rows * dimensions * 4,
            Values::List(offsets, elements, width) => {
                let count = usize::try_from(offsets[rows] - offsets[0]).unwrap_or_default();
                let data = match width {
                    Some(width) => count * width,
                    None => count * 4 + elements.variable_len_bound(count),
                };
                rows * 5 + count + data
            }
            _ => 0,
        }
    }
}

/// A length as a stored offset. `RowEncoder::new` has refused longer rows.
pub(super) fn offset(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("row lengths were checked against u32").to_le_bytes()
}

/// The places of a row's values.
fn range_at(offsets: &OffsetBuffer<i32>, row: usize) -> std::ops::Range<usize> {
    let place = |o: i32| usize::try_from(o).expect("arrow offsets are not negative");
    place(offsets[row])..place(offsets[row + 1])
}

/// The bytes of a row.
pub(super) fn bytes_at<'a>(offsets: &OffsetBuffer<i32>, data: &'a Buffer, row: usize) -> &'a [u8] {
    &data.as_slice()[range_at(offsets, row)]
}

/// The bytes of a batch's own rows: the buffers that it points into may be larger, and
/// other batches' too.
pub(crate) fn batch_bytes(batch: &RecordBatch) -> usize {
    column_bytes(batch.columns())
}

/// As [`batch_bytes`], for columns.
pub(crate) fn column_bytes(columns: &[ArrayRef]) -> usize {
    let bytes = |column: &ArrayRef| {
        let data = column.to_data();
        data.get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
    };
    columns.iter().map(bytes).sum()
}
