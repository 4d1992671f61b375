//! What is left to do after all rows of a user were removed: to rewrite the files that
//! still have their bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::tier::ColdTier;
use crate::Result;
use crate::activity::check_stop;
use crate::env::fault_point;
use crate::store::{EntityStore, Family, Store, WriteSet};

const WAIT_STEP: Duration = Duration::from_millis(2);

/// That rows were removed whose bytes have to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PendingPurge {
    /// Milliseconds since 1970 UTC.
    since_ms: i64,
}

/// One is enough: whoever rewrites the files does it for all.
const PENDING: EntityStore<String, PendingPurge> =
    EntityStore::new(Family::Jobs, b'P', "a purge that is not done");

/// Makes it part of a commit that bytes have to go, whatever happens after it.
pub(crate) fn demand_purge(set: &mut WriteSet, now_ms: i64) {
    PENDING.put(set, &String::new(), &PendingPurge { since_ms: now_ms });
}

/// Whether bytes have to go.
///
/// # Errors
/// `XX001`, `58030`.
pub(crate) fn is_purge_pending(store: &Store) -> Result<bool> {
    Ok(PENDING.get(&store.view().snapshot, &String::new())?.is_some())
}

/// Erases what was removed up to now. False if somebody still reads it after `wait`: the
/// end of what they read, the next purge, or the next open does it then.
///
/// # Errors
/// `58030`, `53100`, `57014`; what is not done is done later, as above.
pub(crate) fn erase_purged(store: &Arc<Store>, tier: &ColdTier, wait: Duration) -> Result<bool> {
    let epoch = store.epoch();
    let begin = Instant::now();
    while store.epochs().oldest().is_some_and(|oldest| oldest < epoch) {
        check_stop()?;
        if begin.elapsed() >= wait {
            return Ok(false);
        }
        std::thread::sleep(WAIT_STEP);
    }
    tier.ask_again();
    tier.collect_garbage(store)?;
    fault_point("purge.after_files")?;
    if tier.manifest.has_garbage() {
        return Ok(false);
    }
    finish_purges(store, tier)?;
    Ok(true)
}

/// Rewrites what RocksDB holds, if bytes have to go. At open nobody reads yet. Files of a
/// storage that is away have to go later; the next open looks again.
///
/// # Errors
/// `58030`, `53100`.
pub(crate) fn finish_purges(store: &Arc<Store>, tier: &ColdTier) -> Result<()> {
    // Whoever comes second finds it done.
    let _erasing = store.erasing();
    if !is_purge_pending(store)? {
        return Ok(());
    }
    store.erase_deleted()?;
    fault_point("purge.after_erase")?;
    if tier.manifest.has_garbage() {
        return Ok(());
    }
    let mut set = WriteSet::default();
    PENDING.delete(&mut set, &String::new());
    store.commit(set)?;
    Ok(())
}
