//! Statements that open, end and divide transactions.

mod control;

pub(crate) use control::run;
