//! The table of the driver's functions, and the symbol that hands it out.

use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr;

use adbc_core::constants::{ADBC_STATUS_OK, ADBC_VERSION_1_0_0, ADBC_VERSION_1_1_0};
use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcDriver, FFI_AdbcError};
use kalam_core::{Error, SqlState};

use super::argument::given;
use super::entry::{connection, database, statement};
use super::error::{error_detail, error_detail_count, guarded_entry};
use super::stream::error_from_array_stream;

/// Bytes of `struct AdbcDriver` in version 1.0.0: it ends where that of 1.1.0 goes on.
const SIZE_1_0_0: usize = offset_of!(FFI_AdbcDriver, ErrorGetDetailCount);

/// The init function of the ADBC driver, under the name that driver managers derive from
/// the names of our libraries.
///
/// Fills `driver`, a `struct AdbcDriver` of `version`: 1000000 or 1001000.
///
/// # Errors
/// NOT_IMPLEMENTED for another version, INVALID_ARGUMENT for a NULL driver.
///
/// # Safety
/// `driver` is NULL or room for the structure of that version; `error` is NULL or an
/// `AdbcError` that is zeroed or initialized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn AdbcKalamdbInit(
    version: c_int,
    driver: *mut c_void,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    let call = || {
        let driver = given(driver, "the driver")?;
        let size = match version {
            ADBC_VERSION_1_0_0 => SIZE_1_0_0,
            ADBC_VERSION_1_1_0 => size_of::<FFI_AdbcDriver>(),
            _ => {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!("ADBC version {version} is unknown"),
                )
                .with_hint("this driver speaks 1000000 and 1001000"));
            }
        };
        let table = std::mem::ManuallyDrop::new(table());
        // SAFETY: there is room for so many bytes, and the members that they hold are
        // whole.
        unsafe {
            ptr::copy_nonoverlapping((&raw const table).cast::<u8>(), driver.cast::<u8>(), size);
        }
        Ok(())
    };
    // SAFETY: the caller passes an error, as the interface demands.
    unsafe { guarded_entry(error, call) }
}

/// The driver holds nothing: what it made lives until it is released itself.
unsafe extern "C" fn release(
    driver: *mut FFI_AdbcDriver,
    _error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    if !driver.is_null() {
        // SAFETY: the caller passes a driver of any version, all of which have these.
        unsafe {
            (&raw mut (*driver).private_data).write(ptr::null_mut());
            (&raw mut (*driver).release).write(None);
        }
    }
    ADBC_STATUS_OK
}

fn table() -> FFI_AdbcDriver {
    FFI_AdbcDriver {
        private_data: ptr::null_mut(),
        private_manager: ptr::null(),
        release: Some(release),
        DatabaseInit: Some(database::init),
        DatabaseNew: Some(database::new),
        DatabaseSetOption: Some(database::set_option),
        DatabaseRelease: Some(database::release),
        ConnectionCommit: Some(connection::commit),
        ConnectionGetInfo: Some(connection::get_info),
        ConnectionGetObjects: Some(connection::get_objects),
        ConnectionGetTableSchema: Some(connection::get_table_schema),
        ConnectionGetTableTypes: Some(connection::get_table_types),
        ConnectionInit: Some(connection::init),
        ConnectionNew: Some(connection::new),
        ConnectionSetOption: Some(connection::set_option),
        ConnectionReadPartition: Some(connection::read_partition),
        ConnectionRelease: Some(connection::release),
        ConnectionRollback: Some(connection::rollback),
        StatementBind: Some(statement::bind),
        StatementBindStream: Some(statement::bind_stream),
        StatementExecuteQuery: Some(statement::execute_query),
        StatementExecutePartitions: Some(statement::execute_partitions),
        StatementGetParameterSchema: Some(statement::get_parameter_schema),
        StatementNew: Some(statement::new),
        StatementPrepare: Some(statement::prepare),
        StatementRelease: Some(statement::release),
        StatementSetOption: Some(statement::set_option),
        StatementSetSqlQuery: Some(statement::set_sql_query),
        StatementSetSubstraitPlan: Some(statement::set_substrait_plan),
        ErrorGetDetailCount: Some(error_detail_count),
        ErrorGetDetail: Some(error_detail),
        ErrorFromArrayStream: Some(error_from_array_stream),
        DatabaseGetOption: Some(database::get_option),
        DatabaseGetOptionBytes: Some(database::get_option_bytes),
        DatabaseGetOptionDouble: Some(database::get_option_double),
        DatabaseGetOptionInt: Some(database::get_option_int),
        DatabaseSetOptionBytes: Some(database::set_option_bytes),
        DatabaseSetOptionDouble: Some(database::set_option_double),
        DatabaseSetOptionInt: Some(database::set_option_int),
        ConnectionCancel: Some(connection::cancel),
        ConnectionGetOption: Some(connection::get_option),
        ConnectionGetOptionBytes: Some(connection::get_option_bytes),
        ConnectionGetOptionDouble: Some(connection::get_option_double),
        ConnectionGetOptionInt: Some(connection::get_option_int),
        ConnectionGetStatistics: Some(connection::get_statistics),
        ConnectionGetStatisticNames: Some(connection::get_statistic_names),
        ConnectionSetOptionBytes: Some(connection::set_option_bytes),
        ConnectionSetOptionDouble: Some(connection::set_option_double),
        ConnectionSetOptionInt: Some(connection::set_option_int),
        StatementCancel: Some(statement::cancel),
        StatementExecuteSchema: Some(statement::execute_schema),
        StatementGetOption: Some(statement::get_option),
        StatementGetOptionBytes: Some(statement::get_option_bytes),
        StatementGetOptionDouble: Some(statement::get_option_double),
        StatementGetOptionInt: Some(statement::get_option_int),
        StatementSetOptionBytes: Some(statement::set_option_bytes),
        StatementSetOptionDouble: Some(statement::set_option_double),
        StatementSetOptionInt: Some(statement::set_option_int),
    }
}
