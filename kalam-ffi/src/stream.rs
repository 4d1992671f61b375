//! Arrow out: rows as a C stream.
//!
//! arrow-rs has an export too; it aborts the process when the text of an error holds a NUL
//! byte or when the reader panics, and loses the SQLSTATE.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use adbc_ffi::FFI_AdbcError;
use arrow::array::{Array, RecordBatch, StructArray};
use arrow::datatypes::SchemaRef;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, ErrorKind, QueryResult, SqlState, guarded};

use crate::error::c_text;
use crate::failure::{Failure, Result};
use crate::fork::ProcessLocal;

// errno values; those without a condition are the same on Linux, macOS and Windows.
const EIO: c_int = 5;
const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;
const ECANCELED: c_int = if cfg!(target_os = "linux") {
    125
} else if cfg!(target_os = "macos") {
    89
} else {
    105
};

/// Where the rows of a stream come from.
pub trait Source: Send {
    /// The next batch, which may have no rows; `None` at the end. It is not called again
    /// after that or after an error.
    ///
    /// # Errors
    /// What the query raises while it runs; the stream is at its end then.
    fn next(&mut self) -> kalam_core::Result<Option<RecordBatch>>;
}

impl Source for QueryResult {
    fn next(&mut self) -> kalam_core::Result<Option<RecordBatch>> {
        self.next_batch()
    }
}

/// Hands rows out as a C stream with these columns.
///
/// The stream owns what it needs, and may be read and released in any thread; it takes no
/// lock of a program. A child after fork() gets an error from it and drops nothing. Panics
/// of the source are errors. `get_last_error` says `[SQLSTATE] message`, with the hint on a
/// line of its own.
pub fn export(source: impl Source + 'static, schema: SchemaRef) -> FFI_ArrowArrayStream {
    made(Some(ProcessLocal::new(Box::new(source))), schema)
}

/// A stream without columns and rows, of a statement that returns none.
pub(crate) fn nothing() -> FFI_ArrowArrayStream {
    made(None, SchemaRef::new(arrow::datatypes::Schema::empty()))
}

fn made(source: Option<ProcessLocal<Box<dyn Source>>>, schema: SchemaRef) -> FFI_ArrowArrayStream {
    let state = State { source, schema, broken: None };
    FFI_ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release),
        private_data: Box::into_raw(Box::new(state)).cast::<c_void>(),
    }
}

/// What the last call of a stream that [`export`] made broke with.
///
/// # Errors
/// One of the argument if another library made the stream, or it is released.
pub(crate) unsafe fn broken_by<'a>(
    stream: *mut FFI_ArrowArrayStream,
    name: &'static str,
) -> Result<Option<&'a Broken>> {
    // SAFETY: the caller passes NULL or a stream.
    let Some(found) = (unsafe { stream.as_ref() }) else {
        return Err(Failure::argument(name, "is NULL"));
    };
    match found.release {
        None => Err(Failure::argument(name, "is released")),
        Some(found) if ptr::fn_addr_eq(found, release as ReleaseFn) => {
            // SAFETY: the stream has our release function, so it has our state.
            Ok(unsafe { state(stream) }.broken.as_ref())
        }
        Some(_) => Err(Failure::argument(name, "is of another library")),
    }
}

type ReleaseFn = unsafe extern "C" fn(*mut FFI_ArrowArrayStream);

struct State {
    /// `None` at the end, which frees the snapshot, and after a failure.
    source: Option<ProcessLocal<Box<dyn Source>>>,
    schema: SchemaRef,
    broken: Option<Broken>,
}

/// What a stream broke with.
pub(crate) struct Broken {
    errno: c_int,
    message: CString,
    pub(crate) failure: Failure,
    /// The same for ADBC, which wants it to live as long as the stream.
    pub(crate) adbc: OnceLock<FFI_AdbcError>,
}

impl State {
    fn next(&mut self) -> Result<FFI_ArrowArray> {
        let Some(source) = &mut self.source else { return Ok(FFI_ArrowArray::empty()) };
        let source = source.get_mut()?;
        while let Some(batch) = source.next()? {
            if batch.num_rows() > 0 {
                return Ok(FFI_ArrowArray::new(&StructArray::from(batch).into_data()));
            }
        }
        self.end();
        Ok(FFI_ArrowArray::empty())
    }

    /// Lets go of what the rows came from, whose end may panic.
    fn end(&mut self) {
        let source = self.source.take();
        let _: Result<()> = guarded(|| {
            drop(source);
            Ok(())
        });
    }

    fn fail(&mut self, failure: Failure) -> c_int {
        let error = &failure.error;
        let errno = match error.kind() {
            ErrorKind::Cancelled => ECANCELED,
            ErrorKind::LimitExceeded => ENOMEM,
            ErrorKind::InvalidStatement
            | ErrorKind::InvalidArgument
            | ErrorKind::Unsupported
            | ErrorKind::Closed => EINVAL,
            _ => EIO,
        };
        let message = c_text(&format!("[{}] {}", error.sqlstate(), failure.text()));
        self.end();
        self.broken = Some(Broken { errno, message, failure, adbc: OnceLock::new() });
        errno
    }
}

/// # Safety
/// `stream` is one that [`export`] made and nobody released.
unsafe fn state<'a>(stream: *mut FFI_ArrowArrayStream) -> &'a mut State {
    // SAFETY: `export` put a State there, and `release` alone takes it. The interface
    // forbids concurrent calls on one stream, so it is not aliased.
    unsafe { &mut *(*stream).private_data.cast::<State>() }
}

/// Whether a consumer calls on a stream that it has released, or passes no room.
unsafe fn is_misused<T>(stream: *mut FFI_ArrowArrayStream, room: *const T) -> bool {
    // SAFETY: the consumer passes NULL or a stream, released or not.
    room.is_null() || unsafe { stream.as_ref() }.is_none_or(|found| found.private_data.is_null())
}

unsafe extern "C" fn get_schema(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowSchema,
) -> c_int {
    // SAFETY: as the consumer says.
    if unsafe { is_misused(stream, out) } {
        return EINVAL;
    }
    // SAFETY: the consumer passes the stream that it got.
    let state = unsafe { state(stream) };
    match guarded(|| schema_of(&state.schema)) {
        Ok(schema) => {
            // SAFETY: the consumer passes room for a schema, whose content is undefined
            // and must not be dropped.
            unsafe { ptr::write_unaligned(out, schema) };
            0
        }
        Err(failure) => state.fail(failure),
    }
}

/// Columns as a C schema.
///
/// # Errors
/// `0A000` for a name or a type that has no C form.
pub(crate) fn schema_of(schema: &SchemaRef) -> Result<FFI_ArrowSchema> {
    if let Some(field) = schema.fields().iter().find(|field| field.name().contains('\0')) {
        let what = format!("the column {:?} has a NUL byte in its name", field.name());
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, what)
            .with_hint("name it otherwise: SELECT .. AS name")
            .into());
    }
    FFI_ArrowSchema::try_from(schema.as_ref())
        .map_err(|e| Error::new(SqlState::FEATURE_NOT_SUPPORTED, e.to_string()).into())
}

unsafe extern "C" fn get_next(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowArray,
) -> c_int {
    // SAFETY: as the consumer says.
    if unsafe { is_misused(stream, out) } {
        return EINVAL;
    }
    // SAFETY: the consumer passes the stream that it got.
    let state = unsafe { state(stream) };
    if let Some(broken) = &state.broken {
        return broken.errno;
    }
    match guarded(|| state.next()) {
        Ok(array) => {
            // SAFETY: the consumer passes room for an array, whose content is undefined
            // and must not be dropped.
            unsafe { ptr::write_unaligned(out, array) };
            0
        }
        Err(failure) => state.fail(failure),
    }
}

unsafe extern "C" fn get_last_error(stream: *mut FFI_ArrowArrayStream) -> *const c_char {
    // SAFETY: the consumer passes the stream that it got; the text lives in it until the
    // next failure or the release, as the interface demands.
    unsafe {
        if is_misused(stream, stream) {
            return ptr::null();
        }
        state(stream).broken.as_ref().map_or(ptr::null(), |broken| broken.message.as_ptr())
    }
}

unsafe extern "C" fn release(stream: *mut FFI_ArrowArrayStream) {
    // SAFETY: the consumer passes the stream that it got; a second release finds nothing.
    unsafe {
        if is_misused(stream, stream) {
            return;
        }
        let mut state = Box::from_raw((*stream).private_data.cast::<State>());
        (*stream).private_data = ptr::null_mut();
        (*stream).release = None;
        state.end();
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn read(query: &str) -> (c_int, String) {
        let database = kalam_core::Database::in_memory(kalam_core::Options::default());
        let session = database
            .and_then(|database| database.session("root", kalam_core::model::Role::System, None))
            .expect("a database in memory opens");
        let result = session.execute(query, &kalam_core::Params::None).expect("the query starts");
        let schema = result.schema();
        let mut stream = export(result, schema);
        let stream = &raw mut stream;
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: both are of this function, and the text is read before the next call.
        unsafe {
            let errno = get_next(stream, &raw mut array);
            let message = get_last_error(stream);
            let message = if message.is_null() { c"" } else { CStr::from_ptr(message) };
            (errno, message.to_string_lossy().into_owned())
        }
    }

    #[test]
    fn an_error_amid_the_rows_has_its_sqlstate() {
        let (errno, message) = read("SELECT 1 / (x - 1) FROM generate_series(1, 2) a (x)");
        assert_eq!(errno, EINVAL);
        assert!(message.starts_with("[22012] "), "{message}");
    }

    #[test]
    fn a_nul_byte_in_an_error_is_shown() {
        let (errno, message) =
            read("SELECT CAST(chr(x) || 'z' AS INT) FROM generate_series(0, 0) a (x)");
        assert_eq!(errno, EINVAL, "{message}");
        assert!(message.contains('\u{2400}'), "{message}");
    }

    /// Panics wherever it is asked to.
    struct Panicking {
        in_next: bool,
        in_drop: bool,
    }

    impl Source for Panicking {
        fn next(&mut self) -> kalam_core::Result<Option<RecordBatch>> {
            assert!(!self.in_next, "planted\0 in a source");
            Ok(None)
        }
    }

    impl Drop for Panicking {
        fn drop(&mut self) {
            assert!(!self.in_drop, "planted in an end");
        }
    }

    #[test]
    fn a_panic_of_a_source_breaks_the_stream_and_nothing_else() {
        for (in_next, in_drop) in [(true, false), (false, true), (true, true), (false, false)] {
            let schema = SchemaRef::new(arrow::datatypes::Schema::empty());
            let mut stream = export(Panicking { in_next, in_drop }, schema);
            let stream = &raw mut stream;
            let mut array = FFI_ArrowArray::empty();
            // SAFETY: both are of this function, and the text is read before the release.
            unsafe {
                assert_eq!(get_next(stream, &raw mut array), if in_next { EIO } else { 0 });
                assert_eq!(get_next(stream, &raw mut array), if in_next { EIO } else { 0 });
                let message = get_last_error(stream);
                assert_eq!(message.is_null(), !in_next);
                if in_next {
                    let message = CStr::from_ptr(message).to_string_lossy();
                    assert!(message.starts_with("[XX000] the engine panicked: planted\u{2400}"));
                }
                release(stream);
                release(stream);
                assert_eq!(get_next(stream, &raw mut array), EINVAL);
            }
        }
        // The end of a stream that was not read may panic too.
        let schema = SchemaRef::new(arrow::datatypes::Schema::empty());
        let mut stream = export(Panicking { in_next: false, in_drop: true }, schema);
        // SAFETY: the stream is of this function.
        unsafe { release(&raw mut stream) };
    }
}
