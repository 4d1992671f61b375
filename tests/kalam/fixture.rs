//! A database in a temporary folder, and rows as text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use kalam_core::model::Role;
use kalam_core::{Database, Durability, Error, Options, Params, Session};
use tempfile::TempDir;

use crate::render;

/// Rows as text.
pub type Rows = Vec<Vec<String>>;

/// A database in a temporary folder that is removed at the end.
pub struct Fixture {
    // Before `dir`: handles are dropped before their folder is removed.
    open: Option<(Database, Session)>,
    dir: TempDir,
}

impl Fixture {
    /// An empty database.
    pub fn new() -> Fixture {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let mut fixture = Fixture { open: None, dir };
        fixture.reopen_after(|_| ());
        fixture
    }

    /// The folder of the database.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The open database.
    pub fn database(&self) -> &Database {
        &self.open.as_ref().expect("a fixture is open between calls").0
    }

    /// The session of user `root` with role `system`.
    pub fn root(&self) -> &Session {
        &self.open.as_ref().expect("a fixture is open between calls").1
    }

    /// A session of `user` with role `user`.
    pub fn user(&self, user: &str) -> Session {
        self.database().session(user, Role::User, None).expect("user ids of tests are valid")
    }

    /// Rows of a query of the root session.
    pub fn rows(&self, sql: &str) -> Rows {
        rows(self.root(), sql)
    }

    /// Runs a statement of the root session and returns the rows it changed.
    pub fn run(&self, sql: &str) -> u64 {
        run(self.root(), sql)
    }

    /// The SQLSTATE and message with which the root session's statement fails.
    pub fn refused(&self, sql: &str) -> (String, String) {
        refused(self.root(), sql)
    }

    /// Closes the database and opens it again.
    pub fn reopen(&mut self) {
        self.reopen_after(|_| ());
    }

    /// Closes the database, changes its files, and opens it again.
    pub fn reopen_after(&mut self, change: impl FnOnce(&Path)) {
        self.close();
        change(self.dir.path());
        let database = open(self.dir.path());
        let root = root(&database);
        self.open = Some((database, root));
    }

    /// Closes the database and lets go of its handles.
    pub fn close(&mut self) {
        if let Some((database, _root)) = self.open.take() {
            database.close().expect("the database closes");
        }
    }

    /// The segment files that the manifest of a table lists.
    pub fn segments(&self, table: &str) -> Vec<PathBuf> {
        manifest_paths(self.root(), table, self.path())
    }
}

/// Options of tests: a process crash loses nothing, no sync is waited for, and segments are
/// what statements make of them.
pub fn options() -> Options {
    // Not beside the keys of whoever runs the tests.
    let key = std::env::temp_dir().join("kalamdb-tests/host.key");
    Options {
        durability: Durability::Normal,
        host_key_file: key.display().to_string(),
        auto_maintenance: false,
        ..Options::default()
    }
}

/// Opens a database that must open.
pub fn open(path: &Path) -> Database {
    Database::open(path, options()).unwrap_or_else(|e| panic!("{} opens: {e:?}", path.display()))
}

/// The session of user `root` with role `system`.
pub fn root(database: &Database) -> Session {
    database.session("root", Role::System, None).expect("root is a valid user")
}

/// Runs a query to its end.
///
/// # Errors
/// What the statement or its rows raise.
pub fn try_batches(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    session.execute(sql, &Params::None)?.collect()
}

/// Rows as text.
///
/// # Errors
/// What the statement or its rows raise.
pub fn try_rows(session: &Session, sql: &str) -> Result<Rows, Error> {
    Ok(render::rows(&try_batches(session, sql)?))
}

/// Rows of a query that must succeed.
pub fn rows(session: &Session, sql: &str) -> Rows {
    try_rows(session, sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"))
}

/// Runs a statement and returns the rows it changed.
///
/// # Errors
/// What the statement raises.
pub fn try_run(session: &Session, sql: &str) -> Result<u64, Error> {
    let result = session.execute(sql, &Params::None)?;
    let affected = result.rows_affected().unwrap_or(0);
    result.collect()?;
    Ok(affected)
}

/// Runs a statement that must succeed.
pub fn run(session: &Session, sql: &str) -> u64 {
    try_run(session, sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"))
}

/// The SQLSTATE and message with which a statement fails.
pub fn refused(session: &Session, sql: &str) -> (String, String) {
    match try_rows(session, sql) {
        Ok(rows) => panic!("{sql}: succeeded with {rows:?}"),
        Err(error) => (error.sqlstate().to_string(), full_text(&error)),
    }
}

/// Message, detail and hint of an error in one text.
pub fn full_text(error: &Error) -> String {
    format!("{error:?}")
}

/// The segment files that the manifest of a table lists, as paths on this machine.
pub fn manifest_paths(session: &Session, table: &str, database: &Path) -> Vec<PathBuf> {
    let batches = try_batches(session, &format!("SHOW MANIFEST FOR {table}"))
        .unwrap_or_else(|e| panic!("SHOW MANIFEST FOR {table}: {e:?}"));
    let mut paths = Vec::new();
    for batch in &batches {
        let index = batch.schema().index_of("path").expect("SHOW MANIFEST has a column path");
        for row in 0..batch.num_rows() {
            paths.push(resolve(&render::value(batch.column(index), row), database));
        }
    }
    paths.sort();
    paths
}

/// A path of the manifest, which starts in the storage's folder or the database's.
fn resolve(path: &str, database: &Path) -> PathBuf {
    let below_storage = database.join("segments").join(path);
    let below_database = database.join(path);
    [below_storage.clone(), below_database, PathBuf::from(path)]
        .into_iter()
        .find(|candidate| candidate.is_file())
        .unwrap_or(below_storage)
}

/// Every segment below a folder, those that were begun and not finished included.
pub fn parquet_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("folder entries can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.to_string_lossy();
                if name.ends_with(".parquet") || name.ends_with(".parquet.tmp") {
                    found.push(path);
                }
            }
        }
    }
    found.sort();
    found
}

/// The texts that stand behind `call` in the Rust files below a folder, up to a quote.
pub fn calls_in(folder: &Path, call: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let entries = std::fs::read_dir(folder).expect("the source can be listed");
    for path in entries.map(|entry| entry.expect("the source can be listed").path()) {
        if path.is_dir() {
            found.extend(calls_in(&path, call));
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("the source can be read");
        let calls = source.split(call).skip(1);
        found.extend(calls.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()));
    }
    found
}

/// A number of the environment, such as `KALAM_CYCLES=10000`, or another one.
pub fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect(variable))
}

/// Random numbers from a seed, the same on every machine.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators".
pub struct Seeded(pub u64);

impl Seeded {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }
}
