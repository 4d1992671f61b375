//! A panic planted in every function of the driver is an error, and objects stay usable.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::process::Command;
use std::ptr::null_mut;

use adbc_core::constants as c;
use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcDriver, FFI_AdbcError};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema};

use super::driver::AdbcKalamdbInit;
use super::tests::{Opened, message, rows, sqlstate};

/// Tells the process that it may panic, because no other test runs in it.
const ALONE: &str = "KALAM_ADBC_PANICS";

/// Lets the next call panic.
fn plant(name: &str) {
    // SAFETY: only this test runs in the process, and no other thread of it reads variables.
    unsafe { std::env::set_var("KALAM_PANIC", name) };
}

/// A function that is called with NULL and zeros: a panic comes before it looks at them.
trait OfNothing {
    fn call(self, error: *mut FFI_AdbcError) -> AdbcStatusCode;
}

macro_rules! of_nothing {
    ($($argument:ident)*) => {
        impl<$($argument: Copy),*> OfNothing
            for unsafe extern "C" fn($($argument,)* *mut FFI_AdbcError) -> AdbcStatusCode
        {
            fn call(self, error: *mut FFI_AdbcError) -> AdbcStatusCode {
                // SAFETY: the interface has pointers and numbers, and allows NULL; the error
                // is initialized.
                unsafe { self($(MaybeUninit::<$argument>::zeroed().assume_init(),)* error) }
            }
        }
    };
}

of_nothing!(A);
of_nothing!(A B);
of_nothing!(A B C);
of_nothing!(A B C D);
of_nothing!(A B C D E);
of_nothing!(A B C D E F);
of_nothing!(A B C D E F G);
of_nothing!(A B C D E F G H);

/// A function of the driver's table, by name.
type Entry = (&'static str, fn(&FFI_AdbcDriver, *mut FFI_AdbcError) -> AdbcStatusCode);

macro_rules! entries {
    ($($name:ident)*) => {
        &[$((stringify!($name), |driver: &FFI_AdbcDriver, error| {
            OfNothing::call(driver.$name.expect(stringify!($name)), error)
        })),*]
    };
}

const ENTRIES: &[Entry] = entries! {
    release
    DatabaseInit DatabaseNew DatabaseSetOption DatabaseRelease
    ConnectionCommit ConnectionGetInfo ConnectionGetObjects ConnectionGetTableSchema
    ConnectionGetTableTypes ConnectionInit ConnectionNew ConnectionSetOption
    ConnectionReadPartition ConnectionRelease ConnectionRollback
    StatementBind StatementBindStream StatementExecuteQuery StatementExecutePartitions
    StatementGetParameterSchema StatementNew StatementPrepare StatementRelease
    StatementSetOption StatementSetSqlQuery StatementSetSubstraitPlan
    DatabaseGetOption DatabaseGetOptionBytes DatabaseGetOptionDouble DatabaseGetOptionInt
    DatabaseSetOptionBytes DatabaseSetOptionDouble DatabaseSetOptionInt
    ConnectionCancel ConnectionGetOption ConnectionGetOptionBytes ConnectionGetOptionDouble
    ConnectionGetOptionInt ConnectionGetStatistics ConnectionGetStatisticNames
    ConnectionSetOptionBytes ConnectionSetOptionDouble ConnectionSetOptionInt
    StatementCancel StatementExecuteSchema StatementGetOption StatementGetOptionBytes
    StatementGetOptionDouble StatementGetOptionInt
    StatementSetOptionBytes StatementSetOptionDouble StatementSetOptionInt
};
/// Functions that have nobody to tell, and answer that there is nothing.
const SILENT: [&str; 3] = ["ErrorGetDetailCount", "ErrorGetDetail", "ErrorFromArrayStream"];

fn assert_planted(name: &str, status: AdbcStatusCode, error: &FFI_AdbcError) {
    assert_eq!((status, sqlstate(error).as_str()), (c::ADBC_STATUS_INTERNAL, "XX000"), "{name}");
    assert!(message(error).starts_with("the engine panicked: planted by a test"), "{name}");
}

#[test]
fn a_panic_in_every_function_is_an_error() {
    let name = "adbc::panic_tests::a_panic_in_every_function_is_an_error";
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().expect("a process knows its program");
        let output = Command::new(this)
            .args([name, "--exact", "--test-threads=1"])
            .env(ALONE, "1")
            .output()
            .expect("the test runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let (mut opened, mut error) = (Opened::new(), FFI_AdbcError::default());
    for (name, call) in ENTRIES {
        plant(name);
        let status = call(&opened.driver, &raw mut error);
        assert_planted(name, status, &error);
    }
    plant("init");
    // SAFETY: NULL is allowed.
    let status = unsafe { AdbcKalamdbInit(c::ADBC_VERSION_1_1_0, null_mut(), &raw mut error) };
    assert_planted("init", status, &error);
    silent_ones(&opened.driver, &error);
    streams(&mut opened);
    assert_eq!(opened.number("SELECT 7"), 7);
    opened.release();
}

fn silent_ones(driver: &FFI_AdbcDriver, error: &FFI_AdbcError) {
    plant("ErrorGetDetailCount");
    let count = driver.ErrorGetDetailCount.expect("it is there");
    // SAFETY: the error is initialized.
    assert_eq!(unsafe { count(error) }, 0);
    plant("ErrorGetDetail");
    let detail = driver.ErrorGetDetail.expect("it is there");
    // SAFETY: as above.
    assert!(unsafe { detail(error, 0) }.key.is_null());
    plant("ErrorFromArrayStream");
    let from_stream = driver.ErrorFromArrayStream.expect("it is there");
    // SAFETY: NULL is allowed.
    assert!(unsafe { from_stream(null_mut(), null_mut()) }.is_null());
}

/// Rows that are read later: a panic there is the stream's error.
fn streams(opened: &mut Opened) {
    for callback in ["get_schema", "get_next"] {
        let (status, mut stream, _) = opened.run("SELECT 7");
        assert_eq!(status, c::ADBC_STATUS_OK);
        plant(callback);
        // SAFETY: the stream is alive, and there is room for what it gives.
        let (errno, said) = unsafe {
            let stream = &raw mut stream;
            let errno: c_int = if callback == "get_next" {
                let mut array = FFI_ArrowArray::empty();
                ((*stream).get_next.expect("it is there"))(stream, &raw mut array)
            } else {
                let mut schema = FFI_ArrowSchema::empty();
                ((*stream).get_schema.expect("it is there"))(stream, &raw mut schema)
            };
            let said = ((*stream).get_last_error.expect("it is there"))(stream);
            assert!(!said.is_null(), "{callback} says nothing");
            (errno, CStr::from_ptr(said).to_string_lossy().into_owned())
        };
        assert_ne!(errno, 0, "{callback}");
        assert!(said.contains("planted by a test"), "{callback}: {said}");
        drop(stream);
    }
    let (status, stream, _) = opened.run("SELECT 7");
    assert_eq!((status, rows(stream).len()), (c::ADBC_STATUS_OK, 1));
}

#[test]
fn every_function_of_the_table_is_in_the_list() {
    let table = include_str!("driver.rs");
    let named: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.trim().split_once(": Some("))
        .map(|(name, _)| name)
        .collect();
    let listed = ENTRIES.iter().map(|(name, _)| *name).chain(SILENT).collect();
    assert_eq!(named, listed);
}
