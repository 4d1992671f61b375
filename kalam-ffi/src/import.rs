//! Arrow in: what a program hands over as C structures, checked before it is believed.
//!
//! arrow-rs takes lengths, numbers of buffers and children as they are, and asserts or reads
//! out of bounds where they are wrong. What can be seen to be wrong is refused here; that
//! buffers are as long as they say nobody can see.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::slice;
use std::sync::Arc;

use arrow::array::{
    Array, RecordBatch, RecordBatchOptions, RecordBatchReader, StructArray, make_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, SqlState, guarded};

use crate::failure::{Failure, Result};

/// Most rows of one batch.
const ROWS_MAX: i64 = i32::MAX as i64;
/// Deepest nesting of columns.
const DEPTH_MAX: usize = 64;

/// Takes a stream over from the caller, whose structure is marked as released.
///
/// # Errors
/// One of the argument if there is no stream, or its schema is none of a table.
pub unsafe fn reader(stream: *mut FFI_ArrowArrayStream, name: &'static str) -> Result<Batches> {
    if stream.is_null() {
        return Err(Failure::argument(name, "is NULL"));
    }
    // SAFETY: the caller passes a stream that it does not use any more.
    let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(stream) };
    let (Some(get_schema), Some(_), Some(_)) = (stream.get_schema, stream.get_next, stream.release)
    else {
        return Err(Failure::argument(name, "is a stream that is released"));
    };
    let mut schema = FFI_ArrowSchema::empty();
    // SAFETY: the stream is not released, and `schema` has room.
    let errno = unsafe { get_schema(&raw mut stream, &raw mut schema) };
    if errno != 0 {
        let error = producer_error(&mut stream, errno);
        return Err(Failure::argument(name, format_args!("gives no schema: {error}")));
    }
    let schema = table_schema(&schema, name)?;
    Ok(Batches { stream, schema, is_over: false })
}

/// Takes the rows of one struct array over from the caller; both structures are marked as
/// released.
///
/// # Errors
/// One of the argument - `name` is that of the array - if the array is not what its schema
/// says.
pub unsafe fn batch(
    array: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    name: &'static str,
) -> Result<RecordBatch> {
    if schema.is_null() {
        return Err(Failure::argument("schema", "is NULL"));
    }
    if array.is_null() {
        return Err(Failure::argument(name, "is NULL"));
    }
    // SAFETY: the caller passes structures that it does not use any more.
    let (schema, array) =
        unsafe { (FFI_ArrowSchema::from_raw(schema), FFI_ArrowArray::from_raw(array)) };
    let schema = table_schema(&schema, "schema")?;
    if array.is_released() {
        return Err(Failure::argument(name, "is released"));
    }
    rows(array, &schema).map_err(|what| Failure::argument(name, what))
}

/// The columns of a C schema of rows.
fn table_schema(schema: &FFI_ArrowSchema, name: &'static str) -> Result<SchemaRef> {
    // SAFETY: both are the structure of the Arrow C data interface.
    let raw = unsafe { &*(&raw const *schema).cast::<RawSchema>() };
    check_schema(raw, 0).map_err(|e| {
        Failure::argument(name, format_args!("has no schema that can be read: {e}"))
    })?;
    let field = guarded(|| {
        Field::try_from(schema).map_err(|e| {
            Failure::argument(name, format_args!("has no schema that can be read: {e}"))
        })
    })?;
    match field.data_type() {
        DataType::Struct(fields) => {
            Ok(Arc::new(Schema::new_with_metadata(fields.clone(), field.metadata().clone())))
        }
        other => {
            let what = format_args!("is a single column of {other}, not a table");
            Err(Failure::argument(name, what).with_hint("rows are an array of structs"))
        }
    }
}

/// What the producer says about the call that failed; it may say nothing.
fn producer_error(stream: &mut FFI_ArrowArrayStream, errno: c_int) -> ArrowError {
    let message = stream.get_last_error.and_then(|get_last_error| {
        // SAFETY: the stream is not released; the text lives until the next call.
        unsafe {
            let message = get_last_error(&raw mut *stream);
            (!message.is_null()).then(|| CStr::from_ptr(message).to_string_lossy().into_owned())
        }
    });
    ArrowError::CDataInterface(message.unwrap_or_else(|| format!("errno {errno}")))
}

/// The batches of a stream of another library.
pub struct Batches {
    stream: FFI_ArrowArrayStream,
    schema: SchemaRef,
    is_over: bool,
}

impl Iterator for Batches {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.read();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Batches {
    fn read(&mut self) -> Option<std::result::Result<RecordBatch, ArrowError>> {
        let get_next = self.stream.get_next?;
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the stream is not released, and `array` has room.
        let errno = unsafe { get_next(&raw mut self.stream, &raw mut array) };
        if errno != 0 {
            return Some(Err(producer_error(&mut self.stream, errno)));
        }
        if array.is_released() {
            return None;
        }
        Some(rows(array, &self.schema).map_err(|e| ArrowError::CDataInterface(e.to_string())))
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// The rows of an array of structs; the error is the end of a sentence about it.
fn rows(array: FFI_ArrowArray, schema: &SchemaRef) -> std::result::Result<RecordBatch, Error> {
    let lie = |what: String| {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("is not what its schema says: {what}"),
        )
    };
    // arrow-rs asserts what it does not check.
    guarded(|| {
        let data_type = DataType::Struct(schema.fields().clone());
        // SAFETY: both are the structure of the Arrow C data interface.
        let raw = unsafe { &*(&raw const array).cast::<RawArray>() };
        check(raw, &data_type, "", 0)
            .map_err(|what| Error::new(SqlState::INVALID_PARAMETER_VALUE, what))?;
        if raw.length == 0 {
            return Ok(RecordBatch::new_empty(schema.clone()));
        }
        // SAFETY: what can be checked was checked; the producer vouches for the rest.
        let mut data =
            unsafe { from_ffi_and_data_type(array, data_type) }.map_err(|e| lie(e.to_string()))?;
        data.align_buffers();
        data.validate_full().map_err(|e| lie(e.to_string()))?;
        let array = make_array(data);
        let rows: &StructArray =
            array.as_any().downcast_ref().ok_or_else(|| lie("it is no struct".to_owned()))?;
        if rows.null_count() > 0 {
            let what = "has a row that is NULL; NULLs belong into columns";
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, what));
        }
        let count = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(schema.clone(), rows.columns().to_vec(), &count)
            .map_err(|e| lie(e.to_string()))
    })
}

/// `ArrowSchema` as the interface defines it.
#[repr(C)]
struct RawSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *const *const RawSchema,
    dictionary: *const RawSchema,
    release: Option<unsafe extern "C" fn(*mut RawSchema)>,
    private_data: *mut c_void,
}

const _: () = assert!(size_of::<RawSchema>() == size_of::<FFI_ArrowSchema>());

/// Refuses what arrow-rs would assert, with a panic.
fn check_schema(schema: &RawSchema, depth: usize) -> std::result::Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("it is nested more than {DEPTH_MAX} deep"));
    }
    if schema.format.is_null() {
        return Err("it has no format; is it released?".to_owned());
    }
    // SAFETY: a format ends with a NUL byte.
    let format = unsafe { CStr::from_ptr(schema.format) }.to_bytes();
    // SAFETY: a name is NULL or ends with a NUL byte.
    let name = (!schema.name.is_null()).then(|| unsafe { CStr::from_ptr(schema.name) });
    if str::from_utf8(format).is_err() || name.is_some_and(|name| name.to_str().is_err()) {
        return Err("a format or a name is not valid UTF-8".to_owned());
    }
    let is_list =
        [&b"+l"[..], b"+L", b"+vl", b"+vL", b"+m"].contains(&format) || format.starts_with(b"+w:");
    let right = if is_list { schema.n_children == 1 } else { schema.n_children >= 0 };
    if !right || (schema.n_children > 0 && schema.children.is_null()) {
        return Err(format!(
            "a field of format {:?} has {} children",
            String::from_utf8_lossy(format),
            schema.n_children
        ));
    }
    for index in 0..schema.n_children as usize {
        // SAFETY: there are as many children as the schema says.
        match unsafe { (*schema.children.add(index)).as_ref() } {
            Some(child) => check_schema(child, depth + 1)?,
            None => return Err(format!("child {index} is NULL")),
        }
    }
    // SAFETY: it is NULL or a schema.
    unsafe { schema.dictionary.as_ref() }.map_or(Ok(()), |values| check_schema(values, depth + 1))
}

/// `ArrowArray` as the interface defines it; arrow-rs keeps the fields of its own private.
#[repr(C)]
struct RawArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *const *const c_void,
    children: *const *const RawArray,
    dictionary: *const RawArray,
    release: Option<unsafe extern "C" fn(*mut RawArray)>,
    private_data: *mut c_void,
}

const _: () = assert!(size_of::<RawArray>() == size_of::<FFI_ArrowArray>());

/// What an array of a type must have.
struct Layout {
    /// Buffers, that of validity included.
    buffers: i64,
    /// Whether there may be more of them.
    variadic: bool,
    /// Bytes of an offset, if the second buffer has offsets.
    offset_bytes: usize,
}

fn layout(data_type: &DataType) -> Option<Layout> {
    use DataType as T;
    let plain = |buffers| Some(Layout { buffers, variadic: false, offset_bytes: 0 });
    match data_type {
        T::Null => plain(0),
        T::Struct(_) | T::FixedSizeList(..) => plain(1),
        T::Utf8 | T::Binary => Some(Layout { buffers: 3, variadic: false, offset_bytes: 4 }),
        T::LargeUtf8 | T::LargeBinary => {
            Some(Layout { buffers: 3, variadic: false, offset_bytes: 8 })
        }
        T::Utf8View | T::BinaryView => Some(Layout { buffers: 3, variadic: true, offset_bytes: 0 }),
        T::List(_) => Some(Layout { buffers: 2, variadic: false, offset_bytes: 4 }),
        T::LargeList(_) => Some(Layout { buffers: 2, variadic: false, offset_bytes: 8 }),
        T::Boolean | T::FixedSizeBinary(_) => plain(2),
        T::Dictionary(key, _) if key.is_integer() => plain(2),
        other if other.is_primitive() => plain(2),
        _ => None,
    }
}

fn children(data_type: &DataType) -> Vec<&Field> {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(AsRef::as_ref).collect(),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            vec![item.as_ref()]
        }
        _ => Vec::new(),
    }
}

/// Refuses what can be seen to be no array of the type.
fn check(
    array: &RawArray,
    data_type: &DataType,
    column: &str,
    depth: usize,
) -> std::result::Result<(), String> {
    let place = if column.is_empty() { String::new() } else { format!(" in column \"{column}\"") };
    let lie = |what: String| Err(format!("is not what its schema says{place}: {what}"));
    let Some(layout) = layout(data_type) else {
        return Err(format!("has {data_type}{place}, which is not supported"));
    };
    if depth > DEPTH_MAX {
        return Err(format!("is nested more than {DEPTH_MAX} deep{place}"));
    }
    let end = array.length.saturating_add(array.offset);
    if array.length < 0 || array.offset < 0 || end > ROWS_MAX {
        return lie(format!("{} rows from row {}", array.length, array.offset));
    }
    if array.null_count < -1 || array.null_count > array.length {
        return lie(format!("{} NULLs in {} rows", array.null_count, array.length));
    }
    let buffers = i64::from(layout.variadic) + layout.buffers;
    let right = if layout.variadic {
        (layout.buffers..=1 << 20).contains(&array.n_buffers)
    } else {
        array.n_buffers == buffers
    };
    if !right || (array.n_buffers > 0 && array.buffers.is_null()) {
        return lie(format!("{data_type} has {} buffers, not {}", layout.buffers, array.n_buffers));
    }
    check_buffers(array, data_type, &layout, end).or_else(lie)?;
    let fields = children(data_type);
    if array.n_children != fields.len() as i64 || (array.n_children > 0 && array.children.is_null())
    {
        return lie(format!("it has {} children, not {}", array.n_children, fields.len()));
    }
    check_dictionary(array, data_type, column, depth)?;
    for (index, field) in fields.iter().enumerate() {
        // SAFETY: there are as many children as the array says.
        let Some(child) = (unsafe { (*array.children.add(index)).as_ref() }) else {
            return lie(format!("child {index} is NULL"));
        };
        let name = if column.is_empty() { field.name().as_str() } else { column };
        check(child, field.data_type(), name, depth + 1)?;
        let needed = match data_type {
            DataType::Struct(_) => end,
            DataType::FixedSizeList(_, size) => end.saturating_mul(i64::from(*size)),
            _ => 0,
        };
        if child.length < needed {
            return lie(format!("child {index} has {} rows, not {needed}", child.length));
        }
    }
    Ok(())
}

fn check_dictionary(
    array: &RawArray,
    data_type: &DataType,
    column: &str,
    depth: usize,
) -> std::result::Result<(), String> {
    // SAFETY: it is NULL or an array.
    match (data_type, unsafe { array.dictionary.as_ref() }) {
        (DataType::Dictionary(_, values), Some(dictionary)) => {
            check(dictionary, values, column, depth + 1)
        }
        (DataType::Dictionary(..), None) => {
            Err(format!("is not what its schema says in column \"{column}\": no dictionary"))
        }
        (_, None) => Ok(()),
        (_, Some(_)) => {
            Err(format!("is not what its schema says in column \"{column}\": a dictionary"))
        }
    }
}

fn check_buffers(
    array: &RawArray,
    data_type: &DataType,
    layout: &Layout,
    end: i64,
) -> std::result::Result<(), String> {
    if array.n_buffers == 0 || end == 0 {
        return Ok(());
    }
    // SAFETY: there are as many buffers as the array says.
    let buffers = unsafe { slice::from_raw_parts(array.buffers, array.n_buffers as usize) };
    if buffers[0].is_null() && array.null_count > 0 {
        return Err(format!("{} NULLs without a bitmap", array.null_count));
    }
    if layout.buffers > 1 && buffers[1].is_null() {
        return Err(format!("{data_type} without a data buffer"));
    }
    if layout.offset_bytes > 0 {
        // SAFETY: the buffer has an offset for each row and one more.
        let last = unsafe {
            let last = buffers[1].cast::<u8>().add(end as usize * layout.offset_bytes);
            match layout.offset_bytes {
                4 => i64::from(last.cast::<i32>().read_unaligned()),
                _ => last.cast::<i64>().read_unaligned(),
            }
        };
        if last < 0 {
            return Err(format!("the last offset is {last}"));
        }
        if last > 0 && layout.buffers == 3 && buffers[2].is_null() {
            return Err(format!("{data_type} of {last} bytes without a data buffer"));
        }
    }
    if layout.variadic {
        let count = buffers.len() - 3;
        let sizes = buffers[buffers.len() - 1].cast::<i64>();
        if count > 0 && sizes.is_null() {
            return Err("views without the sizes of their buffers".to_owned());
        }
        for index in 0..count {
            // SAFETY: the last buffer has a size for each buffer of data.
            let size = unsafe { sizes.add(index).read_unaligned() };
            if size < 0 || (size > 0 && buffers[2 + index].is_null()) {
                return Err(format!("buffer {index} has {size} bytes"));
            }
        }
    }
    Ok(())
}
