//! A disk that ends: a typed error, everything acknowledged is still there, and when there is
//! room again the database goes on.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kalam_core::{Database, Durability, Options};
use tempfile::TempDir;

use crate::fixture::{self, Seeded, number_from};

/// RocksDB looks for room every five seconds; what takes so long hangs.
const STUCK: Duration = Duration::from_secs(60);

/// A file system of a few megabytes in memory, if this process may mount one.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    pub(crate) fn is_possible() -> bool {
        SmallDisk::mount(1).is_some()
    }

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

    /// Takes of it what there is but for so many bytes, as another process would.
    fn fill(&self, leave: u64) {
        let mut file = File::create(self.filler()).expect("a file can be made");
        let piece = vec![1; 64 << 10];
        while file.write_all(&piece).is_ok() {}
        let size = file.metadata().expect("it is there").len();
        file.set_len(size - leave).expect("a file can be cut");
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).expect("a file can be removed");
        // RocksDB goes on when there is room for a whole memtable.
        self.remount("size=300m");
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
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
            "unflushed" => assert_eq!(value, "53100", "{line}"),
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

fn assert_refused(filled: &Filled, states: &[&str]) {
    let last: String = filled.text.lines().rev().take(3).collect::<Vec<_>>().join("; ");
    assert!(!filled.acknowledged.is_empty(), "nothing was written: {last}");
    let state = filled.refused.as_deref().unwrap_or("nothing");
    assert!(states.contains(&state), "{state}: {last}");
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
    // Whether the log or a memtable is the first to find no room differs from disk to disk.
    for _ in 0..number_from("KALAM_DISKS", 1) {
        let Some(disk) = SmallDisk::mount(48) else {
            return a_file_size_limit_refuses_writes_and_keeps_what_it_acknowledged();
        };
        let dir = disk.0.path().join("database");
        let filled = fill(&dir, "");
        // Nothing of the commit was written.
        assert_refused(&filled, &["53100"]);
        disk.remount("size=200m");
        assert_all_there(&dir, &filled);
    }
}

#[test]
fn a_file_size_limit_refuses_writes_and_keeps_what_it_acknowledged() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    // Blocks of 512 bytes; the signal is ignored so that the write fails instead.
    let filled = fill(dir.path(), "trap '' XFSZ; ulimit -f 4096;");
    // Nobody tells beforehand how large a file may become.
    assert_refused(&filled, &["53100", "08007"]);
    assert_all_there(dir.path(), &filled);
}

#[test]
fn a_database_takes_writes_again_when_its_disk_has_room() {
    for durability in [Durability::Full, Durability::Normal, Durability::Off] {
        let Some(disk) = SmallDisk::mount(60) else {
            println!("NOT PROVED HERE: no file system can be mounted");
            return;
        };
        let dir = disk.0.path().join("database");
        let elsewhere = TempDir::new().expect("a temporary folder can be made");
        let backup = format!("BACKUP DATABASE TO '{}/backup'", elsewhere.path().display());
        let options = || Options { durability, ..fixture::options() };
        let open = || Database::open(&dir, options()).expect("it opens");
        let count = |expected: u64, database: &Database| {
            let found = fixture::rows(&fixture::root(database), "SELECT COUNT(*) FROM t");
            assert_eq!(found, [[expected.to_string()]], "{durability:?}");
        };
        let database = open();
        let root = fixture::root(&database);
        fixture::run(&root, "CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
        let mut random = Seeded(1);
        for k in 0..200 {
            let pad: String = (0..4_000).map(|_| format!("{:016x}", random.bits())).collect();
            fixture::run(&root, &format!("INSERT INTO t VALUES ({k}, '{pad}')"));
        }
        // Enough for the records of a job, and not for the rows in memory.
        disk.fill(6 << 20);
        let insert = |k: u64| fixture::try_run(&root, &format!("INSERT INTO t VALUES ({k}, 'v')"));
        let is_refused = |done: Result<u64, kalam_core::Error>| {
            let error = done.expect_err("there is no room");
            assert_eq!(error.sqlstate().as_str(), "53100", "{durability:?}: {error:?}");
        };
        // What was granted before may still be written.
        let mut rows = 200;
        let refused = loop {
            match insert(rows) {
                Ok(_) => rows += 1,
                refused => break refused,
            }
        };
        is_refused(refused);
        // RocksDB has to flush what it holds, finds no room, and stops.
        is_refused(fixture::try_run(&root, &backup));
        is_refused(insert(rows));
        count(rows, &database);
        disk.make_room();
        // It has not found out yet, or has.
        let until = Instant::now() + STUCK;
        while let Err(error) = insert(rows) {
            is_refused(Err(error));
            assert!(Instant::now() < until, "{durability:?}: it never goes on");
            std::thread::yield_now();
        }
        fixture::run(&root, "STORAGE FLUSH TABLE t");
        insert(rows + 1).expect("there is room");
        fixture::run(&root, &backup);
        count(rows + 2, &database);
        drop(root);
        database.close().expect("the database closes");
        drop(database);
        let database = open();
        count(rows + 2, &database);
        database.close().expect("the database closes");
    }
}

#[test]
fn what_frees_space_runs_on_a_disk_without_room_for_rows() {
    let Some(disk) = SmallDisk::mount(64) else {
        println!("NOT PROVED HERE: no file system can be mounted");
        return;
    };
    let dir = disk.0.path().join("database");
    let database = fixture::open(&dir);
    let root = fixture::root(&database);
    fixture::run(&root, "CREATE TABLE t (k INT PRIMARY KEY, v TEXT)");
    fixture::run(&root, "CREATE TABLE large (k INT PRIMARY KEY, v TEXT)");
    let rows = "SELECT x, ENCODE(SHA256(x || 'x'), 'hex') || ENCODE(SHA256(x || 'y'), 'hex') FROM generate_series(1, 300000) s (x)";
    fixture::run(&root, &format!("INSERT INTO large {rows}"));
    let segment = fixture::manifest_paths(&root, "large", &dir).remove(0);
    let size = std::fs::metadata(&segment).expect("it is there").len();
    assert!(size > 16 << 20, "it takes {size} bytes");
    // Rows until there is no room for one more.
    let mut k = 0;
    let error = loop {
        let sql = format!("INSERT INTO t VALUES ({k}, REPEAT('{k} ', 10000))");
        match fixture::try_run(&root, &sql) {
            Ok(_) => k += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.sqlstate().as_str(), "53100", "{error:?}");
    fixture::run(&root, "DROP TABLE large");
    fixture::run(&root, "VACUUM");
    assert!(!segment.exists());
    fixture::run(&root, &format!("INSERT INTO t VALUES ({k}, 'there is room')"));
    database.close().expect("the database closes");
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
    let error = Database::open(dir, fixture::options())
        .err()
        .expect("a read-only directory is not opened for writing");
    let state = error.sqlstate();
    assert!(["58030", "25006"].contains(&state.as_str()), "{error:?}");
}
