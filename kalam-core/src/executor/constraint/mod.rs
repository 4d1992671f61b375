//! CHECK and UNIQUE: what a table says of its rows, kept at the one place where rows are
//! written.

mod build;
mod check;
mod check_expression;
mod definition;
mod listing;
mod unique;

pub(crate) use build::{entries_of_rows, holds};
pub(crate) use check::{check_rows, compile_checks};
pub(crate) use check_expression::{check_columns, renamed_check};
pub(crate) use definition::{Constraints, define_constraints};
pub(crate) use listing::{
    check_constraints_table, key_column_usage_table, table_constraints_table,
};
pub(crate) use unique::{UniqueWrites, duplicate_entry, each_owner, unique_detail};
