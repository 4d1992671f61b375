//! What the engine's small paths cost, counted: neither depends on the machine's speed.
//!
//! `heap` writes one line for each path: its name, the bytes and the number of
//! allocations of one call beyond its result, with tabs between them. `instructions`
//! runs the same paths for callgrind, which counts below `counted_by_callgrind` and
//! writes one profile for each path, and writes a path's name and number of calls.

use std::process::ExitCode;

use kalam_core::model::Role;
use kalam_core::{Database, Options, Params, QueryResult, Result, Session};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Calls before the count begins: caches are filled, buffers have their size.
const WARM_UP: i64 = 100;
/// Calls whose allocations are counted. The profiler looks at the stack for each, so that
/// a thousand calls would take most of a minute.
const CALLS: i64 = 100;
/// The same for callgrind, under which everything takes fifty times as long.
const WARM_UP_IN_CALLGRIND: i64 = 10;
const CALLS_IN_CALLGRIND: i64 = 20;
/// Rows of each table, and of the one user that reads the newest: each key is updated at
/// most once, so that a flushed row is still flushed when its turn comes.
const ROWS: i64 = 2 * (WARM_UP + CALLS);

/// A small path: calls are numbered from 0 and given only once.
struct Path<'a> {
    name: &'static str,
    call: Box<dyn Fn(i64) -> Result<QueryResult> + 'a>,
}

impl Path<'_> {
    fn run(&self, number: i64) -> QueryResult {
        (self.call)(number).expect("the statement is right")
    }
}

fn main() -> ExitCode {
    let mode = std::env::args().nth(1);
    let (count, calls): (fn(&Path<'_>), i64) = match mode.as_deref() {
        Some("heap") => (count_allocations, WARM_UP + CALLS),
        Some("instructions") => (count_instructions, WARM_UP_IN_CALLGRIND + CALLS_IN_CALLGRIND),
        _ => {
            eprintln!("usage: kalam-test-cost heap | instructions");
            return ExitCode::from(2);
        }
    };
    let mut options = Options::default();
    for (key, value) in [("durability", "normal"), ("auto_maintenance", "off")] {
        options.set(key, value).expect("it is a setting");
    }
    let database = Database::in_memory(options).expect("memory is there");
    let session = database.session("root", Role::System, None).expect("root is a valid user");
    let user = session.as_user("alice").expect("a valid user");
    for tier in ["hot", "flushed"] {
        fill(&session, &user, tier);
    }
    let others = others(&session, calls);
    for path in paths(&session, &user, &others) {
        count(&path);
    }
    ExitCode::SUCCESS
}

fn fill(session: &Session, user: &Session, tier: &str) {
    let columns = "(id BIGINT PRIMARY KEY, body TEXT, score DOUBLE)";
    run(session, &format!("CREATE TABLE {tier} {columns}"));
    run(session, &format!("CREATE USER TABLE {tier}_feed {columns}"));
    let row = |id: i64| Params::Positional(vec![id.into(), format!("body {id}").into()]);
    let rows: Vec<Params> = (0..ROWS).map(row).collect();
    for (session, table) in [(session, tier.to_owned()), (user, format!("{tier}_feed"))] {
        let sql = format!("INSERT INTO {table} (id, body) VALUES (?, ?)");
        session.execute_many(&sql, &rows).expect("keys are new");
    }
    if tier == "flushed" {
        run(session, &format!("STORAGE FLUSH TABLE {tier}"));
        run(session, &format!("STORAGE FLUSH TABLE {tier}_feed"));
    }
}

/// A user for each call, whose rows nobody has read since they were flushed.
fn others(session: &Session, calls: i64) -> Vec<Session> {
    run(session, "CREATE USER TABLE feed (id BIGINT PRIMARY KEY, body TEXT, score DOUBLE)");
    let insert = "INSERT INTO feed SELECT value, 'body ' || value, 0.5 FROM generate_series(1, 50)";
    let user = |number| {
        let user = session.as_user(&format!("user {number}")).expect("a valid user");
        run(&user, insert);
        user
    };
    let users = (0..calls).map(user).collect();
    run(session, "STORAGE FLUSH TABLE feed");
    users
}

fn run(session: &Session, sql: &str) {
    session.execute(sql, &Params::None).and_then(QueryResult::collect).expect("it is right");
}

/// The paths, those that change rows last.
fn paths<'a>(session: &'a Session, user: &'a Session, others: &'a [Session]) -> Vec<Path<'a>> {
    let mut paths = Vec::new();
    let names = [
        ("prepared point read, hot", "point read by text, hot", "newest 50, hot", "hot"),
        (
            "prepared point read, flushed",
            "point read by text, flushed",
            "newest 50, flushed",
            "flushed",
        ),
    ];
    for (prepared, by_text, newest, tier) in names {
        let sql = format!("SELECT id, body, score FROM {tier} WHERE id = ?");
        let statement = session.prepare(&sql).expect("it is a statement");
        let key = |number: i64| Params::Positional(vec![(number * 7 % ROWS).into()]);
        paths
            .push(path(prepared, move |number| session.execute_prepared(&statement, &key(number))));
        paths.push(path(by_text, move |number| session.execute(&sql, &key(number))));
        let sql = format!("SELECT id, body, score FROM {tier}_feed ORDER BY id DESC LIMIT 50");
        paths.push(path(newest, move |_| user.execute(&sql, &Params::None)));
    }
    paths.push(path("newest 50 of a user for the first time, flushed", move |number| {
        let user = &others[usize::try_from(number).expect("calls are numbered from 0")];
        let sql = "SELECT id, body, score FROM feed ORDER BY id DESC LIMIT 50";
        user.execute(sql, &Params::None)
    }));
    let insert = "INSERT INTO hot VALUES (?, ?, ?)";
    let row = |number: i64, first: i64| {
        Params::Positional(vec![(first + number).into(), "a new body".into(), 0.5.into()])
    };
    let statement = session.prepare(insert).expect("it is a statement");
    paths.push(path("prepared INSERT VALUES", move |number| {
        session.execute_prepared(&statement, &row(number, ROWS))
    }));
    paths.push(path("INSERT VALUES by text", move |number| {
        session.execute(insert, &row(number, 2 * ROWS))
    }));
    for (name, tier) in
        [("prepared UPDATE by key, hot", "hot"), ("prepared UPDATE by key, flushed", "flushed")]
    {
        let sql = format!("UPDATE {tier} SET body = ? WHERE id = ?");
        let statement = session.prepare(&sql).expect("it is a statement");
        paths.push(path(name, move |number| {
            let values = vec!["edited".into(), (number * 2).into()];
            session.execute_prepared(&statement, &Params::Positional(values))
        }));
    }
    paths
}

fn path<'a>(name: &'static str, call: impl Fn(i64) -> Result<QueryResult> + 'a) -> Path<'a> {
    Path { name, call: Box::new(call) }
}

/// What a call allocates and has let go of when its result is in the caller's hands,
/// as the mean of many calls.
fn count_allocations(path: &Path<'_>) {
    let call = |number| path.run(number).collect().expect("rows can be read");
    for number in 0..WARM_UP {
        drop(call(number));
    }
    let _profiler = dhat::Profiler::builder().testing().build();
    let (mut bytes, mut blocks) = (0, 0);
    for number in WARM_UP..WARM_UP + CALLS {
        let before = dhat::HeapStats::get();
        let result = call(number);
        let after = dhat::HeapStats::get();
        // What is held still is the result, or the row that was written. More may have been
        // freed than came, by a thread in the background.
        bytes += (after.total_bytes - before.total_bytes)
            .saturating_sub(after.curr_bytes.saturating_sub(before.curr_bytes) as u64);
        blocks += (after.total_blocks - before.total_blocks)
            .saturating_sub(after.curr_blocks.saturating_sub(before.curr_blocks) as u64);
        drop(result);
    }
    println!("{}\t{}\t{}", path.name, bytes / CALLS as u64, blocks / CALLS as u64);
}

fn count_instructions(path: &Path<'_>) {
    let call = |number| drop(path.run(number).collect().expect("rows can be read"));
    (0..WARM_UP_IN_CALLGRIND).for_each(call);
    counted_by_callgrind(&|| {
        (WARM_UP_IN_CALLGRIND..WARM_UP_IN_CALLGRIND + CALLS_IN_CALLGRIND).for_each(call);
    });
    println!("{}\t{CALLS_IN_CALLGRIND}", path.name);
}

/// Callgrind counts from the entry of this function to its end, and finds it by its name.
#[inline(never)]
fn counted_by_callgrind(calls: &dyn Fn()) {
    calls();
    std::hint::black_box(());
}
