//! Row records: one row of the hot tier as bytes.
//!
//! ```text
//! format u8 | schema_version u16 | flags u8 | seq u64 | null bitmap | fixed-width area | end offsets | data
//! ```
//!
//! Integers are little endian. The layout of a schema version fixes where every slot
//! and end offset lies, so that reading one column touches no other. The bytes are
//! in `FORMAT.md`, section Row record.

mod builder;
mod decode;
mod encode;
mod layout;
mod stored;
mod value;

pub(crate) use decode::{DecodeTarget, RowDecoder, StoredColumn};
pub(crate) use encode::RowEncoder;
pub(crate) use layout::{Layouts, RowLayout};
pub(crate) use stored::StoredValue;
pub(crate) use value::{read_stored_value, stored_value};

use crate::model::{SchemaVersion, Seq};
use crate::{Error, Result, SqlState};

/// The row was deleted; it stays until its retention is over.
pub(crate) const FLAG_DELETED: u8 = 1;

const FORMAT: u8 = 1;
const VERSION_AT: usize = 1;
const FLAGS_AT: usize = 3;
const SEQ_AT: usize = 4;
/// Bytes of the header.
pub(super) const HEADER_LEN: usize = 12;

/// What every record starts with, whatever its schema version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowHeader {
    /// The columns that the record was written with.
    pub(crate) version: SchemaVersion,
    /// [`FLAG_DELETED`]; other bits are zero.
    pub(crate) flags: u8,
    /// The commit that wrote the row.
    pub(crate) seq: Seq,
}

impl RowHeader {
    /// Reads the header of a record.
    ///
    /// # Errors
    /// `XX001` if the record is too short, or of another format.
    pub(crate) fn read(record: &[u8]) -> Result<RowHeader> {
        let header = record.first_chunk::<HEADER_LEN>().ok_or_else(damaged)?;
        let [format, version_low, version_high, flags, seq @ ..] = *header;
        if format != FORMAT || flags & !FLAG_DELETED != 0 {
            return Err(damaged());
        }
        Ok(RowHeader {
            version: SchemaVersion(u16::from_le_bytes([version_low, version_high])),
            flags,
            seq: Seq(u64::from_le_bytes(seq)),
        })
    }

    /// Whether the row was deleted.
    pub(crate) fn is_deleted(&self) -> bool {
        self.flags & FLAG_DELETED != 0
    }
}

/// The header of a record that has no columns.
pub(super) fn empty_header() -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[0] = FORMAT;
    header
}

/// Writes the commit order into a record that [`RowEncoder`] made.
pub(crate) fn set_seq(record: &mut [u8], seq: Seq) {
    record[SEQ_AT..HEADER_LEN].copy_from_slice(&seq.get().to_le_bytes());
}

/// Writes the flags into a record that [`RowEncoder`] made.
pub(crate) fn set_flags(record: &mut [u8], flags: u8) {
    record[FLAGS_AT] = flags;
}

fn damaged() -> Error {
    Error::new(SqlState::DATA_CORRUPTED, "row record is damaged")
}

#[cfg(test)]
mod tests;
