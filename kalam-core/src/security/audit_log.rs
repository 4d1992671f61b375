//! The audit log: who did what, and who was not let.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::audit_record::{Actor, AuditRecord, Outcome};
use super::refusals::Refusals;
use crate::Result;
use crate::env::Clock;
use crate::model::Seq;
use crate::store::{
    Batch, Change, EntityKey, EntityStore, Family, Snapshot, Store, WriteSet, encode_entity,
};

/// Records that are kept. An older one goes with each that comes.
pub(crate) const RECORDS_MAX: u64 = 100_000;

/// The place of a record: 1, 2, 3 and so on, without gaps.
#[derive(Clone, Copy, PartialEq, Eq)]
struct AuditNumber(u64);

impl EntityKey for AuditNumber {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| AuditNumber(u64::from_be_bytes(bytes)))
    }
}

const RECORDS: EntityStore<AuditNumber, AuditRecord> =
    EntityStore::new(Family::Log, b'A', "an audit record");

/// The records of a database. A record is part of the commit of what it tells of.
pub(crate) struct AuditLog {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// The number of the next record. Only the committer moves it.
    next: Arc<AtomicU64>,
    refusals: Mutex<Refusals>,
}

impl AuditLog {
    /// # Errors
    /// `58030`.
    pub(crate) fn load(store: &Arc<Store>, clock: &Arc<dyn Clock>) -> Result<AuditLog> {
        let last = RECORDS.last_key(&store.view().snapshot)?;
        Ok(AuditLog {
            store: store.clone(),
            clock: clock.clone(),
            next: Arc::new(AtomicU64::new(last.map_or(0, |number| number.0) + 1)),
            refusals: Mutex::default(),
        })
    }

    /// Makes a record part of a commit.
    pub(crate) fn add(&self, set: &mut WriteSet, mut record: AuditRecord) {
        record.at_ms = self.clock.now_ms();
        let next = self.next.clone();
        set.changes.push(Box::new(AuditChange { next, value: encode_entity(&record) }));
    }

    /// Commits a record by itself: of something that changes nothing else.
    ///
    /// # Errors
    /// `58030`, `53100`.
    pub(crate) fn write(&self, record: AuditRecord) -> Result<()> {
        let mut set = WriteSet::default();
        self.add(&mut set, record);
        self.store.commit(set)?;
        Ok(())
    }

    /// Makes the record of a refusal part of a commit, unless there were too many of
    /// late. Whether it did.
    pub(crate) fn add_refusal(&self, set: &mut WriteSet, record: AuditRecord) -> bool {
        let admitted = self.refusals.lock().admit(record.user.as_ref(), self.clock.now_ms());
        let Some(skipped) = admitted else { return false };
        self.add_skipped(set, skipped);
        self.add(set, record);
        true
    }

    /// Commits the record of a refusal, unless there were too many of late. The caller
    /// is refused whether this can be written or not.
    pub(crate) fn refuse(&self, record: AuditRecord) {
        let mut set = WriteSet::default();
        if self.add_refusal(&mut set, record) {
            self.commit_or_tell(set);
        }
    }

    /// Writes down how many refusals were only counted.
    pub(crate) fn settle(&self) {
        let skipped = self.refusals.lock().take_skipped();
        let mut set = WriteSet::default();
        self.add_skipped(&mut set, skipped);
        if skipped > 0 {
            self.commit_or_tell(set);
        }
    }

    fn add_skipped(&self, set: &mut WriteSet, skipped: u64) {
        if skipped > 0 {
            let nobody = Actor { user: None, role: None, subject: None };
            let record = AuditRecord::new(nobody, "REFUSALS", None)
                .with_outcome(Outcome::Denied)
                .with_detail(format!("{skipped} more were not recorded one by one"));
            self.add(set, record);
        }
    }

    fn commit_or_tell(&self, set: WriteSet) {
        if let Err(e) = self.store.commit(set).map_err(crate::Error::from) {
            tracing::warn!(error = %e, "a refusal could not be recorded in the audit log");
        }
    }

    /// Every record with its number, oldest first.
    ///
    /// # Errors
    /// `XX001` if one does not decode.
    pub(crate) fn records(&self, snapshot: &Arc<Snapshot>) -> Result<Vec<(u64, AuditRecord)>> {
        let found = RECORDS.scan(snapshot, &[])?;
        Ok(found.into_iter().map(|(number, record)| (number.0, record)).collect())
    }
}

struct AuditChange {
    next: Arc<AtomicU64>,
    value: Vec<u8>,
}

impl Change for AuditChange {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn stage(&mut self, _seq: Seq, batch: &mut Batch<'_>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        batch.put(Family::Log, &RECORDS.key(&AuditNumber(number)), &self.value);
        if let Some(old) = number.checked_sub(RECORDS_MAX).filter(|old| *old > 0) {
            batch.delete(Family::Log, &RECORDS.key(&AuditNumber(old)));
        }
    }

    fn publish(&mut self, _epoch: u64) {}

    fn is_visible(&self) -> bool {
        false
    }
}
