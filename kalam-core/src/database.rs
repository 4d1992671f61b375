//! An open database directory.

use std::path::Path;

use crate::model::Role;
use crate::{Options, Result, Session};

/// An open database. Cloning shares it; the directory is released when the last
/// clone, session and result is gone.
#[derive(Clone)]
pub struct Database {}

impl Database {
    /// Opens a directory, creating it if it is missing.
    ///
    /// Opening the same directory twice in one process shares the database.
    ///
    /// # Errors
    /// `55006` if another process holds the directory, `XX001` if it is damaged or
    /// not a database, `0A000` if a newer version wrote it.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Database> {
        let _ = (path.as_ref(), options);
        todo!()
    }

    /// Opens a database that lives in memory and ends with its last handle.
    ///
    /// # Errors
    /// `53200` if memory is short.
    pub fn in_memory(options: Options) -> Result<Database> {
        let _ = options;
        todo!()
    }

    /// A session of `user` with `role`; unqualified names resolve in `namespace`
    /// (`default` if none is given).
    ///
    /// # Errors
    /// `22023` for an invalid user id, `3F000` for an unknown namespace.
    pub fn session(&self, user: &str, role: Role, namespace: Option<&str>) -> Result<Session> {
        let _ = (user, role, namespace);
        todo!()
    }

    /// Refuses every later call through any handle, waits for running commits, and
    /// makes everything acknowledged durable. Results already handed out stay
    /// readable.
    ///
    /// # Errors
    /// `58030` if the log cannot be synced.
    pub fn close(&self) -> Result<()> {
        todo!()
    }
}
