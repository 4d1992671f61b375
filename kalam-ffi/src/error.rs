//! `KalamError`: what went wrong, for C.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use kalam_core::{Position, guarded};

use crate::argument::end;
use crate::failure::Failure;
use crate::handle::{self, Handled, Kind};
use crate::status::KalamStatus;

/// What went wrong.
///
/// Functions that can fail take a `KalamError **err` last. It may be NULL. Otherwise `*err`
/// must be NULL or an error of an earlier call, which is freed: one variable does for many
/// calls. After a call it is NULL, or an error if the status is not KALAM_STATUS_OK; the last one
/// is freed by kalam_error_free(). There is no "last error" of a thread.
///
/// The texts of an error live until it is freed. The functions below take NULL, and what
/// was freed, and say then that there is nothing.
pub struct KalamError {
    status: KalamStatus,
    pub(crate) message: CString,
    sqlstate: CString,
    hint: Option<CString>,
    detail: Option<CString>,
    argument: Option<CString>,
    position: Option<Position>,
}

impl Handled for KalamError {
    const KIND: Kind = Kind::Error;
}

impl KalamError {
    pub(crate) fn new(failure: &Failure) -> KalamError {
        let error = &failure.error;
        KalamError {
            status: failure.status,
            message: c_text(error.message()),
            sqlstate: c_text(error.sqlstate().as_str()),
            hint: error.hint().map(c_text),
            detail: error.detail().map(c_text),
            argument: failure.argument.map(c_text),
            position: error.position(),
        }
    }
}

/// The text for C, with a visible sign where it has a NUL byte.
pub fn c_text(text: &str) -> CString {
    let text = if text.contains('\0') { text.replace('\0', "\u{2400}") } else { text.to_owned() };
    CString::new(text).expect("every NUL byte was replaced above")
}

/// Reads an error; NULL and what is none read as `nothing`.
///
/// The texts stay where they are while the table holds the error, until it is freed.
fn read<T>(error: *const KalamError, nothing: T, read: impl FnOnce(&KalamError) -> T) -> T {
    guarded(|| handle::get(error, "error").map(|error| read(&error))).unwrap_or(nothing)
}

fn pointer(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

const NO_TEXT: &CStr = c"";

/// The sentence that says what happened, in lower case; "" if there is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_message(error: *const KalamError) -> *const c_char {
    read(error, NO_TEXT.as_ptr(), |error| error.message.as_ptr())
}

/// The five characters of the SQLSTATE; "00000" if there is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_sqlstate(error: *const KalamError) -> *const c_char {
    read(error, c"00000".as_ptr(), |error| error.sqlstate.as_ptr())
}

/// The status that the call returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_status(error: *const KalamError) -> KalamStatus {
    read(error, KalamStatus::Ok, |error| error.status)
}

/// What can be done about it, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_hint(error: *const KalamError) -> *const c_char {
    read(error, ptr::null(), |error| pointer(error.hint.as_ref()))
}

/// The particulars, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_detail(error: *const KalamError) -> *const c_char {
    read(error, ptr::null(), |error| pointer(error.detail.as_ref()))
}

/// The name of the argument that is wrong, as it stands in this header, or NULL if none is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_argument(error: *const KalamError) -> *const c_char {
    read(error, ptr::null(), |error| pointer(error.argument.as_ref()))
}

/// The line of the SQL text that the error is in, from 1; 0 if it has no place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_line(error: *const KalamError) -> u64 {
    read(error, 0, |error| error.position.map_or(0, |position| position.line))
}

/// The character of that line, from 1; 0 if it has no place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_column(error: *const KalamError) -> u64 {
    read(error, 0, |error| error.position.map_or(0, |position| position.column))
}

/// Frees an error, its texts with it, and makes `*error` NULL. NULL is fine.
///
/// KALAM_STATUS_INVALID_HANDLE: it was freed, or is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_error_free(error: *mut *mut KalamError) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable that holds an error.
    match guarded(|| unsafe { end(error, "error") }) {
        Ok(()) => KalamStatus::Ok,
        Err(failure) => failure.status,
    }
}
