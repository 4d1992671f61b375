//! The process that crash and damage tests start, kill and starve.
//!
//! It says on standard output what it is about to do and what was acknowledged,
//! one line each, so that the parent knows what must be there after a kill.

mod crash_writers;
mod prefix_writer;

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use kalam_core::model::Role;
use kalam_core::{Database, Error, Options, Params, Session};

/// How long anything may take in a test that waits for it.
const STUCK: std::time::Duration = std::time::Duration::from_secs(120);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["crash", dir, seed, durability] => crash_writers::run(dir, seed, durability),
        ["prefix", dir, seed, durability] => prefix_writer::run(dir, seed, durability),
        ["hold", dir] => hold(dir),
        ["fill", dir] => fill(dir),
        ["script", dir] => script(dir, "off"),
        ["maintained", dir] => script(dir, "on"),
        ["beside", dir, file] => beside(dir, Path::new(file)),
        ["grow", dir, limit] => grow(dir, limit),
        _ => {
            eprintln!(
                "usage: kalam-test-child crash DIR SEED DURABILITY | prefix DIR SEED DURABILITY | \
                 hold DIR | fill DIR | script DIR < SQL | maintained DIR < SQL | beside DIR FILE < SQL | \
                 grow DIR LIMIT < SQL"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error {} {error:?}", error.sqlstate()));
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A parent that is gone ends the child.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(3);
    }
}

fn open(dir: &str, durability: &str) -> Result<Database, Error> {
    let mut options = Options::default();
    options.set("durability", durability)?;
    Database::open(Path::new(dir), options)
}

fn execute(session: &Session, sql: &str) -> Result<u64, Error> {
    let result = session.execute(sql, &Params::None)?;
    let affected = result.rows_affected().unwrap_or(0);
    result.collect()?;
    Ok(affected)
}

/// Opens the directory and holds it until standard input ends.
fn hold(dir: &str) -> Result<(), Error> {
    let database = open(dir, "full")?;
    say("open");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    database.close()
}

/// Inserts and flushes until the disk refuses a row, then says what can be read.
fn fill(dir: &str) -> Result<(), Error> {
    let database = open(dir, "full")?;
    let root = database.session("root", Role::System, None)?;
    execute(&root, "CREATE SHARED TABLE IF NOT EXISTS fill (k INT PRIMARY KEY, pad TEXT)")?;
    say("ready");
    let mut random = Seeded(1);
    for key in 0..100_000 {
        let pad: String = (0..4_000).map(|_| format!("{:016x}", random.bits())).collect();
        match execute(&root, &format!("INSERT INTO fill VALUES ({key}, '{pad}')")) {
            Ok(_) => say(&format!("ack {key}")),
            Err(error) => {
                say(&format!("full {} {error:?}", error.sqlstate()));
                break;
            }
        }
        if key % 40 == 39
            && let Err(error) = execute(&root, "STORAGE FLUSH TABLE fill")
        {
            say(&format!("unflushed {} {error:?}", error.sqlstate()));
        }
    }
    let batches = root.execute("SELECT k FROM fill", &Params::None)?.collect()?;
    let count: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    say(&format!("read {count}"));
    Ok(())
}

/// Runs the statements of standard input, one a line, and says what became of each. `UNTIL`
/// and a query asks it until it has rows.
fn script(dir: &str, auto_maintenance: &str) -> Result<(), Error> {
    let mut options = Options::default();
    options.set("auto_maintenance", auto_maintenance)?;
    let database = Database::open(Path::new(dir), options)?;
    let root = database.session("root", Role::System, None)?;
    for sql in std::io::stdin().lines().map_while(Result::ok) {
        let done = match sql.strip_prefix("UNTIL ") {
            Some(query) => until_rows(&root, query),
            None => execute(&root, &sql),
        };
        match done {
            Ok(count) => say(&format!("ok {count}")),
            Err(error) => say(&format!("error {} {error}", error.sqlstate())),
        }
    }
    database.close()
}

/// Runs the first statement of standard input until a fault holds it, which the file tells.
/// Then runs the others, says what became of each, lets the first go on, and says what
/// became of that.
fn beside(dir: &str, file: &Path) -> Result<(), Error> {
    let mut options = Options::default();
    options.set("auto_maintenance", "off")?;
    options.ingest_rows_min = 1_000;
    let database = Database::open(Path::new(dir), options)?;
    let mut lines: Vec<String> = std::io::stdin().lines().map_while(Result::ok).collect();
    let held = lines.remove(0);
    let session = database.session("root", Role::System, None)?;
    let held = std::thread::spawn(move || execute(&session, &held));
    let until = std::time::Instant::now() + STUCK;
    while !file.exists() {
        assert!(!held.is_finished(), "the statement passed the point");
        assert!(std::time::Instant::now() < until, "the statement never came to the point");
        std::thread::yield_now();
    }
    let other = database.session("root", Role::System, None)?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for sql in lines {
            let done = match sql.strip_prefix("UNTIL ") {
                Some(query) => until_rows(&other, query),
                None => execute(&other, &sql),
            };
            match done {
                Ok(count) => say(&format!("ok {count}")),
                Err(error) => say(&format!("error {} {error}", error.sqlstate())),
            }
        }
        // The other side waits.
        _ = sender.send(());
    });
    if receiver.recv_timeout(STUCK).is_err() {
        say("error XX000 a statement waits for the held one");
        std::process::exit(4);
    }
    std::fs::remove_file(file).expect("the held statement made it");
    match held.join() {
        Ok(Ok(count)) => say(&format!("ok {count}")),
        Ok(Err(error)) => say(&format!("error {} {error}", error.sqlstate())),
        Err(_) => say("error XX000 the held statement panicked"),
    }
    database.close()
}

/// Runs the statement of standard input below a memory limit, and says by how many bytes the
/// process grew for it at most, and what became of it. Rows are dropped as they come.
fn grow(dir: &str, limit: &str) -> Result<(), Error> {
    let mut options = Options::default();
    // The caches are no part of the limit.
    let settings = [("auto_maintenance", "off"), ("threads", "2"), ("cache_bytes", "8MiB")];
    for (name, value) in settings.into_iter().chain([("memory_limit", limit)]) {
        options.set(name, value)?;
    }
    let database = Database::open(Path::new(dir), options)?;
    let root = database.session("root", Role::System, None)?;
    // What is made once: threads, and what the first query of all needs.
    execute(&root, "SELECT g, COUNT(*) FROM big WHERE k % 1000 = 0 GROUP BY g ORDER BY g")?;
    let sql = std::io::read_to_string(std::io::stdin()).expect("the statement is text");
    let before = process_bytes("VmRSS:");
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux forgets the peak");
    let done = root.execute(sql.trim_end(), &Params::None).and_then(|mut result| {
        while result.next_batch()?.is_some() {}
        Ok(())
    });
    let grown = process_bytes("VmHWM:").saturating_sub(before);
    match done {
        Ok(()) => say(&format!("{grown} ok")),
        Err(error) => say(&format!("{grown} error {} {error}", error.sqlstate())),
    }
    database.close()
}

/// A size of this process, as Linux counts it.
fn process_bytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with(name)).expect("it has a line");
    let kib = line.split_whitespace().nth(1).expect("it has a number");
    kib.parse::<u64>().expect("it is a number") << 10
}

fn until_rows(session: &Session, query: &str) -> Result<u64, Error> {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let batches = session.execute(query, &Params::None)?.collect()?;
        let rows: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
        if rows > 0 {
            return Ok(rows as u64);
        }
        assert!(std::time::Instant::now() < until, "{query}: no rows within a minute");
        std::thread::yield_now();
    }
}

/// Random numbers from a seed: splitmix64.
struct Seeded(u64);

impl Seeded {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }
}
