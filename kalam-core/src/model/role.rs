//! What a session may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, SqlState};

/// The rights of a session, each role including those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads SHARED PUBLIC tables.
    Anonymous,
    /// Owns rows of USER and STREAM tables, reads SHARED PUBLIC tables.
    User,
    /// Writes SHARED tables, acts for users, flushes.
    Service,
    /// Defines tables and storages, reads the namespace `system`.
    Dba,
    /// Everything, users and roles included.
    System,
}

impl Role {
    /// The name as SQL writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Anonymous => "anonymous",
            Role::User => "user",
            Role::Service => "service",
            Role::Dba => "dba",
            Role::System => "system",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        [Role::Anonymous, Role::User, Role::Service, Role::Dba, Role::System]
            .into_iter()
            .find(|role| role.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("role \"{text}\" is unknown"))
                    .with_hint("roles are anonymous, user, service, dba and system")
            })
    }
}
