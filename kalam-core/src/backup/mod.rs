//! Copies of a whole database in a folder of their own, and the way back.
//!
//! **Invariant**: the manifest of a backup is replaced in one step, and everything that
//! it lists was synced before. A backup that stops in between leaves the one before it.

mod create;
mod file_copy;
mod folder;
mod manifest;
mod restore;

pub(crate) use create::{Backup, BackupReport};
pub(crate) use folder::outside_of;
pub(crate) use restore::{RestoreReport, restore, verify};
