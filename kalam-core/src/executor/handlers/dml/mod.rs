//! Statements that change rows.

pub(crate) mod append;
mod assignment;
mod bulk;
pub(crate) mod delete;
mod evaluator;
pub(crate) mod insert;
pub(crate) mod merge;
mod new_rows;
mod on_conflict;
mod plain_value;
mod plain_write;
mod returning;
mod row_values;
mod target;
pub(crate) mod update;
mod written_rows;

pub(crate) use bulk::Inserted;
pub(crate) use evaluator::{given_query, with_ctes};
pub(crate) use merge::{merge_actions, merge_from};
pub(crate) use new_rows::{InsertTarget, undefined_column, undefined_column_of};
pub(crate) use on_conflict::{check_conflict_target, conflict_rows};
pub(crate) use returning::{Returning, settled};
pub(crate) use target::{SourceColumns, source_columns, target_and, target_query};
pub(crate) use written_rows::written_rows;
