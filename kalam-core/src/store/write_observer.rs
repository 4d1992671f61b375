//! Who is told of written rows.

use super::write_set::{RowWrites, WriteSet};

/// Told of the rows of every commit. It stands in the way of all commits: it neither waits
/// nor reads.
pub(crate) trait WriteObserver: Send + Sync {
    /// Rows that were committed.
    fn wrote(&self, rows: &RowWrites);

    /// Called by whoever commits rows before they do. May wait for some milliseconds, and
    /// add entries to the commit.
    fn joins(&self, _set: &mut WriteSet) {}
}
