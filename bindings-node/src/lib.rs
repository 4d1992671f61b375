//! The compiled half of the npm package `kalamdb`.
//!
//! A method here decodes its arguments, hands the call to a thread, and settles a promise
//! with what comes back. What needs no engine is JavaScript: row objects, arrow-js tables,
//! iterators, signals, transactions. Decisions are the engine's.

mod array;
mod batches;
mod buffer;
mod call;
mod connect;
mod connection;
mod error;
mod exit;
mod input;
mod ipc;
mod js;
mod parameter;
mod schema;
mod statement;
mod stream;
mod typed_form;
mod value;

pub use connect::{open, restore};
