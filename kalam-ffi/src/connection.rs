//! `KalamConnection`: what one user does with a database.

use std::ffi::c_char;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use kalam_core::model::Role;
use kalam_core::{Error, IsolationLevel, Session, SqlState, TransactionStatus};

use crate::argument::{name, optional_out, out, required};
use crate::database::KalamDatabase;
use crate::entry::call;
use crate::error::KalamError;
use crate::failure::{Failure, Result};
use crate::handle::{self, Handled, Kind};
use crate::status::KalamStatus;

/// What one user does with a database. It sees the rows of that user in USER and STREAM
/// tables, and nothing of others.
///
/// Any number of threads may use it at once. A transaction is open for all of them: its
/// statements run one after another. For transactions side by side open several.
pub struct KalamConnection {
    /// Nothing after the connection is closed: statements of it may be left.
    session: ArcSwapOption<Session>,
}

impl Handled for KalamConnection {
    const KIND: Kind = Kind::Connection;
}

impl KalamConnection {
    fn new(session: Session) -> KalamConnection {
        KalamConnection { session: ArcSwapOption::from_pointee(session) }
    }

    /// The session, which stays open for a call that has it.
    ///
    /// # Errors
    /// `08003` if the connection was closed.
    pub fn session(&self) -> Result<OpenSession> {
        let session = self.session.load();
        if session.is_none() {
            return Err(Error::new(SqlState::CONNECTION_CLOSED, "the connection is closed").into());
        }
        Ok(OpenSession(session))
    }
}

/// The session of a connection that was open when a call began.
pub struct OpenSession(Guard<Option<Arc<Session>>>);

impl Deref for OpenSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.as_ref().expect("it is made of a session that is there")
    }
}

/// The session of a connection's handle.
pub fn session(connection: *const KalamConnection) -> Result<OpenSession> {
    handle::get(connection, "connection")?.session()
}

/// The user of a connection that names none.
const OPENER: &str = "root";

/// Role of kalam_connect(): "user" if a user is named, "system" otherwise.
pub const KALAM_ROLE_DEFAULT: i32 = 0;
/// Reads SHARED PUBLIC tables.
pub const KALAM_ROLE_ANONYMOUS: i32 = 1;
/// Owns rows of USER and STREAM tables, reads SHARED PUBLIC tables.
pub const KALAM_ROLE_USER: i32 = 2;
/// Writes SHARED tables, acts for users, flushes.
pub const KALAM_ROLE_SERVICE: i32 = 3;
/// Defines tables and storages, reads the namespace `system`.
pub const KALAM_ROLE_DBA: i32 = 4;
/// May do everything.
pub const KALAM_ROLE_SYSTEM: i32 = 5;

/// Connects for a user, for whose identity the program vouches: no account is needed. With
/// `user` NULL it is the user "root". Unqualified names resolve in the namespace "default"
/// (kalam_use() and USE change that). Close with kalam_disconnect().
///
/// KALAM_STATUS_INVALID_ARGUMENT: the user id or the role is none. KALAM_STATUS_CLOSED: after
/// kalam_shutdown().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_connect(
    database: *const KalamDatabase,
    user: *const c_char,
    user_len: usize,
    role: i32,
    out_connection: *mut *mut KalamConnection,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_connection, std::ptr::null_mut(), "out_connection") }?;
        let database = handle::get(database, "database")?;
        let is_opener = user.is_null();
        // SAFETY: the caller passes a text of this length.
        let user = if is_opener { OPENER } else { unsafe { name(user, user_len, "user") }? };
        let role = match role {
            KALAM_ROLE_DEFAULT if is_opener => Role::System,
            KALAM_ROLE_DEFAULT | KALAM_ROLE_USER => Role::User,
            KALAM_ROLE_ANONYMOUS => Role::Anonymous,
            KALAM_ROLE_SERVICE => Role::Service,
            KALAM_ROLE_DBA => Role::Dba,
            KALAM_ROLE_SYSTEM => Role::System,
            _ => return Err(Failure::argument("role", format_args!("is {role}, which is none"))),
        };
        let session =
            database.0.session(user, role, None).map_err(|e| Failure::from(e).about("user"))?;
        *place = handle::give(KalamConnection::new(session))?;
        Ok(())
    })
}

/// Connects as a user who has an account (CREATE USER), by password, with the role of the
/// account. Takes tens of milliseconds. Close with kalam_disconnect().
///
/// KALAM_STATUS_UNAUTHENTICATED: the one answer for a wrong password and a user who does not exist.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_login(
    database: *const KalamDatabase,
    user: *const c_char,
    user_len: usize,
    password: *const c_char,
    password_len: usize,
    out_connection: *mut *mut KalamConnection,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_connection, std::ptr::null_mut(), "out_connection") }?;
        let database = handle::get(database, "database")?;
        // SAFETY: the caller passes texts of these lengths.
        let (user, password) = unsafe {
            (name(user, user_len, "user")?, required(password, password_len, "password")?)
        };
        *place = handle::give(KalamConnection::new(database.0.login(user, password)?))?;
        Ok(())
    })
}

/// Connects for another user, with role "user" or that of `connection` if it is lower, in
/// the same namespace. Close with kalam_disconnect().
///
/// KALAM_STATUS_UNAUTHORIZED: the role of `connection` is below "service", or below the role that
/// the user holds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_as_user(
    connection: *const KalamConnection,
    user: *const c_char,
    user_len: usize,
    out_connection: *mut *mut KalamConnection,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_connection, std::ptr::null_mut(), "out_connection") }?;
        let session = session(connection)?;
        // SAFETY: the caller passes a text of this length.
        let user = unsafe { name(user, user_len, "user") }?;
        *place = handle::give(KalamConnection::new(session.as_user(user)?))?;
        Ok(())
    })
}

/// Closes a connection, rolls its open transaction back, and makes `*connection` NULL. NULL
/// is fine. Its statements and appenders can only be freed then; its streams and results
/// stay readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_disconnect(
    connection: *mut *mut KalamConnection,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable that holds a connection.
        let Some(place) = (unsafe { connection.as_mut() }) else { return Ok(()) };
        let handle = std::mem::replace(place, std::ptr::null_mut());
        if handle.is_null() {
            return Ok(());
        }
        drop(handle::take(handle, "connection")?.session.swap(None));
        Ok(())
    })
}

/// Makes unqualified names resolve in a namespace.
///
/// KALAM_STATUS_NOT_FOUND: there is no such namespace.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_use(
    connection: *const KalamConnection,
    namespace_: *const c_char,
    namespace_len: usize,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        let session = session(connection)?;
        // SAFETY: the caller passes a text of this length.
        let namespace = unsafe { name(namespace_, namespace_len, "namespace_") }?;
        Ok(session.use_namespace(namespace)?)
    })
}

/// Stops every statement of the connection that is at work in another thread, and every
/// stream and result of it that is still read: each fails with KALAM_STATUS_CANCELLED within
/// 100 ms. A commit that has begun is not taken back. The connection goes on. Does nothing
/// if nothing is at work. Not for signal handlers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_interrupt(
    connection: *const KalamConnection,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        session(connection)?.interrupt();
        Ok(())
    })
}

/// Tells how far the statements of the connection are that are at work in other threads, with
/// the results of them that are still read. `out_rows_done` is set to the rows that queries
/// scanned and flushes moved, -1 if nothing is at work. `out_rows_total` is set to an estimate
/// of how many there are, -1 if that is not known; as filters skip rows, work may end before
/// all are done. Each may be NULL. Asked of a query for the first time it counts recent rows,
/// up to a million: some hundred milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_progress(
    connection: *const KalamConnection,
    out_rows_done: *mut i64,
    out_rows_total: *mut i64,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or variables.
        let (done, total) =
            unsafe { (optional_out(out_rows_done, -1), optional_out(out_rows_total, -1)) };
        let Some(progress) = session(connection)?.progress() else { return Ok(()) };
        let number = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        if let Some(done) = done {
            *done = number(progress.rows_done);
        }
        if let (Some(total), Some(rows)) = (total, progress.rows_total) {
            *total = number(rows);
        }
        Ok(())
    })
}

/// Isolation of kalam_begin(): the snapshot of the transaction's first statement holds for all
/// of it; whoever commits first wins.
pub const KALAM_REPEATABLE_READ: i32 = 0;
/// Each statement has a snapshot of its own.
pub const KALAM_READ_COMMITTED: i32 = 1;
/// As if transactions had run one after another.
pub const KALAM_SERIALIZABLE: i32 = 2;

/// Opens a transaction; without one each statement commits by itself.
///
/// KALAM_STATUS_INVALID_STATE: one is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_begin(
    connection: *const KalamConnection,
    isolation: i32,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        let session = session(connection)?;
        let isolation = match isolation {
            KALAM_REPEATABLE_READ => IsolationLevel::RepeatableRead,
            KALAM_READ_COMMITTED => IsolationLevel::ReadCommitted,
            KALAM_SERIALIZABLE => IsolationLevel::Serializable,
            other => {
                let what = format_args!("is {other}, which is no isolation");
                return Err(Failure::argument("isolation", what));
            }
        };
        Ok(session.begin(isolation)?)
    })
}

/// Commits the open transaction, which is over whether this succeeds or not.
///
/// KALAM_STATUS_CONFLICT: another commit was first; run the transaction again. KALAM_STATUS_INVALID_STATE:
/// none is open, or a statement of it had failed. Nothing of it is kept then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_commit(
    connection: *const KalamConnection,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || Ok(session(connection)?.commit()?))
}

/// Forgets everything that the open transaction wrote, and ends it.
///
/// KALAM_STATUS_INVALID_STATE: none is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_rollback(
    connection: *const KalamConnection,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || Ok(session(connection)?.rollback()?))
}

/// Says whether a transaction is open. After a statement of it failed it is, and can only be
/// rolled back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kalam_in_transaction(
    connection: *const KalamConnection,
    out_open: *mut bool,
    err: *mut *mut KalamError,
) -> KalamStatus {
    call(err, || {
        // SAFETY: the caller passes NULL or a variable.
        let place = unsafe { out(out_open, false, "out_open") }?;
        *place = session(connection)?.transaction_status() != TransactionStatus::Idle;
        Ok(())
    })
}
