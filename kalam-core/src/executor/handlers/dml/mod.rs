//! Statements that change rows.

pub(crate) mod append;
pub(crate) mod delete;
pub(crate) mod insert;
mod new_rows;
mod target;
pub(crate) mod update;

pub(crate) use new_rows::{undefined_column, undefined_column_of};
pub(crate) use target::{query_of, select_of};
