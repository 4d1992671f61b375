//! A process that is killed loses nothing it acknowledged and leaves nothing half done.

mod change;
mod oracle;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kalam_core::Database;
use tempfile::TempDir;

pub(crate) use self::oracle::Oracle;
use crate::fixture::{self, Seeded, number_from};

/// Kills; fewer if the machine is slow.
const CYCLES: u64 = 40;
const TIME_MAX: Duration = Duration::from_secs(45);
/// The backup is restored after every fifth kill, and another one is made then, over what the
/// kill left of it.
const BACKUP_EVERY: u64 = 5;

/// Starts the child that works as `crash` or as `prefix`.
pub(crate) fn start(work: &str, dir: &Path, seed: u64, durability: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kalam-test-child"))
        .args([work.as_ref(), dir.as_os_str()])
        .args([&seed.to_string(), durability])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

/// Lets the child work for `time` after it is ready, kills it, and hears all it said.
pub(crate) fn run_and_kill(mut child: Child, time: Duration, hear: impl FnMut(&str)) {
    let mut lines = BufReader::new(child.stdout.take().expect("the output is piped"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("the child's output can be read");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        for byte in std::io::Read::bytes(lines) {
            text.push(char::from(byte.expect("the child's output can be read")));
        }
        text
    });
    // Not a wait for an event: the moment of the kill is what is random here.
    std::thread::sleep(time);
    child.kill().expect("the child can be killed");
    child.wait().expect("the child ends");
    let text = reader.join().expect("the reader ends with the pipe");
    assert_eq!(first.trim_end(), "ready");
    // A line without its end was not said.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().for_each(hear);
}

/// The folder holds the segments that the manifest lists, and no other.
pub(crate) fn no_orphans(database: &Database, dir: &Path, cycle: u64) {
    let root = fixture::root(database);
    let mut listed: Vec<_> = ["crash.s", "crash.u"]
        .iter()
        .flat_map(|table| fixture::manifest_paths(&root, table, dir))
        .collect();
    listed.sort();
    let files = fixture::parquet_files(&dir.join("segments"));
    assert_eq!(listed, files, "orphans in cycle {cycle}: the manifest left, the folder right");
}

#[test]
fn a_killed_process_loses_nothing_and_leaves_nothing_half_done() {
    let home = TempDir::new().expect("a temporary folder can be made");
    let dir = home.path().join("database");
    let wanted = number_from("KALAM_KILLS", 0);
    let work = number_from("KALAM_WORK_MS", 20);
    let mut oracle = Oracle::default();
    let mut random = Seeded(number_from("KALAM_SEED", 20_240_101));
    let begin = Instant::now();
    let mut cycles = 0;
    while cycles < wanted.max(CYCLES) {
        if wanted == 0 && begin.elapsed() > TIME_MAX {
            break;
        }
        let durability = if cycles % 2 == 0 { "full" } else { "normal" };
        let child = start("crash", &dir, cycles, durability);
        let time = Duration::from_millis(work + random.below(500));
        run_and_kill(child, time, |line| oracle.hear(line));
        let database = fixture::open(&dir);
        oracle.check(&database, cycles);
        no_orphans(&database, &dir, cycles);
        if cycles % BACKUP_EVERY == BACKUP_EVERY - 1 {
            oracle.check_backup(&dir, cycles);
            oracle.back_up(&database, &dir);
            oracle.check_backup(&dir, cycles);
        }
        database.close().expect("the database closes");
        cycles += 1;
    }
    println!(
        "{cycles} kills, {} changes and {} backups acknowledged: 0 lost, 0 duplicated, 0 \
         resurrected, 0 torn, 0 files left",
        oracle.acknowledged, oracle.backups
    );
    assert!(oracle.acknowledged > cycles, "the child hardly works");
}

#[test]
fn a_process_killed_while_it_creates_the_database_leaves_one_that_opens() {
    let mut random = Seeded(7);
    for _ in 0..10 {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let mut child = start("crash", dir.path(), 1, "full");
        std::thread::sleep(Duration::from_millis(random.below(60)));
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        let database = fixture::open(dir.path());
        assert_eq!(fixture::rows(&fixture::root(&database), "SELECT 1"), [["1"]]);
        database.close().expect("the database closes");
    }
}

#[test]
fn a_database_that_is_killed_again_and_again_while_it_opens_keeps_its_rows() {
    let home = TempDir::new().expect("a temporary folder can be made");
    let dir = home.path().join("database");
    let rounds = number_from("KALAM_ROUNDS", 30);
    let database = fixture::open(&dir);
    let root = fixture::root(&database);
    fixture::run(&root, "CREATE SHARED TABLE t (k INT PRIMARY KEY)");
    drop(root);
    database.close().expect("the database closes");
    drop(database);
    let mut random = Seeded(number_from("KALAM_SEED", 8));
    for round in 0..rounds {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kalam-test-child"))
            .args(["hold".as_ref(), dir.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the child starts");
        std::thread::sleep(Duration::from_millis(random.below(120)));
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        let database = fixture::open(&dir);
        let root = fixture::root(&database);
        let found = fixture::rows(&root, "SELECT COUNT(*), COUNT(DISTINCT k) FROM t");
        assert_eq!(found, [[round.to_string(), round.to_string()]], "round {round}");
        fixture::run(&root, &format!("INSERT INTO t VALUES ({round})"));
        if round % 7 == 0 {
            fixture::run(&root, "STORAGE FLUSH TABLE t");
        }
        drop(root);
        database.close().expect("the database closes");
    }
    println!("{rounds} rounds of open and kill, no row lost");
}
