//! `system.audit_log`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::Result;
use crate::executor::text_table::{TextColumn, TextTable};
use crate::security::AuditRecord;

/// The audit log, oldest first: the newest 100,000 records.
///
/// Shape: number BIGINT, at DATETIME, user_id TEXT or NULL, role TEXT or NULL, subject TEXT
/// or NULL, action TEXT, object TEXT or NULL, outcome TEXT, detail TEXT or NULL.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let records = moment.engine.audit.records(&moment.view.snapshot)?;
    let texts = |text: &dyn Fn(&AuditRecord) -> Option<String>| {
        TextColumn::TextOrNull(records.iter().map(|(_, record)| text(record)).collect())
    };
    Ok(TextTable::default()
        .numbers("number", records.iter().map(|(number, _)| *number))
        .moments("at", records.iter().map(|(_, record)| record.at_ms))
        .with("user_id", texts(&|record| record.user.as_ref().map(ToString::to_string)))
        .with("role", texts(&|record| record.role.map(|role| role.to_string())))
        .with("subject", texts(&|record| record.subject.as_ref().map(ToString::to_string)))
        .texts("action", records.iter().map(|(_, record)| &record.action))
        .with("object", texts(&|record| record.object.clone()))
        .texts("outcome", records.iter().map(|(_, record)| record.outcome.as_str()))
        .with("detail", texts(&|record| record.detail.clone()))
        .finish())
}
