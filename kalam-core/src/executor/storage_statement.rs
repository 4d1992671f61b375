//! Statements about storages, parsed.

use std::fmt;

use crate::model::Secret;

/// `CREATE STORAGE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateStorage {
    /// Whether an existing storage is no error.
    pub if_not_exists: bool,
    /// The name, folded.
    pub name: String,
    /// TYPE.
    pub kind: String,
    /// PATH, BUCKET or CONTAINER.
    pub place: String,
    /// What else it says.
    pub clauses: StorageClauses,
}

/// `ALTER STORAGE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlterStorage {
    /// The name, folded.
    pub name: String,
    /// What it changes.
    pub clauses: StorageClauses,
}

/// What CREATE and ALTER STORAGE both can say; `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StorageClauses {
    /// SHARED_TABLES_TEMPLATE.
    pub shared: Option<String>,
    /// USER_TABLES_TEMPLATE.
    pub user: Option<String>,
    /// CREDENTIALS, all of them.
    pub credentials: Option<Vec<(String, GivenCredential)>>,
    /// CONFIG, all of it.
    pub config: Option<Vec<(String, String)>>,
}

impl StorageClauses {
    /// Whether a secret is written in it.
    pub(crate) fn hold_secret(&self) -> bool {
        let is_written =
            |(_, given): &(String, GivenCredential)| matches!(given, GivenCredential::Written(_));
        self.credentials.iter().flatten().any(is_written)
    }
}

/// A credential as a statement gives it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum GivenCredential {
    /// `env('NAME')`.
    Env(String),
    /// `file('path')`.
    File(String),
    /// `'secret'`.
    Written(Secret),
}

impl fmt::Debug for GivenCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GivenCredential::Env(name) => write!(f, "env('{name}')"),
            GivenCredential::File(path) => write!(f, "file('{path}')"),
            GivenCredential::Written(_) => f.write_str("***"),
        }
    }
}
