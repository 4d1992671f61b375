//! Statements that read.

pub(crate) mod describe;
pub(crate) mod explain;
pub(crate) mod select;
pub(crate) mod show;
