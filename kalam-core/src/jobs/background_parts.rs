//! What the threads of the background work with.

use std::sync::Arc;

use super::Jobs;
use crate::catalog::{SchemaRegistry, UserDirectory};
use crate::env::Clock;
use crate::flush::{ColdTier, Tiers};
use crate::store::Store;
use crate::{Result, SqlState};

/// What the background works with. It holds no session and no database handle, and so
/// keeps no database alive.
#[derive(Clone)]
pub(crate) struct BackgroundParts {
    pub(crate) store: Arc<Store>,
    pub(crate) registry: Arc<SchemaRegistry>,
    pub(crate) users: Arc<UserDirectory>,
    pub(crate) tier: Arc<ColdTier>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hot_budget_bytes: usize,
}

impl BackgroundParts {
    pub(super) fn tiers(&self) -> Tiers<'_> {
        Tiers {
            store: &self.store,
            registry: &self.registry,
            users: &self.users,
            tier: &self.tier,
            now_ms: self.clock.now_ms(),
        }
    }
}

/// Reports what a thread could not do, unless it was told to stop.
pub(super) fn report(outcome: &Result<()>, what: &'static str) {
    match outcome {
        Ok(()) => {}
        Err(e) if e.sqlstate() == SqlState::QUERY_CANCELED => {}
        Err(e) => tracing::error!(error = %e, "{what}"),
    }
}
