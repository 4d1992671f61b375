//! KalamDB: an embedded SQL database for applications that keep data for many users.
//!
//! Recent rows live in RocksDB, history in Parquet, one SQL reads both, every
//! result is Arrow. Open a [`Database`], take a [`Session`] from it for a user,
//! and [`execute`](Session::execute) SQL.

mod error;
mod guard;

/// Ids, names, types and their Arrow form. No I/O.
pub mod model;

/// Clock and id sources: the only source of time and randomness.
pub mod env;

/// A statement at work: its settings, and what stops it.
mod activity;

/// Distances between vectors, and the nearest of many.
mod vector;

/// RocksDB: key and row codecs, entities, snapshots, the commit pipeline.
mod store;

/// Table definitions, schema versions, namespaces, storages, users; the registry.
pub mod catalog;

/// Accounts, passwords, logins, and the audit log.
mod security;

/// Hot to cold: segments, manifest, deletion vectors, recovery.
mod flush;

/// Backups of a whole database, and the way back.
mod backup;

/// Jobs: records, attempts, progress, stopping, what a crash leaves.
mod jobs;

/// One table provider over hot rows and segments.
mod scan;

/// SQL in, Arrow out.
mod executor;

#[cfg(debug_assertions)]
#[doc(hidden)]
pub mod decoding;

mod database;
mod identity;
mod options;
mod session;

pub use activity::StopRequest;
pub use database::Database;
pub use datafusion::common::ScalarValue;
pub use error::{Error, ErrorKind, Position, Result, SqlState};
pub use executor::{
    CancelHandle, Counters, IsolationLevel, NamedData, ParamColumns, Params, PreparedStatement,
    QueryResult, WithinTransaction,
};
pub use guard::guarded;
pub use identity::Identity;
pub use options::{Durability, Options};
pub use session::{AppendMode, Session, StatementProgress, TransactionStatus};
