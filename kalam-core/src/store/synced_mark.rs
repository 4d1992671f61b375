//! How far the log was synced, told by a file beside it.
//!
//! RocksDB recovers a log up to the first record that it cannot read, and cannot
//! tell a record torn by a crash from one that rotted later. This mark can: it is
//! written after each sync, so a log that ends before it has lost commits that were
//! acknowledged.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::env::has_bug;
use crate::error::io_error;
use crate::model::Seq;
use crate::{Error, Result, SqlState};

/// The file with the mark: 8 bytes `_seq`, 8 bytes XXH3-64 of them, little-endian.
pub(super) struct SyncedMark {
    file: File,
}

impl SyncedMark {
    /// Opens the mark and compares it with what the log gave back.
    ///
    /// # Errors
    /// `XX001` if the log ends before the mark.
    pub(super) fn open(path: &Path, recovered: Seq) -> Result<SyncedMark> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| io_error("open", path, e))?;
        let mut bytes = [0; 16];
        // A mark that is missing, torn or damaged says nothing.
        let read = file.read_exact_at(&mut bytes, 0).is_ok();
        let (seq, hash) = bytes.split_at(8);
        let valid = read && xxh3_64(seq).to_le_bytes() == hash;
        let marked = u64::from_le_bytes(seq.try_into().expect("half of 16 bytes"));
        if valid && marked > recovered.get() && !has_bug("lost_log_accepted") {
            return Err(Error::new(
                SqlState::DATA_CORRUPTED,
                format!(
                    "the log beside \"{}\" is damaged: it ends at commit {recovered}, \
                     and commits up to {marked} were acknowledged",
                    path.display()
                ),
            )
            .with_hint("restore the database from a backup"));
        }
        Ok(SyncedMark { file })
    }

    /// Notes that the log is on the device up to `seq`. Not synced itself: after a
    /// power failure an older mark only says less.
    pub(super) fn advance(&self, seq: Seq) {
        let seq = seq.get().to_le_bytes();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seq);
        bytes[8..].copy_from_slice(&xxh3_64(&seq).to_le_bytes());
        if let Err(e) = self.file.write_all_at(&bytes, 0) {
            tracing::warn!(error = %e, "the mark of synced commits could not be written");
        }
    }
}
