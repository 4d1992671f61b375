//! Vectors as values of one length, which is how segments hold them: such a page is decoded
//! by copying it, and the Arrow array of one is that of the other with another type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeListArray};
use arrow::buffer::{Buffer, MutableBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float32Type};
use arrow::error::ArrowError;

/// Bytes of an element.
const ELEMENT_BYTES: i32 = 4;

/// Embeddings as FixedSizeBinary; what is none stays as it is.
///
/// # Errors
/// If the array is no valid one.
pub(crate) fn pack_vectors(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let Some(list) = array.as_fixed_size_list_opt() else { return Ok(array.clone()) };
    let Some(values) = list.values().as_primitive_opt::<Float32Type>() else {
        return Ok(array.clone());
    };
    let width = list.value_length() * ELEMENT_BYTES;
    let bytes = values.values().inner().clone();
    Ok(Arc::new(FixedSizeBinaryArray::try_new(width, bytes, list.nulls().cloned())?))
}

/// What [`pack_vectors`] was given, of an embedding's Arrow type.
///
/// # Errors
/// If it does not fit the type.
pub(crate) fn unpack_vectors(
    array: &ArrayRef,
    embedding: &DataType,
) -> Result<ArrayRef, ArrowError> {
    let (Some(packed), DataType::FixedSizeList(item, dimensions)) =
        (array.as_fixed_size_binary_opt(), embedding)
    else {
        return Ok(array.clone());
    };
    if packed.value_length() != dimensions * ELEMENT_BYTES {
        return Err(ArrowError::CastError("vectors of another dimension".into()));
    }
    let elements = packed.values().len() / ELEMENT_BYTES as usize;
    let values = ScalarBuffer::<f32>::new(aligned(packed.values()), 0, elements);
    let values = Arc::new(arrow::array::Float32Array::new(values, None));
    let nulls = packed.nulls().cloned();
    Ok(Arc::new(FixedSizeListArray::try_new(item.clone(), *dimensions, values, nulls)?))
}

/// Bytes of a decoder are bytes; that they begin where a number may is its allocator's way.
fn aligned(bytes: &Buffer) -> Buffer {
    if bytes.as_ptr().align_offset(align_of::<f32>()) == 0 {
        return bytes.clone();
    }
    let mut copied = MutableBuffer::with_capacity(bytes.len());
    copied.extend_from_slice(bytes.as_slice());
    copied.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KalamDataType;

    #[test]
    fn packed_vectors_are_the_same_bytes_and_come_back_with_their_nulls() {
        let data_type = KalamDataType::Embedding(2).arrow_type();
        let DataType::FixedSizeList(item, _) = &data_type else { unreachable!() };
        let values = arrow::array::Float32Array::from(vec![9.0, 9.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0]);
        let nulls = vec![true, true, false, true].into();
        let list = FixedSizeListArray::new(item.clone(), 2, Arc::new(values), Some(nulls));
        let list: ArrayRef = Arc::new(list.slice(1, 3));
        let packed = pack_vectors(&list).expect("it is valid");
        let bytes = packed.as_fixed_size_binary();
        assert_eq!(bytes.value(0), [1f32.to_le_bytes(), 2f32.to_le_bytes()].concat());
        let back = unpack_vectors(&packed, &data_type).expect("it is valid");
        assert_eq!(&back, &list);
        let first = |array: &ArrayRef| {
            array.as_fixed_size_list().values().as_primitive::<Float32Type>().values().as_ptr()
        };
        assert_eq!(first(&back), first(&list));
        let other = KalamDataType::Embedding(3).arrow_type();
        assert!(unpack_vectors(&packed, &other).is_err());
    }

    #[test]
    fn bytes_that_are_not_aligned_are_copied() {
        let bytes = Buffer::from_vec((0u8..9).collect::<Vec<_>>()).slice(1);
        let packed: ArrayRef = Arc::new(FixedSizeBinaryArray::new(8, bytes.clone(), None));
        let data_type = KalamDataType::Embedding(2).arrow_type();
        let back = unpack_vectors(&packed, &data_type).expect("it is valid");
        let values = back.as_fixed_size_list().values().as_primitive::<Float32Type>().clone();
        assert_eq!(values.values().inner().as_slice(), bytes.as_slice());
    }
}
