//! Whether the device has room for a commit, asked before anything of it is written.
//!
//! A log that ends in the middle of a batch leaves a commit of which nobody knows whether
//! it is there, and memtables that cannot be flushed stop RocksDB. So a commit is refused
//! while there is still room for what it takes and for all that is not flushed yet.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::env::has_bug;
use crate::{Error, Result, SqlState};

/// What stays free for what RocksDB writes by itself: new logs, lists of files, merges.
const RESERVE_BYTES: u64 = 16 << 20;
/// What stays free when a commit that writes no rows takes of the reserve: what frees space,
/// such as DROP TABLE, writes none.
const LAST_BYTES: u64 = 4 << 20;
/// With so much room nobody asks what is not flushed yet: memtables hold less.
const PLENTY_BYTES: u64 = 1 << 30;
/// How much may be written, and for how long, before the device is asked again: others fill
/// it too.
const ASK_BYTES: u64 = 4 << 20;
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// What the device had room for when it was asked last.
pub(super) struct DiskRoom {
    /// `None`: a database in memory.
    folder: Option<PathBuf>,
    /// Bytes that may be written without asking again, until then.
    granted: Option<(u64, Instant)>,
}

/// Which commits there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    All,
    /// Only for those that write no rows.
    Changes,
    Nothing,
}

impl DiskRoom {
    pub(super) fn new(folder: Option<PathBuf>) -> DiskRoom {
        DiskRoom { folder, granted: None }
    }

    /// Which commits there is room for, of a group of about so many bytes that is about to be
    /// written. `unflushed` tells what memtables hold.
    pub(super) fn of(&mut self, bytes: u64, now: Instant, unflushed: impl FnOnce() -> u64) -> Room {
        if let Some((left, until)) = &mut self.granted
            && bytes <= *left
            && now < *until
        {
            *left -= bytes;
            return Room::All;
        }
        let Some(free) = self.free() else { return Room::All };
        let room = room(free, bytes, unflushed);
        self.granted = (room == Room::All).then_some((ASK_BYTES, now + ASK_INTERVAL));
        room
    }

    /// Bytes that this process may still write; `None` if nobody can tell, and writing will.
    fn free(&self) -> Option<u64> {
        let folder = self.folder.as_ref().filter(|_| !has_bug("room_not_asked"))?;
        // A file system that has no size says nothing of what is free.
        let stat = rustix::fs::statvfs(folder).ok().filter(|stat| stat.f_blocks > 0)?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// A group takes its bytes twice: in the log, and in the file that its memtable becomes.
fn room(free: u64, bytes: u64, unflushed: impl FnOnce() -> u64) -> Room {
    let taken = bytes.saturating_mul(2);
    if free.saturating_sub(taken) >= PLENTY_BYTES {
        return Room::All;
    }
    let of_rows = taken.saturating_add(ASK_BYTES).saturating_add(RESERVE_BYTES);
    if free >= of_rows.saturating_add(unflushed()) {
        Room::All
    } else if free >= taken.saturating_add(LAST_BYTES) {
        Room::Changes
    } else {
        Room::Nothing
    }
}

impl Room {
    /// Refuses a commit that there is no room for.
    ///
    /// # Errors
    /// `53100`.
    pub(super) fn admit(self, writes_rows: bool) -> Result<()> {
        match self {
            Room::All => Ok(()),
            Room::Changes if !writes_rows => Ok(()),
            Room::Changes | Room::Nothing => Err(no_room()),
        }
    }
}

/// The refusal of a commit of which nothing was written.
pub(super) fn no_room() -> Error {
    Error::new(SqlState::DISK_FULL, "the device has no room for the commit").with_hint(
        "nothing of it was written: make room, or drop what is not needed, and run it again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_is_not_flushed_yet_needs_room_too() {
        assert_eq!(room(200 * MIB, MIB, || 100 * MIB), Room::All);
        assert_eq!(room(100 * MIB, MIB, || 100 * MIB), Room::Changes);
        assert_eq!(room(100 * MIB, 70 * MIB, || 0), Room::Nothing);
        assert_eq!(room(5 * MIB, MIB, || 0), Room::Nothing);
        assert_eq!(room(2 << 30, MIB, || unreachable!("there is plenty")), Room::All);
        assert_eq!(room(1 << 40, u64::MAX, || 0), Room::Nothing);
    }

    #[test]
    fn only_commits_without_rows_take_of_the_reserve() {
        assert!(Room::Changes.admit(false).is_ok());
        for (room, writes_rows) in
            [(Room::Changes, true), (Room::Nothing, true), (Room::Nothing, false)]
        {
            let error = room.admit(writes_rows).expect_err("there is no room");
            assert_eq!(error.sqlstate(), SqlState::DISK_FULL);
        }
    }

    #[test]
    fn the_device_is_asked_again_after_a_while_and_after_some_bytes() {
        let mut room = DiskRoom::new(Some(std::env::temp_dir()));
        let begin = Instant::now();
        let ask = |room: &mut DiskRoom, bytes, now| {
            let before = room.granted.map(|(_, until)| until);
            assert_eq!(room.of(bytes, now, || 0), Room::All);
            room.granted.map(|(_, until)| until) != before
        };
        assert!(ask(&mut room, 1, begin));
        assert!(!ask(&mut room, 1, begin + ASK_INTERVAL / 2));
        assert!(ask(&mut room, ASK_BYTES, begin + ASK_INTERVAL / 2));
        assert!(!ask(&mut room, ASK_BYTES, begin + ASK_INTERVAL));
        assert!(ask(&mut room, 0, begin + 2 * ASK_INTERVAL));
    }

    #[test]
    fn memory_has_no_device() {
        assert_eq!(DiskRoom::new(None).of(u64::MAX, Instant::now(), || u64::MAX), Room::All);
    }
}
