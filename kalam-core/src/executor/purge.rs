//! What is left to do after all rows of a user were removed: to rewrite the files that
//! still have their bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::activity::check_stop;
use crate::env::fault_point;
use crate::flush::ColdTier;
use crate::store::{EntityStore, Family, Store, WriteSet};

/// How long a purge waits for results that are still read.
const WAIT_MAX: Duration = Duration::from_secs(2);
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
pub(crate) fn demand(set: &mut WriteSet, now_ms: i64) {
    PENDING.put(set, &String::new(), &PendingPurge { since_ms: now_ms });
}

/// Erases what was removed up to now. False if somebody still reads it after a moment, or
/// a storage that has it is away: the next purge, or the next open, does it then.
///
/// # Errors
/// `58030`, `53100`, `57014`; what is not done is done by the next purge or open.
pub(crate) fn erase(store: &Arc<Store>, tier: &ColdTier) -> Result<bool> {
    let epoch = store.epoch();
    let begin = Instant::now();
    while store.epochs().oldest().is_some_and(|oldest| oldest < epoch) {
        check_stop()?;
        if begin.elapsed() > WAIT_MAX {
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
    if PENDING.get(&store.view().snapshot, &String::new())?.is_none() {
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
