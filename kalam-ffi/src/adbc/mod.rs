//! The ADBC driver, versions 1.0.0 and 1.1.0.
//!
//! An entry point decodes its arguments, calls the session of a connection, and encodes
//! what comes back; a panic becomes an error of status INTERNAL. The structures of the
//! caller hold handles, not addresses (`crate::handle`), so that what was released is an error.
//!
//! Source: Apache Arrow, `adbc.h` 1.1.0.

mod bound;
mod connection;
mod database;
mod driver;
mod entry;
mod error;
mod identity;
mod info;
mod ingest;
mod like;
mod objects;
mod option;
#[cfg(test)]
mod panic_tests;
mod rows;
mod statement;
mod statistics;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The catalog that every object is in.
const CATALOG: &str = "kalam";

/// Locks what a panic leaves whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
