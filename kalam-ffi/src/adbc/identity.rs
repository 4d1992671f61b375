//! Who connects, and where unqualified names resolve.

use adbc_core::constants::{ADBC_OPTION_PASSWORD, ADBC_OPTION_USERNAME};
use kalam_core::model::Role;
use kalam_core::{Database, Result, Session};

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
        let role = self.role.map(Role::as_str);
        kalam_core::Identity::of(self.user.as_deref(), role, self.password.as_deref())?
            .session(database, self.namespace.as_deref())
    }
}
