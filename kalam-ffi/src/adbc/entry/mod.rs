//! The functions that a caller calls: decode, call, encode.
//!
//! Every function here is called as `adbc.h` demands: a pointer is NULL, or it points to
//! what its type says, initialized, alive for the call, and not written by another thread
//! meanwhile. NULL is an error where the interface does not allow it. Each is one
//! [`guarded_entry`].

pub(super) mod connection;
pub(super) mod database;
pub(super) mod option;
pub(super) mod statement;

use std::ffi::{c_char, c_void};
use std::ptr;

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcConnection, FFI_AdbcDatabase, FFI_AdbcError, FFI_AdbcStatement};
use arrow::datatypes::SchemaRef;
use arrow::ffi::FFI_ArrowSchema;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Error, SqlState};

use super::connection::AdbcConnection;
use super::database::AdbcDatabase;
use super::error::guarded_entry;
use super::option::Optioned;
use super::rows::Rows;
use super::statement::AdbcStatement;
use crate::argument::{KALAM_NTS, required};
use crate::failure::{Failure, Result};
use crate::handle::{self, Held};
use crate::status::KalamStatus;
use crate::stream::schema_of;

/// A structure of the caller, whose `private_data` holds the handle of an object.
pub(super) trait Structure {
    /// What the handle stands for.
    type Object: Optioned;
    /// Its name as an argument.
    const NAME: &'static str;

    /// Where the handle is.
    ///
    /// # Safety
    /// `structure` is one, in memory that is alive.
    unsafe fn private_data(structure: *mut Self) -> *mut *mut c_void;
}

macro_rules! structures {
    ($($structure:ty, $object:ty, $name:literal;)*) => {
        $(impl Structure for $structure {
            type Object = $object;
            const NAME: &'static str = $name;

            unsafe fn private_data(structure: *mut Self) -> *mut *mut c_void {
                // SAFETY: as the trait demands.
                unsafe { &raw mut (*structure).private_data }
            }
        })*
    };
}

structures! {
    FFI_AdbcDatabase, AdbcDatabase, "database";
    FFI_AdbcConnection, AdbcConnection, "connection";
    FFI_AdbcStatement, AdbcStatement, "statement";
}

/// The place of a structure's handle.
///
/// # Safety
/// `structure` is NULL or one.
unsafe fn place<S: Structure>(structure: *mut S) -> Result<*mut *mut c_void> {
    if structure.is_null() {
        return Err(Failure::argument(S::NAME, "is NULL"));
    }
    // SAFETY: as this function demands.
    Ok(unsafe { S::private_data(structure) })
}

/// The handle in a structure.
///
/// # Safety
/// As [`place`].
unsafe fn token<S: Structure>(structure: *mut S) -> Result<*const S::Object> {
    // SAFETY: as this function demands.
    let token = unsafe { place(structure)?.read() };
    if token.is_null() {
        let what = format!("the {} was not initialized, or was released", S::NAME);
        let failure = Failure::from(Error::new(SqlState::CONNECTION_CLOSED, what)).about(S::NAME);
        return Err(Failure { status: KalamStatus::InvalidHandle, ..failure });
    }
    Ok(token.cast_const().cast())
}

/// The object of a structure.
///
/// # Safety
/// As [`place`].
unsafe fn object<S: Structure>(structure: *mut S) -> Result<Held<S::Object>> {
    // SAFETY: as this function demands.
    handle::get(unsafe { token(structure) }?, S::NAME)
}

/// Puts a new object into a structure, whatever is there.
///
/// # Safety
/// As [`place`].
unsafe fn put<S: Structure>(
    structure: *mut S,
    made: impl FnOnce() -> Result<S::Object>,
) -> Result<()> {
    // SAFETY: as this function demands.
    unsafe {
        let place = place(structure)?;
        place.write(handle::give(made()?)?.cast());
    }
    Ok(())
}

/// Makes a database or a connection, which is opened later.
pub(super) unsafe extern "C" fn new<S: Structure>(
    structure: *mut S,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode
where
    S::Object: Default,
{
    // SAFETY: called as `adbc.h` demands.
    unsafe { guarded_entry(error, || put(structure, || Ok(S::Object::default()))) }
}

/// Lets go of what a structure stands for, which ends when no call uses it any more.
pub(super) unsafe extern "C" fn release<S: Structure>(
    structure: *mut S,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: called as `adbc.h` demands.
    unsafe {
        guarded_entry(error, || {
            handle::end(token(structure)?, S::NAME)?;
            place(structure)?.write(ptr::null_mut());
            Ok(())
        })
    }
}

/// A text that may not be NULL.
///
/// # Safety
/// `text` is NULL or a string that ends in NUL and lives for `'a`.
unsafe fn text<'a>(text: *const c_char, name: &'static str) -> Result<&'a str> {
    // SAFETY: as this function demands.
    unsafe { required(text, KALAM_NTS, name) }
}

/// A text, or NULL.
///
/// # Safety
/// As [`text`].
unsafe fn optional_text<'a>(pointer: *const c_char, name: &'static str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: as this function demands.
    unsafe { text(pointer, name) }.map(Some)
}

/// A list of texts that ends in NULL; a NULL list is `None`.
///
/// # Safety
/// `list` is NULL or an array of strings that ends in NULL, all alive for `'a`.
unsafe fn texts<'a>(
    list: *const *const c_char,
    name: &'static str,
) -> Result<Option<Vec<&'a str>>> {
    if list.is_null() {
        return Ok(None);
    }
    let mut found = Vec::new();
    // SAFETY: the array goes on until its NULL.
    while let Some(text) = unsafe { optional_text(*list.add(found.len()), name) }? {
        found.push(text);
    }
    Ok(Some(found))
}

/// An array; NULL is `None`.
///
/// # Safety
/// `pointer` is NULL or has `length` items, which live for `'a`.
unsafe fn items<'a, T>(pointer: *const T, length: usize) -> Option<&'a [T]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as this function demands.
    Some(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// Writes what a call made where the caller wants it; nothing is made for a NULL.
///
/// # Safety
/// `place` is NULL or room for a `T`; what is there is not dropped.
unsafe fn write<T>(
    place: *mut T,
    name: &'static str,
    made: impl FnOnce() -> Result<T>,
) -> Result<()> {
    if place.is_null() {
        return Err(Failure::argument(name, "is NULL"));
    }
    let made = made()?;
    // SAFETY: as this function demands.
    unsafe { place.write(made) };
    Ok(())
}

/// Writes rows as a stream.
///
/// # Safety
/// As [`write`].
unsafe fn write_rows(
    out: *mut FFI_ArrowArrayStream,
    rows: impl FnOnce() -> kalam_core::Result<Rows>,
) -> Result<()> {
    // SAFETY: as this function demands.
    unsafe { write(out, "out", || Ok(rows()?.export())) }
}

/// Writes a schema.
///
/// # Safety
/// As [`write`].
unsafe fn write_schema(
    out: *mut FFI_ArrowSchema,
    schema: impl FnOnce() -> kalam_core::Result<SchemaRef>,
) -> Result<()> {
    // SAFETY: as this function demands.
    unsafe { write(out, "schema", || schema_of(&schema()?)) }
}
