//! Errors of the engine as `AdbcError`, and the guard around every entry point.

use std::any::Any;
use std::ffi::{CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use adbc_core::constants as c;
use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcError, FFI_AdbcErrorDetail};
use kalam_core::{Error, ErrorKind, Result, SqlState};

/// The status of an error: one line for each kind, and the codes that ADBC tells apart.
pub(super) fn status(error: &Error) -> AdbcStatusCode {
    match error.sqlstate() {
        SqlState::INVALID_PASSWORD => return c::ADBC_STATUS_UNAUTHENTICATED,
        SqlState::INVALID_PARAMETER_VALUE => return c::ADBC_STATUS_INVALID_ARGUMENT,
        SqlState::ACTIVE_TRANSACTION
        | SqlState::NO_ACTIVE_TRANSACTION
        | SqlState::IN_FAILED_TRANSACTION => return c::ADBC_STATUS_INVALID_STATE,
        _ => {}
    }
    match error.kind() {
        ErrorKind::InvalidStatement => c::ADBC_STATUS_INVALID_ARGUMENT,
        ErrorKind::InvalidArgument => c::ADBC_STATUS_INVALID_DATA,
        ErrorKind::NotFound => c::ADBC_STATUS_NOT_FOUND,
        ErrorKind::AlreadyExists => c::ADBC_STATUS_ALREADY_EXISTS,
        ErrorKind::Constraint => c::ADBC_STATUS_INTEGRITY,
        ErrorKind::PermissionDenied => c::ADBC_STATUS_UNAUTHORIZED,
        // ADBC has no word for these; SQLSTATE says which it is.
        ErrorKind::Conflict
        | ErrorKind::LimitExceeded
        | ErrorKind::Unavailable
        | ErrorKind::Corrupted => c::ADBC_STATUS_IO,
        ErrorKind::Cancelled => c::ADBC_STATUS_CANCELLED,
        ErrorKind::Unsupported => c::ADBC_STATUS_NOT_IMPLEMENTED,
        ErrorKind::Closed => c::ADBC_STATUS_INVALID_STATE,
        ErrorKind::Internal => c::ADBC_STATUS_INTERNAL,
        // ErrorKind is non-exhaustive.
        _ => c::ADBC_STATUS_UNKNOWN,
    }
}

/// Runs an entry point: its error, or that of a panic, goes to `out`.
///
/// # Safety
/// `out` is NULL or an `AdbcError` that is zeroed, initialized, or holds an earlier error.
pub(super) unsafe fn guarded_entry(
    out: *mut FFI_AdbcError,
    call: impl FnOnce() -> Result<()>,
) -> AdbcStatusCode {
    match guarded(call) {
        Ok(()) => c::ADBC_STATUS_OK,
        Err(error) => {
            // SAFETY: as this function demands.
            unsafe { write(out, &error) };
            status(&error)
        }
    }
}

/// Turns a panic of `call` into an error.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic may have left half-changed is behind a mutex of one statement.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(SqlState::INTERNAL_ERROR, format!("the driver panicked: {message}"))
        .with_hint("this is a bug; report it with the call that led to it")
}

/// The message, with the hint on a line of its own.
pub(super) fn message(error: &Error) -> CString {
    let text = match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    };
    without_nul(text)
}

pub(super) fn without_nul(text: String) -> CString {
    let mut bytes = text.into_bytes();
    bytes.retain(|byte| *byte != 0);
    CString::new(bytes).expect("every NUL byte was removed above")
}

/// What a program can read of an error beside its message. Keys are for programs.
type Details = Vec<(CString, Vec<u8>)>;

fn details(error: &Error) -> Details {
    let position = error.position().map(|at| format!("{}:{}", at.line, at.column));
    [
        (c"kalamdb.kind", Some(format!("{:?}", error.kind()))),
        (c"kalamdb.detail", error.detail().map(str::to_owned)),
        (c"kalamdb.hint", error.hint().map(str::to_owned)),
        (c"kalamdb.position", position),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?.into_bytes())))
    .collect()
}

/// Writes an error where the caller wants it.
///
/// A caller of version 1.0.0 has the first four members only. One of version 1.1.0 says
/// so by the vendor code, which has to stay what it is.
///
/// # Safety
/// As [`guarded_entry`].
unsafe fn write(out: *mut FFI_AdbcError, error: &Error) {
    if out.is_null() {
        return;
    }
    // SAFETY: the members are written one by one, so none that a caller of version 1.0.0
    // lacks is touched. An earlier error is released as its own function wants it.
    unsafe {
        let is_extended =
            (&raw const (*out).vendor_code).read() == c::ADBC_ERROR_VENDOR_CODE_PRIVATE_DATA;
        if let Some(release) = (&raw const (*out).release).read() {
            release(out);
        }
        (&raw mut (*out).message).write(message(error).into_raw());
        (&raw mut (*out).sqlstate).write(code(error));
        if is_extended {
            (&raw mut (*out).vendor_code).write(c::ADBC_ERROR_VENDOR_CODE_PRIVATE_DATA);
            let details = Box::into_raw(Box::new(details(error)));
            (&raw mut (*out).private_data).write(details.cast::<c_void>());
            (&raw mut (*out).release).write(Some(release_extended));
        } else {
            (&raw mut (*out).vendor_code).write(0);
            (&raw mut (*out).release).write(Some(release_short));
        }
    }
}

/// The same error as a value of version 1.1.0.
pub(super) fn exported(error: &Error) -> FFI_AdbcError {
    let mut out = FFI_AdbcError::default();
    // SAFETY: it is initialized, and holds nothing.
    unsafe { write(&raw mut out, error) };
    out
}

fn code(error: &Error) -> [c_char; 5] {
    let mut code = [0; 5];
    for (place, byte) in code.iter_mut().zip(error.sqlstate().as_str().bytes()) {
        *place = byte as c_char;
    }
    code
}

unsafe extern "C" fn release_short(error: *mut FFI_AdbcError) {
    // SAFETY: `write` put its own string there, and it is taken once: the function
    // removes itself.
    unsafe {
        let text = (&raw mut (*error).message).replace(ptr::null_mut());
        if !text.is_null() {
            drop(CString::from_raw(text));
        }
        (&raw mut (*error).release).write(None);
    }
}

unsafe extern "C" fn release_extended(error: *mut FFI_AdbcError) {
    // SAFETY: as in `release_short`; `write` put its own details there too.
    unsafe {
        let details = (&raw mut (*error).private_data).replace(ptr::null_mut());
        if !details.is_null() {
            drop(Box::from_raw(details.cast::<Details>()));
        }
        release_short(error);
    }
}

/// The details of an error that this driver wrote.
///
/// # Safety
/// `error` is NULL or an initialized `AdbcError`, which lives for `'a`.
unsafe fn details_of<'a>(error: *const FFI_AdbcError) -> &'a [(CString, Vec<u8>)] {
    if error.is_null() {
        return &[];
    }
    // SAFETY: the members of version 1.1.0 are there if the vendor code says so, and the
    // details are ours if the function that releases them is.
    unsafe {
        let is_extended = (*error).vendor_code == c::ADBC_ERROR_VENDOR_CODE_PRIVATE_DATA;
        let is_ours = (*error).release.is_some_and(|release| {
            let ours: unsafe extern "C" fn(*mut FFI_AdbcError) = release_extended;
            ptr::fn_addr_eq(release, ours)
        });
        if !is_extended || !is_ours || (*error).private_data.is_null() {
            return &[];
        }
        &*(*error).private_data.cast::<Details>()
    }
}

pub(super) unsafe extern "C" fn error_detail_count(error: *const FFI_AdbcError) -> c_int {
    // SAFETY: the caller passes an error, as the interface demands.
    let count = unsafe { details_of(error) }.len();
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

pub(super) unsafe extern "C" fn error_detail(
    error: *const FFI_AdbcError,
    index: c_int,
) -> FFI_AdbcErrorDetail {
    // SAFETY: the caller passes an error, as the interface demands.
    let details = unsafe { details_of(error) };
    match usize::try_from(index).ok().and_then(|index| details.get(index)) {
        Some((key, value)) => FFI_AdbcErrorDetail {
            key: key.as_ptr(),
            value: value.as_ptr(),
            value_length: value.len(),
        },
        None => FFI_AdbcErrorDetail::default(),
    }
}
