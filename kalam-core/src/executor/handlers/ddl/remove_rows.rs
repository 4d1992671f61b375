//! Hot rows that a commit removes without naming them.

use crate::Result;
use crate::model::Seq;
use crate::store::{Batch, Change, Family, prefix_end};

/// Removes every hot row whose key starts with the prefix.
pub(crate) struct RemoveRows {
    pub(crate) prefix: Vec<u8>,
}

impl Change for RemoveRows {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn stage(&mut self, _seq: Seq, batch: &mut Batch<'_>) {
        batch.delete_range(Family::Hot, &self.prefix, &prefix_end(&self.prefix));
    }

    fn publish(&mut self, _epoch: u64) {}

    fn unnamed_rows(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        Some((self.prefix.clone(), prefix_end(&self.prefix)))
    }

    fn is_exclusive(&self) -> bool {
        true
    }
}
