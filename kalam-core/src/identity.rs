//! Who a program connects as, by what it says of them.

use crate::model::Role;
use crate::{Database, Error, Result, Session, SqlState};

/// The user of a connection that names none; its role is `system`.
const OPENER: &str = "root";

/// Who connects: a user for whom the program vouches, or one who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a>(Kind<'a>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind<'a> {
    /// The program says so.
    Vouched { user: &'a str, role: Role },
    /// The password says so.
    LogsIn { user: &'a str, password: &'a str },
}

impl<'a> Identity<'a> {
    /// Without `user` and `role` it may do everything. With `user` it acts for that user with
    /// role `user`, unless `role` says otherwise. With `user` and `password` the user logs in
    /// and has the role of their account.
    ///
    /// # Errors
    /// `22023` for an unknown role, and for a password without a user or with a role.
    pub fn of(
        user: Option<&'a str>,
        role: Option<&str>,
        password: Option<&'a str>,
    ) -> Result<Self> {
        let Some(password) = password else {
            let role = match role {
                Some(role) => role.parse()?,
                None if user.is_some() => Role::User,
                None => Role::System,
            };
            return Ok(Identity(Kind::Vouched { user: user.unwrap_or(OPENER), role }));
        };
        match (user, role) {
            (Some(user), None) => Ok(Identity(Kind::LogsIn { user, password })),
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "a password goes with a user, and with no role",
            )
            .with_hint("who logs in has the role of their account")),
        }
    }

    /// Their session; unqualified names resolve in `namespace` (`default` if none is given).
    ///
    /// # Errors
    /// As [`Database::session`] and [`Database::login`].
    pub fn session(&self, database: &Database, namespace: Option<&str>) -> Result<Session> {
        match self.0 {
            Kind::Vouched { user, role } => database.session(user, role, namespace),
            Kind::LogsIn { user, password } => {
                let session = database.login(user, password)?;
                if let Some(namespace) = namespace {
                    session.use_namespace(namespace)?;
                }
                Ok(session)
            }
        }
    }
}
