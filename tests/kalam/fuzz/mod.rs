//! Statements cut up and put together anew: each ends in an answer or a clean error, on a
//! thread with as little stack as threads commonly have.
//!
//! The statements of the specification (`tests/slt`) are the seeds. What was found once is
//! in `tests/fuzz/sql` and runs first. `KALAM_FUZZ=200000` tries as many,
//! `KALAM_FUZZ_SEED=7` others.
//!
//! `make fuzz` searches from bytes, guided by what they reach in the engine; what its targets
//! (`tests/fuzz/targets`) have as seeds and findings runs here too.

mod mutation;
#[path = "../../fuzz/statement.rs"]
mod statement;

use std::path::{Path, PathBuf};

use kalam_core::{Error, decoding};

use self::mutation::Mutator;
use crate::fixture::{self, Seeded, number_from};

/// Statements of one run, unless the environment says another number.
const STATEMENTS: u64 = 6_000;
const SEED: u64 = 29;
/// Rust's default for threads that a program starts.
const STACK_BYTES: usize = 2 << 20;

/// Runs statements one after another on a small stack, and tells what was found.
fn findings(statements: impl Iterator<Item = String> + Send) -> Vec<String> {
    let mut found = Vec::new();
    let work = || {
        let mut database = statement::database(fixture::options());
        for (number, sql) in statements.enumerate() {
            // Definitions that pile up are a new beginning away.
            if number % 2_000 == 1_999 {
                database = statement::database(fixture::options());
            }
            if let Some(finding) = statement::finding(&database, &sql) {
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

/// The files of a folder and its folders, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("a folder can be read").path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

fn texts_of(paths: Vec<PathBuf>) -> Vec<String> {
    let text = |path| std::fs::read_to_string(path).expect("it is text");
    paths.into_iter().map(text).collect()
}

fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_was_found_once_ends_well() {
    // The fuzz target gives what it finds names of its own.
    let kept = texts_of(files(&tests_folder().join("fuzz/sql")));
    assert!(!kept.is_empty());
    let found = findings(kept.into_iter());
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[test]
fn statements_put_together_anew_end_in_an_answer_or_a_clean_error() {
    let seed = number_from("KALAM_FUZZ_SEED", SEED);
    let count = number_from("KALAM_FUZZ", STATEMENTS);
    let mut paths = files(&tests_folder().join("slt"));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    let texts = texts_of(paths);
    let seeds: Vec<String> = texts.iter().flat_map(|text| statements_of(text)).collect();
    println!("seed {seed}, {count} statements of {} seeds", seeds.len());
    assert!(seeds.len() > 1_000, "{} seeds", seeds.len());
    let mut mutator = Mutator::new(Seeded(seed), &seeds);
    let found = findings((0..count).map(|_| mutator.statement()));
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n\n"));
}

/// Gives a decoder what its fuzz target starts from, each also cut at every place, and with
/// one byte of another value at every place.
fn decode_kept(target: &str, decode: impl Fn(&[u8]) -> Result<(), Error>) {
    let kept = files(&tests_folder().join("fuzz").join(target));
    let mut decoded = 0;
    for path in &kept {
        let input = std::fs::read(path).expect("it can be read");
        decoded += usize::from(decode(&input).is_ok());
        for at in 0..input.len() {
            let _ = decode(&input[..at]);
            for other in [0, 1, 0x7F, 0x80, 0xFF, input[at] ^ 1, input[at] ^ 0x20] {
                let mut changed = input.clone();
                changed[at] = other;
                let _ = decode(&changed);
            }
        }
    }
    assert!(decoded > 2, "{decoded} of {} files of {target} decode", kept.len());
}

#[test]
fn rows_keys_and_manifest_entries_that_nobody_wrote_decode_or_do_not() {
    decode_kept("row", decoding::row);
    decode_kept("key", decoding::key);
    decode_kept("manifest", decoding::manifest);
}
