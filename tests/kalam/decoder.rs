//! What the store's checksums let pass and no version of this program wrote: values of
//! RocksDB replaced by random bytes, by bytes that are nearly right, and by JSON that says
//! something else. Opening and reading end in an answer or a clean error.
//!
//! `KALAM_DECODER=1000` tries as many values of each kind of key.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use kalam_core::{Database, Error, Params, QueryResult, Session};
use tempfile::TempDir;

use crate::fixture::{self, Fixture, Seeded, number_from};

/// Values tried of each kind of key, unless the environment says another number.
const VALUES: u64 = 4;
const SEED: u64 = 41;

/// Column families with a decoder behind them, which is all but the rows themselves:
/// those have tests of their codec.
const FAMILIES: [&str; 4] = ["catalog", "manifest", "jobs", "log"];

type Rocks = rocksdb::DBWithThreadMode<rocksdb::SingleThreaded>;

/// A database with something under every prefix of every family.
fn filled() -> Fixture {
    let mut fixture = Fixture::new();
    for sql in [
        "CREATE NAMESPACE app",
        "CREATE TABLE t (k INT PRIMARY KEY, v TEXT DEFAULT 'x', n DECIMAL(9, 2), e EMBEDDING(2), \
         UNIQUE (v), CHECK (k >= 0))",
        "CREATE USER TABLE note (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), text TEXT[])",
        "CREATE STREAM TABLE event (id BIGINT PRIMARY KEY) WITH (TTL_SECONDS = 3600)",
        "CREATE VIEW app.seen AS SELECT k, v FROM default.t WHERE k > 0",
        "INSERT INTO t VALUES (1, 'a', 1.5, '[1, 2]'), (2, 'b', NULL, NULL), (3, 'c', 2, '[0, 0]')",
        "INSERT INTO note (text) VALUES (['one']), (NULL)",
        "STORAGE FLUSH ALL",
        "ALTER TABLE t ADD COLUMN w INT DEFAULT 7",
        "DELETE FROM t WHERE k = 2",
        "UPDATE t SET w = 8 WHERE k = 3",
        "ANALYZE",
        "CREATE STORAGE other TYPE 'filesystem' PATH 'other'",
        "CREATE USER 'ann' WITH PASSWORD 'correct horse' ROLE user",
        "ALTER USER 'ann' SET STORAGE other",
    ] {
        fixture.run(sql);
    }
    fixture.close();
    fixture
}

fn store(database: &Path) -> PathBuf {
    let found = std::fs::read_dir(database).expect("it is a folder").find_map(|entry| {
        let path = entry.expect("a folder can be read").path();
        path.join("CURRENT").is_file().then_some(path)
    });
    found.expect("a database has a store")
}

fn open_store(database: &Path) -> Rocks {
    let (path, options) = (store(database), rocksdb::Options::default());
    let families = Rocks::list_cf(&options, &path).expect("its families are listed");
    Rocks::open_cf(&options, &path, families).expect("nobody else has it open")
}

/// Keys by family and first byte, with their values: one kind each.
type Kinds = BTreeMap<(String, u8), Vec<(Vec<u8>, Vec<u8>)>>;

fn kinds(rocks: &Rocks) -> Kinds {
    let mut found = Kinds::new();
    for family in FAMILIES {
        let handle = rocks.cf_handle(family).expect("the family is there");
        for entry in rocks.full_iterator_cf(handle, rocksdb::IteratorMode::Start) {
            let (key, value) = entry.expect("it can be read");
            let kind = (family.to_owned(), key.first().copied().unwrap_or_default());
            found.entry(kind).or_default().push((key.into(), value.into()));
        }
    }
    found
}

/// Something in the place of a value.
fn other_value(random: &mut Seeded, value: &[u8]) -> Vec<u8> {
    let mut bytes = value.to_vec();
    let place =
        |random: &mut Seeded, bytes: &[u8]| random.below(bytes.len().max(1) as u64) as usize;
    match random.below(8) {
        0 => return (0..random.below(200)).map(|_| random.bits() as u8).collect(),
        1 => {
            // Right at the beginning: the version byte of most values, then no JSON.
            bytes.truncate(1);
            bytes.extend((0..random.below(100)).map(|_| random.bits() as u8));
        }
        2 => bytes.truncate(place(random, value)),
        3 => bytes.extend_from_within(..place(random, value)),
        4 if !bytes.is_empty() => {
            let at = place(random, value);
            bytes[at] ^= 1 << random.below(8);
        }
        _ => return other_json(random, value).unwrap_or(bytes),
    }
    bytes
}

/// JSON with one of its scalars replaced.
fn other_json(random: &mut Seeded, value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value.get(1..)?).ok()?;
    let scalars: Vec<(usize, usize)> = scalars(text);
    if scalars.is_empty() {
        return None;
    }
    let (from, to) = scalars[random.below(scalars.len() as u64) as usize];
    let edges = [
        "0",
        "-1",
        "1",
        "255",
        "65536",
        "4294967295",
        "4294967296",
        "18446744073709551615",
        "1.5",
        "null",
        "true",
        "\"\"",
        "\"x\"",
        "\"../../../etc/passwd\"",
        "\"/etc/passwd\"",
        "\"a\\u0000b\"",
        "[]",
        "{}",
        "\"SELECT\"",
        "\"System\"",
        "\"ffff\"",
        "9223372036854775807",
    ];
    let edge = edges[random.below(edges.len() as u64) as usize];
    let changed = [&text[..from], edge, &text[to..]].concat();
    Some([&value[..1], changed.as_bytes()].concat())
}

/// Where numbers, texts and words stand that are no keys of objects.
fn scalars(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'"' => {
                let mut end = at + 1;
                while end < bytes.len() && bytes[end] != b'"' {
                    end += 1 + usize::from(bytes[end] == b'\\');
                }
                (end + 1).min(bytes.len())
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' => {
                at += 1;
                continue;
            }
            _ => bytes[at..]
                .iter()
                .position(|b| b"{}[],: ".contains(b))
                .map_or(bytes.len(), |length| at + length),
        };
        if bytes.get(end) != Some(&b':') {
            found.push((at, end));
        }
        at = end;
    }
    found
}

/// Reads and writes through everything that was decoded.
fn use_all(database: &Path) -> Vec<Error> {
    let opened = match Database::open(database, fixture::options()) {
        Ok(opened) => opened,
        Err(error) => return vec![error],
    };
    let mut errors = Vec::new();
    if let Err(error) = opened.login("ann", "correct horse") {
        errors.push(error);
    }
    let root = fixture::root(&opened);
    let mut try_run = |session: &Session, sql: &str| {
        let done = session.execute(sql, &Params::None).and_then(QueryResult::collect);
        errors.extend(done.err());
    };
    for sql in [
        "SELECT * FROM t",
        "SELECT k, w, _seq FROM t WHERE _deleted OR k > 0 ORDER BY v",
        "SELECT v FROM t WHERE k = 1",
        "SELECT * FROM app.seen",
        "SELECT * FROM note",
        "INSERT INTO t (k, v) VALUES (9, 'nine')",
        "UPDATE t SET n = 3 WHERE k = 1",
        "DELETE FROM t WHERE k = 3",
        "INSERT INTO note (text) VALUES (['new'])",
        "INSERT INTO event VALUES (1)",
        "DESCRIBE t HISTORY",
        "SHOW MANIFEST FOR t",
        "SHOW STATS FOR TABLE t",
        "SHOW CREATE TABLE t",
        "SHOW STORAGES",
        "SELECT * FROM system.users",
        "SELECT * FROM system.jobs",
        "SELECT * FROM system.audit_log",
        "SELECT * FROM system.tables",
        "SELECT * FROM information_schema.columns",
        "STORAGE CHECK local EXTENDED",
        "STORAGE FLUSH ALL",
        "STORAGE COMPACT ALL",
        "VACUUM",
        "ANALYZE",
        "ALTER TABLE t ADD COLUMN z INT",
        "CREATE TABLE one_more (k INT PRIMARY KEY)",
    ] {
        try_run(&root, sql);
    }
    errors.extend(opened.close().err());
    errors
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("it is a folder") {
        let path = entry.expect("a folder can be read").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}

#[test]
fn values_that_nobody_wrote_end_in_an_answer_or_a_clean_error() {
    let seed = number_from("KALAM_DECODER_SEED", SEED);
    let count = number_from("KALAM_DECODER", VALUES);
    let mut random = Seeded(seed);
    let whole = filled();
    let kinds = {
        let rocks = open_store(whole.path());
        kinds(&rocks)
    };
    println!("seed {seed}, {count} values of each of {} kinds", kinds.len());
    assert!(kinds.len() > 10, "{:?}", kinds.keys());
    let (mut refused, mut found) = (0, Vec::new());
    for ((family, kind), entries) in &kinds {
        for _ in 0..count {
            let (key, value) = &entries[random.below(entries.len() as u64) as usize];
            let new = other_value(&mut random, value);
            let folder = TempDir::new().expect("a temporary folder can be made");
            let database = folder.path().join("database");
            copy(whole.path(), &database);
            let rocks = open_store(&database);
            let handle = rocks.cf_handle(family).expect("the family is there");
            rocks.put_cf(handle, key, &new).expect("it can be written");
            drop(rocks);
            let what = || {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let kind = char::from(*kind);
                format!("{family} {kind:?}: {:?}\n  was {:?}", text(&new), text(value))
            };
            match catch_unwind(AssertUnwindSafe(|| use_all(&database))) {
                Err(_) => found.push(format!("panics: {}", what())),
                Ok(errors) => {
                    refused += u64::from(!errors.is_empty());
                    let own = errors.iter().find(|e| e.sqlstate().as_str() == "XX000");
                    found.extend(own.map(|e| format!("{e:?}: {}", what())));
                }
            }
        }
    }
    println!("{refused} values led to errors");
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
    assert!(refused > count, "damage is noticed");
}

#[test]
fn a_value_is_replaced_and_no_key_is() {
    let text = r#"{"a": [1, "x\"y"], "b": {"c": null}}"#;
    let found: Vec<&str> = scalars(text).into_iter().map(|(from, to)| &text[from..to]).collect();
    assert_eq!(found, ["1", r#""x\"y""#, "null"]);
}
