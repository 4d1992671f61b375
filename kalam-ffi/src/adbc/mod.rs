//! The ADBC driver, versions 1.0.0 and 1.1.0.
//!
//! An entry point decodes its arguments, calls the session of a connection, and encodes
//! what comes back; a panic becomes an error of status INTERNAL. The structures of the
//! caller hold tokens, not addresses (`handle.rs`), so that what was released is an error.
//!
//! Source: Apache Arrow, `adbc.h` 1.1.0.

mod argument;
mod bound;
mod connection;
mod database;
mod driver;
mod entry;
mod error;
mod handle;
mod identity;
mod info;
mod ingest;
mod like;
mod objects;
mod option;
mod statement;
mod statistics;
mod stream;
#[cfg(test)]
mod tests;

/// The catalog that every object is in.
const CATALOG: &str = "kalam";
