//! A namespace.

use serde::{Deserialize, Serialize};

use crate::model::Name;

/// A folder of tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Namespace {
    /// The name.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// Milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

/// The namespace that always exists.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Namespaces that hold system views, or that other systems give a meaning to.
pub const RESERVED_NAMESPACES: [&str; 3] = ["system", "information_schema", "pg_catalog"];
