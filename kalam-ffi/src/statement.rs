//! `KalamStatement`: a statement that is parsed once and run many times.

use std::ffi::c_char;
use std::sync::{Arc, Mutex};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ffi::FFI_ArrowSchema;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use kalam_core::{Params, PreparedStatement, QueryResult};

use crate::argument::{end, exclusive, name, out, required};
use crate::connection::KalamConnection;
use crate::entry::call;
use crate::error::KalamError;
use crate::failure::{Failure, Result};
use crate::handle::{self, Handled, Kind};
use crate::parameter::Values;
use crate::query::Outputs;
use crate::result::{KalamResult, several_sets};
use crate::status::KalamStatus;
use crate::stream::schema_of;

/// A statement that is parsed once, and run many times with other parameters: `?`, `$1` or
/// `:name` in its text. One thread uses it at a time. It needs its connection; what it
/// returned does not need it.
pub struct KalamStatement {
    connection: Arc<KalamConnection>,
    pub(crate) prepared: PreparedStatement,
    names: Vec<String>,
    pub(crate) state: Mutex<State>,
}

impl Handled for KalamStatement {
    const KIND: Kind = Kind::Statement;
}

/// What is bound.
pub struct State {
    pub values: Values,
    /// One set of values for each row of Arrow data, in the place of `values`.
    pub sets: Option<Vec<Params>>,
}

/// What came of a run.
enum Outcome {
    Result(QueryResult),
    Affected(u64),
}

impl KalamStatement {
    fn run(&self) -> Result<Outcome> {
        let state = exclusive(&self.state, "statement")?;
        let session = self.connection.session()?;
        let params = match &state.sets {
            None => state.values.complete()?,
            Some(sets) if sets.len() == 1 => &sets[0],
            Some(sets) if self.prepared.result_schema().fields().is_empty() => {
                let rows = session.execute_prepared_many(&self.prepared, sets)?;
                return Ok(Outcome::Affected(rows));
            }
            Some(sets) => return Err(several_sets(sets.len())),
        };
        Ok(Outcome::Result(session.execute_prepared(&self.prepared, params)?))
    }
}

/// Parses one statement and looks it up. It does not run. Free it with kalam_stmt_free().
///
/// KALAM_STATUS_INVALID_ARGUMENT: the SQL is wrong, or several statements. KALAM_STATUS_UNAUTHORIZED: the
/// connection may not run it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_prepare(
    connection: *const KalamConnection,
    sql: *const c_char,
    sql_len: usize,
    out_statement: *mut *mut KalamStatement,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_statement, std::ptr::null_mut(), "out_statement") }?;
        let connection = handle::get(connection, "connection")?.share();
        // SAFETY: the caller passes a text of this length.
        let sql = unsafe { required(sql, sql_len, "sql") }?;
        let prepared = connection.session()?.prepare(sql)?;
        let names = prepared.parameter_names().to_vec();
        let values = Values::new(prepared.parameter_types().len(), &names);
        let state = Mutex::new(State { values, sets: None });
        *place = handle::give(KalamStatement { connection, prepared, names, state })?;
        Ok(())
    })
}

/// The number of parameters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_parameters(
    statement: *const KalamStatement,
    out_parameters: *mut usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_parameters, 0, "out_parameters") }?;
        let statement = handle::get(statement, "statement")?;
        *place = exclusive(&statement.state, "statement")?.values.len();
        Ok(())
    })
}

/// The place of the parameter `:name`, for kalam_stmt_bind_int64() and the like; `parameter`
/// is its name without the colon.
///
/// KALAM_STATUS_NOT_FOUND: the statement has no such parameter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_parameter_index(
    statement: *const KalamStatement,
    parameter: *const c_char,
    parameter_len: usize,
    out_index: *mut u32,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_index, 0, "out_index") }?;
        let statement = handle::get(statement, "statement")?;
        // SAFETY: the caller passes a text of this length.
        let wanted = unsafe { name(parameter, parameter_len, "parameter") }?;
        let Some(found) = statement.names.iter().position(|name| name == wanted) else {
            let what =
                format_args!("is \"{wanted}\", and the statement has no parameter :{wanted}");
            let failure = Failure::argument("parameter", what);
            return Err(Failure { status: KalamStatus::NotFound, ..failure });
        };
        *place = found as u32 + 1;
        Ok(())
    })
}

/// The columns that the statement returns, as an Arrow C schema that the caller releases; no
/// columns for a statement without rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_schema(
    statement: *const KalamStatement,
    out_schema: *mut FFI_ArrowSchema,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or room.
        let place = unsafe { out(out_schema, FFI_ArrowSchema::empty(), "out_schema") }?;
        *place = schema_of(&handle::get(statement, "statement")?.prepared.result_schema())?;
        Ok(())
    })
}

/// The types of the parameters, as an Arrow C schema that the caller releases: one column
/// for each, of type null where a value of any type will do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_parameter_schema(
    statement: *const KalamStatement,
    out_schema: *mut FFI_ArrowSchema,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or room.
        let place = unsafe { out(out_schema, FFI_ArrowSchema::empty(), "out_schema") }?;
        let statement = handle::get(statement, "statement")?;
        let types = statement.prepared.parameter_types().into_iter().enumerate();
        let fields = types.map(|(index, data_type)| {
            let name = statement.names.get(index).cloned();
            let name = name.unwrap_or_else(|| format!("${}", index + 1));
            Field::new(name, data_type.unwrap_or(DataType::Null), true)
        });
        *place = schema_of(&SchemaRef::new(Schema::new(fields.collect::<Vec<_>>())))?;
        Ok(())
    })
}

/// Runs the statement with what is bound, which stays bound, and returns its rows as an
/// Arrow C stream. The outputs are those of kalam_query(). With several sets of values
/// (kalam_stmt_bind_stream()) an INSERT, UPDATE, DELETE or MERGE runs for each, each on
/// what the earlier ones left, in one commit: all of them or none.
///
/// KALAM_STATUS_INVALID_ARGUMENT: a parameter has no value, or one of a wrong type. KALAM_STATUS_CLOSED:
/// the connection is closed. KALAM_STATUS_NOT_IMPLEMENTED: the columns of the result changed since
/// it was prepared.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_execute(
    statement: *mut KalamStatement,
    out_stream: *mut FFI_ArrowArrayStream,
    out_rows_affected: *mut i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or room.
        let outputs = unsafe { Outputs::new(out_stream, out_rows_affected) };
        match handle::get(statement, "statement")?.run()? {
            Outcome::Result(result) => outputs.put(result),
            Outcome::Affected(rows) => outputs.put_affected(rows),
        }
        Ok(())
    })
}

/// As kalam_stmt_execute(), with the rows one after another. Free the result with
/// kalam_result_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_execute_rows(
    statement: *mut KalamStatement,
    out_result: *mut *mut KalamResult,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_result, std::ptr::null_mut(), "out_result") }?;
        let result = match handle::get(statement, "statement")?.run()? {
            Outcome::Result(result) => KalamResult::new(result),
            Outcome::Affected(rows) => KalamResult::affected(rows),
        };
        *place = handle::give(result)?;
        Ok(())
    })
}

/// Frees a statement and makes `*statement` NULL. NULL is fine. Its streams and results stay
/// readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_stmt_free(
    statement: *mut *mut KalamStatement,
    err: *mut *mut KalamError,
) -> KalamStatus {
    // SAFETY: the caller passes NULL or a variable that holds a statement.
    call(err, || unsafe { end(statement, "statement") })
}
