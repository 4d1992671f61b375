//! The status that every function returns, and the one table from kinds of errors to it.

use kalam_core::{Error, ErrorKind, SqlState};

/// How a call ended. `KALAM_STATUS_OK` is 0; 1 to 14 are the codes of ADBC, from 100 on they are
/// KalamDB's. Which code an error has depends on what the caller can do about it; the
/// SQLSTATE of the error says more (kalam_error_sqlstate()).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
#[allow(dead_code, reason = "each code of ADBC is in the header, also one that nothing returns")]
pub enum KalamStatus {
    /// The call did what it says.
    Ok = 0,
    /// It failed in a way that no other code names.
    Unknown = 1,
    /// The feature is not there; the hint says what is.
    NotImplemented = 2,
    /// A table, namespace, column or other named object is not there, or is not yours.
    NotFound = 3,
    /// A named object is there already.
    AlreadyExists = 4,
    /// The SQL, a value or an argument is wrong. Fix it.
    InvalidArgument = 5,
    /// The transaction is not in the state for this.
    InvalidState = 6,
    /// A value does not fit its type.
    InvalidData = 7,
    /// The data breaks a constraint.
    Integrity = 8,
    /// A bug of the engine. Report it.
    Internal = 9,
    /// Input or output failed.
    Io = 10,
    /// The statement was stopped by kalam_interrupt() or by its timeout.
    Cancelled = 11,
    /// Kept for ADBC's code 12; a timeout is KALAM_STATUS_CANCELLED.
    Timeout = 12,
    /// The user name or the password is wrong.
    Unauthenticated = 13,
    /// The session may not do this.
    Unauthorized = 14,
    /// Another commit changed the same rows first. Run the transaction again.
    Conflict = 100,
    /// A limit was reached. Ask for less, or raise it.
    LimitExceeded = 101,
    /// The directory or another resource is in use. Retry later.
    Unavailable = 102,
    /// Stored bytes are damaged. Stop, restore, report.
    Corrupted = 103,
    /// The database or the connection is closed, or was opened before fork().
    Closed = 104,
    /// A handle is NULL, was freed, is of another type, or is none.
    InvalidHandle = 105,
    /// Another thread is in a call with this statement, result or appender.
    Busy = 106,
}

/// What a caller sees of an error's kind.
pub fn status_of(error: &Error) -> KalamStatus {
    match error.kind() {
        ErrorKind::InvalidStatement => match error.sqlstate() {
            SqlState::ACTIVE_TRANSACTION
            | SqlState::NO_ACTIVE_TRANSACTION
            | SqlState::IN_FAILED_TRANSACTION => KalamStatus::InvalidState,
            _ => KalamStatus::InvalidArgument,
        },
        ErrorKind::InvalidArgument => match error.sqlstate() {
            SqlState::INVALID_PARAMETER_VALUE | SqlState::CANNOT_CHANGE_SETTING => {
                KalamStatus::InvalidArgument
            }
            _ => KalamStatus::InvalidData,
        },
        ErrorKind::NotFound => KalamStatus::NotFound,
        ErrorKind::AlreadyExists => KalamStatus::AlreadyExists,
        ErrorKind::Constraint => KalamStatus::Integrity,
        ErrorKind::PermissionDenied => match error.sqlstate() {
            SqlState::INVALID_PASSWORD => KalamStatus::Unauthenticated,
            _ => KalamStatus::Unauthorized,
        },
        ErrorKind::Conflict => KalamStatus::Conflict,
        ErrorKind::LimitExceeded => KalamStatus::LimitExceeded,
        ErrorKind::Cancelled => KalamStatus::Cancelled,
        ErrorKind::Unavailable => match error.sqlstate() {
            SqlState::IO_ERROR => KalamStatus::Io,
            _ => KalamStatus::Unavailable,
        },
        ErrorKind::Corrupted => KalamStatus::Corrupted,
        ErrorKind::Unsupported => KalamStatus::NotImplemented,
        ErrorKind::Closed => KalamStatus::Closed,
        ErrorKind::Internal => KalamStatus::Internal,
        // ErrorKind is non-exhaustive; a unit test holds every code of today to a row.
        _ => KalamStatus::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_engine_has_a_status() {
        for (name, state) in SqlState::ALL {
            let status = status_of(&Error::new(*state, "x"));
            assert!(status != KalamStatus::Ok && status != KalamStatus::Unknown, "{name}");
        }
    }
}
