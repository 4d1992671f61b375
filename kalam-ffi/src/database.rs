//! `KalamDatabase`: an open directory.

use std::ffi::c_char;

use kalam_core::{Database, Options};

use crate::argument::{end, exclusive, name, out};
use crate::entry::call;
use crate::error::KalamError;
use crate::fork::survive_fork;
use crate::handle::{self, Handled, Kind};
use crate::options::KalamOptions;
use crate::status::KalamStatus;

/// An open database. Any number of threads may use it at once.
pub struct KalamDatabase(pub(crate) Database);

impl Handled for KalamDatabase {
    const KIND: Kind = Kind::Database;
}

/// Opens a database directory, creating it if it is missing, or with ":memory:" a database
/// that ends with its last connection and stream. `options` may be NULL.
///
/// One process has a directory open at a time; a second kalam_open() of it in the same
/// process shares the first, with its options. A child after fork() can open none.
///
/// `path` is UTF-8 of `path_len` bytes, or ends at its first NUL byte (KALAM_NTS). Close
/// with kalam_close().
///
/// KALAM_STATUS_UNAVAILABLE: another process holds the directory. KALAM_STATUS_CORRUPTED: it is damaged,
/// or is something else. KALAM_STATUS_IO: it cannot be read or made. KALAM_STATUS_NOT_IMPLEMENTED: a
/// newer version wrote it. KALAM_STATUS_CLOSED: in a child after fork().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_open(
    path: *const c_char,
    path_len: usize,
    options: *const KalamOptions,
    out_database: *mut *mut KalamDatabase,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_database, std::ptr::null_mut(), "out_database") }?;
        // SAFETY: the caller passes a text of this length.
        let path = unsafe { name(path, path_len, "path") }?;
        let options = if options.is_null() {
            Options::default()
        } else {
            exclusive(&handle::get(options, "options")?.0, "options")?.clone()
        };
        survive_fork();
        let database = if path == ":memory:" {
            Database::in_memory(options)?
        } else {
            Database::open(path, options)?
        };
        *place = handle::give(KalamDatabase(database))?;
        Ok(())
    })
}

/// Lets go of a database and makes `*database` NULL. NULL is fine. Connections, statements
/// and streams go on; the directory is released when the last of them is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_close(
    database: *mut *mut KalamDatabase,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable that holds a database.
    call(err, || unsafe { end(database, "database") })
}

/// Ends a database for everybody: later calls through any connection of it fail with
/// KALAM_STATUS_CLOSED, commits that run are waited for, and everything acknowledged is made
/// durable. Streams and results that were handed out stay readable. Close it after that
/// as well.
///
/// KALAM_STATUS_IO: the log cannot be synced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_shutdown(
    database: *mut KalamDatabase,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || Ok(handle::get(database, "database")?.0.close()?))
}
