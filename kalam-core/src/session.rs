//! What one user does with a database.

use std::str::FromStr;

use arrow::record_batch::RecordBatchReader;

use crate::executor::{Params, QueryResult};
use crate::model::{Role, UserId};
use crate::{Error, Result, SqlState};

/// What [`Session::append`] does with a row whose key exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppendMode {
    /// Refuses all rows with `23505`.
    #[default]
    Append,
    /// Replaces the row.
    Upsert,
}

impl FromStr for AppendMode {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "append" => Ok(AppendMode::Append),
            "upsert" => Ok(AppendMode::Upsert),
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("append mode \"{text}\" is unknown"),
            )
            .with_hint("the mode is 'append' or 'upsert'")),
        }
    }
}

/// What one user does with a database. It sees the user's own rows of USER and
/// STREAM tables and nothing of others. It may be used from several threads;
/// `USE` changes the namespace for all of them. Cloning makes a second session of
/// the same user that starts in the same namespace.
pub struct Session {}

impl Session {
    /// Runs one statement, or several separated by semicolons, which stop at the
    /// first failure; the result is that of the last one.
    ///
    /// A write is committed when this returns. A query starts to run when its first
    /// batch is asked for, on a snapshot taken now.
    ///
    /// # Errors
    /// Every kind of [`ErrorKind`](crate::ErrorKind).
    pub fn execute(&self, sql: &str, params: &Params) -> Result<QueryResult> {
        let _ = (sql, params);
        todo!()
    }

    /// Runs one INSERT, UPDATE or DELETE for each set of parameters, in one commit:
    /// all of them or none. Returns the rows affected.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub fn execute_many(&self, sql: &str, params: &[Params]) -> Result<u64> {
        let _ = (sql, params);
        todo!()
    }

    /// Appends Arrow data in one commit; columns match by name, missing ones take
    /// their default. Returns the number of rows.
    ///
    /// # Errors
    /// `42703` for a column that the table does not have, `23505` for a duplicate
    /// key, and what INSERT raises.
    pub fn append(
        &self,
        table: &str,
        data: Box<dyn RecordBatchReader + Send>,
        mode: AppendMode,
    ) -> Result<u64> {
        let _ = (table, data, mode);
        todo!()
    }

    /// A session of another user, with role `user` at most this session's, in the
    /// same namespace. The embedding program vouches for the identity.
    ///
    /// # Errors
    /// `42501` if this session's role is below `service` and the user is another.
    pub fn as_user(&self, user: &str) -> Result<Session> {
        let _ = user;
        todo!()
    }

    /// Who the session acts for.
    #[must_use]
    pub fn user(&self) -> &UserId {
        todo!()
    }

    /// What the session may do.
    #[must_use]
    pub fn role(&self) -> Role {
        todo!()
    }

    /// The namespace of unqualified names.
    #[must_use]
    pub fn namespace(&self) -> String {
        todo!()
    }
}
