//! What a caller hands over, checked before it is used.

use std::ffi::{CStr, c_char};

use kalam_core::{Error, Result, SqlState};

/// The error of an argument that may not be NULL.
pub(super) fn null(what: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("{what} is NULL"))
}

/// A pointer that may not be NULL.
///
/// # Errors
/// `22023`.
pub(super) fn given<T>(pointer: *mut T, what: &str) -> Result<*mut T> {
    if pointer.is_null() { Err(null(what)) } else { Ok(pointer) }
}

/// A text that may not be NULL.
///
/// # Errors
/// `22023` for NULL, `22021` for bytes that are no UTF-8.
///
/// # Safety
/// `pointer` is NULL or a string that ends in NUL and lives for `'a`.
pub(super) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str> {
    // SAFETY: as this function demands.
    unsafe { optional_text(pointer, what) }?.ok_or_else(|| null(what))
}

/// A text, or NULL.
///
/// # Errors
/// `22021` for bytes that are no UTF-8.
///
/// # Safety
/// As [`text`].
pub(super) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    what: &str,
) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: it is a string, as this function demands.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    let text = bytes.to_str().map_err(|e| {
        Error::new(SqlState::INVALID_ENCODING, format!("{what} is not valid UTF-8: {e}"))
    })?;
    Ok(Some(text))
}

/// An array of numbers; NULL is `None`.
///
/// # Safety
/// `pointer` is NULL or has `length` items, which live for `'a`.
pub(super) unsafe fn items<'a, T>(pointer: *const T, length: usize) -> Option<&'a [T]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as this function demands.
    Some(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// A list of texts that ends in NULL; a NULL list is `None`.
///
/// # Errors
/// As [`optional_text`].
///
/// # Safety
/// `list` is NULL or an array of strings that ends in NULL, all alive for `'a`.
pub(super) unsafe fn texts<'a>(
    list: *const *const c_char,
    what: &str,
) -> Result<Option<Vec<&'a str>>> {
    if list.is_null() {
        return Ok(None);
    }
    let mut found = Vec::new();
    // SAFETY: the array goes on until its NULL.
    while let Some(text) = unsafe { optional_text(*list.add(found.len()), what) }? {
        found.push(text);
    }
    Ok(Some(found))
}
