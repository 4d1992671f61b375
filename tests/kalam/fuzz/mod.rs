//! Statements cut up and put together anew: each ends in an answer or a clean error, on a
//! thread with as little stack as threads commonly have.
//!
//! The statements of the specification (`tests/slt`) are the seeds. What was found once is
//! in `tests/fuzz/sql` and runs first. `KALAM_FUZZ=200000` tries as many,
//! `KALAM_FUZZ_SEED=7` others.
//!
//! This is no cargo-fuzz target: instrumented, the engine's dependencies alone take hours to
//! build, and a seed of the specification reaches deeper than bytes do.

mod mutation;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use kalam_core::model::Role;
use kalam_core::{Database, Options, Params, QueryResult, Session};

use self::mutation::Mutator;
use crate::fixture::{self, Seeded, number_from};

/// Statements of one run, unless the environment says another number.
const STATEMENTS: u64 = 6_000;
const SEED: u64 = 29;
/// Rust's default for threads that a program starts.
const STACK_BYTES: usize = 2 << 20;
/// What a statement may take that is stopped after a second.
const HANGS: Duration = Duration::from_secs(30);

/// What reaches files, and other processes by them: no text of these is tried as one who may.
const FILES: [&str; 8] =
    ["COPY", "BACKUP", "RESTORE", "EXPORT", "REGISTER", "STORAGE", "ATTACH", "LOAD"];

/// A database to be shaken, with tables that the specification's statements often name.
fn database() -> Database {
    let mut options: Options = fixture::options();
    for (name, value) in
        [("memory_limit", "128MiB"), ("statement_timeout", "1s"), ("max_result_bytes", "32MiB")]
    {
        options.set(name, value).expect("it is a setting");
    }
    let database = Database::in_memory(options).expect("memory is there");
    let root = fixture::root(&database);
    for sql in [
        "CREATE TABLE t (k INT PRIMARY KEY, v TEXT, n BIGINT, d DOUBLE, j JSON, e EMBEDDING(2), \
         l INT[], at TIMESTAMP, day DATE, u UUID, b BYTES, m DECIMAL(9, 2))",
        "CREATE USER TABLE note (id BIGINT PRIMARY KEY, text TEXT)",
        "CREATE STREAM TABLE event (id BIGINT PRIMARY KEY, text TEXT) WITH (TTL_SECONDS = 3600)",
        "INSERT INTO t (k, v, n, d, j, l) VALUES (1, 'a', 10, 0.5, '{\"a\": [1]}', [1, 2]), \
         (2, 'b', NULL, -1, 'null', NULL)",
        "STORAGE FLUSH ALL",
        "INSERT INTO t (k, v, at, day, m) VALUES (3, 'c', '2024-02-29 12:00:00', '1969-12-31', 1.5)",
        "INSERT INTO note VALUES (1, 'one'), (2, 'two')",
    ] {
        fixture::run(&root, sql);
    }
    database
}

/// What is wrong with how a statement ended, if anything is.
fn finding(session: &Session, sql: &str) -> Option<String> {
    let begin = Instant::now();
    let run = || {
        let ended = session.execute(sql, &Params::None).and_then(QueryResult::collect);
        // What is prepared only takes another way.
        let prepared = session.prepare(sql).map(drop);
        ended.map(drop).err().or(prepared.err())
    };
    let outcome = catch_unwind(AssertUnwindSafe(run));
    let _ = session.rollback();
    if begin.elapsed() > HANGS {
        return Some(format!("took {:?}", begin.elapsed()));
    }
    match outcome {
        Err(_) => Some("panics".to_owned()),
        Ok(Some(error)) if error.sqlstate().as_str().starts_with("XX") => {
            Some(fixture::full_text(&error))
        }
        Ok(_) => None,
    }
}

/// Runs statements one after another on a small stack, and tells what was found.
fn findings(statements: impl Iterator<Item = String> + Send) -> Vec<String> {
    let mut found = Vec::new();
    let work = || {
        let mut database = database();
        for (number, sql) in statements.enumerate() {
            // Definitions that pile up are a new beginning away.
            if number % 2_000 == 1_999 {
                database = self::database();
            }
            let touches_files = FILES.iter().any(|word| sql.to_uppercase().contains(word));
            let role = if touches_files { Role::Service } else { Role::System };
            let session = database.session("root", role, None).expect("root is a valid user");
            if let Some(finding) = finding(&session, &sql) {
                println!("-- {finding}\n{sql}\n");
                found.push(format!("{finding}\n{sql}"));
            }
        }
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, work).expect("a thread starts").join().expect("it is guarded");
    });
    found
}

/// The statements of a file of the specification.
fn statements_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("statement ") || line.starts_with("query ") {
            let body: Vec<&str> = lines
                .by_ref()
                .take_while(|line| !line.is_empty() && *line != "----")
                .filter(|line| !line.starts_with('#'))
                .collect();
            found.push(body.join("\n"));
        }
    }
    found
}

fn files(folder: &Path, extension: &str, found: &mut Vec<String>) {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("a folder can be read").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(std::fs::read_to_string(&path).expect("it is text"));
        }
    }
}

fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_was_found_once_ends_well() {
    let mut kept = Vec::new();
    files(&tests_folder().join("fuzz/sql"), "sql", &mut kept);
    assert!(!kept.is_empty());
    let found = findings(kept.into_iter());
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[test]
fn statements_put_together_anew_end_in_an_answer_or_a_clean_error() {
    let seed = number_from("KALAM_FUZZ_SEED", SEED);
    let count = number_from("KALAM_FUZZ", STATEMENTS);
    let mut texts = Vec::new();
    files(&tests_folder().join("slt"), "slt", &mut texts);
    let seeds: Vec<String> = texts.iter().flat_map(|text| statements_of(text)).collect();
    println!("seed {seed}, {count} statements of {} seeds", seeds.len());
    assert!(seeds.len() > 1_000, "{} seeds", seeds.len());
    let mut mutator = Mutator::new(Seeded(seed), &seeds);
    let found = findings((0..count).map(|_| mutator.statement()));
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n\n"));
}
