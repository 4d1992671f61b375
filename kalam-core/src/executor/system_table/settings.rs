//! `system.settings`.

use arrow::array::RecordBatch;

use super::Moment;
use crate::executor::handlers::setting::show::current_settings;
use crate::executor::text_table::{TextColumn, TextTable};
use crate::options::SETTINGS;
use crate::{Options, Result};

/// One row for each setting, by name: its value in this session, and what it is when
/// nobody sets it.
///
/// Shape: name TEXT, value TEXT, default TEXT, unit TEXT or NULL, scope TEXT ('session' or
/// 'database'), description TEXT.
pub(super) fn rows(moment: &Moment<'_>) -> Result<RecordBatch> {
    let settings = current_settings(moment.engine);
    let defaults = Options::default();
    let units = SETTINGS.iter().map(|s| s.unit.map(str::to_owned)).collect();
    Ok(TextTable::default()
        .texts("name", SETTINGS.iter().map(|s| s.name))
        .texts("value", SETTINGS.iter().map(|s| s.get(&settings)))
        .texts("default", SETTINGS.iter().map(|s| s.get(&defaults)))
        .with("unit", TextColumn::TextOrNull(units))
        .texts("scope", SETTINGS.iter().map(|s| s.scope.as_str()))
        .texts("description", SETTINGS.iter().map(|s| s.description))
        .finish())
}
