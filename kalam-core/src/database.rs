//! An open database directory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use crate::catalog::{DEFAULT_NAMESPACE, SchemaRegistry, undefined_namespace};
use crate::env::{Clock, SystemClock};
use crate::executor::{Counters, Engine};
use crate::model::{Role, Secret, UserId};
use crate::session::Standing;
use crate::store::Directory;
use crate::{Error, Options, Result, Session, SqlState};

/// The databases of this process by canonical directory, so that a second open
/// shares the first.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Engine>>>> = LazyLock::new(Mutex::default);

/// The process that opened a database; 0 before one did.
static OPENER: AtomicU32 = AtomicU32::new(0);

/// A child after fork() has the memory of RocksDB's thread pools and none of their threads,
/// so that closing a database there would wait for ever. Looked at before any lock, which
/// another thread of the parent may have held.
///
/// # Errors
/// `KD001` in a child of a process that had opened one.
fn refuse_child() -> Result<()> {
    let own = std::process::id();
    match OPENER.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Ok(()),
        Err(opener) if opener == own => Ok(()),
        Err(_) => Err(Error::new(
            SqlState::FORKED,
            "a database was opened before fork(), and the child has none of its threads",
        )
        .with_hint("open databases in a child after exec(), or fork before the first is opened")),
    }
}

/// An open database. Cloning shares it; the directory is released when the last
/// clone, session and result is gone.
#[derive(Clone)]
pub struct Database {
    engine: Arc<Engine>,
}

impl Database {
    /// Opens a directory, creating it if it is missing.
    ///
    /// Opening the same directory twice in one process shares the database, with
    /// the options of the first.
    ///
    /// # Errors
    /// `55006` if another process holds the directory, `XX001` if it is damaged or
    /// something else than a database, `0A000` if a newer version wrote it, `KD001` in a
    /// child after fork() of a process that had opened one.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Database> {
        Self::open_with_clock(path, options, Arc::new(SystemClock))
    }

    /// As [`Database::open`], with a clock of the caller's.
    ///
    /// # Errors
    /// As [`Database::open`].
    #[expect(clippy::needless_pass_by_value, reason = "options are handed over, as to `open`")]
    pub fn open_with_clock(
        path: impl AsRef<Path>,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Database> {
        refuse_child()?;
        let path = path.as_ref();
        let mut open = OPEN.lock();
        open.retain(|_, engine| engine.strong_count() > 0);
        if let Ok(canonical) = path.canonicalize()
            && let Some(engine) = open.get(&canonical).and_then(Weak::upgrade)
        {
            engine.store.reopen()?;
            engine.resume();
            return Ok(Database { engine });
        }
        let directory = Directory::open(path, options.create_if_missing)?;
        let canonical = directory.path().to_path_buf();
        let engine = Arc::new(Engine::open(Some(directory), &options, clock)?);
        open.insert(canonical, Arc::downgrade(&engine));
        Ok(Database { engine })
    }

    /// Whether a directory is a database, one that was made to its end. It is not opened, and
    /// may be damaged or of a newer version.
    #[must_use]
    pub fn is_at(path: impl AsRef<Path>) -> bool {
        Directory::is_at(path.as_ref())
    }

    /// Opens a database that lives in memory and ends with its last handle.
    ///
    /// # Errors
    /// `53200` if memory is short, `KD001` as [`Database::open`].
    #[expect(clippy::needless_pass_by_value, reason = "options are handed over, as to `open`")]
    pub fn in_memory(options: Options) -> Result<Database> {
        refuse_child()?;
        let engine = Engine::open(None, &options, Arc::new(SystemClock))?;
        Ok(Database { engine: Arc::new(engine) })
    }

    /// Makes a new database directory of a backup, and checks every byte on the way. The
    /// directory must be missing or empty; it is not opened.
    ///
    /// # Errors
    /// `22023` if the folder holds no finished backup or the directory holds anything,
    /// `XX001` if a file of the backup is damaged, `55006` while a backup is made into the
    /// folder, `53100`, `58030`. After an error the directory is as it was. A restore that a
    /// crash stopped leaves a directory that cannot be opened.
    pub fn restore(backup: impl AsRef<Path>, directory: impl AsRef<Path>) -> Result<()> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        crate::backup::restore(backup.as_ref(), directory.as_ref(), &clock).map(|_| ())
    }

    /// A session of `user` with `role`; unqualified names resolve in `namespace`
    /// (`default` if none is given).
    ///
    /// # Errors
    /// `22023` for an invalid user id, `3F000` for an unknown namespace.
    pub fn session(&self, user: &str, role: Role, namespace: Option<&str>) -> Result<Session> {
        self.engine.check_open()?;
        let namespace = namespace.unwrap_or(DEFAULT_NAMESPACE);
        if !self.engine.registry.has_namespace(namespace) {
            return Err(undefined_namespace(namespace));
        }
        let (user, standing) = (UserId::new(user)?, Standing::Vouched(role));
        Ok(Session::new(self.engine.clone(), user, standing, namespace.to_owned()))
    }

    /// A session of a user who has an account, with the role that the account has now and
    /// later, in the namespace `default`. Takes tens of milliseconds; one login runs at a
    /// time.
    ///
    /// Ten wrong passwords in a row lock a user out for 15 minutes, also when the database
    /// is opened again meanwhile; a login, a new password and the end of the time begin the
    /// count again. Every login is in the audit log.
    ///
    /// # Errors
    /// `28P01` with one answer for a wrong password, a user who does not exist or is
    /// locked out, and one without a password.
    pub fn login(&self, user: &str, password: &str) -> Result<Session> {
        self.engine.check_open()?;
        let (user, account) = self.engine.logins.login(user, &Secret::new(password))?;
        let standing = Standing::LoggedIn { born: account.born };
        Ok(Session::new(self.engine.clone(), user, standing, DEFAULT_NAMESPACE.to_owned()))
    }

    /// What exists: namespaces, storages and the definitions of tables, mostly from
    /// memory. It knows no rights: who holds the database may see all of it.
    #[must_use]
    pub fn catalog(&self) -> &SchemaRegistry {
        &self.engine.registry
    }

    /// What the database did since it was opened: statements parsed and planned, caches
    /// asked, commits written, rows flushed.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::of(&self.engine)
    }

    /// Refuses every later call through any handle, waits for running commits, and
    /// makes everything acknowledged durable. Results already handed out stay
    /// readable.
    ///
    /// # Errors
    /// `58030` if the log cannot be synced.
    pub fn close(&self) -> Result<()> {
        self.engine.halt();
        if !self.engine.store.is_closed() {
            self.engine.audit.settle();
            self.engine.tier.settle();
        }
        self.engine.store.close()
    }
}
