//! Statements that define.

pub(crate) mod alter_namespace;
pub(crate) mod alter_table;
pub(crate) mod comment;
pub(crate) mod create_namespace;
pub(crate) mod create_table;
pub(crate) mod create_table_as;
pub(crate) mod create_view;
pub(crate) mod drop_namespace;
pub(crate) mod drop_table;
pub(crate) mod drop_view;
pub(crate) mod register_table;
pub(crate) mod remove_rows;
pub(crate) mod replace_table;
pub(crate) mod truncate;
pub(crate) mod unregister_table;
