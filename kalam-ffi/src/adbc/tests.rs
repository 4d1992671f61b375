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
use arrow::array::{Array, Int64Array, RecordBatch, StructArray};
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

fn message(error: &FFI_AdbcError) -> String {
    // SAFETY: the driver wrote a string.
    unsafe { CStr::from_ptr(error.message) }.to_string_lossy().into_owned()
}

fn sqlstate(error: &FFI_AdbcError) -> String {
    error.sqlstate.iter().map(|byte| char::from(byte.cast_unsigned())).collect()
}

fn text(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

struct Opened {
    driver: FFI_AdbcDriver,
    database: FFI_AdbcDatabase,
    connection: FFI_AdbcConnection,
    statement: FFI_AdbcStatement,
    error: FFI_AdbcError,
}

impl Opened {
    fn new() -> Opened {
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

    /// Runs SQL and returns the status, with the rows where it succeeded.
    fn run(&mut self, sql: &str) -> (AdbcStatusCode, FFI_ArrowArrayStream, i64) {
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

    fn release(&mut self) {
        let Opened { driver, database, connection, statement, error } = self;
        assert_eq!(call!(driver, StatementRelease, statement, error), c::ADBC_STATUS_OK);
        assert_eq!(call!(driver, ConnectionRelease, connection, error), c::ADBC_STATUS_OK);
        assert_eq!(call!(driver, DatabaseRelease, database, error), c::ADBC_STATUS_OK);
    }
}

fn rows(stream: FFI_ArrowArrayStream) -> Vec<RecordBatch> {
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
    assert_eq!(message(&error), "the driver is NULL");
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
    assert!(message(error).starts_with("the SQL is not valid UTF-8"));
}

#[test]
fn released_arrow_data_is_refused() {
    let mut opened = Opened::new();
    let Opened { driver, statement, error, .. } = &mut opened;
    let mut stream = FFI_ArrowArrayStream::empty();
    let status = call!(driver, StatementBindStream, statement, &raw mut stream, error);
    assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT);
    assert_eq!(message(error), "the bound stream was released");
    let (mut array, mut schema) = (FFI_ArrowArray::empty(), FFI_ArrowSchema::empty());
    let status = call!(driver, StatementBind, statement, &raw mut array, &raw mut schema, error);
    assert_eq!(status, c::ADBC_STATUS_INVALID_ARGUMENT);
    assert_eq!(message(error), "the bound schema was released");
}

#[test]
fn an_array_that_is_not_what_its_schema_says_is_refused() {
    let mut opened = Opened::new();
    let numbers = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1])) as _)]);
    let numbers = StructArray::from(numbers.expect("a batch"));
    let texts = RecordBatch::try_from_iter([(
        "n",
        Arc::new(arrow::array::StringArray::from(vec!["a"])) as _,
    )]);
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
    assert!(message(&error).starts_with("the driver panicked: planted in a test"));
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
