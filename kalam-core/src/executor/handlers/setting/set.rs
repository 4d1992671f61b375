//! `SET` and `RESET`.

use crate::executor::statement::SetSetting;
use crate::options::{SETTINGS, Setting, SettingScope};
use crate::{Error, Options, Result, SqlState};

/// The settings of a session after a SET or RESET; `defaults` are the database's.
///
/// # Errors
/// `42704` for an unknown setting, `55P02` for one of the database, `22023` for a value
/// that is not allowed.
pub(crate) fn run(
    settings: &Options,
    defaults: &Options,
    statement: &SetSetting,
) -> Result<Options> {
    let mut changed = settings.clone();
    let Some(name) = &statement.name else {
        for setting in SETTINGS.iter().filter(|s| s.scope == SettingScope::Session) {
            setting.set(&mut changed, &setting.get(defaults))?;
        }
        return Ok(changed);
    };
    let setting =
        Setting::find(name).ok_or_else(|| undefined(name).with_position(statement.position))?;
    if setting.scope == SettingScope::Database {
        return Err(Error::new(
            SqlState::CANNOT_CHANGE_SETTING,
            format!("setting \"{name}\" is of the database and cannot be changed by a session"),
        )
        .with_hint("give it when the database is opened")
        .with_position(statement.position));
    }
    let default = setting.get(defaults);
    let value = statement.value.as_ref().unwrap_or(&default);
    setting.set(&mut changed, value).map_err(|e| e.with_position(statement.position))?;
    Ok(changed)
}

/// The error for a setting that is not there.
pub(super) fn undefined(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("setting \"{name}\" does not exist"))
        .with_hint(format!("settings are {}", Setting::names()))
}
