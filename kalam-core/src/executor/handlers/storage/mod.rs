//! Statements about storages.

pub(crate) mod alter_storage;
pub(crate) mod check_storage;
pub(crate) mod create_storage;
pub(crate) mod drop_storage;
pub(crate) mod show_storages;
