//! Statements that change rows.

pub(crate) mod append;
pub(crate) mod delete;
pub(crate) mod insert;
mod new_rows;
mod target;
pub(crate) mod update;
