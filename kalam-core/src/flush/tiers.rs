//! What moves rows from one tier to the other, or within the cold one, works with this.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::tier::ColdTier;
use crate::Result;
use crate::activity::check_stop;
use crate::catalog::{SchemaRegistry, UserDirectory};
use crate::store::Store;

/// How long one who moves rows waits for another at the same scope before it looks whether
/// it is to stop.
const TURN_WAIT: Duration = Duration::from_millis(20);

/// Both tiers, and whose rows are in them. Flushes and compactions are its methods.
pub(crate) struct Tiers<'a> {
    pub(crate) store: &'a Store,
    pub(crate) registry: &'a Arc<SchemaRegistry>,
    pub(crate) users: &'a UserDirectory,
    pub(crate) tier: &'a ColdTier,
    /// Milliseconds since 1970 UTC.
    pub(crate) now_ms: i64,
}

/// Waits until nobody else has the turn.
///
/// # Errors
/// `57014` if the statement is to stop.
pub(super) fn wait_for_turn(turn: &Mutex<()>) -> Result<MutexGuard<'_, ()>> {
    loop {
        check_stop()?;
        if let Some(turn) = turn.try_lock_for(TURN_WAIT) {
            return Ok(turn);
        }
    }
}
