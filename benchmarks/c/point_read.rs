//! What a prepared point read costs by the C API beyond the Rust API.
//!
//! `cargo bench --workspace --locked --bench point_read` prints both and the difference,
//! which is to stay below 0.3 us.

use std::ffi::{c_char, c_void};
use std::hint::black_box;
use std::ptr;
use std::time::{Duration, Instant};

use kalam_core::model::Role;
use kalam_core::{Database, Options, Params, ScalarValue};
// Linked for its C functions.
use kalamdb as _;

/// Rows of the table.
const ROWS: i64 = 10_000;
/// Reads of one measurement, which fit into a time slice of a busy machine.
const READS: u32 = 500;
/// Measurements of each, of which the fastest counts.
const ROUNDS: u32 = 1_000;

type Handle = *mut c_void;
type Err = *mut Handle;

unsafe extern "C" {
    fn kalam_open(path: *const c_char, len: usize, options: Handle, out: Err, err: Err) -> i32;
    fn kalam_connect(
        d: Handle,
        user: *const c_char,
        len: usize,
        role: i32,
        out: Err,
        err: Err,
    ) -> i32;
    fn kalam_prepare(c: Handle, sql: *const c_char, len: usize, out: Err, err: Err) -> i32;
    fn kalam_stmt_bind_int64(s: Handle, index: u32, value: i64, err: Err) -> i32;
    fn kalam_stmt_execute_rows(s: Handle, out: Err, err: Err) -> i32;
    fn kalam_result_next(r: Handle, row: *mut bool, err: Err) -> i32;
    fn kalam_result_int64(r: Handle, column: usize, value: *mut i64, err: Err) -> i32;
    fn kalam_result_free(r: Err, err: Err) -> i32;
}

const SQL: &str = "SELECT v FROM t WHERE k = ?";

fn main() {
    let folder = std::env::temp_dir().join(format!("kalamdb_point_read_{}", std::process::id()));
    let path = folder.to_str().expect("its name is UTF-8");
    let database = Database::open(path, Options::default()).expect("it opens");
    let session = database.session("root", Role::System, None).expect("root is a valid user");
    for sql in [
        "CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT)".to_owned(),
        format!("INSERT INTO t SELECT x, x * 2 FROM generate_series(0, {}) a (x)", ROWS - 1),
    ] {
        session.execute(&sql, &Params::None).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
    let prepared = session.prepare(SQL).expect("it is a statement");
    let rust = |key: i64| {
        let params = Params::Positional(vec![ScalarValue::Int64(Some(key))]);
        let mut result = session.execute_prepared(&prepared, &params).expect("it runs");
        let batch = result.next_batch().expect("it reads").expect("the row is there");
        let column = batch.column(0).as_any().downcast_ref::<arrow::array::Int64Array>();
        column.expect("v is BIGINT").value(0)
    };
    let statement = c_statement(path);
    let c = |key: i64| {
        let (mut rows, mut found, mut value) = (ptr::null_mut(), false, 0);
        // SAFETY: the handles live, and there is room for each answer.
        unsafe {
            kalam_stmt_bind_int64(statement, 1, key, ptr::null_mut());
            kalam_stmt_execute_rows(statement, &raw mut rows, ptr::null_mut());
            kalam_result_next(rows, &raw mut found, ptr::null_mut());
            kalam_result_int64(rows, 0, &raw mut value, ptr::null_mut());
            kalam_result_free(&raw mut rows, ptr::null_mut());
        }
        assert!(found, "the row is there");
        value
    };
    // In turns, so that both see the machine at its best.
    let (mut by_rust, mut by_c) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        by_rust = by_rust.min(time(&rust));
        by_c = by_c.min(time(&c));
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(READS);
    let over = micros(by_c) - micros(by_rust);
    println!("prepared point read: {:.3} us by Rust, {:.3} us by C", micros(by_rust), micros(by_c));
    println!("overhead of the C API: {over:.3} us (at most 0.3)");
    let _ = std::fs::remove_dir_all(folder);
}

/// The statement by the C API, on the same database: a second opening shares it.
fn c_statement(path: &str) -> Handle {
    let (mut database, mut connection, mut statement) =
        (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let none = ptr::null_mut();
    // SAFETY: the texts have these lengths, and there is room for each handle.
    unsafe {
        let path = (path.as_ptr().cast(), path.len());
        assert_eq!(kalam_open(path.0, path.1, none, &raw mut database, none.cast()), 0);
        let opened = kalam_connect(database, ptr::null(), 0, 0, &raw mut connection, none.cast());
        assert_eq!(opened, 0);
        let sql = (SQL.as_ptr().cast(), SQL.len());
        let prepared = kalam_prepare(connection, sql.0, sql.1, &raw mut statement, none.cast());
        assert_eq!(prepared, 0);
    }
    statement
}

fn time(read: &impl Fn(i64) -> i64) -> Duration {
    let begin = Instant::now();
    for read_number in 0..READS {
        let key = i64::from(read_number) * 7919 % ROWS;
        assert_eq!(black_box(read(black_box(key))), key * 2);
    }
    begin.elapsed()
}
