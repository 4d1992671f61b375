//! The C API and the ADBC driver of KalamDB.

mod adbc;
