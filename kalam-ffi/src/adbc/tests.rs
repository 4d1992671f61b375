//! The driver, called as a driver manager calls it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::ptr::{null, null_mut};
use std::sync::Arc;

use adbc_core::constants as c;
use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{
    FFI_AdbcConnection, FFI_AdbcDatabase, FFI_AdbcDriver, FFI_AdbcError, FFI_AdbcStatement,
};
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchIterator, StringArray,
    StructArray, UnionArray,
};
use arrow::datatypes::{Float64Type, Int16Type, Int64Type};
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};

use super::driver::AdbcKalamdbInit;
use super::error::guarded_entry;

/// The function of the driver's table with this name.
macro_rules! call {
    ($driver:expr, $name:ident, $($argument:expr),*) => {
        // SAFETY: the arguments are what the interface demands, or what a test is about.
        unsafe { ($driver.$name.expect(stringify!($name)))($($argument),*) }
    };
}

fn driver() -> FFI_AdbcDriver {
    let mut driver = FFI_AdbcDriver::default();
    let mut error = FFI_AdbcError::default();
    // SAFETY: there is room for a driver of this version.
    let status =
        unsafe { AdbcKalamdbInit(c::ADBC_VERSION_1_1_0, (&raw mut driver).cast(), &raw mut error) };
    assert_eq!(status, c::ADBC_STATUS_OK);
    driver
}

pub(super) fn message(error: &FFI_AdbcError) -> String {
    // SAFETY: the driver wrote a string.
    unsafe { CStr::from_ptr(error.message) }.to_string_lossy().into_owned()
}

pub(super) fn sqlstate(error: &FFI_AdbcError) -> String {
    error.sqlstate.iter().map(|byte| char::from(byte.cast_unsigned())).collect()
}

fn text(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

pub(super) struct Opened {
    pub(super) driver: FFI_AdbcDriver,
    database: FFI_AdbcDatabase,
    connection: FFI_AdbcConnection,
    statement: FFI_AdbcStatement,
    error: FFI_AdbcError,
}

impl Opened {
    pub(super) fn new() -> Opened {
        let mut opened = Opened {
            driver: driver(),
            database: FFI_AdbcDatabase::default(),
            connection: FFI_AdbcConnection::default(),
            statement: FFI_AdbcStatement::default(),
            error: FFI_AdbcError::default(),
        };
        let Opened { driver, database, connection, statement, error } = &mut opened;
        assert_eq!(call!(driver, DatabaseNew, database, error), c::ADBC_STATUS_OK);
        assert_eq!(call!(driver, DatabaseInit, database, error), c::ADBC_STATUS_OK);
        assert_eq!(call!(driver, ConnectionNew, connection, error), c::ADBC_STATUS_OK);
        assert_eq!(call!(driver, ConnectionInit, connection, database, error), c::ADBC_STATUS_OK);
        assert_eq!(call!(driver, StatementNew, connection, statement, error), c::ADBC_STATUS_OK);
        opened
    }

    /// Runs SQL that succeeds, and reads what it returns.
    fn batches(&mut self, sql: &str) -> Vec<RecordBatch> {
        let (status, stream, _) = self.run(sql);
        assert_eq!(status, c::ADBC_STATUS_OK, "{sql}: {}", message(&self.error));
        rows(stream)
    }

    /// The one number that SQL returns.
    pub(super) fn number(&mut self, sql: &str) -> i64 {
        self.batches(sql)[0].column(0).as_primitive::<Int64Type>().value(0)
    }

    fn set(&mut self, key: &str, value: &str) {
        let (key, value) = (text(key), text(value));
        let Opened { driver, statement, error, .. } = self;
        let status =
            call!(driver, StatementSetOption, statement, key.as_ptr(), value.as_ptr(), error);
        assert_eq!(status, c::ADBC_STATUS_OK, "{}", message(error));
    }

    /// Binds batches, of which one may be an error, and executes.
    fn execute_with(
        &mut self,
        batches: Vec<Result<RecordBatch, ArrowError>>,
    ) -> (AdbcStatusCode, i64) {
        let schema = batches[0].as_ref().expect("the first one is a batch").schema();
        let reader = RecordBatchIterator::new(batches, schema);
        let mut stream = FFI_ArrowArrayStream::new(Box::new(reader));
        let Opened { driver, statement, error, .. } = self;
        let status = call!(driver, StatementBindStream, statement, &raw mut stream, error);
        assert_eq!(status, c::ADBC_STATUS_OK, "{}", message(error));
        let mut affected = 0;
        let status =
            call!(driver, StatementExecuteQuery, statement, null_mut(), &raw mut affected, error);
        (status, affected)
    }

    /// Ingests batches into the table `t`.
    fn ingest(
        &mut self,
        mode: &str,
        batches: Vec<Result<RecordBatch, ArrowError>>,
    ) -> (AdbcStatusCode, i64) {
        self.set(c::ADBC_INGEST_OPTION_TARGET_TABLE, "t");
        self.set(c::ADBC_INGEST_OPTION_MODE, mode);
        self.execute_with(batches)
    }

    fn autocommit(&mut self, on: bool) {
        let key = text(c::ADBC_CONNECTION_OPTION_AUTOCOMMIT);
        let value = text(if on { "true" } else { "false" });
        let Opened { driver, connection, error, .. } = self;
        let status =
            call!(driver, ConnectionSetOption, connection, key.as_ptr(), value.as_ptr(), error);
        assert_eq!(status, c::ADBC_STATUS_OK, "{}", message(error));
    }

    /// Runs SQL and returns the status, with the rows where it succeeded.
    pub(super) fn run(&mut self, sql: &str) -> (AdbcStatusCode, FFI_ArrowArrayStream, i64) {
        let Opened { driver, statement, error, .. } = self;
        let (mut stream, mut affected) = (FFI_ArrowArrayStream::empty(), 0);
        let sql = text(sql);
        let status = call!(driver, StatementSetSqlQuery, statement, sql.as_ptr(), error);
        assert_eq!(status, c::ADBC_STATUS_OK);
        let status = call!(
            driver,
            StatementExecuteQuery,
            statement,
            &raw mut stream,
            &raw mut affected,
            error
        );
        (status, stream, affected)
    }

    pub(super) fn release(&mut self) {
        let Opened { driver, database, connection, statement, error } = self;
        assert_eq!(call!(driver, StatementRelease, statement, error), c::ADBC_STATUS_OK);
        assert_eq!(call!(driver, ConnectionRelease, connection, error), c::ADBC_STATUS_OK);
        assert_eq!(call!(driver, DatabaseRelease, database, error), c::ADBC_STATUS_OK);
    }
}

pub(super) fn rows(stream: FFI_ArrowArrayStream) -> Vec<RecordBatch> {
    ArrowArrayStreamReader::try_new(stream)
        .expect("a stream")
        .collect::<Result<_, _>>()
        .expect("it can be read")
}

#[test]
fn a_result_outlives_statement_connection_and_database() {
    let mut opened = Opened::new();
    let (status, stream, affected) = opened.run("SELECT 7 AS n");
    assert_eq!((status, affected), (c::ADBC_STATUS_OK, -1));
    opened.release();
    assert_eq!(rows(stream)[0].num_rows(), 1);
}

#[test]
fn a_manager_of_version_1_0_0_gets_no_byte_more_than_it_has_room_for() {
    let size = offset_of!(FFI_AdbcDriver, ErrorGetDetailCount);
    let mut room = MaybeUninit::<FFI_AdbcDriver>::uninit();
    let bytes = room.as_mut_ptr().cast::<u8>();
    // SAFETY: all of it is room of the test.
    let (status, after) = unsafe {
        bytes.write_bytes(0xAB, size_of::<FFI_AdbcDriver>());
        let status = AdbcKalamdbInit(c::ADBC_VERSION_1_0_0, bytes.cast::<c_void>(), null_mut());
        (status, std::slice::from_raw_parts(bytes.add(size), size_of::<FFI_AdbcDriver>() - size))
    };
    assert_eq!(status, c::ADBC_STATUS_OK);
    assert!(after.iter().all(|byte| *byte == 0xAB));
    // An error of that version ends before the private data.
    let driver = driver();
    let mut error = FFI_AdbcError { vendor_code: 0, ..FFI_AdbcError::default() };
    error.private_data = std::ptr::without_provenance_mut(0x1234);
    let status = call!(driver, DatabaseNew, null_mut(), &raw mut error);
    assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT);
    assert_eq!(error.private_data.addr(), 0x1234);
    assert_eq!(sqlstate(&error), "22023");
    assert_eq!(call!(driver, ErrorGetDetailCount, &raw const error), 0);
}

#[test]
fn another_version_and_no_driver_are_refused() {
    let mut error = FFI_AdbcError::default();
    let mut driver = FFI_AdbcDriver::default();
    // SAFETY: nothing is written to the driver.
    let refused = unsafe {
        (
            AdbcKalamdbInit(2_000_000, (&raw mut driver).cast(), &raw mut error),
            AdbcKalamdbInit(c::ADBC_VERSION_1_1_0, null_mut(), &raw mut error),
        )
    };
    assert_eq!(refused, (c::ADBC_STATUS_NOT_IMPLEMENTED, c::ADBC_STATUS_INVALID_ARGUMENT));
    assert_eq!(message(&error), "argument \"driver\" is NULL");
}

#[test]
fn what_was_released_is_an_error_also_through_a_copy() {
    let mut opened = Opened::new();
    let mut copy =
        FFI_AdbcStatement { private_data: opened.statement.private_data, private_driver: null() };
    let mut as_connection =
        FFI_AdbcConnection { private_data: opened.statement.private_data, private_driver: null() };
    let mut never = FFI_AdbcStatement::default();
    opened.release();
    let Opened { driver, database, connection, statement, error } = &mut opened;
    let states = [
        call!(driver, StatementPrepare, statement, error),
        call!(driver, StatementPrepare, &raw mut copy, error),
        call!(driver, StatementRelease, &raw mut copy, error),
        call!(driver, StatementPrepare, &raw mut never, error),
        call!(driver, ConnectionCommit, connection, error),
        call!(driver, ConnectionCommit, &raw mut as_connection, error),
        call!(driver, ConnectionRelease, connection, error),
        call!(driver, DatabaseInit, database, error),
        call!(driver, DatabaseRelease, database, error),
        call!(driver, StatementNew, connection, &raw mut never, error),
    ];
    assert_eq!(states, [c::ADBC_STATUS_INVALID_STATE; 10]);
    assert_eq!(sqlstate(error), "08003");
}

#[test]
fn null_is_named() {
    let mut opened = Opened::new();
    let Opened { driver, database, connection, statement, error } = &mut opened;
    let mut said = Vec::new();
    let mut note = |status: AdbcStatusCode, error: &FFI_AdbcError| {
        assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT, "{}", message(error));
        said.push(message(error));
    };
    let key = text("uri");
    let mut length = 0usize;
    note(call!(driver, DatabaseInit, null_mut(), error), error);
    note(call!(driver, DatabaseSetOption, database, null(), null(), error), error);
    note(call!(driver, DatabaseSetOption, database, key.as_ptr(), null(), error), error);
    note(
        call!(driver, DatabaseGetOption, database, key.as_ptr(), null_mut(), null_mut(), error),
        error,
    );
    note(call!(driver, ConnectionInit, connection, null_mut(), error), error);
    note(call!(driver, ConnectionGetTableTypes, connection, null_mut(), error), error);
    note(call!(driver, StatementSetSqlQuery, statement, null(), error), error);
    note(call!(driver, StatementBind, statement, null_mut(), null_mut(), error), error);
    note(call!(driver, StatementBindStream, statement, null_mut(), error), error);
    note(call!(driver, StatementExecuteSchema, statement, null_mut(), error), error);
    assert!(said.iter().all(|text| text.ends_with("is NULL")), "{said:?}");
    // No error to write to: the status says it.
    assert_eq!(
        call!(driver, StatementSetSqlQuery, statement, null(), null_mut()),
        c::ADBC_STATUS_INVALID_ARGUMENT
    );
    // A length alone asks for the room that a value takes.
    let status = call!(
        driver,
        DatabaseGetOption,
        database,
        key.as_ptr(),
        null_mut(),
        &raw mut length,
        error
    );
    assert_eq!((status, length), (c::ADBC_STATUS_OK, ":memory:".len() + 1));
}

#[test]
fn text_that_is_no_utf8_is_refused() {
    let mut opened = Opened::new();
    let Opened { driver, statement, error, .. } = &mut opened;
    let sql: &CStr = c"SELECT '\xff'";
    let status = call!(driver, StatementSetSqlQuery, statement, sql.as_ptr(), error);
    assert_eq!((status, sqlstate(error).as_str()), (c::ADBC_STATUS_INVALID_DATA, "22021"));
    assert_eq!(message(error), "argument \"query\" is not valid UTF-8 at byte 8");
}

#[test]
fn released_arrow_data_is_refused() {
    let mut opened = Opened::new();
    let Opened { driver, statement, error, .. } = &mut opened;
    let mut stream = FFI_ArrowArrayStream::empty();
    let status = call!(driver, StatementBindStream, statement, &raw mut stream, error);
    assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT);
    assert_eq!(message(error), "argument \"stream\" is a stream that is released");
    let (mut array, mut schema) = (FFI_ArrowArray::empty(), FFI_ArrowSchema::empty());
    let status = call!(driver, StatementBind, statement, &raw mut array, &raw mut schema, error);
    assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT);
    assert_eq!(
        message(error),
        "argument \"schema\" has no schema that can be read: it has no format; is it released?"
    );
}

#[test]
fn an_array_that_is_not_what_its_schema_says_is_refused() {
    let mut opened = Opened::new();
    let numbers = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1])) as _)]);
    let numbers = StructArray::from(numbers.expect("a batch"));
    let texts = RecordBatch::try_from_iter([("n", Arc::new(StringArray::from(vec!["a"])) as _)]);
    let mut array = FFI_ArrowArray::new(&numbers.to_data());
    let schema = texts.expect("a batch").schema();
    let mut schema = FFI_ArrowSchema::try_from(schema.as_ref()).expect("a schema");
    let Opened { driver, statement, error, .. } = &mut opened;
    let status = call!(driver, StatementBind, statement, &raw mut array, &raw mut schema, error);
    assert_ne!(status, c::ADBC_STATUS_OK);
    assert!(array.is_released(), "the statement took it");
    // Without parameters the statement goes on.
    let (status, stream, _) = opened.run("SELECT 1");
    assert_eq!((status, rows(stream).len()), (c::ADBC_STATUS_OK, 1));
}

#[test]
fn a_panic_is_an_error() {
    let mut error = FFI_AdbcError::default();
    // SAFETY: the error is initialized.
    let status = unsafe { guarded_entry(&raw mut error, || panic!("planted\0 in a test")) };
    assert_eq!((status, sqlstate(&error).as_str()), (c::ADBC_STATUS_INTERNAL, "XX000"));
    assert!(message(&error).starts_with("the engine panicked: planted\u{2400} in a test"));
}

#[test]
fn a_stream_that_breaks_keeps_its_error() {
    let mut opened = Opened::new();
    let (status, mut stream, _) =
        opened.run("SELECT 1 / (value - 15000) FROM generate_series(1, 20000)");
    assert_eq!(status, c::ADBC_STATUS_OK);
    let get_next = stream.get_next.expect("a stream has it");
    let errno = loop {
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the stream is alive, and there is room for an array.
        let errno: c_int = unsafe { get_next(&raw mut stream, &raw mut array) };
        if errno != 0 || array.is_released() {
            break errno;
        }
    };
    assert_ne!(errno, 0);
    let mut status = c::ADBC_STATUS_OK;
    let error = call!(opened.driver, ErrorFromArrayStream, &raw mut stream, &raw mut status);
    // SAFETY: the stream holds its error until it is released.
    let error = unsafe { error.as_ref() }.expect("it broke");
    assert_eq!((status, sqlstate(error).as_str()), (c::ADBC_STATUS_INVALID_DATA, "22012"));
    assert!(call!(opened.driver, ErrorGetDetailCount, error) > 0);
    let detail = call!(opened.driver, ErrorGetDetail, error, 0);
    // SAFETY: the driver wrote a string.
    assert_eq!(unsafe { CStr::from_ptr(detail.key) }, c"kalamdb.kind");
    let none = call!(opened.driver, ErrorGetDetail, error, 99);
    assert!(none.key.is_null());
    let mut empty = FFI_ArrowArrayStream::empty();
    let other = call!(opened.driver, ErrorFromArrayStream, &raw mut empty, null_mut());
    assert!(other.is_null());
}

#[test]
fn options_have_four_forms() {
    let mut opened = Opened::new();
    let Opened { driver, connection, statement, error, .. } = &mut opened;
    let key = text(c::ADBC_CONNECTION_OPTION_CURRENT_DB_SCHEMA);
    let (mut room, mut length) = ([0 as c_char; 16], 16);
    let status = call!(
        driver,
        ConnectionGetOption,
        connection,
        key.as_ptr(),
        room.as_mut_ptr(),
        &raw mut length,
        error
    );
    assert_eq!((status, length), (c::ADBC_STATUS_OK, "default".len() + 1));
    // SAFETY: the driver wrote a string.
    assert_eq!(unsafe { CStr::from_ptr(room.as_ptr()) }, c"default");
    let mut number = 0;
    let status =
        call!(driver, ConnectionGetOptionInt, connection, key.as_ptr(), &raw mut number, error);
    assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT);
    let unknown = text("no.such.option");
    let status = call!(driver, ConnectionSetOptionInt, connection, unknown.as_ptr(), 1, error);
    assert_eq!(status, c::ADBC_STATUS_NOT_IMPLEMENTED);
    let mut real = 0.0;
    let status = call!(
        driver,
        ConnectionGetOptionDouble,
        connection,
        unknown.as_ptr(),
        &raw mut real,
        error
    );
    assert_eq!(status, c::ADBC_STATUS_NOT_FOUND);
    let progress = text(c::ADBC_STATEMENT_OPTION_MAX_PROGRESS);
    let mut value = 1.0;
    let status = call!(
        driver,
        StatementGetOptionDouble,
        statement,
        progress.as_ptr(),
        &raw mut value,
        error
    );
    assert_eq!((status, value), (c::ADBC_STATUS_OK, 0.0));
}

fn numbers(values: &[i64]) -> Result<RecordBatch, ArrowError> {
    let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
    RecordBatch::try_from_iter([("n", column)])
}

fn broken() -> Result<RecordBatch, ArrowError> {
    Err(ArrowError::ComputeError("the producer gave up".into()))
}

const TABLES: &str = "SELECT COUNT(*) FROM information_schema.tables \
    WHERE table_schema = 'default'";

#[test]
fn a_table_is_replaced_as_a_whole_or_stays() {
    let mut opened = Opened::new();
    let replace = c::ADBC_INGEST_OPTION_MODE_REPLACE;
    // Where there is none, it is made.
    assert_eq!(opened.ingest(replace, vec![numbers(&[1, 2])]), (c::ADBC_STATUS_OK, 2));
    assert_eq!(opened.number("SELECT SUM(n) FROM t"), 3);
    // The rows break off, or break the key: the old table is what it was.
    let (status, _) = opened.ingest(replace, vec![numbers(&[7]), numbers(&[8]), broken()]);
    assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT);
    assert!(message(&opened.error).contains("the producer gave up"));
    assert_eq!(opened.number("SELECT SUM(n) FROM t"), 3);
    opened.set("kalamdb.ingest.primary_key", "n");
    let (status, _) = opened.ingest(replace, vec![numbers(&[7]), numbers(&[8, 7])]);
    assert_eq!(status, c::ADBC_STATUS_INTEGRITY);
    assert_eq!(opened.number("SELECT SUM(n) FROM t"), 3);
    // A view needs the old table.
    opened.batches("CREATE VIEW v AS SELECT n FROM t");
    let (status, _) = opened.ingest(replace, vec![numbers(&[7])]);
    assert_ne!(status, c::ADBC_STATUS_OK);
    assert_eq!(sqlstate(&opened.error), "2BP01");
    opened.batches("DROP VIEW v");
    assert_eq!(opened.number(TABLES), 1, "what was made beside is gone");
    // A reader of the old one keeps it.
    let (_, old, _) = opened.run("SELECT n FROM t ORDER BY n");
    assert_eq!(opened.ingest(replace, vec![numbers(&[7]), numbers(&[8])]), (c::ADBC_STATUS_OK, 2));
    assert_eq!(opened.number("SELECT SUM(n) FROM t"), 15);
    assert_eq!(rows(old)[0].num_rows(), 2);
    assert_eq!(opened.number(TABLES), 1);
    let keys = "SELECT COUNT(*) FROM information_schema.key_column_usage \
        WHERE table_name = 't' AND constraint_name = 't_pkey'";
    assert_eq!(opened.number(keys), 1);
}

#[test]
fn many_rows_replace_a_table_as_few_do() {
    const ROWS: i64 = 200_000;
    let mut opened = Opened::new();
    let replace = c::ADBC_INGEST_OPTION_MODE_REPLACE;
    opened.set("kalamdb.ingest.primary_key", "n");
    assert_eq!(opened.ingest(replace, vec![numbers(&[-1])]), (c::ADBC_STATUS_OK, 1));
    let many: Vec<i64> = (0..ROWS).collect();
    let halves = || many.chunks(many.len() / 2).map(numbers).collect::<Vec<_>>();
    let mut twice = halves();
    twice.push(numbers(&[7]));
    assert_eq!(opened.ingest(replace, twice).0, c::ADBC_STATUS_INTEGRITY);
    assert_eq!(opened.number("SELECT SUM(n) FROM t"), -1);
    assert_eq!(opened.ingest(replace, halves()), (c::ADBC_STATUS_OK, ROWS));
    assert_eq!(opened.number("SELECT COUNT(DISTINCT n) FROM t"), ROWS);
    assert_eq!(opened.number(TABLES), 1);
}

#[test]
fn a_table_is_not_replaced_within_a_transaction_that_has_written() {
    let mut opened = Opened::new();
    let replace = c::ADBC_INGEST_OPTION_MODE_REPLACE;
    opened.batches("CREATE TABLE t (n BIGINT)");
    opened.autocommit(false);
    opened.batches("INSERT INTO t VALUES (1)");
    let (status, _) = opened.ingest(replace, vec![numbers(&[7])]);
    assert_eq!((status, sqlstate(&opened.error)), (c::ADBC_STATUS_NOT_IMPLEMENTED, "0A000".into()));
    let Opened { driver, connection, error, .. } = &mut opened;
    assert_eq!(call!(driver, ConnectionCommit, connection, error), c::ADBC_STATUS_OK);
    assert_eq!(opened.number("SELECT SUM(n) FROM t"), 1);
    assert_eq!(opened.ingest(replace, vec![numbers(&[7])]).0, c::ADBC_STATUS_OK);
    let Opened { driver, connection, error, .. } = &mut opened;
    assert_eq!(call!(driver, ConnectionRollback, connection, error), c::ADBC_STATUS_OK);
    assert_eq!(opened.number("SELECT SUM(n) FROM t"), 7);
}

#[test]
fn bound_rows_are_read_as_they_run_and_all_or_none_stay() {
    let mut opened = Opened::new();
    opened.batches("CREATE TABLE t (n BIGINT PRIMARY KEY)");
    let insert = |opened: &mut Opened, batches| {
        let sql = text("INSERT INTO t VALUES (?)");
        let Opened { driver, statement, error, .. } = opened;
        let status = call!(driver, StatementSetSqlQuery, statement, sql.as_ptr(), error);
        assert_eq!(status, c::ADBC_STATUS_OK);
        opened.execute_with(batches)
    };
    let all: Vec<i64> = (0..10_000).collect();
    for autocommit in [true, false] {
        opened.autocommit(autocommit);
        let (status, _) = insert(&mut opened, vec![numbers(&all), numbers(&[10_000]), broken()]);
        assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT);
        assert_eq!(opened.number("SELECT COUNT(*) FROM t"), 0, "autocommit {autocommit}");
    }
    assert_eq!(insert(&mut opened, vec![numbers(&[]), numbers(&all)]), (c::ADBC_STATUS_OK, 10_000));
    let (status, _) = insert(&mut opened, vec![numbers(&[20_000]), numbers(&[1])]);
    assert_eq!(status, c::ADBC_STATUS_INTEGRITY);
    let Opened { driver, connection, error, .. } = &mut opened;
    assert_eq!(call!(driver, ConnectionRollback, connection, error), c::ADBC_STATUS_OK);
    assert_eq!(opened.number("SELECT COUNT(*) FROM t"), 0);
    opened.autocommit(true);
    assert_eq!(insert(&mut opened, vec![numbers(&all), numbers(&[-1])]).1, 10_001);
    assert_eq!(opened.number("SELECT COUNT(*) FROM t"), 10_001);
}

#[test]
fn columns_tell_nulls_bounds_and_distinct_values() {
    let mut opened = Opened::new();
    opened.batches(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, s TEXT, x DOUBLE, d DATE, j JSON, e EMBEDDING(1))",
    );
    opened.batches(
        "INSERT INTO t VALUES (1, 'b', 2.5, '1970-01-03', NULL, NULL), \
         (5, 'a', NULL, '1970-01-02', '{}', '[1]'), (3, NULL, -1, NULL, NULL, NULL)",
    );
    let Opened { driver, connection, error, .. } = &mut opened;
    let table = text("t");
    let mut stream = FFI_ArrowArrayStream::empty();
    let status = call!(
        driver,
        ConnectionGetStatistics,
        connection,
        null(),
        null(),
        table.as_ptr(),
        0,
        &raw mut stream,
        error
    );
    assert_eq!(status, c::ADBC_STATUS_OK, "{}", message(error));
    let batch = rows(stream).remove(0);
    let schemas = batch.column(1).as_list::<i32>().value(0);
    let found = schemas.as_struct().column(1).as_list::<i32>().value(0);
    let found = found.as_struct();
    let (columns, keys) =
        (found.column(1).as_string::<i32>(), found.column(2).as_primitive::<Int16Type>());
    let values = found.column(3).as_any().downcast_ref::<UnionArray>().expect("a union");
    let value = |column: &str, key: i16| {
        let row = (0..found.len()).find(|row| {
            columns.is_valid(*row) && columns.value(*row) == column && keys.value(*row) == key
        })?;
        let one = values.value(row);
        Some(match values.type_id(row) {
            0 => one.as_primitive::<Int64Type>().value(0).to_string(),
            2 => one.as_primitive::<Float64Type>().value(0).to_string(),
            _ => String::from_utf8_lossy(one.as_binary::<i32>().value(0)).into_owned(),
        })
    };
    let (least, most) = (c::ADBC_STATISTIC_MIN_VALUE_KEY, c::ADBC_STATISTIC_MAX_VALUE_KEY);
    let (nulls, distinct) =
        (c::ADBC_STATISTIC_NULL_COUNT_KEY, c::ADBC_STATISTIC_DISTINCT_COUNT_KEY);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        ["id", "s", "x", "d", "j", "e"].map(|c| value(c, nulls)),
        ["0", "1", "1", "1", "2", "2"].map(some)
    );
    assert_eq!(["id", "s", "x", "d"].map(|c| value(c, least)), ["1", "a", "-1", "1"].map(some));
    assert_eq!(["id", "s", "x", "d"].map(|c| value(c, most)), ["5", "b", "2.5", "2"].map(some));
    assert_eq!([value("j", least), value("e", most), value("s", distinct)], [None, None, None]);
    assert_eq!(value("id", distinct), some("3"));
}

#[test]
fn partitions_and_plans_are_not_implemented() {
    let mut opened = Opened::new();
    let Opened { driver, connection, statement, error, .. } = &mut opened;
    let mut stream = FFI_ArrowArrayStream::empty();
    let refused = [
        call!(
            driver,
            StatementExecutePartitions,
            statement,
            null_mut(),
            null_mut(),
            null_mut(),
            error
        ),
        call!(driver, StatementSetSubstraitPlan, statement, null(), 0, error),
        call!(driver, ConnectionReadPartition, connection, null(), 0, &raw mut stream, error),
    ];
    assert_eq!(refused, [c::ADBC_STATUS_NOT_IMPLEMENTED; 3]);
    assert_eq!(sqlstate(error), "0A000");
}
