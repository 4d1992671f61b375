//! Who is told of changes of the cold tier.

use super::manifest::ScopeManifest;
use crate::model::ScopeId;

/// Told of the cold tier by every commit that changes it. It stands in the way of all
/// commits: it neither waits nor reads.
pub(crate) trait TierObserver: Send + Sync {
    /// The segments of a scope, or which of their rows are live.
    fn changed(&self, scope: ScopeId, manifest: &ScopeManifest);

    /// Files are to be deleted when their last view ends.
    fn left_files(&self);
}
