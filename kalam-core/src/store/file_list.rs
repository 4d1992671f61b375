//! Whether RocksDB's list of files is there, and ends where it was written to.
//!
//! RocksDB takes a record that is longer than the rest of the file for one that a crash tore,
//! and opens with what is before it: a flipped bit in a length would take away the files that
//! later records list, and RocksDB would delete them. Of every other bit it knows by itself.
//! Source: RocksDB's `db/log_format.h` and `db/log_reader.cc`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::env::has_bug;
use crate::error::io_error;
use crate::{Error, Result, SqlState};

/// Records do not cross blocks; what is left of one has no room for a header.
const BLOCK_BYTES: usize = 32 << 10;
/// Checksum, length of the payload, type.
const HEADER_BYTES: usize = 4 + 2 + 1;

/// The list that `CURRENT` names in a folder of RocksDB.
fn named_list(folder: &Path) -> std::io::Result<PathBuf> {
    let name = std::fs::read(folder.join("CURRENT"))?;
    Ok(folder.join(String::from_utf8_lossy(&name).trim_end()))
}

/// Whether the list is not where `CURRENT` says, or nothing says where: that is damage, and
/// not a device that fails.
pub(super) fn is_file_list_lost(folder: &Path) -> bool {
    match named_list(folder) {
        Ok(list) => !list.exists(),
        Err(e) => e.kind() == ErrorKind::NotFound,
    }
}

/// Looks at the list that `CURRENT` names in a folder of RocksDB. One that is not there is for
/// RocksDB to tell.
///
/// # Errors
/// `XX001` if a record is whole and its length is not; `58030`.
pub(super) fn check_file_list(folder: &Path) -> Result<()> {
    let list = match named_list(folder) {
        Ok(list) if list.is_file() => list,
        Ok(_) | Err(_) => return Ok(()),
    };
    let bytes = std::fs::read(&list).map_err(|e| io_error("read", &list, e))?;
    if is_cut_by_length(&bytes) && !has_bug("length_of_list_believed") {
        let message = format!("the list of files \"{}\" is damaged", list.display());
        return Err(Error::new(SqlState::DATA_CORRUPTED, message)
            .with_hint("restore the database from a backup"));
    }
    Ok(())
}

/// Whether the last record ends behind the file by its length, and within it by its checksum.
fn is_cut_by_length(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some((header, rest)) = bytes.get(at..).and_then(|r| r.split_at_checked(HEADER_BYTES))
    {
        let of_block = BLOCK_BYTES - at % BLOCK_BYTES;
        if of_block < HEADER_BYTES {
            at += of_block;
            continue;
        }
        let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
        if length > rest.len() {
            let checksum = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
            return has_prefix_with(checksum, header[6], rest);
        }
        at += HEADER_BYTES + length;
    }
    false
}

/// Whether the first bytes of a payload, as many as may be, have a record's checksum.
fn has_prefix_with(checksum: u32, record_type: u8, payload: &[u8]) -> bool {
    let mut crc = crc32c::crc32c(&[record_type]);
    payload.iter().any(|byte| {
        crc = crc32c::crc32c_append(crc, &[*byte]);
        masked(crc) == checksum
    })
}

/// A checksum as records have it.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole records with these payloads.
    fn list(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in payloads {
            let length = u16::try_from(payload.len()).expect("it is short").to_le_bytes();
            let crc = masked(crc32c::crc32c(&[&[1], *payload].concat()));
            bytes.extend([&crc.to_le_bytes()[..], &length, &[1], payload].concat());
        }
        bytes
    }

    #[test]
    fn a_length_past_the_end_is_damage_and_a_torn_record_is_not() {
        let whole = list(&[b"first", b"second record", b"third"]);
        assert!(!is_cut_by_length(&whole));
        for end in 0..whole.len() {
            assert!(!is_cut_by_length(&whole[..end]), "torn at {end}");
        }
        let mut begin = 0;
        for payload in [5, 13, 5] {
            for bit in 8..16 {
                let mut flipped = whole.clone();
                flipped[begin + 4 + bit / 8] ^= 1 << (bit % 8);
                assert!(is_cut_by_length(&flipped), "bit {bit} of the length at {begin}");
            }
            begin += HEADER_BYTES + payload;
        }
    }

    #[test]
    fn records_do_not_cross_blocks() {
        // Six bytes of the first block are left.
        let first = vec![7; BLOCK_BYTES - HEADER_BYTES - 6];
        let mut bytes = list(&[&first]);
        bytes.extend([0; 6]);
        let second = bytes.len();
        bytes.extend(list(&[b"in the second block"]));
        assert!(!is_cut_by_length(&bytes));
        bytes[second + 5] ^= 0x40;
        assert!(is_cut_by_length(&bytes));
    }
}
