//! Parses and plans of a mixed workload of many users.

use std::collections::HashSet;

use kalam_core::model::Role;
use kalam_core::{Database, Durability, Options, Params, Session};

use crate::figure::Figure;

/// Statements of the workload.
const STATEMENTS: u64 = 20_000;
/// Users that run them.
const USERS: u64 = 20;

/// A workload of a chat application: it writes, reads the newest, counts, searches,
/// joins and reports, with other values each time; most texts come once, and their
/// shapes come again.
pub fn figures() -> Vec<Figure> {
    let options = Options { durability: Durability::Off, ..Options::default() };
    let database = Database::in_memory(options).expect("memory is there");
    let root = database.session("root", Role::System, None).expect("root is a valid user");
    for sql in [
        "CREATE USER TABLE messages (id BIGINT PRIMARY KEY, room INT, role TEXT, body TEXT, \
         score DOUBLE, at TIMESTAMP)",
        "CREATE TABLE rooms (id INT PRIMARY KEY, title TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')",
        "INSERT INTO rooms VALUES (0, 'a'), (1, 'b'), (2, 'c'), (3, 'd')",
    ] {
        root.execute(sql, &Params::None).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
    let sessions: Vec<Session> = (0..USERS)
        .map(|user| root.as_user(&format!("user{user}")).expect("a valid user id"))
        .collect();
    let mut texts: HashSet<String> = HashSet::new();
    let before = database.counters();
    let mut state = 17;
    for id in 0..STATEMENTS {
        let sql = statement(id, &mut state);
        let session = &sessions[(next(&mut state) % USERS) as usize];
        let result = session.execute(&sql, &Params::None).and_then(|result| result.collect());
        result.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        texts.insert(sql);
    }
    let after = database.counters();
    let hits = (after.plan_hits - before.plan_hits) as f64;
    let misses = (after.plan_misses - before.plan_misses) as f64;
    let parses = (after.parses - before.parses) as f64;
    vec![
        Figure::at_most(
            format!("Parses for each of {STATEMENTS} statements, of {} texts", texts.len()),
            parses / STATEMENTS as f64,
            1.0,
            "",
        ),
        Figure::share(
            format!("Plans found, of {} queries that are planned", (hits + misses) as u64),
            hits / (hits + misses),
            0.8,
        ),
    ]
}

fn statement(id: u64, state: &mut u64) -> String {
    let (n, room) = (next(state) % 1_000, next(state) % 4);
    match next(state) % 10 {
        0..=3 => format!(
            "INSERT INTO messages VALUES ({id}, {room}, '{}', 'words {n}', {n}.5, '2024-01-01')",
            ["user", "assistant"][(n % 2) as usize]
        ),
        4 => format!("SELECT body FROM messages WHERE id = {}", n % (id + 1)),
        5 => format!(
            "SELECT id, body FROM messages WHERE room = {room} ORDER BY id DESC LIMIT {}",
            [10, 20, 50][(n % 3) as usize]
        ),
        6 => format!("SELECT role, COUNT(*) FROM messages WHERE score > {n} GROUP BY role"),
        7 => format!("SELECT id FROM messages WHERE body LIKE '%{n}%'"),
        8 => format!(
            "SELECT r.title, m.body FROM messages m JOIN rooms r ON r.id = m.room \
             WHERE m.id BETWEEN {n} AND {}",
            n + 20
        ),
        _ => format!("UPDATE messages SET score = {n} WHERE id = {}", n % (id + 1)),
    }
}

/// The next number of a sequence that is the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}
