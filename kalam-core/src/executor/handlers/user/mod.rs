//! Statements about users.

pub(crate) mod alter_user;
pub(crate) mod create_user;
pub(crate) mod drop_user;
pub(crate) mod execute_as;
pub(crate) mod export_user;
pub(crate) mod purge_user;
