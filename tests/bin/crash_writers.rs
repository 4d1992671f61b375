//! What the process does that crash tests kill: writers, and what moves their rows.

use std::path::Path;

use kalam_core::model::Role;
use kalam_core::{Database, Error, Options, Params, Session};

use crate::{Seeded, execute, say};

/// Each has keys and a user of its own.
const WRITERS: u64 = 3;
/// Keys of one writer.
const KEYS: u64 = 60;
/// Rows from which on an INSERT .. SELECT goes past the hot tier.
const INGEST_ROWS_MIN: usize = 8;

/// Writes until the parent kills the process.
pub(crate) fn run(dir: &str, seed: &str, durability: &str) -> Result<(), Error> {
    let mut options = Options::default();
    options.set("durability", durability)?;
    options.ingest_rows_min = INGEST_ROWS_MIN;
    let database = Database::open(Path::new(dir), options)?;
    let root = database.session("root", Role::System, None)?;
    for sql in [
        "CREATE NAMESPACE IF NOT EXISTS crash",
        "CREATE SHARED TABLE IF NOT EXISTS crash.s (w INT NOT NULL, k INT NOT NULL, v BIGINT, \
         pad TEXT, PRIMARY KEY (w, k))",
        "CREATE USER TABLE IF NOT EXISTS crash.u (k INT PRIMARY KEY, twin INT UNIQUE, v BIGINT, \
         pad TEXT)",
    ] {
        execute(&root, sql)?;
    }
    say("ready");
    let seed: u64 = seed.parse().unwrap_or(0);
    let mut threads = Vec::new();
    for writer in 0..WRITERS {
        let session = database.session(&format!("w{writer}"), Role::Service, None)?;
        threads.push(std::thread::spawn(move || {
            let mut random = Seeded(seed * 1_000 + writer);
            for step in 0u64.. {
                one_step(&session, writer, step, &mut random);
            }
        }));
    }
    let backup = format!("BACKUP DATABASE TO '{dir}-backup'");
    threads.push(std::thread::spawn(move || {
        for step in seed.. {
            match step % 8 {
                1 => note(execute(&root, "STORAGE FLUSH TABLE crash.u")),
                3 => note(execute(&root, "STORAGE COMPACT TABLE crash.s")),
                4 | 7 => alter(&root, step),
                5 => {
                    say("backup begin");
                    match execute(&root, &backup) {
                        Ok(_) => say("backup end"),
                        failed => note(failed),
                    }
                }
                6 => note(execute(&root, "STORAGE COMPACT ALL")),
                _ => note(execute(&root, "STORAGE FLUSH TABLE crash.s")),
            }
        }
    }));
    for thread in threads {
        if thread.join().is_err() {
            say("error XX000 a writer panicked");
        }
    }
    Ok(())
}

fn note(done: Result<u64, Error>) {
    if let Err(error) = done {
        say(&format!("error {} {error:?}", error.sqlstate()));
    }
}

/// Adds a column whose default tells which one it is, or drops it.
fn alter(root: &Session, step: u64) {
    let probe = root.execute("SELECT extra FROM crash.s LIMIT 0", &Params::None);
    let is_there = probe.and_then(|result| result.collect()).is_ok();
    let (next, sql) = if is_there {
        ("-".to_owned(), "ALTER TABLE crash.s DROP COLUMN extra".to_owned())
    } else {
        let sql = format!("ALTER TABLE crash.s ADD COLUMN extra BIGINT DEFAULT {step}");
        (step.to_string(), sql)
    };
    say(&format!("alter {next}"));
    match execute(root, &sql) {
        Ok(_) => say(&format!("altered {next}")),
        failed => note(failed),
    }
}

/// One random change, announced before and acknowledged after.
fn one_step(session: &Session, writer: u64, step: u64, random: &mut Seeded) {
    if random.below(4) == 0 {
        return one_transaction(session, writer, step, random);
    }
    let shared = random.below(2) == 0;
    let first = random.below(KEYS);
    let last = (first + random.below(24)).min(KEYS - 1);
    let value = random.below(1_000_000);
    let verb = ["insert", "batch", "update", "updates", "delete", "deletes", "ingest"]
        [random.below(7) as usize];
    let last = if matches!(verb, "insert" | "update" | "delete") { first } else { last };
    let table = if shared { "crash.s" } else { "crash.u" };
    let (scope, column) =
        if shared { (format!("w = {writer} AND "), "w, ") } else { (String::new(), "twin, ") };
    let pad = "p".repeat((value % 400) as usize);
    let sql = match verb {
        "insert" | "batch" => {
            let own = |k| if shared { writer } else { k };
            let rows: Vec<String> = (first..=last)
                .map(|k| format!("({}, {k}, {}, '{pad}')", own(k), value + k))
                .collect();
            format!("INSERT INTO {table} ({column}k, v, pad) VALUES {}", rows.join(", "))
        }
        "ingest" => {
            let own = if shared { writer.to_string() } else { "value".to_owned() };
            format!(
                "INSERT INTO {table} ({column}k, v, pad) SELECT {own}, value, {value} + value, \
                 '{pad}' FROM generate_series({first}, {last})"
            )
        }
        "update" | "updates" => format!(
            "UPDATE {table} SET v = {value} + k, pad = '{pad}' \
             WHERE {scope}k BETWEEN {first} AND {last}"
        ),
        _ => format!("DELETE FROM {table} WHERE {scope}k BETWEEN {first} AND {last}"),
    };
    let kind = if shared { "s" } else { "u" };
    say(&format!("intent {writer} {step} {kind} {verb} {first} {last} {value}"));
    match execute(session, &sql) {
        Ok(count) => say(&format!("ack {writer} {step} {count}")),
        Err(error) => say(&format!("nack {writer} {step} {} {error:?}", error.sqlstate())),
    }
}

/// Puts rows into both tables, whatever was there, in one transaction.
fn one_transaction(session: &Session, writer: u64, step: u64, random: &mut Seeded) {
    let first = random.below(KEYS);
    let last = (first + random.below(12)).min(KEYS - 1);
    let value = random.below(1_000_000);
    let pad = "p".repeat((value % 400) as usize);
    let row = |own: u64, k: u64| format!("({own}, {k}, {}, '{pad}')", value + k);
    let values = |own: &dyn Fn(u64) -> u64| {
        (first..=last).map(|k| row(own(k), k)).collect::<Vec<_>>().join(", ")
    };
    let statements = [
        "BEGIN".to_owned(),
        format!("DELETE FROM crash.s WHERE w = {writer} AND k BETWEEN {first} AND {last}"),
        format!("INSERT INTO crash.s (w, k, v, pad) VALUES {}", values(&|_| writer)),
        "SAVEPOINT between".to_owned(),
        format!("DELETE FROM crash.s WHERE w = {writer}"),
        "DELETE FROM crash.u".to_owned(),
        "ROLLBACK TO between".to_owned(),
        format!("DELETE FROM crash.u WHERE k BETWEEN {first} AND {last}"),
        format!("INSERT INTO crash.u (twin, k, v, pad) VALUES {}", values(&|k| k)),
        "COMMIT".to_owned(),
    ];
    say(&format!("intent {writer} {step} su transaction {first} {last} {value}"));
    match statements.iter().try_for_each(|sql| execute(session, sql).map(|_| ())) {
        Ok(()) => say(&format!("ack {writer} {step} {}", 2 * (last - first + 1))),
        Err(error) => {
            // A COMMIT that failed has ended it already.
            let _ = execute(session, "ROLLBACK");
            say(&format!("nack {writer} {step} {} {error:?}", error.sqlstate()));
        }
    }
}
