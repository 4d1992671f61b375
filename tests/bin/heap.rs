//! Counts what a repeated point read allocates beyond its result.
//!
//! Writes one line for each way to read: what, bytes, number of allocations, with tabs
//! between them. Counts do not depend on the machine's speed.

use kalam_core::model::Role;
use kalam_core::{Database, Durability, Options, Params, QueryResult};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Reads before the count begins: caches are filled, buffers have their size.
const WARM_UP: i64 = 200;
/// Reads that are counted.
const READS: i64 = 1_000;
/// Rows of the table.
const ROWS: i64 = 1_000;

fn main() {
    let options = Options { durability: Durability::Off, ..Options::default() };
    let database = Database::in_memory(options).expect("memory is there");
    let session = database.session("root", Role::System, None).expect("root is a valid user");
    session
        .execute("CREATE TABLE t (id BIGINT PRIMARY KEY, body TEXT, score DOUBLE)", &Params::None)
        .expect("the table is new");
    let row = |id: i64| Params::Positional(vec![id.into(), format!("body {id}").into()]);
    let rows: Vec<Params> = (0..ROWS).map(row).collect();
    session.execute_many("INSERT INTO t (id, body) VALUES (?, ?)", &rows).expect("keys are new");
    let sql = "SELECT id, body, score FROM t WHERE id = ?";
    let statement = session.prepare(sql).expect("it is a statement");
    for (state, flush) in [("hot", false), ("flushed", true)] {
        if flush {
            session.execute("STORAGE FLUSH TABLE t", &Params::None).expect("rows are flushed");
        }
        count(&format!("prepared point read, {state}"), |key| {
            session.execute_prepared(&statement, key)
        });
        count(&format!("point read by text and parameter, {state}"), |key| {
            session.execute(sql, key)
        });
    }
}

/// What a read allocates and has let go of when its result is in the caller's hands,
/// as the mean of many reads.
fn count(what: &str, read: impl Fn(&Params) -> kalam_core::Result<QueryResult>) {
    let key = |id: i64| Params::Positional(vec![(id * 7 % ROWS).into()]);
    let rows = |key: &Params| read(key).and_then(QueryResult::collect).expect("the row is there");
    for id in 0..WARM_UP {
        drop(rows(&key(id)));
    }
    let _profiler = dhat::Profiler::builder().testing().build();
    let (mut bytes, mut blocks) = (0, 0);
    for id in 0..READS {
        let key = key(id);
        let before = dhat::HeapStats::get();
        let result = rows(&key);
        let after = dhat::HeapStats::get();
        // What is held still is the result.
        bytes += (after.total_bytes - before.total_bytes)
            .saturating_sub((after.curr_bytes - before.curr_bytes) as u64);
        blocks += (after.total_blocks - before.total_blocks)
            .saturating_sub((after.curr_blocks - before.curr_blocks) as u64);
        drop(result);
    }
    println!("{what}\t{}\t{}", bytes / READS as u64, blocks / READS as u64);
}
