//! The table of the driver's functions, and the symbol that hands it out.

use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr;

use adbc_core::constants::{ADBC_VERSION_1_0_0, ADBC_VERSION_1_1_0};
use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{
    FFI_AdbcConnection, FFI_AdbcDatabase, FFI_AdbcDriver, FFI_AdbcError, FFI_AdbcStatement,
};
use kalam_core::{Error, SqlState};

use super::entry::{self, connection, database, option, statement};
use super::error::{error_detail, error_detail_count, guarded_entry};
use super::rows::error_from_array_stream;
use crate::failure::{Failure, Result};

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
    // SAFETY: the caller passes room and an error, as the interface demands.
    unsafe { guarded_entry(error, || fill(version, driver)) }
}

/// # Safety
/// As [`AdbcKalamdbInit`].
unsafe fn fill(version: c_int, driver: *mut c_void) -> Result<()> {
    if driver.is_null() {
        return Err(Failure::argument("driver", "is NULL"));
    }
    let size = match version {
        ADBC_VERSION_1_0_0 => SIZE_1_0_0,
        ADBC_VERSION_1_1_0 => size_of::<FFI_AdbcDriver>(),
        _ => {
            let what = format!("ADBC version {version} is unknown");
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, what)
                .with_hint("this driver speaks 1000000 and 1001000")
                .into());
        }
    };
    let table = std::mem::ManuallyDrop::new(table());
    // SAFETY: there is room for so many bytes, and the members that they hold are whole.
    unsafe {
        ptr::copy_nonoverlapping((&raw const table).cast::<u8>(), driver.cast::<u8>(), size);
    }
    Ok(())
}

/// The driver holds nothing: what it made lives until it is released itself.
unsafe extern "C" fn release(
    driver: *mut FFI_AdbcDriver,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: the caller passes a driver of any version, all of which have these.
    unsafe {
        guarded_entry(error, || {
            if !driver.is_null() {
                (&raw mut (*driver).private_data).write(ptr::null_mut());
                (&raw mut (*driver).release).write(None);
            }
            Ok(())
        })
    }
}

fn table() -> FFI_AdbcDriver {
    FFI_AdbcDriver {
        private_data: ptr::null_mut(),
        private_manager: ptr::null(),
        release: Some(release),
        DatabaseInit: Some(database::init),
        DatabaseNew: Some(entry::new::<FFI_AdbcDatabase>),
        DatabaseSetOption: Some(option::set_option::<FFI_AdbcDatabase>),
        DatabaseRelease: Some(entry::release::<FFI_AdbcDatabase>),
        ConnectionCommit: Some(connection::commit),
        ConnectionGetInfo: Some(connection::get_info),
        ConnectionGetObjects: Some(connection::get_objects),
        ConnectionGetTableSchema: Some(connection::get_table_schema),
        ConnectionGetTableTypes: Some(connection::get_table_types),
        ConnectionInit: Some(connection::init),
        ConnectionNew: Some(entry::new::<FFI_AdbcConnection>),
        ConnectionSetOption: Some(option::set_option::<FFI_AdbcConnection>),
        ConnectionReadPartition: Some(connection::read_partition),
        ConnectionRelease: Some(entry::release::<FFI_AdbcConnection>),
        ConnectionRollback: Some(connection::rollback),
        StatementBind: Some(statement::bind),
        StatementBindStream: Some(statement::bind_stream),
        StatementExecuteQuery: Some(statement::execute_query),
        StatementExecutePartitions: Some(statement::execute_partitions),
        StatementGetParameterSchema: Some(statement::get_parameter_schema),
        StatementNew: Some(statement::new),
        StatementPrepare: Some(statement::prepare),
        StatementRelease: Some(entry::release::<FFI_AdbcStatement>),
        StatementSetOption: Some(option::set_option::<FFI_AdbcStatement>),
        StatementSetSqlQuery: Some(statement::set_sql_query),
        StatementSetSubstraitPlan: Some(statement::set_substrait_plan),
        ErrorGetDetailCount: Some(error_detail_count),
        ErrorGetDetail: Some(error_detail),
        ErrorFromArrayStream: Some(error_from_array_stream),
        DatabaseGetOption: Some(option::get_option::<FFI_AdbcDatabase>),
        DatabaseGetOptionBytes: Some(option::get_option_bytes::<FFI_AdbcDatabase>),
        DatabaseGetOptionDouble: Some(option::get_option_double::<FFI_AdbcDatabase>),
        DatabaseGetOptionInt: Some(option::get_option_int::<FFI_AdbcDatabase>),
        DatabaseSetOptionBytes: Some(option::set_option_bytes::<FFI_AdbcDatabase>),
        DatabaseSetOptionDouble: Some(option::set_option_double::<FFI_AdbcDatabase>),
        DatabaseSetOptionInt: Some(option::set_option_int::<FFI_AdbcDatabase>),
        ConnectionCancel: Some(connection::cancel),
        ConnectionGetOption: Some(option::get_option::<FFI_AdbcConnection>),
        ConnectionGetOptionBytes: Some(option::get_option_bytes::<FFI_AdbcConnection>),
        ConnectionGetOptionDouble: Some(option::get_option_double::<FFI_AdbcConnection>),
        ConnectionGetOptionInt: Some(option::get_option_int::<FFI_AdbcConnection>),
        ConnectionGetStatistics: Some(connection::get_statistics),
        ConnectionGetStatisticNames: Some(connection::get_statistic_names),
        ConnectionSetOptionBytes: Some(option::set_option_bytes::<FFI_AdbcConnection>),
        ConnectionSetOptionDouble: Some(option::set_option_double::<FFI_AdbcConnection>),
        ConnectionSetOptionInt: Some(option::set_option_int::<FFI_AdbcConnection>),
        StatementCancel: Some(statement::cancel),
        StatementExecuteSchema: Some(statement::execute_schema),
        StatementGetOption: Some(option::get_option::<FFI_AdbcStatement>),
        StatementGetOptionBytes: Some(option::get_option_bytes::<FFI_AdbcStatement>),
        StatementGetOptionDouble: Some(option::get_option_double::<FFI_AdbcStatement>),
        StatementGetOptionInt: Some(option::get_option_int::<FFI_AdbcStatement>),
        StatementSetOptionBytes: Some(option::set_option_bytes::<FFI_AdbcStatement>),
        StatementSetOptionDouble: Some(option::set_option_double::<FFI_AdbcStatement>),
        StatementSetOptionInt: Some(option::set_option_int::<FFI_AdbcStatement>),
    }
}
