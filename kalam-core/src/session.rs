//! What one user does with a database.

use std::str::FromStr;
use std::sync::Arc;

use arrow::record_batch::RecordBatchReader;
use datafusion::common::ScalarValue;
use parking_lot::RwLock;

use crate::executor::{
    Caller, Engine, Params, QueryResult, Statement, Work, append, authorize, run, run_many,
    use_namespace, with_caret,
};
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
pub struct Session {
    engine: Arc<Engine>,
    user: UserId,
    role: Role,
    namespace: RwLock<String>,
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, caller: Caller) -> Session {
        let Caller { user, role, namespace } = caller;
        Session { engine, user, role, namespace: RwLock::new(namespace) }
    }

    /// Runs one statement, or several separated by semicolons, which stop at the
    /// first failure; the result is that of the last one. Parameters are for a
    /// single statement.
    ///
    /// A write is committed when this returns. A query starts to run when its first
    /// batch is asked for, on a snapshot taken now.
    ///
    /// # Errors
    /// Every kind of [`ErrorKind`](crate::ErrorKind).
    pub fn execute(&self, sql: &str, params: &Params) -> Result<QueryResult> {
        self.engine.check_open()?;
        let statements = self.engine.parse(sql)?;
        // A batch with a statement that the role may not run does nothing.
        for parsed in statements.iter() {
            authorize(&parsed.statement, self.role)?;
        }
        let mut result = None;
        for parsed in statements.iter() {
            let values = parsed.placeholders.bind_order(params)?;
            let done = self.run(&parsed.statement, &values);
            result = Some(done.map_err(|e| with_caret(sql, e))?);
        }
        Ok(result.unwrap_or_else(QueryResult::empty))
    }

    fn run(&self, statement: &Statement, params: &[ScalarValue]) -> Result<QueryResult> {
        if let Statement::UseNamespace(name) = statement {
            *self.namespace.write() = use_namespace(&self.engine, name)?;
            return Ok(QueryResult::empty());
        }
        run(&self.engine, &self.caller(), &mut Work::Autocommit, statement, params)
    }

    /// Runs one INSERT, UPDATE or DELETE for each set of parameters, in one commit:
    /// all of them or none. Returns the rows affected.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub fn execute_many(&self, sql: &str, params: &[Params]) -> Result<u64> {
        self.engine.check_open()?;
        let statements = self.engine.parse(sql)?;
        let [parsed] = statements.as_slice() else {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "only one statement can run with many sets of parameters",
            ));
        };
        let bound: Vec<Vec<ScalarValue>> =
            params.iter().map(|p| parsed.placeholders.bind_order(p)).collect::<Result<_>>()?;
        run_many(&self.engine, &self.caller(), &mut Work::Autocommit, &parsed.statement, &bound)
            .map_err(|e| with_caret(sql, e))
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
        self.engine.check_open()?;
        let upsert = mode == AppendMode::Upsert;
        append(&self.engine, &self.caller(), &mut Work::Autocommit, table, data, upsert)
    }

    /// A session of another user, with role `user` (or this session's, if that is
    /// lower), in the same namespace. The embedding program vouches for the identity.
    ///
    /// # Errors
    /// `42501` if this session's role is below `service` and the user is another.
    pub fn as_user(&self, user: &str) -> Result<Session> {
        self.engine.check_open()?;
        let user = UserId::new(user)?;
        if user != self.user && self.role < Role::Service {
            return Err(Error::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("role \"{}\" may not act for another user", self.role),
            ));
        }
        let role = if user == self.user { self.role } else { self.role.min(Role::User) };
        Ok(Session::new(self.engine.clone(), Caller { user, role, namespace: self.namespace() }))
    }

    /// Who the session acts for.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// What the session may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The namespace of unqualified names.
    #[must_use]
    pub fn namespace(&self) -> String {
        self.namespace.read().clone()
    }

    fn caller(&self) -> Caller {
        Caller { user: self.user.clone(), role: self.role, namespace: self.namespace() }
    }
}

impl Clone for Session {
    fn clone(&self) -> Session {
        Session::new(self.engine.clone(), self.caller())
    }
}
