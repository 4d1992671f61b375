//! Who connects, and where unqualified names resolve.

use adbc_core::constants::{ADBC_OPTION_PASSWORD, ADBC_OPTION_USERNAME};
use kalam_core::model::Role;
use kalam_core::{Database, Error, Result, Session, SqlState};

/// The user of a connection that names none; its role is `system`.
const OPENER: &str = "root";

/// Who connects. Options of the database, which those of a connection replace.
#[derive(Clone, Default)]
pub(super) struct Identity {
    user: Option<String>,
    password: Option<String>,
    role: Option<Role>,
    namespace: Option<String>,
}

impl Identity {
    /// Takes an option; false if it is not one of these.
    ///
    /// # Errors
    /// `22023` for an unknown role.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool> {
        match key {
            ADBC_OPTION_USERNAME | "user" | "kalamdb.user" => {
                self.user = Some(value.to_owned());
            }
            ADBC_OPTION_PASSWORD | "kalamdb.password" => self.password = Some(value.to_owned()),
            "role" | "kalamdb.role" => self.role = Some(value.parse()?),
            "namespace" | "kalamdb.namespace" => self.namespace = Some(value.to_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The value of an option. Passwords are not told.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        match key {
            ADBC_OPTION_USERNAME | "user" | "kalamdb.user" => self.user.clone(),
            "role" | "kalamdb.role" => self.role.map(|role| role.to_string()),
            "namespace" | "kalamdb.namespace" => self.namespace.clone(),
            _ => None,
        }
    }

    /// A session: with a password the user logs in, otherwise the program vouches for them,
    /// with role `user` unless it says another. Without a user the session may do
    /// everything.
    ///
    /// # Errors
    /// `28P01`; `22023` for a password without a user or with a role; `3F000`.
    pub(super) fn session(&self, database: &Database) -> Result<Session> {
        let namespace = self.namespace.as_deref();
        let Some(password) = &self.password else {
            let role = match (self.role, &self.user) {
                (Some(role), _) => role,
                (None, Some(_)) => Role::User,
                (None, None) => Role::System,
            };
            return database.session(self.user.as_deref().unwrap_or(OPENER), role, namespace);
        };
        let (Some(user), None) = (&self.user, self.role) else {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "a password goes with a user, and with no role",
            )
            .with_hint("who logs in has the role of their account"));
        };
        let session = database.login(user, password)?;
        if let Some(namespace) = namespace {
            session.use_namespace(namespace)?;
        }
        Ok(session)
    }
}
