//! One file for each statement.

pub(super) mod backup;
pub(super) mod copy;
pub(super) mod ddl;
pub(super) mod dml;
pub(super) mod flush;
pub(super) mod jobs;
pub(super) mod query;
pub(super) mod setting;
pub(super) mod storage;
pub(super) mod transaction;
pub(super) mod user;
