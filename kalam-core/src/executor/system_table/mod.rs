//! Namespace `system`: what the engine knows of itself, as tables for dba and system.
//!
//! One file for each table. A table is a function from the moment of a statement to a
//! batch, whose schema is the table's; a new one is a file and a line in [`TABLES`]. The
//! planner and [`resolve`](super::resolve) ask the gateway before they ask for rows.

mod audit_log;
mod columns;
mod jobs;
mod manifest;
mod namespaces;
mod schemas;
mod settings;
mod statistics;
mod stats;
mod storages;
mod tables;
mod users;
mod views;

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::engine::Engine;
use crate::store::View;
use crate::{Error, Result, SqlState};

/// The namespace of these tables.
pub(crate) const SYSTEM_NAMESPACE: &str = "system";

/// When and of what a system table tells.
pub(crate) struct Moment<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) view: &'a Arc<View>,
}

/// A table of namespace `system`.
struct SystemTable {
    name: &'static str,
    /// All its rows, in an order of their own.
    rows: fn(&Moment<'_>) -> Result<RecordBatch>,
}

/// Every table, by name.
const TABLES: &[SystemTable] = &[
    SystemTable { name: "audit_log", rows: audit_log::rows },
    SystemTable { name: "columns", rows: columns::rows },
    SystemTable { name: "jobs", rows: jobs::rows },
    SystemTable { name: "manifest", rows: manifest::rows },
    SystemTable { name: "namespaces", rows: namespaces::rows },
    SystemTable { name: "schemas", rows: schemas::rows },
    SystemTable { name: "settings", rows: settings::rows },
    SystemTable { name: "statistics", rows: statistics::rows },
    SystemTable { name: "stats", rows: stats::rows },
    SystemTable { name: "storages", rows: storages::rows },
    SystemTable { name: "tables", rows: tables::rows },
    SystemTable { name: "users", rows: users::rows },
    SystemTable { name: "views", rows: views::rows },
];

/// The rows of the table with this name.
///
/// # Errors
/// `42P01` if there is none, and what reading the catalog raises.
pub(crate) fn system_table(name: &str, moment: &Moment<'_>) -> Result<RecordBatch> {
    let table = TABLES.iter().find(|table| table.name == name).ok_or_else(|| {
        Error::new(
            SqlState::UNDEFINED_TABLE,
            format!("table \"{SYSTEM_NAMESPACE}.{name}\" does not exist"),
        )
    })?;
    (table.rows)(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_once_and_in_order() {
        assert!(TABLES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
