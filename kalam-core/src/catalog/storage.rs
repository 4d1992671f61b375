//! Where segments are kept.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::PathTemplate;
use crate::model::Name;

/// The storage that every database has.
pub const DEFAULT_STORAGE: &str = "local";

/// The template of SHARED tables where none is given.
pub(crate) const SHARED_TABLES_TEMPLATE: &str = "{namespace}/{tableName}";
/// The template of USER tables where none is given.
pub(crate) const USER_TABLES_TEMPLATE: &str = "{namespace}/{tableName}/{userId}";

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
    /// What an object store asks for, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credentials: BTreeMap<String, Credential>,
    /// How an object store is reached, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// Counts up with each ALTER STORAGE.
    #[serde(default)]
    pub revision: u64,
    /// Milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

/// Where a storage is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A folder; a relative path starts in the database directory.
    Filesystem {
        /// The folder.
        path: String,
    },
    /// A bucket of S3, or of what speaks its protocol.
    S3 {
        /// The bucket, and perhaps a slash and the prefix of all paths in it.
        bucket: String,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// As of S3.
        bucket: String,
    },
    /// A container of Azure Blob Storage.
    Azure {
        /// As of S3.
        bucket: String,
    },
}

impl StorageKind {
    /// The word of SQL.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            StorageKind::Filesystem { .. } => "filesystem",
            StorageKind::S3 { .. } => "s3",
            StorageKind::Gcs { .. } => "gcs",
            StorageKind::Azure { .. } => "azure",
        }
    }

    /// Whether it is an object store: what lies in it was uploaded.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        !matches!(self, StorageKind::Filesystem { .. })
    }

    /// The folder, or the bucket with its prefix.
    #[must_use]
    pub fn place(&self) -> &str {
        match self {
            StorageKind::Filesystem { path } => path,
            StorageKind::S3 { bucket }
            | StorageKind::Gcs { bucket }
            | StorageKind::Azure { bucket } => bucket,
        }
    }
}

/// Where a secret of a storage is found. The secret itself is in none of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credential {
    /// In an environment variable with this name.
    Env(String),
    /// In the first line of this file.
    File(String),
    /// Here, encrypted with the key of the host.
    Sealed(String),
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credential::Env(name) => write!(f, "env('{name}')"),
            Credential::File(path) => write!(f, "file('{path}')"),
            Credential::Sealed(_) => f.write_str("***"),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StorageDefinition {
    /// The storage that a new database starts with.
    #[must_use]
    pub fn local(path: &str, created_at_ms: i64) -> StorageDefinition {
        let template = |text| PathTemplate::parse(text).expect("the default templates are valid");
        StorageDefinition {
            name: Name::new("storage", DEFAULT_STORAGE).expect("a valid name"),
            kind: StorageKind::Filesystem { path: path.into() },
            shared_tables_template: template(SHARED_TABLES_TEMPLATE),
            user_tables_template: template(USER_TABLES_TEMPLATE),
            credentials: BTreeMap::new(),
            config: BTreeMap::new(),
            revision: 0,
            created_at_ms,
        }
    }

    /// Whether files are where the other definition has them, and reached the same way.
    pub(crate) fn is_same_place(&self, other: &StorageDefinition) -> bool {
        self.kind == other.kind
            && self.credentials == other.credentials
            && self.config == other.config
    }
}
