//! The SQL specification: every file below `slt/`, once for each state that the
//! data may be in. An answer may not depend on the state.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::datatypes::DataType;
use kalam_core::model::Role;
use kalam_core::{Database, Error, Params, Session, TransactionStatus};
use sqllogictest::{ColumnType, Connection, DB, DBOutput, Record, Runner};
use tempfile::TempDir;

use crate::fixture;
use crate::render;

/// Failures that are printed for one file.
const FAILURES_SHOWN: usize = 4;

/// The state that a file's data is in when its queries run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// As written.
    Hot,
    /// Flushed after each write.
    Flushed,
    /// Flushed after every second write.
    HalfFlushed,
    /// Flushed and compacted after each write.
    Compacted,
    /// Closed and opened before each query.
    Reopened,
    /// Flushed after each write, closed and opened before each query.
    Cold,
    /// In memory, as written.
    Memory,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Hot => "hot",
            Mode::Flushed => "flushed",
            Mode::HalfFlushed => "half_flushed",
            Mode::Compacted => "compacted",
            Mode::Reopened => "reopened",
            Mode::Cold => "cold",
            Mode::Memory => "memory",
        }
    }

    fn flushes(self, writes: u64) -> bool {
        match self {
            Mode::Flushed | Mode::Compacted | Mode::Cold => true,
            Mode::HalfFlushed => writes.is_multiple_of(2),
            Mode::Hot | Mode::Reopened | Mode::Memory => false,
        }
    }

    fn reopens(self) -> bool {
        matches!(self, Mode::Reopened | Mode::Cold)
    }
}

/// One database with a session for each connection name of a file.
struct Driver {
    mode: Mode,
    dir: TempDir,
    database: Option<Database>,
    sessions: BTreeMap<String, Session>,
    namespaces: BTreeMap<String, String>,
    /// What each session prepared: a session opened again prepares it again.
    prepared: BTreeMap<String, Vec<String>>,
    connection: String,
    writes: u64,
    changed: bool,
}

impl Driver {
    fn new(mode: Mode) -> Driver {
        let mut driver = Driver {
            mode,
            dir: TempDir::new().expect("a temporary folder can be made"),
            database: None,
            sessions: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            prepared: BTreeMap::new(),
            connection: String::new(),
            writes: 0,
            changed: false,
        };
        driver.open();
        driver
    }

    fn open(&mut self) {
        self.database = Some(match self.mode {
            Mode::Memory => Database::in_memory(fixture::options()).expect("memory is there"),
            _ => fixture::open(self.dir.path()),
        });
    }

    fn reopen(&mut self) -> Result<(), Error> {
        for (name, session) in std::mem::take(&mut self.sessions) {
            self.namespaces.insert(name, session.namespace());
        }
        if let Some(database) = self.database.take() {
            database.close()?;
        }
        self.open();
        Ok(())
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("the database is open between statements")
    }

    /// The session of the record's connection.
    fn session(&mut self) -> Result<&Session, Error> {
        let name = self.connection.clone();
        if !self.sessions.contains_key(&name) {
            let (user, role) = match name.as_str() {
                "" => ("root", Role::System),
                "anonymous" => ("anonymous", Role::Anonymous),
                "service" => ("service", Role::Service),
                "dba" => ("dba", Role::Dba),
                user => (user, Role::User),
            };
            let namespace = self.namespaces.get(&name).map(String::as_str);
            let session = self.database().session(user, role, namespace)?;
            for statement in self.prepared.get(&name).into_iter().flatten() {
                // What it names may be gone by now; EXECUTE tells.
                let _ = session.execute(statement, &Params::None);
            }
            self.sessions.insert(name.clone(), session);
        }
        Ok(&self.sessions[&name])
    }

    /// Whether a session would lose a transaction by a reopening.
    fn is_in_transaction(&self) -> bool {
        self.sessions.values().any(|s| s.transaction_status() != TransactionStatus::Idle)
    }

    fn run(&mut self, sql: &str) -> Result<DBOutput<Column>, Error> {
        let verb = sql.split_whitespace().next().unwrap_or("").to_ascii_uppercase();
        let is_write = matches!(verb.as_str(), "INSERT" | "UPDATE" | "DELETE");
        let is_change = is_write
            || matches!(
                verb.as_str(),
                "CREATE" | "ALTER" | "COMMENT" | "DROP" | "STORAGE" | "TRUNCATE"
            );
        if !is_change && self.changed && self.mode.reopens() && !self.is_in_transaction() {
            self.reopen()?;
            self.changed = false;
        }
        let result = self.session()?.execute(sql, &Params::None)?;
        let types: Vec<Column> =
            result.schema().fields().iter().map(|f| Column::of(f.data_type())).collect();
        let affected = result.rows_affected();
        let rows = render::rows(&result.collect()?);
        self.changed |= is_change || affected.is_some();
        if matches!(verb.as_str(), "PREPARE" | "DEALLOCATE") {
            self.prepared.entry(self.connection.clone()).or_default().push(sql.to_owned());
        }
        if is_write || affected.is_some() {
            self.writes += 1;
            if self.mode.flushes(self.writes) {
                self.flush()?;
            }
        }
        Ok(match affected {
            Some(count) if types.is_empty() => DBOutput::StatementComplete(count),
            None if types.is_empty() => DBOutput::StatementComplete(0),
            _ => DBOutput::Rows { types, rows },
        })
    }

    fn flush(&self) -> Result<(), Error> {
        let root = fixture::root(self.database());
        fixture::try_run(&root, "STORAGE FLUSH ALL")?;
        if self.mode == Mode::Compacted {
            fixture::try_run(&root, "STORAGE COMPACT ALL")?;
        }
        Ok(())
    }
}

/// The driver as the runner wants it. All connections of a file are one value: the
/// runner makes connections without telling their names.
#[derive(Clone)]
struct Shared(Arc<Mutex<Driver>>, Mode);

impl Shared {
    fn driver(&self) -> MutexGuard<'_, Driver> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl DB for Shared {
    type Error = Failure;
    type ColumnType = Column;

    // On a thread of its own: the runner sits in an executor, in which an engine
    // that blocks on another one would panic.
    fn run(&mut self, sql: &str) -> Result<DBOutput<Column>, Failure> {
        std::thread::scope(|scope| scope.spawn(|| self.driver().run(sql)).join())
            .unwrap_or_else(|panic| Err(engine_panicked(&*panic)))
            .map_err(Failure)
    }

    fn engine_name(&self) -> &str {
        self.1.name()
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        Some(error.0.sqlstate().to_string())
    }
}

/// A panic of the engine as an error.
pub(crate) fn engine_panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message");
    Error::new(kalam_core::SqlState::INTERNAL_ERROR, format!("panic: {text}"))
}

/// An engine error with its SQLSTATE in front of the message.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Error);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.0.sqlstate(), self.0.message())?;
        if let Some(hint) = self.0.hint() {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// `T` text, `I` integer, `R` float or decimal, `B` boolean, `?` everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Text,
    Integer,
    Real,
    Boolean,
    Any,
}

impl Column {
    fn of(data_type: &DataType) -> Column {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Column::Text,
            DataType::Dictionary(_, values) => Column::of(values),
            DataType::Boolean => Column::Boolean,
            other if other.is_integer() => Column::Integer,
            other if other.is_numeric() => Column::Real,
            _ => Column::Any,
        }
    }
}

impl ColumnType for Column {
    fn from_char(value: char) -> Option<Self> {
        Some(match value {
            'T' => Column::Text,
            'I' => Column::Integer,
            'R' => Column::Real,
            'B' => Column::Boolean,
            '?' => Column::Any,
            _ => return None,
        })
    }

    fn to_char(&self) -> char {
        match self {
            Column::Text => 'T',
            Column::Integer => 'I',
            Column::Real => 'R',
            Column::Boolean => 'B',
            Column::Any => '?',
        }
    }
}

/// As many columns as the file says, each of its type; `?` fits every type.
#[expect(clippy::ptr_arg, reason = "the runner's signature")]
fn columns_fit(actual: &Vec<Column>, expected: &Vec<Column>) -> bool {
    actual.len() == expected.len()
        && actual.iter().zip(expected).all(|(a, e)| *e == Column::Any || a == e)
}

/// Runs one file and returns what does not hold in it.
fn run_file(path: &Path, mode: Mode) -> Vec<String> {
    let records = match sqllogictest::parse_file::<Column>(path) {
        Ok(records) => records,
        Err(error) => return vec![error.to_string()],
    };
    let shared = Shared(Arc::new(Mutex::new(Driver::new(mode))), mode);
    let mut runner = Runner::new(|| std::future::ready(Ok(shared.clone())));
    runner.with_column_validator(columns_fit);
    runner.add_label(if mode == Mode::Memory { "memory" } else { "disk" });
    let mut failures = Vec::new();
    for mut record in records {
        if let Record::Statement { connection, .. } | Record::Query { connection, .. } = &mut record
        {
            shared.driver().connection = match std::mem::take(connection) {
                Connection::Named(name) => name,
                Connection::Default => String::new(),
            };
        }
        if let Err(error) = runner.run(record) {
            failures.push(error.to_string());
        }
    }
    failures
}

/// Every `.slt` file below a folder, by path.
pub(crate) fn slt_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the specification's folders can be read") {
            let path = entry.expect("folder entries can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "slt") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn run_all(mode: Mode) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    let wanted = std::env::var("KALAM_SLT").unwrap_or_default();
    let files: Vec<PathBuf> = slt_files(&folder)
        .into_iter()
        .filter(|path| path.to_string_lossy().contains(&wanted))
        .collect();
    assert!(!files.is_empty(), "no file of the specification matches {wanted:?}");
    let mut report = String::new();
    let mut failed = 0;
    for path in &files {
        let failures = run_file(path, mode);
        if failures.is_empty() {
            continue;
        }
        failed += 1;
        let name = path.strip_prefix(&folder).unwrap_or(path).display();
        report += &format!("\n== {name}, {}: {} failures\n", mode.name(), failures.len());
        for failure in failures.iter().take(FAILURES_SHOWN) {
            report += &format!("{failure}\n");
        }
    }
    assert!(failed == 0, "{failed} of {} files fail when {}{report}", files.len(), mode.name());
}

#[test]
fn slt_holds_for_hot_rows() {
    run_all(Mode::Hot);
}

#[test]
fn slt_holds_for_flushed_rows() {
    run_all(Mode::Flushed);
}

#[test]
fn slt_holds_for_half_flushed_rows() {
    run_all(Mode::HalfFlushed);
}

#[test]
fn slt_holds_for_compacted_rows() {
    run_all(Mode::Compacted);
}

#[test]
fn slt_holds_after_reopening() {
    run_all(Mode::Reopened);
}

#[test]
fn slt_holds_for_flushed_rows_after_reopening() {
    run_all(Mode::Cold);
}

#[test]
fn slt_holds_in_memory() {
    run_all(Mode::Memory);
}

#[test]
fn slt_files_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    for path in slt_files(&folder) {
        let text = std::fs::read_to_string(&path).expect("the specification can be read");
        let lines = text.lines().count();
        assert!(lines <= 200, "{}: {lines} lines; a file has at most 200", path.display());
        if let Err(error) = sqllogictest::parse_file::<Column>(&path) {
            panic!("{error}");
        }
    }
}
