//! Who may come in, and what is remembered of what they did.
//!
//! **Invariant**: no password leaves this module but as an argon2id hash, and no hash
//! leaves it at all.

mod account;
mod audit_log;
mod audit_record;
mod login;
mod password;
mod refusals;

pub(crate) use account::{Account, Accounts};
pub(crate) use audit_log::AuditLog;
pub(crate) use audit_record::{Actor, AuditRecord, Outcome};
pub(crate) use login::Logins;
pub(crate) use password::PasswordHash;
