//! DataFusion's own specification, as far as it speaks of SQL that KalamDB has.
//!
//! The files are in the crate `datafusion-sqllogictest` and are read from there.
//! `datafusion_files.txt` says which records do not hold here, and why. Every record
//! that it does not name holds, and none that it names does: a record that begins to
//! hold has to leave the list. `KALAM_DATAFUSION=cte` picks files by their path.

mod published;
mod skip_list;
mod translation;
mod value;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::DataType;
use kalam_core::model::Role;
use kalam_core::{Database, Error, Options, Params, Session, SqlState};
use sqllogictest::{
    ColumnType, DB, DBOutput, ExpectedError, Location, Normalizer, QueryExpect, Record,
    RecordOutput, Runner, SortMode, StatementExpect,
};

use crate::slt::{Failure, engine_panicked, slt_files};
use skip_list::{Fate, SkipList};
use translation::translated;

/// The namespace that the files take for their own.
const NAMESPACE: &str = "public";

/// Stands before the rows of a query that promises no order.
const ANY_ORDER: &str = "<any order>";

/// Stands before the rows of a query that promises their number only.
const ANY_ROWS: &str = "<any rows>";

/// Stands where a text differs from run to run.
const VOLATILE: &str = "<slt:ignore>";

/// Threads that share the files of a mode.
const THREADS: usize = 2;

/// The state that data is in when queries run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// As written.
    Hot,
    /// Flushed after each write.
    Flushed,
}

/// One database and its session.
struct Driver {
    mode: Mode,
    session: Session,
    /// Whether the statement is a query to the file: the number of changed rows is
    /// then a row.
    expects_rows: bool,
}

impl Driver {
    fn new(mode: Mode) -> Driver {
        let database = Database::in_memory(Options { threads: 2, ..Options::default() })
            .expect("memory is there");
        let session = database.session("root", Role::System, None).expect("root is a valid user");
        for sql in [format!("CREATE NAMESPACE {NAMESPACE}"), format!("USE {NAMESPACE}")] {
            session.execute(&sql, &Params::None).expect("a new database takes a namespace");
        }
        Driver { mode, session, expects_rows: false }
    }

    fn run(&self, sql: &str) -> Result<DBOutput<Column>, Error> {
        let mut statements = translated(sql);
        let last = statements.pop().expect("a statement is translated to at least one");
        for sql in statements {
            self.run_one(&sql)?;
        }
        let outcome = self.run_one(&last)?;
        // The rows that fill a new table do not count.
        let is_create =
            sql.split_whitespace().next().is_some_and(|w| w.eq_ignore_ascii_case("create"));
        Ok(if is_create { DBOutput::StatementComplete(0) } else { outcome })
    }

    fn run_one(&self, sql: &str) -> Result<DBOutput<Column>, Error> {
        let result = self.session.execute(sql, &Params::None)?;
        let types: Vec<Column> =
            result.schema().fields().iter().map(|f| Column::of(f.data_type())).collect();
        let affected = result.rows_affected();
        let rows = value::rows(&result.collect()?);
        if affected.is_some() && self.mode == Mode::Flushed {
            self.session.execute("STORAGE FLUSH ALL", &Params::None)?;
        }
        Ok(match affected {
            Some(count) if types.is_empty() && self.expects_rows => {
                DBOutput::Rows { types: vec![Column::Integer], rows: vec![vec![count.to_string()]] }
            }
            affected if types.is_empty() => DBOutput::StatementComplete(affected.unwrap_or(0)),
            _ => DBOutput::Rows { types, rows },
        })
    }
}

/// The driver as the runner wants it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Driver>>);

impl Shared {
    fn driver(&self) -> MutexGuard<'_, Driver> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// The files skip records for PostgreSQL by this name.
    fn engine_name(&self) -> &str {
        "DataFusion"
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        Some(error.0.sqlstate().to_string())
    }
}

/// A type of a column, by the letter that the files have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Boolean,
    DateTime,
    Integer,
    Real,
    Text,
    Timestamp,
    Other,
}

impl Column {
    fn of(data_type: &DataType) -> Column {
        match data_type {
            DataType::Boolean => Column::Boolean,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Column::Text,
            DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {
                Column::DateTime
            }
            DataType::Timestamp(_, _) => Column::Timestamp,
            DataType::Dictionary(_, values) if Column::of(values) == Column::Text => Column::Text,
            other if other.is_integer() => Column::Integer,
            other if other.is_numeric() => Column::Real,
            _ => Column::Other,
        }
    }
}

impl ColumnType for Column {
    fn from_char(value: char) -> Option<Self> {
        Some(match value {
            'B' => Column::Boolean,
            'D' => Column::DateTime,
            'I' => Column::Integer,
            'P' => Column::Timestamp,
            'R' => Column::Real,
            'T' => Column::Text,
            _ => Column::Other,
        })
    }

    fn to_char(&self) -> char {
        match self {
            Column::Boolean => 'B',
            Column::DateTime => 'D',
            Column::Integer => 'I',
            Column::Real => 'R',
            Column::Text => 'T',
            Column::Timestamp => 'P',
            Column::Other => '?',
        }
    }
}

/// Whether a query's rows are what the file says.
fn rows_fit(normalizer: Normalizer, actual: &[Vec<String>], expected: &[String]) -> bool {
    if expected.first().is_some_and(|line| line == ANY_ROWS) {
        return actual.len() + 1 == expected.len();
    }
    let any_order = expected.first().is_some_and(|line| line == ANY_ORDER);
    let lines = if any_order { &expected[1..] } else { expected };
    let mut expected: Vec<String> = lines.iter().map(normalizer).collect();
    let mut actual: Vec<String> = actual.iter().map(|row| normalizer(&row.join(" "))).collect();
    if expected.iter().any(|line| line.contains(VOLATILE)) {
        return parts_follow_each_other(&expected.join("\n"), &actual.join("\n"));
    }
    if any_order {
        expected.sort_unstable();
        actual.sort_unstable();
    }
    actual == expected
}

/// Whether the parts of `expected` between marks stand in `actual`, in order.
fn parts_follow_each_other(expected: &str, actual: &str) -> bool {
    let mut rest = actual;
    for (index, part) in expected.split(VOLATILE).enumerate() {
        match rest.find(part) {
            Some(place) if index > 0 || place == 0 => rest = &rest[place + part.len()..],
            _ => return false,
        }
    }
    true
}

#[expect(clippy::ptr_arg, reason = "the runner's signature")]
fn without_end(line: &String) -> String {
    line.trim_end().to_owned()
}

fn columns_fit(actual: &Vec<Column>, expected: &Vec<Column>) -> bool {
    actual == expected
}

fn outside_of_parentheses(sql: &str) -> String {
    let mut depth = 0_usize;
    let is_outside = |c: &char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    };
    sql.chars().filter(is_outside).collect()
}

/// Fits a record to what the two engines have in common: that something is an error,
/// not its text; of a query without ORDER BY the rows, not their order, and if it has
/// a LIMIT too, their number.
fn adapted(mut record: Record<Column>) -> Record<Column> {
    match &mut record {
        Record::Statement { expected: StatementExpect::Error(expected), .. }
        | Record::Query { expected: QueryExpect::Error(expected), .. } => {
            *expected = ExpectedError::Empty;
        }
        Record::Query {
            sql, expected: QueryExpect::Results { results, sort_mode, .. }, ..
        } => {
            let words = sql.to_ascii_uppercase();
            let outermost = outside_of_parentheses(&words);
            let is_ordered = outermost.contains("ORDER BY");
            let is_limited = outermost.contains("LIMIT")
                || words.contains("LIMIT") && !words.contains("ORDER BY");
            if !is_ordered && is_limited {
                results.insert(0, ANY_ROWS.to_owned());
            } else if !is_ordered || *sort_mode == Some(SortMode::RowSort) {
                *sort_mode = None;
                results.insert(0, ANY_ORDER.to_owned());
            }
        }
        _ => {}
    }
    record
}

/// Whether the error that a record expects is a defect of the engine.
fn is_internal(output: &RecordOutput<Column>) -> bool {
    let (RecordOutput::Statement { error, .. } | RecordOutput::Query { error, .. }) = output else {
        return false;
    };
    let failure = error.as_ref().and_then(|error| error.downcast_ref::<Failure>());
    failure.is_some_and(|Failure(error)| error.sqlstate() == SqlState::INTERNAL_ERROR)
}

/// Where a record stands: its line, after the file's name if another file includes it.
fn place(file: &Path, location: &Location) -> String {
    let own = Path::new(location.file());
    if own.file_name() == file.file_name() {
        return location.line().to_string();
    }
    let name = own.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}:{}", location.line())
}

/// What came of the records of one file.
#[derive(Default)]
struct Tally {
    held: usize,
    listed: usize,
    not_run: usize,
    unexpected: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.held += other.held;
        self.listed += other.listed;
        self.not_run += other.not_run;
        self.unexpected.extend(other.unexpected);
    }
}

/// Runs one file of the specification against the list.
fn run_file(folder: &Path, file: &Path, list: &SkipList, mode: Mode) -> Tally {
    let mut tally = Tally::default();
    let name = file.strip_prefix(folder).unwrap_or(file).to_string_lossy().into_owned();
    let records = match sqllogictest::parse_file::<Column>(file) {
        Ok(records) => records,
        Err(error) => {
            tally.unexpected.push(error.to_string());
            return tally;
        }
    };
    let shared = Shared(Arc::new(Mutex::new(Driver::new(mode))));
    let mut runner = Runner::new(|| std::future::ready(Ok(shared.clone())));
    runner.with_normalizer(without_end);
    runner.with_validator(rows_fit);
    runner.with_column_validator(columns_fit);
    let mut places = list.of_file(&name);
    for record in records {
        let (location, is_query) = match &record {
            Record::Statement { loc, .. } => (loc.clone(), false),
            Record::Query { loc, .. } => (loc.clone(), true),
            Record::Halt { .. } => break,
            _ => {
                let _ = runner.run(record);
                continue;
            }
        };
        let place = place(file, &location);
        let fate = places.take(&place);
        if fate == Fate::NotRun {
            tally.not_run += 1;
            continue;
        }
        shared.driver().expects_rows = is_query;
        let outcome = match runner.run(adapted(record)) {
            Ok(output) if is_internal(&output) => Err("an internal error".to_owned()),
            outcome => outcome.map_err(|error| error.to_string()),
        };
        match (outcome, fate) {
            (Ok(_), Fate::Holds) => tally.held += 1,
            (Err(_), Fate::Fails) => tally.listed += 1,
            (Ok(_), _) => tally.unexpected.push(format!("{name} {place}: listed, and holds")),
            (Err(error), _) => {
                tally.unexpected.push(format!("{name} {place}: does not hold\n{error}"));
            }
        }
    }
    for place in places.left() {
        tally.unexpected.push(format!("{name} {place}: listed, and no record stands there"));
    }
    tally
}

fn run_all(mode: Mode) {
    let folder = published::test_files();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("datafusion_files.txt");
    let list = std::fs::read_to_string(list).expect("the list is committed");
    let list = SkipList::read(&list);
    let every = slt_files(&folder);
    let names: Vec<String> = every
        .iter()
        .map(|path| path.strip_prefix(&folder).unwrap_or(path).to_string_lossy().into_owned())
        .collect();
    assert_eq!(list.without_file(&names), [""; 0], "the list names files that are not there");
    let wanted = std::env::var("KALAM_DATAFUSION").unwrap_or_default();
    let files: Vec<&PathBuf> = every
        .iter()
        .zip(&names)
        .filter(|(_, name)| name.contains(&wanted) && !list.leaves_out(name))
        .map(|(path, _)| path)
        .collect();
    assert!(!files.is_empty(), "no file that runs matches {wanted:?}");
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tally = run_file(&folder, file, &list, mode);
                    total.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
                }
            });
        }
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Tally { held, listed, not_run, mut unexpected } = total;
    println!(
        "{mode:?}: {held} records of {} files hold; {listed} listed, {not_run} not run",
        files.len()
    );
    unexpected.sort_unstable();
    assert!(
        unexpected.is_empty(),
        "{mode:?}: {} records are not as tests/datafusion_files.txt says\n{}",
        unexpected.len(),
        unexpected.join("\n\n")
    );
}

#[test]
fn datafusion_files_hold_for_hot_rows() {
    run_all(Mode::Hot);
}

#[test]
fn datafusion_files_hold_for_flushed_rows() {
    run_all(Mode::Flushed);
}
