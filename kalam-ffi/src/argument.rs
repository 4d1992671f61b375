//! What the arguments of C functions are: texts, places to write to, numbers.

use std::ffi::{CStr, c_char};
use std::slice;
use std::sync::{Mutex, MutexGuard, TryLockError};

use kalam_core::{Error, SqlState};

use crate::failure::{Failure, Result};
use crate::handle::{self, Handled};
use crate::status::KalamStatus;

/// As the length of a text: it ends at its first NUL byte.
pub const KALAM_NTS: usize = usize::MAX;

/// Longest text or blob, in bytes: 2^31 - 1, as in Arrow's columns.
const BYTES_MAX: usize = i32::MAX as usize;

/// Bytes that the caller lends for the call.
pub unsafe fn bytes<'a>(data: *const u8, len: usize, name: &'static str) -> Result<&'a [u8]> {
    if len > BYTES_MAX {
        return Err(too_long(len, name));
    }
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::argument(name, format_args!("is NULL, with a length of {len}")));
    }
    // SAFETY: the caller lends `len` bytes.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

fn too_long(len: usize, name: &'static str) -> Failure {
    let message = format!("argument \"{name}\" has {len} bytes");
    let error = Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
        .with_hint("2147483647 bytes is the most; KALAM_NTS as a length is for texts");
    Failure::from(error).about(name)
}

/// A text that may be empty, and is NULL only with a length of 0.
pub unsafe fn text<'a>(data: *const c_char, len: usize, name: &'static str) -> Result<&'a str> {
    let bytes = if len != KALAM_NTS {
        // SAFETY: as the caller says of this function.
        unsafe { bytes(data.cast(), len, name) }?
    } else if data.is_null() {
        return Err(Failure::argument(name, "is NULL"));
    } else {
        // SAFETY: the caller says that it ends with a NUL byte.
        let found = unsafe { CStr::from_ptr(data) }.to_bytes();
        if found.len() > BYTES_MAX {
            return Err(too_long(found.len(), name));
        }
        found
    };
    str::from_utf8(bytes).map_err(|error| {
        let place = error.valid_up_to();
        let message = format!("argument \"{name}\" is not valid UTF-8 at byte {place}");
        Failure::from(Error::new(SqlState::INVALID_ENCODING, message)).about(name)
    })
}

/// A text that must be there.
pub unsafe fn required<'a>(data: *const c_char, len: usize, name: &'static str) -> Result<&'a str> {
    if data.is_null() {
        return Err(Failure::argument(name, "is NULL"));
    }
    // SAFETY: as the caller says of this function.
    unsafe { text(data, len, name) }
}

/// A name: a text that is not empty and has no NUL byte.
pub unsafe fn name<'a>(data: *const c_char, len: usize, name: &'static str) -> Result<&'a str> {
    // SAFETY: as the caller says of this function.
    let text = unsafe { required(data, len, name) }?;
    if text.is_empty() {
        return Err(Failure::argument(name, "is empty"));
    }
    if let Some(place) = text.find('\0') {
        return Err(Failure::argument(name, format_args!("has a NUL byte at byte {place}")));
    }
    Ok(text)
}

/// A place for what the function makes; `empty` is written there first, and stays if it fails.
pub unsafe fn out<'a, T>(place: *mut T, empty: T, name: &'static str) -> Result<&'a mut T> {
    // SAFETY: the caller passes NULL or room for one `T`; what was there is not dropped.
    unsafe {
        if place.is_null() {
            return Err(Failure::argument(name, "is NULL"));
        }
        place.write(empty);
        Ok(&mut *place)
    }
}

/// As [`out`], for a place that the caller may leave out.
pub unsafe fn optional_out<'a, T>(place: *mut T, empty: T) -> Option<&'a mut T> {
    // SAFETY: the caller passes NULL or room for one `T`; what was there is not dropped.
    unsafe {
        if place.is_null() {
            return None;
        }
        place.write(empty);
        Some(&mut *place)
    }
}

/// Ends the handle in a variable and makes the variable NULL. NULL is fine, in it and for it.
pub unsafe fn end<T: Handled>(place: *mut *mut T, name: &'static str) -> Result<()> {
    // SAFETY: the caller passes NULL or a variable that holds a handle.
    let Some(place) = (unsafe { place.as_mut() }) else { return Ok(()) };
    let handle = std::mem::replace(place, std::ptr::null_mut());
    if !handle.is_null() {
        handle::end(handle, name)?;
    }
    Ok(())
}

/// Locks what one thread uses at a time.
///
/// # Errors
/// `KALAM_STATUS_BUSY` if another thread is at it; an internal error if a call panicked.
pub fn exclusive<'a, T>(mutex: &'a Mutex<T>, name: &'static str) -> Result<MutexGuard<'a, T>> {
    mutex.try_lock().map_err(|error| refused(matches!(error, TryLockError::WouldBlock), name))
}

#[cold]
fn refused(is_busy: bool, name: &'static str) -> Failure {
    if is_busy {
        let what = format!("argument \"{name}\" is in use by another thread");
        let error = Error::new(SqlState::OBJECT_IN_USE, what)
            .with_hint("give each thread its own, or take turns");
        return Failure { status: KalamStatus::Busy, argument: Some(name), error };
    }
    let what = format!("argument \"{name}\" is unusable after a failure of the engine");
    Failure::from(Error::new(SqlState::INTERNAL_ERROR, what)).about(name)
}
