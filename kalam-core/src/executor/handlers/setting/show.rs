//! `SHOW` of settings.

use std::sync::Arc;

use super::set::undefined;
use crate::activity::Activity;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::statement::ShowSetting;
use crate::executor::text_table::TextTable;
use crate::model::Role;
use crate::options::{SETTINGS, Setting, SettingScope};
use crate::{Error, Options, Result, SqlState};

/// The value of a setting as one row, whose column has its name; of all, by name.
///
/// Columns of SHOW ALL: `name`, `setting`, `description` TEXT.
///
/// # Errors
/// `42704` for an unknown setting, `42501` below role dba for one of the database.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    statement: &ShowSetting,
) -> Result<QueryResult> {
    let settings = current_settings(engine);
    let Some(name) = &statement.name else {
        let shown: Vec<&Setting> = SETTINGS.iter().filter(|s| may_see(s, caller.role)).collect();
        return Ok(QueryResult::ready(
            TextTable::default()
                .texts("name", shown.iter().map(|s| s.name))
                .texts("setting", shown.iter().map(|s| s.get(&settings)))
                .texts("description", shown.iter().map(|s| s.description))
                .finish(),
        ));
    };
    let setting =
        Setting::find(name).ok_or_else(|| undefined(name).with_position(statement.position))?;
    if !may_see(setting, caller.role) {
        return Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("role {} may not read setting \"{name}\"", caller.role),
        )
        .with_position(statement.position));
    }
    let value = TextTable::default().texts(name, [setting.get(&settings)]);
    Ok(QueryResult::ready(value.finish()))
}

/// The settings of the session whose statement this thread runs.
pub(crate) fn current_settings(engine: &Engine) -> Arc<Options> {
    Activity::current()
        .map_or_else(|| engine.options.clone(), |activity| activity.settings().clone())
}

/// Those of the database tell of the machine: its folders, its memory.
fn may_see(setting: &Setting, role: Role) -> bool {
    setting.scope == SettingScope::Session || role >= Role::Dba
}
