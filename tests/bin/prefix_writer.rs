//! What the process does whose newest commits a power failure takes: one writer of numbered
//! commits, and what moves their rows.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use kalam_core::model::Role;
use kalam_core::{Database, Error, Options, Params, Session};

use crate::{Seeded, execute, say};

const KEYS: u64 = 300;

/// Writes until the parent kills the process.
pub(crate) fn run(dir: &str, seed: &str, durability: &str) -> Result<(), Error> {
    let mut options = Options::default();
    options.set("durability", durability)?;
    let database = Database::open(Path::new(dir), options)?;
    let root = database.session("root", Role::System, None)?;
    let mover = database.session("root", Role::System, None)?;
    say("ready");
    std::thread::spawn(move || move_rows(&mover));
    let mut random = Seeded(seed.parse().unwrap_or(0));
    for number in head(&root)? + 1.. {
        commit(&root, number, &mut random)?;
    }
    Ok(())
}

/// The number of the newest commit.
fn head(root: &Session) -> Result<u64, Error> {
    let batches = root.execute("SELECT n FROM head", &Params::None)?.collect()?;
    let numbers = batches.first().map(|batch| batch.column(0).clone());
    let number =
        numbers.and_then(|numbers| numbers.as_primitive::<Int64Type>().iter().next().flatten());
    Ok(number.unwrap_or(0).cast_unsigned())
}

/// One commit over three tables, announced before and acknowledged after.
fn commit(root: &Session, number: u64, random: &mut Seeded) -> Result<(), Error> {
    let first = random.below(KEYS);
    let last = first + random.below(20);
    let puts = random.below(3) > 0;
    let verb = if puts { "put" } else { "remove" };
    say(&format!("commit {number} {verb} {first} {last}"));
    execute(root, "BEGIN")?;
    execute(
        root,
        &format!(
            "INSERT INTO head VALUES (1, {number}) ON CONFLICT (one) DO UPDATE SET n = excluded.n"
        ),
    )?;
    for table in ["a", "b"] {
        let rows: Vec<String> = (first..=last).map(|k| format!("({k}, {number})")).collect();
        let sql = if puts {
            format!(
                "INSERT INTO {table} VALUES {} ON CONFLICT (k) DO UPDATE SET n = excluded.n",
                rows.join(", ")
            )
        } else {
            format!("DELETE FROM {table} WHERE k BETWEEN {first} AND {last}")
        };
        execute(root, &sql)?;
    }
    execute(root, "COMMIT")?;
    say(&format!("ack {number}"));
    Ok(())
}

/// Flushes and compacts, so that files come and go.
fn move_rows(root: &Session) {
    for sql in ["STORAGE FLUSH TABLE a", "STORAGE FLUSH ALL", "STORAGE COMPACT ALL"].iter().cycle()
    {
        if let Err(error) = execute(root, sql) {
            say(&format!("error {} {error:?}", error.sqlstate()));
        }
    }
}
