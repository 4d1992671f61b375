//! Who owns the rows of a table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who owns the rows of a table, and how long they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// Each user has rows of their own; the primary key is unique per user.
    User,
    /// One set of rows for everybody whom the access level admits.
    Shared,
    /// Per user, hot tier only, rows leave after a time to live.
    Stream,
}

impl TableKind {
    /// The first byte of a hot key.
    #[must_use]
    pub fn key_byte(self) -> u8 {
        match self {
            TableKind::User => 1,
            TableKind::Shared => 2,
            TableKind::Stream => 3,
        }
    }

    /// The kind as SQL writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TableKind::User => "USER",
            TableKind::Shared => "SHARED",
            TableKind::Stream => "STREAM",
        }
    }
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who may use a SHARED table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLevel {
    /// Users read, services write.
    Public,
    /// Services and above.
    Private,
    /// Services and above.
    Restricted,
}

impl AccessLevel {
    /// The level as SQL writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AccessLevel::Public => "PUBLIC",
            AccessLevel::Private => "PRIVATE",
            AccessLevel::Restricted => "RESTRICTED",
        }
    }
}
