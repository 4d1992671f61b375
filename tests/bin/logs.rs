//! Does what secrets are part of, with every log of every library switched on, and
//! prints all that was logged.
//!
//! A process of its own, because a program has one logger.

use std::fmt::{Debug, Write as _};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use kalam_core::model::Role;
use kalam_core::{Database, Durability, Options, Params, QueryResult, Session};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Lines that were logged.
static LOGGED: Mutex<String> = Mutex::new(String::new());

/// One line for each record, whatever is in it.
fn note(record: &str) {
    let mut logged = LOGGED.lock().expect("nothing panics while it is held");
    logged.push_str(&record.replace('\n', "\\n"));
    logged.push('\n');
}

/// Takes what libraries write with crate `log`.
struct Everything;

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        note(&format!("{} {}: {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Takes what libraries write with crate `tracing`.
struct EveryEvent(AtomicU64);

impl Subscriber for EveryEvent {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Fields(format!("span {}", span.metadata().name()));
        span.record(&mut line);
        note(&line.0);
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Fields("span".to_owned());
        values.record(&mut line);
        note(&line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Fields(event.metadata().target().to_owned());
        event.record(&mut line);
        note(&line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

/// Statements with a secret, of which some fail.
const SECRETS: [&str; 9] = [
    "CREATE USER 'ann' WITH PASSWORD 'zqxsecret of ann' ROLE user",
    "CREATE USER 'ann' WITH PASSWORD 'zqxsecret again' ROLE user",
    "CREATE USER 'bea' WITH PASSWORD 'zqxsecret of bea' ROLE nothing",
    "CREATE USER 'bea' WITH PASSWORD 'zqxsecret of bea' PASSWORD",
    "ALTER USER 'ann' SET PASSWORD 'zqxsecret, a new one'",
    "ALTER USER 'nobody' SET PASSWORD 'zqxsecret, a new one'",
    "SELECT 1; CREATE USER 'bea' WITH PASSWORD 'zqxsecret' ROL user",
    "CREATE STORAGE far TYPE 's3' BUCKET 'b' CREDENTIALS (access_key_id = 'zqxsecretid', \
     secret_access_key = 'zqxsecretkey') CONFIG (endpoint = 'http://127.0.0.1:9', \
     allow_http = true, retries = 0, timeout_ms = 1000)",
    "STORAGE CHECK far EXTENDED",
];

/// Statements over rows of bob, whose values are canaries, and of somebody else.
const ROWS: [&str; 8] = [
    "INSERT INTO note VALUES (770077007, 'zqxcanary one'), (2, 'zqxcanary two')",
    "SELECT * FROM note ORDER BY text DESC LIMIT 1",
    "SELECT text, COUNT(*) FROM note GROUP BY text",
    "UPDATE note SET text = text || '!' WHERE id > 2",
    "SELECT a.text FROM note a JOIN note b ON a.id = b.id WHERE b.id < 5",
    "SELECT CAST(text AS INT) FROM note",
    "DELETE FROM note WHERE id = 2",
    "SELECT text FROM note WHERE id = 770077007",
];

fn run(session: &Session, sql: &str) {
    if let Err(error) = session.execute(sql, &Params::None).and_then(QueryResult::collect) {
        note(&format!("error {error:?}"));
    }
}

/// Writes a segment, and ends this process as a crash does.
fn end_without_close(database: &Database) {
    let bob = database.session("bob", Role::User, None).expect("a valid user");
    run(&bob, "INSERT INTO note VALUES (3, 'zqxcanary three')");
    let root = database.session("root", Role::System, None).expect("a valid user");
    run(&root, "STORAGE FLUSH TABLE note");
    std::process::exit(0);
}

fn main() {
    log::set_logger(&Everything).expect("there is no other");
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(EveryEvent(AtomicU64::new(1)))
        .expect("there is no other");
    let folder = std::env::args().nth(1).expect("usage: kalam-test-logs DIR");
    let options = || Options {
        durability: Durability::Normal,
        host_key_file: format!("{folder}/host.key"),
        ..Options::default()
    };
    let path = format!("{folder}/database");
    if std::env::args().nth(2).is_some() {
        return end_without_close(&Database::open(&path, options()).expect("it opens"));
    }
    for round in 0..3 {
        let database = Database::open(&path, options()).expect("it opens");
        let root = database.session("root", Role::System, None).expect("a valid user");
        run(&root, "CREATE USER TABLE IF NOT EXISTS note (id BIGINT PRIMARY KEY, text TEXT)");
        for sql in SECRETS {
            run(&root, sql);
        }
        for (user, password) in [("ann", "zqxsecret wrong"), ("ann", "zqxsecret, a new one")] {
            if let Err(error) = database.login(user, password) {
                note(&format!("error {error:?}"));
            }
        }
        for user in ["bob", "somebody"] {
            let session = database.session(user, Role::User, None).expect("a valid user");
            for sql in ROWS {
                run(&session, sql);
            }
            run(&root, "STORAGE FLUSH ALL");
        }
        run(&root, "STORAGE COMPACT ALL");
        run(&root, "ANALYZE");
        run(&root, &format!("BACKUP DATABASE TO '{folder}/backup{round}'"));
        for sql in ["SELECT * FROM all_users('default.note')", "SHOW STATS FOR TABLE note"] {
            run(&root, sql);
        }
        drop(root);
        database.close().expect("it closes");
        drop(database);
        // An orphan, which the next open tells of: it looks for some after a crash.
        let program = std::env::current_exe().expect("it has a name");
        let child = Command::new(program).args([&folder, "crash"]).status();
        assert!(child.expect("it starts").success());
        let orphan = format!("{path}/segments/default/note/bob/00000000000000aa.parquet");
        std::fs::write(orphan, "zqxcanary").expect("the folder of bob is there");
    }
    note("end");
    print!("{}", LOGGED.lock().expect("nothing panics while it is held"));
}
