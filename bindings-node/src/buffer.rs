//! Arrow buffers as ArrayBuffers, without a copy where nothing else holds them.
//!
//! JavaScript may write into an ArrayBuffer. So only memory that belongs to the batch alone is
//! handed out as it is; what caches, files or other batches see too is copied.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use arrow::array::{Array, ArrayData, ArrayRef, RecordBatch, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, FieldRef};
use kalam_core::{Error, SqlState};
use napi::sys::TypedarrayType;
use napi::{Result, check_status, sys};

use crate::error::exception;
use crate::js::{Js, Raw};

thread_local! {
    /// Whether this host refused to take memory that is not its own (Electron).
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// ArrayBuffers of batches in the order of Arrow's IPC: for each array its validity (null if
/// all values are valid), its buffers, then its children.
///
/// What is told of all batches goes over in one typed array: a call of Node-API for each of
/// them would cost as much as their buffers.
pub struct Export {
    js: Js,
    /// Whether memory may be handed out uncopied.
    zero_copy: bool,
    /// The ArrayBuffers, an array of JavaScript.
    buffers: Raw,
    buffer_count: usize,
    /// For each batch its number of rows, then for each array: length, number of NULLs, number
    /// of buffers beside validity.
    layout: Vec<f64>,
    /// Where each buffer was in the engine's memory, 0 if it was copied.
    addresses: Vec<u64>,
}

impl Export {
    /// Of nothing yet.
    pub fn new(js: Js, zero_copy: bool) -> Result<Self> {
        let buffers = js.array(0)?;
        let (layout, addresses) = (Vec::new(), Vec::new());
        Ok(Export { js, zero_copy, buffers, buffer_count: 0, layout, addresses })
    }

    /// Takes a batch that nothing else holds any more.
    #[expect(clippy::cast_precision_loss, reason = "memory holds less than 2^53 rows")]
    pub fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.layout.push(batch.num_rows() as f64);
        let arrays: Vec<_> = batch.columns().iter().map(|column| column.to_data()).collect();
        // From here on only `arrays` holds the buffers.
        drop(batch);
        arrays.into_iter().try_for_each(|data| self.array(data))
    }

    /// An array of `head`, layout, addresses and the array of buffers.
    pub fn finish(self, head: Raw) -> Result<Raw> {
        let js = self.js;
        let layout: Vec<u8> = self.layout.iter().flat_map(|value| value.to_ne_bytes()).collect();
        let layout = js.copied(&layout)?;
        let addresses: Vec<u8> = self.addresses.iter().flat_map(|at| at.to_ne_bytes()).collect();
        let addresses = js.copied(&addresses)?;
        let parts = js.array(4)?;
        js.put(parts, 0, head)?;
        js.put(parts, 1, js.typed(TypedarrayType::float64_array, self.layout.len(), layout)?)?;
        let kind = TypedarrayType::biguint64_array;
        js.put(parts, 2, js.typed(kind, self.addresses.len(), addresses)?)?;
        js.put(parts, 3, self.buffers)?;
        Ok(parts)
    }

    #[expect(clippy::cast_precision_loss, reason = "an array has less than 2^53 values")]
    fn array(&mut self, data: ArrayData) -> Result<()> {
        let data = at_start(self.js, data)?;
        let has_offsets = has_offsets(data.data_type());
        let (_, length, nulls, _, mut buffers, children) = data.into_parts();
        // An empty array may lack the one offset that the format wants.
        if length == 0 && has_offsets && buffers.first().is_some_and(Buffer::is_empty) {
            buffers[0] = Buffer::from_slice_ref([0i64]);
        }
        let null_count = nulls.as_ref().map_or(0, |nulls| nulls.null_count());
        self.layout.extend([length as f64, null_count as f64, buffers.len() as f64]);
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => {
                let bits = nulls.into_inner();
                self.buffer(whole_bits(bits))?;
            }
            None => self.put(self.js.null()?)?,
        }
        buffers.into_iter().try_for_each(|buffer| self.buffer(buffer))?;
        children.into_iter().try_for_each(|child| self.array(child))
    }

    fn buffer(&mut self, buffer: Buffer) -> Result<()> {
        let owned = if self.zero_copy && !REFUSED.get() && !buffer.is_empty() {
            buffer.into_mutable()
        } else {
            Err(buffer)
        };
        let (made, address) = match owned {
            Ok(own) => external(self.js, own)?,
            Err(shared) => (self.js.copied(&shared)?, 0),
        };
        self.addresses.push(address);
        self.put(made)
    }

    fn put(&mut self, buffer: Raw) -> Result<()> {
        self.js.put(self.buffers, self.buffer_count, buffer)?;
        self.buffer_count += 1;
        Ok(())
    }
}

/// A Uint8Array of bytes that nothing else holds.
pub fn own_bytes(js: Js, memory: MutableBuffer) -> Result<Raw> {
    let length = memory.len();
    let buffer = match length {
        0 => js.copied(&[])?,
        _ => external(js, memory)?.0,
    };
    js.typed(TypedarrayType::uint8_array, length, buffer)
}

/// Hands memory to the collector of JavaScript; its address, or 0 where the host wants a copy.
fn external(js: Js, memory: MutableBuffer) -> Result<(Raw, u64)> {
    let (start, length) = (memory.as_ptr().cast_mut(), memory.len());
    let keeper = Box::into_raw(Box::new(memory));
    let mut made = ptr::null_mut();
    // SAFETY: the memory stays until the finalizer frees its keeper.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            js.raw(),
            start.cast(),
            length,
            Some(free),
            keeper.cast(),
            &raw mut made,
        )
    };
    if status == sys::Status::napi_ok {
        return Ok((made, start as u64));
    }
    // SAFETY: a call that failed kept nothing, and will not call the finalizer.
    let memory = unsafe { Box::from_raw(keeper) };
    if status == sys::Status::napi_no_external_buffers_allowed {
        REFUSED.set(true);
        return Ok((js.copied(&memory)?, 0));
    }
    check_status!(status)?;
    Ok((made, 0))
}

unsafe extern "C" fn free(_: sys::napi_env, _: *mut c_void, keeper: *mut c_void) {
    // SAFETY: it is the box of `external`, and Node calls this once.
    drop(unsafe { Box::from_raw(keeper.cast::<MutableBuffer>()) });
}

/// Validity from the first bit of the first byte on.
fn whole_bits(bits: BooleanBuffer) -> Buffer {
    if bits.offset() == 0 { bits.into_inner() } else { bits.sliced() }
}

/// An array whose buffers begin with its first value. One that begins amid them is copied.
fn at_start(js: Js, data: ArrayData) -> Result<ArrayData> {
    if data.offset() == 0 {
        return Ok(data);
    }
    let array = make_array(data);
    // Of one array it would be that array again.
    let nothing = array.slice(0, 0);
    concat(&[&array, &nothing])
        .map(|copy| copy.to_data())
        .map_err(|error| exception(js, &Error::new(SqlState::INTERNAL_ERROR, error.to_string())))
}

fn has_offsets(data_type: &DataType) -> bool {
    use DataType as D;
    matches!(
        data_type,
        D::Utf8
            | D::LargeUtf8
            | D::Binary
            | D::LargeBinary
            | D::List(_)
            | D::LargeList(_)
            | D::Map(..)
    )
}

/// A column as other implementations of Arrow know it: arrow-js has no views and no short
/// decimals, and takes dictionaries apart by itself only within one stream.
pub fn portable(field: &FieldRef, column: &ArrayRef) -> kalam_core::Result<(FieldRef, ArrayRef)> {
    use DataType as D;
    let target = match column.data_type() {
        D::Utf8View => D::Utf8,
        D::BinaryView => D::Binary,
        D::Decimal32(precision, scale) | D::Decimal64(precision, scale) => {
            D::Decimal128(*precision, *scale)
        }
        D::Dictionary(_, values) => values.as_ref().clone(),
        _ => return Ok((field.clone(), column.clone())),
    };
    let column = cast(column, &target)
        .map_err(|e| Error::new(SqlState::FEATURE_NOT_SUPPORTED, e.to_string()))?;
    let field: Field = field.as_ref().clone().with_data_type(target);
    Ok((field.into(), column))
}
