//! A database to be shaken by statements that nobody meant, and what is wrong with how one
//! ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use kalam_core::model::Role;
use kalam_core::{Database, Options, Params, QueryResult, Session};

/// What a statement may take that is stopped after a second.
const HANGS: Duration = Duration::from_secs(30);

/// What reaches files, and other processes by them: no text of these is tried as one who may.
const FILES: [&str; 8] =
    ["COPY", "BACKUP", "RESTORE", "EXPORT", "REGISTER", "STORAGE", "ATTACH", "LOAD"];

/// A database with tables that the specification's statements often name.
pub fn database(mut options: Options) -> Database {
    for (name, value) in
        [("memory_limit", "128MiB"), ("statement_timeout", "1s"), ("max_result_bytes", "32MiB")]
    {
        options.set(name, value).expect("it is a setting");
    }
    let database = Database::in_memory(options).expect("memory is there");
    let root = database.session("root", Role::System, None).expect("root is a valid user");
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
        let done = root.execute(sql, &Params::None).and_then(QueryResult::collect);
        done.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
    database
}

/// What is wrong with how a statement ended, if anything is.
pub fn finding(database: &Database, sql: &str) -> Option<String> {
    let touches_files = FILES.iter().any(|word| sql.to_uppercase().contains(word));
    let role = if touches_files { Role::Service } else { Role::System };
    let session = database.session("root", role, None).expect("root is a valid user");
    let begin = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| last_error(&session, sql)));
    let _ = session.rollback();
    if begin.elapsed() > HANGS {
        return Some(format!("took {:?}", begin.elapsed()));
    }
    match outcome {
        Err(_) => Some("panics".to_owned()),
        Ok(Some(error)) if error.sqlstate().as_str().starts_with("XX") => {
            Some(format!("{error:?}"))
        }
        Ok(_) => None,
    }
}

fn last_error(session: &Session, sql: &str) -> Option<kalam_core::Error> {
    let ended = session.execute(sql, &Params::None).and_then(QueryResult::collect);
    // What is prepared only takes another way.
    let prepared = session.prepare(sql).map(drop);
    ended.map(drop).err().or(prepared.err())
}
