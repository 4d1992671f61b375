//! Statements that change rows.

pub(crate) mod append;
pub(crate) mod delete;
pub(crate) mod insert;
mod new_rows;
mod target;
pub(crate) mod update;

pub(crate) use new_rows::{InsertTarget, undefined_column};
pub(crate) use target::{query_of, select_of};
