//! Names of namespaces, tables, columns and storages.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, SqlState};

/// An identifier that follows the naming rules: 1 to 64 characters, letters,
/// digits and underscore, not starting with a digit or an underscore.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// Largest length, in characters.
    pub const CHARS_MAX: usize = 64;

    /// Checks a name; `what` is the object kind for the message (`"table"`).
    ///
    /// # Errors
    /// `42602`, one message for each rule that is broken.
    pub fn new(what: &str, name: &str) -> Result<Self> {
        let invalid = |problem: &str, hint: &'static str| {
            Err(Error::new(SqlState::INVALID_NAME, format!("{what} name \"{name}\" {problem}"))
                .with_hint(hint))
        };
        let Some(first) = name.chars().next() else {
            return Err(Error::new(SqlState::INVALID_NAME, format!("{what} name is empty")));
        };
        if name.chars().count() > Self::CHARS_MAX {
            return invalid("is longer than 64 characters", "use at most 64 characters");
        }
        if first.is_ascii_digit() {
            return invalid("starts with a digit", "start with a letter");
        }
        if first == '_' {
            return invalid(
                "starts with an underscore",
                "names with a leading underscore are kept for the system",
            );
        }
        if let Some(bad) = name.chars().find(|c| !(c.is_alphanumeric() || *c == '_')) {
            return invalid(
                &format!("holds the character {bad:?}"),
                "use letters, digits and underscores",
            );
        }
        Ok(Name(name.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Error;
    fn try_from(name: String) -> Result<Self> {
        Name::new("object", &name)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0.to_string()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table's name with its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The namespace.
    pub namespace: Name,
    /// The table within it.
    pub table: Name,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.table)
    }
}
