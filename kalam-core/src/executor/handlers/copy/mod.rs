//! COPY: rows between tables and files of the host.

pub(crate) mod copy_from;
pub(crate) mod copy_to;
