//! `system.users`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::executor::text_table::{TextColumn, TextTable};

/// Accounts, dropped ones too, by user. Users without one are not there.
///
/// Shape: user_id TEXT, role TEXT, has_password BOOLEAN, created_at DATETIME, changed_at
/// DATETIME, dropped_at DATETIME or NULL.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let accounts = moment.engine.accounts.all();
    let flags = accounts.iter().map(|(_, account)| account.password.is_some()).collect();
    let dropped = accounts.iter().map(|(_, account)| account.dropped_at_ms).collect();
    Ok(TextTable::default()
        .texts("user_id", accounts.iter().map(|(user, _)| user))
        .texts("role", accounts.iter().map(|(_, account)| account.role))
        .with("has_password", TextColumn::Flag(flags))
        .moments("created_at", accounts.iter().map(|(_, account)| account.created_at_ms))
        .moments("changed_at", accounts.iter().map(|(_, account)| account.changed_at_ms))
        .with("dropped_at", TextColumn::MomentOrNull(dropped))
        .finish())
}
