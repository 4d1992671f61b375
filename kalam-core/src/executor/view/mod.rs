//! Views: queries that are kept as text and planned for whoever asks.
//!
//! A view has no rights and no rows. Its query is planned in the place of its name, over
//! the tables as the caller may read them, so it can show nothing that the caller could
//! not select.

mod body;
mod canonical;
mod used_columns;

pub(crate) use body::{Body, Inlined, restricted};
pub(crate) use canonical::{canonical_text, is_visible, parse_text};
pub(crate) use used_columns::uses;
