//! Power that fails: what was acknowledged is on the device, and the rest is whole or not
//! there.
//!
//! `tests/disk` is a file system in memory which knows what was synced and forgets the rest
//! when it is told to. The killed child of the crash tests works on it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use kalam_core::Database;
use tempfile::TempDir;

use crate::crash::{Oracle, no_orphans, run_and_kill, start};
use crate::fixture::{self, Seeded, number_from};

/// Cuts; fewer if the machine is slow.
const CUTS: u64 = 20;
const TIME_MAX: Duration = Duration::from_secs(20);

/// A mounted disk.
pub(crate) struct Disk {
    process: Child,
    output: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Disk {
    /// Whether this process may mount one.
    pub(crate) fn is_possible() -> bool {
        static POSSIBLE: OnceLock<bool> = OnceLock::new();
        *POSSIBLE.get_or_init(|| Disk::mount().is_some())
    }

    fn mount() -> Option<Disk> {
        if !Path::new("/dev/fuse").exists() {
            return None;
        }
        let folder = TempDir::new().expect("a temporary folder can be made");
        let mut process = Command::new(program())
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the disk's process starts");
        let output = BufReader::new(process.stdout.take().expect("the output is piped"));
        let mut disk = Disk { process, output, folder };
        (disk.answer() == "mounted").then_some(disk)
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the disk answers");
        line.trim_end().to_owned()
    }

    /// Forgets what was not synced, or a random part of it, and returns how many changes
    /// that are. Nobody may use the disk meanwhile.
    fn cut(&mut self, seed: u64) -> u64 {
        let input = self.process.stdin.as_mut().expect("the input is piped");
        writeln!(input, "cut {seed}").expect("the disk listens");
        let answer = self.answer();
        let lost = answer.strip_prefix("cut ").and_then(|count| count.parse().ok());
        lost.unwrap_or_else(|| panic!("the disk says {answer:?}"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let unmounted = self.process.wait().is_ok_and(|status| status.success());
        if !unmounted {
            let mut umount = Command::new("umount");
            _ = umount.arg("-l").arg(self.folder.path()).stderr(Stdio::null()).status();
        }
    }
}

/// Builds the disk's program, which is no part of the workspace, beside what is built of it.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let child = Path::new(env!("CARGO_BIN_EXE_kalam-test-child"));
        let target = child.ancestors().nth(2).expect("it is in target/debug").join("disk");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("disk/Cargo.toml");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--locked", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(&target)
            .status();
        assert!(built.is_ok_and(|status| status.success()), "tests/disk can be built");
        target.join("debug/kalam-test-disk")
    })
}

/// Says it beside the results, where output of tests that pass is not shown.
fn say_impossible() {
    let text = "\nNOT PROVED HERE: power loss. This process cannot mount a FUSE file system \
                (/dev/fuse, as root or with fusermount3).\n";
    _ = std::io::stderr().write_all(text.as_bytes());
}

#[test]
fn a_disk_that_forgets_what_was_not_synced_loses_nothing_acknowledged() {
    let Some(mut disk) = Disk::mount() else { return say_impossible() };
    let dir = disk.folder.path().join("database");
    let wanted = number_from("KALAM_POWER_CUTS", 0);
    let mut oracle = Oracle::default();
    let mut random = Seeded(number_from("KALAM_SEED", 9));
    let begin = Instant::now();
    let (mut cuts, mut lost) = (0, 0);
    while cuts < wanted.max(CUTS) {
        if wanted == 0 && begin.elapsed() > TIME_MAX {
            break;
        }
        let time = Duration::from_millis(20 + random.below(500));
        run_and_kill(start("crash", &dir, cuts, "full"), time, |line| oracle.hear(line));
        // Every other device has written a part of what it was not asked to.
        lost += disk.cut(if cuts % 2 == 0 { 0 } else { cuts });
        let database = fixture::open(&dir);
        oracle.check(&database, cuts);
        no_orphans(&database, &dir, cuts);
        database.close().expect("the database closes");
        if cuts % 4 == 3 {
            oracle.check_backup(&dir, cuts);
        }
        cuts += 1;
    }
    println!(
        "{cuts} power cuts, {lost} unsynced changes of files and folders forgotten, {} commits \
         and {} backups acknowledged: 0 lost",
        oracle.acknowledged, oracle.backups
    );
    assert!(oracle.acknowledged > cuts && lost > 0, "the child hardly works");
}

/// What the child says of a commit before it makes it: rows `first` to `last` of both tables
/// get the commit's number, or go.
struct Change {
    number: u64,
    puts: bool,
    first: u64,
    last: u64,
}

impl Change {
    fn of(line: &str) -> Option<Change> {
        let words: Vec<&str> = line.split(' ').collect();
        let ["commit", number, verb, first, last] = words[..] else { return None };
        let number_of = |word: &str| word.parse().expect("the child writes numbers");
        let (first, last) = (number_of(first), number_of(last));
        Some(Change { number: number_of(number), puts: verb == "put", first, last })
    }
}

/// Rows by key, with the number of the commit that wrote them.
type Model = BTreeMap<u64, u64>;

/// The number of the newest commit that is there, if all of it is, and of all before it.
fn newest(database: &Database, model: &mut Model, said: &[Change], what: &str) -> u64 {
    let root = fixture::root(database);
    let rows = |sql: &str| fixture::rows(&root, sql);
    let head = rows("SELECT n FROM head").concat().concat().parse().unwrap_or(0);
    for change in said.iter().take_while(|change| change.number <= head) {
        for key in change.first..=change.last {
            if change.puts {
                model.insert(key, change.number);
            } else {
                model.remove(&key);
            }
        }
    }
    let expected: fixture::Rows =
        model.iter().map(|(k, n)| vec![k.to_string(), n.to_string()]).collect();
    for table in ["a", "b"] {
        let found = rows(&format!("SELECT k, n FROM {table} ORDER BY k"));
        assert_eq!(found, expected, "{what}: {table} is not of commit {head}");
    }
    head
}

/// `KALAM_POWER_CUTS` says how many.
#[test]
fn what_a_power_failure_leaves_without_full_durability_is_a_prefix_of_the_commits() {
    let Some(mut disk) = Disk::mount() else { return say_impossible() };
    let wanted = number_from("KALAM_POWER_CUTS", 0);
    let mut random = Seeded(number_from("KALAM_SEED", 10));
    for durability in ["normal", "off"] {
        let dir = disk.folder.path().join(durability);
        let database = fixture::open(&dir);
        let root = fixture::root(&database);
        for table in ["head (one INT", "a (k INT", "b (k INT"] {
            fixture::run(&root, &format!("CREATE TABLE {table} PRIMARY KEY, n BIGINT)"));
        }
        drop(root);
        database.close().expect("the database closes");
        drop(database);
        let begin = Instant::now();
        let (mut model, mut head) = (Model::new(), 0);
        let (mut cuts, mut said, mut forgotten) = (0, 0, 0);
        while cuts < wanted.max(CUTS) / 2 {
            if wanted == 0 && begin.elapsed() > TIME_MAX / 3 {
                break;
            }
            let (mut changes, mut acknowledged) = (Vec::new(), head);
            let time = Duration::from_millis(20 + random.below(500));
            run_and_kill(start("prefix", &dir, cuts, durability), time, |line| {
                match line.strip_prefix("ack ") {
                    Some(number) => acknowledged = number.parse().expect("it is a number"),
                    None => changes.extend(Change::of(line)),
                }
            });
            disk.cut(if cuts % 2 == 0 { 0 } else { cuts + 1 });
            let what = format!("cut {cuts} in {durability}");
            let database = fixture::open(&dir);
            let found = newest(&database, &mut model, &changes, &what);
            // What was there at the last close is on the device.
            assert!(found >= head, "{what}: commit {head} was there, {found} is the newest");
            let root = fixture::root(&database);
            let listed = ["head", "a", "b"].map(|t| fixture::manifest_paths(&root, t, &dir));
            let mut listed = listed.concat();
            listed.sort();
            assert_eq!(listed, fixture::parquet_files(&dir.join("segments")), "{what}: orphans");
            drop(root);
            database.close().expect("the database closes");
            said += acknowledged - head;
            forgotten += acknowledged.saturating_sub(found);
            head = found;
            cuts += 1;
        }
        println!(
            "{durability}: {cuts} power cuts, {said} commits acknowledged, {forgotten} of them \
             forgotten, always the newest and whole"
        );
        assert!(said > cuts && forgotten > 0, "the child hardly works");
    }
}
