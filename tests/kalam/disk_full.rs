//! A disk that ends: a typed error, and everything acknowledged is still there.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::fixture;

/// A file system of a few megabytes in memory, if this process may mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<SmallDisk> {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        mounted.then_some(SmallDisk(dir))
    }

    fn remount(&self, options: &str) {
        let done = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(self.0.path())
            .status()
            .is_ok_and(|status| status.success());
        assert!(done, "what was mounted can be mounted again");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// What the filling child said.
struct Filled {
    acknowledged: Vec<u64>,
    refused: Option<String>,
    read: Option<u64>,
    text: String,
}

/// Runs the child in a shell that first runs `limits`.
fn fill(dir: &Path, limits: &str) -> Filled {
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("{limits} exec \"$0\" fill \"$1\""))
        .arg(env!("CARGO_BIN_EXE_kalam-test-child"))
        .arg(dir)
        .stdin(Stdio::null())
        .output()
        .expect("the child runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut filled = Filled { acknowledged: Vec::new(), refused: None, read: None, text };
    for line in filled.text.clone().lines() {
        let mut words = line.split(' ');
        let (word, value) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match word {
            "ack" => filled.acknowledged.push(value.parse().expect("keys are numbers")),
            "full" | "error" => filled.refused = Some(value.to_owned()),
            "read" => filled.read = Some(value.parse().expect("a count is a number")),
            _ => {}
        }
    }
    assert_eq!(
        output.stderr,
        b"",
        "the child panicked: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    filled
}

fn assert_refused(filled: &Filled) {
    let last: String = filled.text.lines().rev().take(3).collect::<Vec<_>>().join("; ");
    assert!(!filled.acknowledged.is_empty(), "nothing was written: {last}");
    let state = filled.refused.as_deref().unwrap_or("nothing");
    assert!(["53100", "08007"].contains(&state), "{state}: {last}");
    // Reads go on after a refused write.
    assert!(filled.read >= Some(filled.acknowledged.len() as u64), "{last}");
}

fn assert_all_there(dir: &Path, filled: &Filled) {
    let database = fixture::open(dir);
    let root = fixture::root(&database);
    let rows = fixture::rows(&root, "SELECT k, LENGTH(pad) FROM fill ORDER BY k");
    assert!(rows.iter().all(|row| row[1] == "64000"), "a row is torn");
    let keys: Vec<u64> = rows.iter().map(|row| row[0].parse().expect("k is a number")).collect();
    for key in &filled.acknowledged {
        assert!(keys.binary_search(key).is_ok(), "row {key} was acknowledged and is lost");
    }
    // One more may have arrived without an answer.
    assert!(keys.len() <= filled.acknowledged.len() + 1);
    fixture::run(&root, "INSERT INTO fill VALUES (1000000, 'works again')");
    fixture::run(&root, "STORAGE FLUSH TABLE fill");
    let listed = fixture::manifest_paths(&root, "fill", dir);
    assert_eq!(listed, fixture::parquet_files(&dir.join("segments")));
    database.close().expect("the database closes");
}

#[test]
fn a_full_disk_refuses_writes_and_keeps_what_it_acknowledged() {
    let Some(disk) = SmallDisk::mount(48) else {
        return a_file_size_limit_refuses_writes_and_keeps_what_it_acknowledged();
    };
    let dir = disk.0.path().join("database");
    let filled = fill(&dir, "");
    assert_refused(&filled);
    disk.remount("size=200m");
    assert_all_there(&dir, &filled);
}

#[test]
fn a_file_size_limit_refuses_writes_and_keeps_what_it_acknowledged() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    // Blocks of 512 bytes; the signal is ignored so that the write fails instead.
    let filled = fill(dir.path(), "trap '' XFSZ; ulimit -f 4096;");
    assert_refused(&filled);
    assert_all_there(dir.path(), &filled);
}

#[test]
fn a_read_only_directory_is_refused_and_left_alone() {
    let Some(disk) = SmallDisk::mount(64) else {
        return read_only_by_permission();
    };
    let dir = disk.0.path().join("database");
    fixture::open(&dir).close().expect("the database closes");
    disk.remount("ro");
    assert_read_only(&dir);
    assert_read_only(&disk.0.path().join("new"));
    disk.remount("rw");
    fixture::open(&dir).close().expect("the database closes");
}

fn read_only_by_permission() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().expect("a temporary folder can be made");
    let mode = |mode| {
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode))
            .expect("permissions can be set");
    };
    mode(0o555);
    assert_read_only(&dir.path().join("new"));
    mode(0o755);
}

fn assert_read_only(dir: &Path) {
    let error = kalam_core::Database::open(dir, fixture::options())
        .err()
        .expect("a read-only directory is not opened for writing");
    let state = error.sqlstate();
    assert!(["58030", "25006"].contains(&state.as_str()), "{error:?}");
}
