//! `KalamOptions`: how a database is opened.

use std::ffi::c_char;
use std::sync::Mutex;

use kalam_core::Options;

use crate::argument::{end, exclusive, name, out, required};
use crate::entry::call;
use crate::error::KalamError;
use crate::handle::{self, Handled, Kind};
use crate::status::KalamStatus;

/// How a database is opened: keys and values, the same as in every language and in
/// `SELECT * FROM system.settings`. Use by one thread at a time.
pub struct KalamOptions(pub(crate) Mutex<Options>);

impl Handled for KalamOptions {
    const KIND: Kind = Kind::Options;
}

/// Makes options that are the default of each key. Free them with kalam_options_free();
/// a database that was opened with them does not need them any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_options_new(
    out_options: *mut *mut KalamOptions,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_options, std::ptr::null_mut(), "out_options") }?;
        *place = handle::give(KalamOptions(Mutex::default()))?;
        Ok(())
    })
}

/// Sets one key: `auto_maintenance`, `cache_bytes`, `durability` ("full", "normal", "off"),
/// `hot_budget`, `max_result_bytes`, `memory_limit`, `progress`, `statement_timeout`,
/// `storage_path`, `temp_directory` or `threads`. Values are texts, such as "512MiB", "5s" or "4".
///
/// KALAM_STATUS_INVALID_ARGUMENT: the key is unknown, or the value not allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_options_set(
    options: *mut KalamOptions,
    key: *const c_char,
    key_len: usize,
    value: *const c_char,
    value_len: usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        let options = handle::get(options, "options")?;
        // SAFETY: the caller passes texts of these lengths.
        let (key, value) =
            unsafe { (name(key, key_len, "key")?, required(value, value_len, "value")?) };
        exclusive(&options.0, "options")?.set(key, value)?;
        Ok(())
    })
}

/// Frees options and makes `*options` NULL. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_options_free(
    options: *mut *mut KalamOptions,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable that holds options.
    call(err, || unsafe { end(options, "options") })
}
