//! Statements about the settings of a session.

pub(crate) mod set;
pub(crate) mod show;
