//! What moves rows from one tier to the other, or within the cold one, works with this.

use std::sync::Arc;

use super::tier::ColdTier;
use crate::activity::check_stop;
use crate::catalog::{SchemaRegistry, UserDirectory};
use crate::store::Store;
use crate::{Result, SqlState};

/// Times that a piece of work runs again because commits of other kinds came first.
const CONFLICTS_MAX: u32 = 100;

/// Both tiers, and whose rows are in them. Flushes and compactions are its methods.
pub(crate) struct Tiers<'a> {
    pub(crate) store: &'a Store,
    pub(crate) registry: &'a Arc<SchemaRegistry>,
    pub(crate) users: &'a UserDirectory,
    pub(crate) tier: &'a ColdTier,
    /// Milliseconds since 1970 UTC.
    pub(crate) now_ms: i64,
}

/// Repeats work until no other commit gets in its way.
///
/// # Errors
/// What the work raises; `40001` after many tries.
pub(crate) fn past_conflicts<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let mut conflicts = 0;
    loop {
        check_stop()?;
        match work() {
            Err(e)
                if e.sqlstate() == SqlState::SERIALIZATION_FAILURE && conflicts < CONFLICTS_MAX =>
            {
                conflicts += 1;
            }
            done => return done,
        }
    }
}
