//! Errors of the engine as `AdbcError`, and the guard around every entry point.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

use adbc_core::constants as c;
use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcError, FFI_AdbcErrorDetail};
use kalam_core::{Error, guarded};

use crate::error::c_text;
use crate::failure::{Failure, Result};
use crate::status::KalamStatus;

/// The status of a failure: that of the C API, or what ADBC has in its place.
pub(super) fn status(failure: &Failure) -> AdbcStatusCode {
    match failure.status {
        // SQLSTATE says which of these it is.
        KalamStatus::Conflict
        | KalamStatus::LimitExceeded
        | KalamStatus::Unavailable
        | KalamStatus::Corrupted => c::ADBC_STATUS_IO,
        KalamStatus::Closed | KalamStatus::InvalidHandle | KalamStatus::Busy => {
            c::ADBC_STATUS_INVALID_STATE
        }
        same => same as AdbcStatusCode,
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
        Err(failure) => {
            let _: Result<()> = guarded(|| {
                // SAFETY: as this function demands.
                unsafe { write(out, &failure) };
                Ok(())
            });
            status(&failure)
        }
    }
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
unsafe fn write(out: *mut FFI_AdbcError, failure: &Failure) {
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
        (&raw mut (*out).message).write(c_text(&failure.text()).into_raw());
        (&raw mut (*out).sqlstate).write(code(&failure.error));
        if is_extended {
            (&raw mut (*out).vendor_code).write(c::ADBC_ERROR_VENDOR_CODE_PRIVATE_DATA);
            let details = Box::into_raw(Box::new(details(&failure.error)));
            (&raw mut (*out).private_data).write(details.cast::<c_void>());
            (&raw mut (*out).release).write(Some(release_extended));
        } else {
            (&raw mut (*out).vendor_code).write(0);
            (&raw mut (*out).release).write(Some(release_short));
        }
    }
}

/// The same error as a value of version 1.1.0.
pub(super) fn exported(failure: &Failure) -> FFI_AdbcError {
    let mut out = FFI_AdbcError::default();
    // SAFETY: it is initialized, and holds nothing.
    unsafe { write(&raw mut out, failure) };
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
    let _: Result<()> = guarded(|| {
        // SAFETY: `write` put its own string there, and it is taken once: the function
        // removes itself.
        unsafe { drop_text(error) };
        Ok(())
    });
}

unsafe extern "C" fn release_extended(error: *mut FFI_AdbcError) {
    let _: Result<()> = guarded(|| {
        // SAFETY: as in `release_short`; `write` put its own details there too.
        unsafe {
            let details = (&raw mut (*error).private_data).replace(ptr::null_mut());
            if !details.is_null() {
                drop(Box::from_raw(details.cast::<Details>()));
            }
            drop_text(error);
        }
        Ok(())
    });
}

/// # Safety
/// `error` is one that [`write`] wrote, in memory that is alive.
unsafe fn drop_text(error: *mut FFI_AdbcError) {
    // SAFETY: as this function demands.
    unsafe {
        let text = (&raw mut (*error).message).replace(ptr::null_mut());
        if !text.is_null() {
            drop(CString::from_raw(text));
        }
        (&raw mut (*error).release).write(None);
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
    let count: Result<usize> = guarded(|| Ok(unsafe { details_of(error) }.len()));
    c_int::try_from(count.unwrap_or_default()).unwrap_or(c_int::MAX)
}

pub(super) unsafe extern "C" fn error_detail(
    error: *const FFI_AdbcError,
    index: c_int,
) -> FFI_AdbcErrorDetail {
    let detail: Result<_> = guarded(|| {
        // SAFETY: the caller passes an error, as the interface demands.
        let details = unsafe { details_of(error) };
        let found = usize::try_from(index).ok().and_then(|index| details.get(index));
        Ok(found.map(|(key, value)| FFI_AdbcErrorDetail {
            key: key.as_ptr(),
            value: value.as_ptr(),
            value_length: value.len(),
        }))
    });
    detail.ok().flatten().unwrap_or_default()
}
