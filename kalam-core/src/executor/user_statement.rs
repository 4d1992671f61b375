//! Statements about users, and for other users, parsed.

use super::given::Given;
use super::statement::Statement;
use crate::model::{Role, Secret};

/// `CREATE USER`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateUser {
    /// Whether an existing user is no error.
    pub if_not_exists: bool,
    /// The user id.
    pub user: Given<String>,
    /// PASSWORD.
    pub password: Option<Given<Secret>>,
    /// ROLE.
    pub role: Role,
}

/// `ALTER USER`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlterUser {
    /// The user id.
    pub user: Given<String>,
    /// SET PASSWORD.
    pub password: Option<Given<Secret>>,
    /// SET ROLE.
    pub role: Option<Role>,
    /// SET STORAGE; `Some(None)`: that of the table again.
    pub storage: Option<Option<String>>,
}

/// `EXECUTE AS USER`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExecuteAs {
    /// Whose identity and rights it runs with.
    pub user: Given<String>,
    /// What runs.
    pub statement: Box<Statement>,
}
