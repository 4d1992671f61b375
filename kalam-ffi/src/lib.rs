//! The C API and the ADBC driver of KalamDB.
//!
//! Every function decodes its arguments, calls the engine and encodes what it
//! returned. `include/kalamdb.h` is made from the documentation here and is the
//! manual of the C API.

#![deny(clippy::undocumented_unsafe_blocks)]
// What a C function asks of its caller stands in its text, for readers of the header:
// the rules of pointers are those of C.
#![allow(clippy::missing_safety_doc)]

mod adbc;
mod argument;
mod column;
mod entry;
mod failure;
mod handle;
mod import;
mod parameter;
mod value;
mod vector;

/// What a child process is after fork(), for this crate and for the modules of other languages.
pub mod fork;

/// Arrow out, for this crate and for the modules of other languages.
pub mod stream;

// In the order in which the header has them, which the empty lines keep.

mod version;

mod status;

mod error;

mod options;

mod database;

mod connection;

mod query;

mod result;

mod statement;

mod binding;

mod append;

mod flush;
