//! The proofs find known bugs: each is planted in a process that runs one proof, which has
//! to fail, and to say what is wrong.
//!
//! The bugs are `has_bug` in kalam-core, which optimized builds do not have.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixture::calls_in;

/// A bug, the proof that has to find it, and what that says.
struct Planted {
    bug: &'static str,
    proof: &'static str,
    /// One of these.
    says: &'static [&'static str],
    /// What else the proof is started with.
    with: &'static [(&'static str, &'static str)],
}

const CRASH: &str = "crash::a_killed_process_loses_nothing_and_leaves_nothing_half_done";
const POWER: &str = "power::a_disk_that_forgets_what_was_not_synced_loses_nothing_acknowledged";
const PREFIX: &str =
    "power::what_a_power_failure_leaves_without_full_durability_is_a_prefix_of_the_commits";
const FAULT: &str = "fault::a_step_that_stops_or_fails_loses_nothing";
const ROT: &str = "rot::every_flipped_bit_is_found_or_changes_no_answer";
const LIST: &str = "rot::no_length_in_the_list_of_files_hides_what_follows_it";
const FULL: &str = "disk_full::a_full_disk_refuses_writes_and_keeps_what_it_acknowledged";
const MOMENT: &str = "concurrency::every_reader_sees_one_moment";

const BUGS: &[Planted] = &[
    Planted {
        bug: "log_not_synced",
        proof: POWER,
        says: &["wrong rows", "were acknowledged"],
        with: &[],
    },
    Planted { bug: "deletion_before_sync", proof: PREFIX, says: &["XX001", "orphans"], with: &[] },
    Planted { bug: "file_not_synced", proof: POWER, says: &["XX001"], with: &[] },
    Planted { bug: "folder_not_synced", proof: POWER, says: &["XX001"], with: &[] },
    Planted {
        bug: "manifest_before_file",
        proof: FAULT,
        says: &["is missing"],
        with: &[("KALAM_POINT", "flush.after_commit")],
    },
    Planted {
        bug: "input_deleted_early",
        proof: FAULT,
        says: &["is missing"],
        with: &[("KALAM_POINT", "compact.before_commit")],
    },
    Planted {
        bug: "orphan_left",
        proof: FAULT,
        says: &["orphans"],
        with: &[("KALAM_POINT", "flush.after_sync")],
    },
    Planted {
        bug: "folder_called_clean",
        proof: FAULT,
        says: &["orphans"],
        with: &[("KALAM_POINT", "flush.after_sync")],
    },
    Planted {
        bug: "file_number_reused",
        proof: CRASH,
        says: &["XX001", "is torn", "wrong"],
        with: &[],
    },
    Planted { bug: "tombstone_not_flushed", proof: CRASH, says: &["wrong"], with: &[] },
    Planted { bug: "dead_row_compacted", proof: CRASH, says: &["wrong"], with: &[] },
    Planted {
        bug: "mark_lost_in_compaction",
        proof: CRASH,
        says: &["wrong"],
        with: &[("KALAM_FAULT", "compact.before_commit=delay"), ("KALAM_WORK_MS", "800")],
    },
    Planted {
        bug: "write_lost_in_flush",
        proof: CRASH,
        says: &["wrong"],
        with: &[("KALAM_FAULT", "flush.before_commit=delay"), ("KALAM_WORK_MS", "800")],
    },
    Planted {
        bug: "transaction_in_halves",
        proof: CRASH,
        // A kill between the halves, or a backup.
        says: &["wrong rows", "wrong backup"],
        with: &[],
    },
    Planted { bug: "key_not_looked_up", proof: CRASH, says: &["wrong"], with: &[] },
    Planted {
        bug: "unique_entry_left",
        proof: CRASH,
        says: &["wrong entries", "the index of a UNIQUE", "unique constraint \"u_twin_key\""],
        with: &[],
    },
    Planted { bug: "seq_starts_again", proof: CRASH, says: &["_seq went back"], with: &[] },
    Planted {
        bug: "segment_not_in_backup",
        proof: CRASH,
        says: &["wrong backup", "is missing"],
        with: &[],
    },
    Planted {
        bug: "checksum_not_compared",
        proof: ROT,
        says: &["wrong answer", "not told by STORAGE CHECK"],
        with: &[("KALAM_KIND", "segment")],
    },
    Planted {
        bug: "lost_log_accepted",
        proof: ROT,
        says: &["wrong answer"],
        with: &[("KALAM_KIND", "log")],
    },
    Planted { bug: "length_of_list_believed", proof: LIST, says: &["of the length at"], with: &[] },
    Planted { bug: "room_not_asked", proof: FULL, says: &["08007"], with: &[("KALAM_DISKS", "4")] },
    Planted {
        bug: "snapshot_not_of_segments",
        proof: MOMENT,
        says: &["wrong sum", "changed twice"],
        with: &[],
    },
    Planted { bug: "rows_not_looked_at", proof: MOMENT, says: &["wrong sum"], with: &[] },
];

impl Planted {
    /// Runs the proof with the bug, and tells why it was not found.
    fn missed(&self) -> Option<String> {
        let this = std::env::current_exe().expect("a process knows its program");
        let output = Command::new(this)
            .args([self.proof, "--exact", "--nocapture", "--test-threads=1"])
            .env("KALAM_BUG", self.bug)
            .env("KALAM_KILLS", "60")
            .env("KALAM_POWER_CUTS", "40")
            .env("KALAM_FLIPS", "40")
            .env("KALAM_READS", "4000")
            .env_remove("KALAM_FAULTS")
            .envs(self.with.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("the proof runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Some(format!("{}: {} passes all the same\n{text}", self.bug, self.proof));
        }
        if !self.says.iter().any(|words| text.contains(words)) {
            return Some(format!(
                "{}: {} does not say {:?}\n{text}",
                self.bug, self.proof, self.says
            ));
        }
        println!("{}: found by {}", self.bug, self.proof);
        None
    }
}

#[test]
fn every_planted_bug_is_found_by_its_proof() {
    let wanted = std::env::var("KALAM_BUGS").unwrap_or_default();
    let disk = crate::power::Disk::is_possible();
    let small_disk = crate::disk_full::SmallDisk::is_possible();
    let mut missed = Vec::new();
    let mut found = 0;
    for planted in BUGS.iter().filter(|planted| planted.bug.contains(&wanted)) {
        let no_disk = [POWER, PREFIX].contains(&planted.proof) && !disk;
        if no_disk || planted.proof == FULL && !small_disk {
            println!("{}: not looked for, no file system can be mounted here", planted.bug);
            continue;
        }
        match planted.missed() {
            Some(why) => missed.push(why),
            None => found += 1,
        }
    }
    println!("{found} of {} planted bugs were found", BUGS.len());
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}

#[test]
fn every_bug_in_the_sources_has_a_proof() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kalam-core/src");
    let planted = calls_in(&source, "has_bug(\"");
    let known: BTreeSet<String> = BUGS.iter().map(|planted| planted.bug.to_owned()).collect();
    assert_eq!(planted, known);
}
