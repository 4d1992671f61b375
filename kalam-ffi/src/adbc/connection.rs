//! `AdbcConnection`: a session, and when its statements commit.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use adbc_core::constants as c;
use kalam_core::{
    Database, Error, IsolationLevel, Result, Session, SqlState, TransactionStatus,
    WithinTransaction,
};

use super::database::already_open;
use super::identity::Identity;
use super::option::{Optioned, flag, flag_text, invalid_value, unknown_option, unsupported_option};
use super::{CATALOG, lock};
use crate::handle::{Handled, Kind};

/// A connection before and after it is opened.
#[derive(Default)]
pub(super) struct AdbcConnection {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Options that were set before the connection was opened, in order.
    pending: Vec<(String, String)>,
    open: Option<Arc<Open>>,
}

impl AdbcConnection {
    /// Connects, and applies the options that were set before.
    ///
    /// # Errors
    /// What [`Identity::session`] and the options raise.
    pub(super) fn init(&self, database: &Database, mut identity: Identity) -> Result<()> {
        let mut state = lock(&self.state);
        if state.open.is_some() {
            return Err(already_open("connection"));
        }
        let mut later = Vec::new();
        for (key, value) in &state.pending {
            if !identity.set(key, value)? {
                later.push((key, value));
            }
        }
        let open = Open::new(identity.session(database)?);
        for (key, value) in later {
            open.set(key, value)?;
        }
        state.open = Some(Arc::new(open));
        Ok(())
    }

    /// The session.
    ///
    /// # Errors
    /// `08003` before [`AdbcConnection::init`].
    pub(super) fn opened(&self) -> Result<Arc<Open>> {
        lock(&self.state).open.clone().ok_or_else(|| {
            Error::new(SqlState::CONNECTION_CLOSED, "the connection is not open")
                .with_hint("call AdbcConnectionInit first")
        })
    }
}

impl Handled for AdbcConnection {
    const KIND: Kind = Kind::AdbcConnection;
}

impl Optioned for AdbcConnection {
    fn set(&self, key: &str, value: &str) -> Result<()> {
        let mut state = lock(&self.state);
        match state.open.clone() {
            Some(open) => {
                drop(state);
                open.set(key, value)
            }
            None => {
                check_option(key, value)?;
                state.pending.push((key.to_owned(), value.to_owned()));
                Ok(())
            }
        }
    }

    fn get(&self, key: &str) -> Result<String> {
        let state = lock(&self.state);
        match state.open.clone() {
            Some(open) => {
                drop(state);
                open.get(key)
            }
            None => {
                let pending = state.pending.iter().rev().find(|(known, _)| known == key);
                let known = pending.filter(|_| key != c::ADBC_OPTION_PASSWORD);
                known
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| unknown_option("connection", key))
            }
        }
    }
}

/// Refuses an option that no open connection would take.
fn check_option(key: &str, value: &str) -> Result<()> {
    match key {
        c::ADBC_CONNECTION_OPTION_AUTOCOMMIT | c::ADBC_CONNECTION_OPTION_READ_ONLY => {
            flag(key, value).map(drop)
        }
        c::ADBC_CONNECTION_OPTION_ISOLATION_LEVEL => isolation(value).map(drop),
        c::ADBC_CONNECTION_OPTION_CURRENT_CATALOG => check_catalog(Some(value)),
        c::ADBC_CONNECTION_OPTION_CURRENT_DB_SCHEMA => Ok(()),
        _ if Identity::default().set(key, value)? => Ok(()),
        _ => Err(unsupported_option("connection", key)),
    }
}

/// Refuses every catalog but ours. No catalog, and an empty one, is ours.
///
/// # Errors
/// `42704`.
pub(super) fn check_catalog(catalog: Option<&str>) -> Result<()> {
    match catalog {
        None | Some("" | CATALOG) => Ok(()),
        Some(other) => Err(Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("catalog \"{other}\" does not exist"),
        )
        .with_hint(format!("the only catalog is \"{CATALOG}\""))),
    }
}

/// An open connection. Threads may share it.
pub(super) struct Open {
    session: Session,
    mode: Mutex<Mode>,
    /// How many times everything at work was to stop.
    stops: AtomicU64,
}

struct Mode {
    autocommit: bool,
    read_only: bool,
    isolation: &'static str,
    /// Whether the open transaction has written anything.
    wrote: bool,
}

impl Open {
    fn new(session: Session) -> Open {
        session.set_stop_request(Some(stop_requested));
        let mode = Mode {
            autocommit: true,
            read_only: false,
            isolation: c::ADBC_OPTION_ISOLATION_LEVEL_DEFAULT,
            wrote: false,
        };
        Open { session, mode: Mutex::new(mode), stops: AtomicU64::new(0) }
    }

    /// The session, of which transactions are.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// A session of the same user that has no part in the transaction: what reads the
    /// catalog through it cannot fail the transaction, and what defines tables commits.
    pub(super) fn beside(&self) -> Session {
        let session = self.session.clone();
        session.set_stop_request(Some(stop_requested));
        session
    }

    /// Makes the session ready for a statement: refuses writes of a read-only connection,
    /// and opens the transaction that a statement belongs to when autocommit is off.
    ///
    /// A statement that cannot be part of a transaction runs outside of one, as long as
    /// the open one has written nothing that it would commit. Otherwise the engine
    /// refuses it.
    pub(super) fn admit(&self, effects: &[WithinTransaction]) -> Result<()> {
        let mut mode = lock(&self.mode);
        let has = |effect| effects.contains(&effect);
        let writes = has(WithinTransaction::Writes);
        if mode.read_only && (writes || has(WithinTransaction::Refused)) {
            return Err(read_only());
        }
        if mode.autocommit {
            return Ok(());
        }
        let stands_alone = has(WithinTransaction::Refused) && !writes;
        match self.session.transaction_status() {
            TransactionStatus::Idle if !stands_alone => {
                self.session.begin(isolation(mode.isolation)?)?;
                mode.wrote = false;
            }
            TransactionStatus::Active if stands_alone && !mode.wrote => self.session.commit()?,
            _ => {}
        }
        mode.wrote |= writes;
        Ok(())
    }

    /// Refuses a write of a read-only connection.
    pub(super) fn check_writable(&self) -> Result<()> {
        if lock(&self.mode).read_only { Err(read_only()) } else { Ok(()) }
    }

    /// How a transaction of one call is isolated.
    pub(super) fn isolation(&self) -> Result<IsolationLevel> {
        isolation(lock(&self.mode).isolation)
    }

    /// Ends the transaction; the next statement opens another.
    ///
    /// # Errors
    /// `25P01` under autocommit; what [`Session::commit`] raises.
    pub(super) fn end_transaction(&self, commit: bool) -> Result<()> {
        let mode = lock(&self.mode);
        if mode.autocommit {
            return Err(Error::new(
                SqlState::NO_ACTIVE_TRANSACTION,
                "every statement has committed by itself: autocommit is on",
            )
            .with_hint(format!("set {} to false", c::ADBC_CONNECTION_OPTION_AUTOCOMMIT)));
        }
        match self.session.transaction_status() {
            TransactionStatus::Idle => Ok(()),
            _ if commit => self.session.commit(),
            _ => self.session.rollback(),
        }
    }

    /// Stops every statement that is at work, and every result that is still read.
    pub(super) fn cancel(&self) {
        self.stops.fetch_add(1, Ordering::AcqRel);
        self.session.interrupt();
    }

    fn set_autocommit(&self, autocommit: bool) -> Result<()> {
        let mut mode = lock(&self.mode);
        if autocommit
            && !mode.autocommit
            && self.session.transaction_status() != TransactionStatus::Idle
        {
            self.session.commit()?;
        }
        mode.autocommit = autocommit;
        Ok(())
    }

    fn set(&self, key: &str, value: &str) -> Result<()> {
        check_option(key, value)?;
        match key {
            c::ADBC_CONNECTION_OPTION_AUTOCOMMIT => self.set_autocommit(flag(key, value)?),
            c::ADBC_CONNECTION_OPTION_READ_ONLY => {
                lock(&self.mode).read_only = flag(key, value)?;
                Ok(())
            }
            c::ADBC_CONNECTION_OPTION_ISOLATION_LEVEL => {
                lock(&self.mode).isolation = isolation_key(value)?;
                Ok(())
            }
            c::ADBC_CONNECTION_OPTION_CURRENT_CATALOG => Ok(()),
            c::ADBC_CONNECTION_OPTION_CURRENT_DB_SCHEMA | "namespace" | "kalamdb.namespace" => {
                self.session.use_namespace(value)
            }
            _ => Err(already_open("connection")),
        }
    }

    fn get(&self, key: &str) -> Result<String> {
        let mode = lock(&self.mode);
        Ok(match key {
            c::ADBC_CONNECTION_OPTION_AUTOCOMMIT => flag_text(mode.autocommit),
            c::ADBC_CONNECTION_OPTION_READ_ONLY => flag_text(mode.read_only),
            c::ADBC_CONNECTION_OPTION_ISOLATION_LEVEL => mode.isolation.to_owned(),
            c::ADBC_CONNECTION_OPTION_CURRENT_CATALOG => CATALOG.to_owned(),
            c::ADBC_CONNECTION_OPTION_CURRENT_DB_SCHEMA | "namespace" | "kalamdb.namespace" => {
                self.session.namespace()
            }
            c::ADBC_OPTION_USERNAME | "user" | "kalamdb.user" => self.session.user().to_string(),
            "role" | "kalamdb.role" => self.session.role().to_string(),
            _ => return Err(unknown_option("connection", key)),
        })
    }
}

fn read_only() -> Error {
    Error::new(SqlState::READ_ONLY, "the connection is read-only")
}

/// What a thread does for a connection, for as long as it does it.
pub(super) struct AtWork {
    before: Option<Running>,
}

struct Running {
    connection: Arc<Open>,
    stops: u64,
    cancelled: Arc<AtomicBool>,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

impl AtWork {
    /// This thread runs a statement, until this is dropped. `cancelled` stops it.
    pub(super) fn on(connection: &Arc<Open>, cancelled: &Arc<AtomicBool>) -> AtWork {
        let running = Running {
            connection: connection.clone(),
            stops: connection.stops.load(Ordering::Acquire),
            cancelled: cancelled.clone(),
        };
        AtWork { before: RUNNING.replace(Some(running)) }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        RUNNING.set(self.before.take());
    }
}

/// Whether the statement that this thread runs is to stop. The engine asks while the
/// thread works and while it waits.
fn stop_requested() -> bool {
    RUNNING.with_borrow(|running| {
        running.as_ref().is_some_and(|running| {
            running.cancelled.load(Ordering::Acquire)
                || running.connection.stops.load(Ordering::Acquire) != running.stops
        })
    })
}

/// The level of the engine that keeps the promise of a level of ADBC.
fn isolation(key: &str) -> Result<IsolationLevel> {
    Ok(match isolation_key(key)? {
        c::ADBC_OPTION_ISOLATION_LEVEL_READ_UNCOMMITTED
        | c::ADBC_OPTION_ISOLATION_LEVEL_READ_COMMITTED => IsolationLevel::ReadCommitted,
        c::ADBC_OPTION_ISOLATION_LEVEL_SERIALIZABLE => IsolationLevel::Serializable,
        _ => IsolationLevel::RepeatableRead,
    })
}

/// # Errors
/// `0A000` for a level that the engine does not promise, `22023` for one that is none.
fn isolation_key(value: &str) -> Result<&'static str> {
    const KNOWN: [&str; 6] = [
        c::ADBC_OPTION_ISOLATION_LEVEL_DEFAULT,
        c::ADBC_OPTION_ISOLATION_LEVEL_READ_UNCOMMITTED,
        c::ADBC_OPTION_ISOLATION_LEVEL_READ_COMMITTED,
        c::ADBC_OPTION_ISOLATION_LEVEL_REPEATABLE_READ,
        c::ADBC_OPTION_ISOLATION_LEVEL_SNAPSHOT,
        c::ADBC_OPTION_ISOLATION_LEVEL_SERIALIZABLE,
    ];
    if value == c::ADBC_OPTION_ISOLATION_LEVEL_LINEARIZABLE {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "isolation level linearizable is not there",
        )
        .with_hint(format!("use {}", c::ADBC_OPTION_ISOLATION_LEVEL_SERIALIZABLE)));
    }
    KNOWN.into_iter().find(|known| *known == value).ok_or_else(|| {
        invalid_value(c::ADBC_CONNECTION_OPTION_ISOLATION_LEVEL, value, &KNOWN.join(", "))
    })
}
