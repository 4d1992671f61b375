//! Where segments are kept.

use serde::{Deserialize, Serialize};

use super::PathTemplate;
use crate::model::Name;

/// The storage that every database has.
pub const DEFAULT_STORAGE: &str = "local";

/// A place for segments and the layout of the paths in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StorageDefinition {
    /// The name.
    pub name: Name,
    /// Where it is.
    pub kind: StorageKind,
    /// Paths of SHARED tables.
    pub shared_tables_template: PathTemplate,
    /// Paths of USER tables.
    pub user_tables_template: PathTemplate,
    /// Milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

/// Where a storage is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A folder; a relative path starts in the database directory.
    Filesystem {
        /// The folder.
        path: String,
    },
}

impl StorageDefinition {
    /// The storage that a new database starts with.
    #[must_use]
    pub fn local(path: &str, created_at_ms: i64) -> StorageDefinition {
        let template = |text| PathTemplate::parse(text).expect("the default templates are valid");
        StorageDefinition {
            name: Name::new("storage", DEFAULT_STORAGE).expect("a valid name"),
            kind: StorageKind::Filesystem { path: path.into() },
            shared_tables_template: template("{namespace}/{tableName}"),
            user_tables_template: template("{namespace}/{tableName}/{userId}"),
            created_at_ms,
        }
    }
}
