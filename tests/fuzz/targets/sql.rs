//! SQL text.

#![no_main]

#[path = "../statement.rs"]
mod statement;

use std::cell::RefCell;

use kalam_core::{Database, Options};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Definitions that pile up are a new beginning away.
const STATEMENTS_MAX: u32 = 1_000;

fn database() -> Database {
    statement::database(Options { auto_maintenance: false, ..Options::default() })
}

thread_local! {
    static DATABASE: RefCell<(Database, u32)> = RefCell::new((database(), 0));
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(sql) = std::str::from_utf8(input) else { return Corpus::Reject };
    DATABASE.with_borrow_mut(|(database, statements)| {
        *statements += 1;
        if *statements > STATEMENTS_MAX {
            (*database, *statements) = (self::database(), 0);
        }
        if let Some(finding) = statement::finding(database, sql) {
            panic!("{finding}");
        }
    });
    Corpus::Keep
});
