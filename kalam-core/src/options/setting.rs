//! The keys of the configuration: one table for `Options::set`, SET, SHOW and
//! `system.settings`.

use std::time::Duration;

use super::{Durability, Options};
use crate::{Error, Result, SqlState};

/// For whom a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingScope {
    /// For the database, from its opening on.
    Database,
    /// For a session, which begins with the database's value and may SET another.
    Session,
}

impl SettingScope {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SettingScope::Database => "database",
            SettingScope::Session => "session",
        }
    }
}

/// One key of the configuration.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) scope: SettingScope,
    /// What a value without a unit is counted in.
    pub(crate) unit: Option<&'static str>,
    pub(crate) description: &'static str,
    /// What a value may be.
    allowed: &'static str,
    read: fn(&Options) -> String,
    /// Sets it, or leaves it as it is if the value is not allowed.
    write: fn(&mut Options, &str) -> Option<()>,
}

/// Every key, by name.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        name: "auto_maintenance",
        scope: SettingScope::Database,
        unit: None,
        description: "whether segments are merged, and rows and files removed whose time is over, without a statement",
        allowed: "'on' or 'off'",
        read: |options| if options.auto_maintenance { "on" } else { "off" }.to_owned(),
        write: |options, value| {
            options.auto_maintenance = switch(value)?;
            Some(())
        },
    },
    Setting {
        name: "cache_bytes",
        scope: SettingScope::Database,
        unit: Some("bytes"),
        description: "bytes of RocksDB's block cache; decoded keys of segments take a quarter as much more",
        allowed: "a size of at least 1 MiB, such as '256MiB'",
        read: |options| options.cache_bytes.to_string(),
        write: |options, value| {
            options.cache_bytes = bytes(value, 1 << 20)?;
            Some(())
        },
    },
    Setting {
        name: "durability",
        scope: SettingScope::Database,
        unit: None,
        description: "when a commit is acknowledged: on the device (full), with the operating system (normal), without a log (off)",
        allowed: "'full', 'normal' or 'off'",
        read: |options| options.durability.as_str().to_owned(),
        write: |options, value| {
            options.durability = Durability::from_word(value)?;
            Some(())
        },
    },
    Setting {
        name: "host_key_file",
        scope: SettingScope::Database,
        unit: None,
        description: "file with the key that secrets of storages are sealed with; a relative path starts in kalamdb in the user's folder of configurations",
        allowed: "a file outside of the database directory",
        read: |options| options.host_key_file.clone(),
        write: |options, value| {
            options.host_key_file = folder(value)?;
            Some(())
        },
    },
    Setting {
        name: "hot_budget",
        scope: SettingScope::Database,
        unit: Some("bytes"),
        description: "bytes of the hot tier; beyond it rows are flushed without a policy, and writers wait for it",
        allowed: "a size of at least 1 MiB, such as '1GiB'",
        read: |options| options.hot_budget_bytes.to_string(),
        write: |options, value| {
            options.hot_budget_bytes = bytes(value, 1 << 20)?;
            Some(())
        },
    },
    Setting {
        name: "max_result_bytes",
        scope: SettingScope::Session,
        unit: Some("bytes"),
        description: "most bytes of rows that one statement returns; 0: no limit",
        allowed: "a size such as '64MiB', or 0 for no limit",
        read: |options| options.max_result_bytes.to_string(),
        write: |options, value| {
            options.max_result_bytes = bytes(value, 0)?;
            Some(())
        },
    },
    Setting {
        name: "memory_limit",
        scope: SettingScope::Database,
        unit: Some("bytes"),
        description: "bytes that the operators of all running queries hold together; sorts and joins spill beyond it",
        allowed: "a size of at least 16 MiB, such as '2GiB'",
        read: |options| options.memory_limit_bytes.to_string(),
        write: |options, value| {
            options.memory_limit_bytes = bytes(value, 16 << 20)?;
            Some(())
        },
    },
    Setting {
        name: "progress",
        scope: SettingScope::Session,
        unit: None,
        description: "whether programs with a terminal show how far long statements are",
        allowed: "'on' or 'off'",
        read: |options| if options.progress { "on" } else { "off" }.to_owned(),
        write: |options, value| {
            options.progress = switch(value)?;
            Some(())
        },
    },
    Setting {
        name: "remote_cache_bytes",
        scope: SettingScope::Database,
        unit: Some("bytes"),
        description: "bytes of copies of remote segments on the local disk",
        allowed: "a size such as '10GiB', or 0 for no copies",
        read: |options| options.remote_cache_bytes.to_string(),
        write: |options, value| {
            options.remote_cache_bytes = bytes(value, 0)?;
            Some(())
        },
    },
    Setting {
        name: "statement_timeout",
        scope: SettingScope::Session,
        unit: Some("ms"),
        description: "time that a caller waits for a statement and its rows; 0: no limit",
        allowed: "milliseconds, or a time such as '5s' or '2min'; 0 for no limit",
        read: |options| options.statement_timeout.as_millis().to_string(),
        write: |options, value| {
            options.statement_timeout = duration(value)?;
            Some(())
        },
    },
    Setting {
        name: "storage_path",
        scope: SettingScope::Database,
        unit: None,
        description: "folder of the default storage's segments; a relative path starts in the database directory",
        allowed: "a folder",
        read: |options| options.storage_path.clone(),
        write: |options, value| {
            options.storage_path = folder(value)?;
            Some(())
        },
    },
    Setting {
        name: "temp_directory",
        scope: SettingScope::Database,
        unit: None,
        description: "folder of what queries spill; a relative path starts in the database directory",
        allowed: "a folder",
        read: |options| options.temp_directory.clone(),
        write: |options, value| {
            options.temp_directory = folder(value)?;
            Some(())
        },
    },
    Setting {
        name: "threads",
        scope: SettingScope::Database,
        unit: None,
        description: "worker threads of queries",
        allowed: "a number from 1 to 1024",
        read: |options| options.threads.to_string(),
        write: |options, value| {
            let threads = value.parse().ok().filter(|n| (1..=1024).contains(n))?;
            options.threads = threads;
            Some(())
        },
    },
];

impl Setting {
    /// The setting with this name.
    pub(crate) fn find(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// The names of all, for hints.
    pub(crate) fn names() -> String {
        SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>().join(", ")
    }

    /// The value, as it is written.
    pub(crate) fn get(&self, options: &Options) -> String {
        (self.read)(options)
    }

    /// Sets the value.
    ///
    /// # Errors
    /// `22023`, saying what is allowed.
    pub(crate) fn set(&self, options: &mut Options, value: &str) -> Result<()> {
        (self.write)(options, value.trim()).ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("value \"{value}\" of configuration key \"{}\" is not allowed", self.name),
            )
            .with_hint(format!("use {}", self.allowed))
        })
    }
}

fn folder(value: &str) -> Option<String> {
    (!value.is_empty() && !value.contains('\0')).then(|| value.to_owned())
}

/// Source: PostgreSQL, "Boolean", without its abbreviations.
fn switch(value: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
    if is(["on", "true", "yes", "1"]) {
        return Some(true);
    }
    is(["off", "false", "no", "0"]).then_some(false)
}

/// Digits and what follows them.
fn with_unit(value: &str) -> Option<(u64, &str)> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    Some((value[..digits].parse().ok()?, value[digits..].trim_start()))
}

fn bytes(value: &str, least: usize) -> Option<usize> {
    let (number, unit) = with_unit(value)?;
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number.checked_mul(unit)?).ok().filter(|n| *n >= least)
}

/// Milliseconds, or a number with a unit, up to 24 days.
///
/// Source: PostgreSQL, "Numeric with Unit", and its `INT_MAX` milliseconds.
fn duration(value: &str) -> Option<Duration> {
    let (number, unit) = with_unit(value)?;
    let ms = match unit {
        "us" => number.div_ceil(1000),
        "" | "ms" => number,
        "s" => number.checked_mul(1000)?,
        "min" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    (ms <= 2_147_483_647).then(|| Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_once_and_in_order() {
        assert!(SETTINGS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn what_a_setting_shows_can_be_set() {
        let options = Options::default();
        for setting in SETTINGS {
            let mut again = options.clone();
            setting.set(&mut again, &setting.get(&options)).expect(setting.name);
            assert_eq!(setting.get(&again), setting.get(&options));
        }
    }

    #[test]
    fn values_take_units_and_are_bounded() {
        let set = |name: &str, value: &str| -> Result<String> {
            let mut options = Options::default();
            options.set(name, value)?;
            Ok(Setting::find(name).expect("known").get(&options))
        };
        for (name, value, shown) in [
            ("memory_limit", "64MiB", "67108864"),
            ("memory_limit", " 1 GB ", "1000000000"),
            ("max_result_bytes", "0", "0"),
            ("max_result_bytes", "1kb", "1000"),
            ("statement_timeout", "250", "250"),
            ("statement_timeout", "2 min", "120000"),
            ("statement_timeout", "1us", "1"),
            ("durability", "OFF", "off"),
            ("auto_maintenance", "Off", "off"),
            ("auto_maintenance", "true", "on"),
            ("temp_directory", "/tmp/x", "/tmp/x"),
        ] {
            assert_eq!(set(name, value).expect(value), shown, "{name} = {value}");
        }
        for (name, value) in [
            ("memory_limit", "1MiB"),
            ("memory_limit", "-1"),
            ("memory_limit", "1XB"),
            ("memory_limit", "99999999999GiB"),
            ("statement_timeout", "-5"),
            ("statement_timeout", "25d"),
            ("statement_timeout", "1 year"),
            ("threads", "0"),
            ("durability", "maybe"),
            ("auto_maintenance", "maybe"),
            ("storage_path", ""),
            ("nothing", "1"),
        ] {
            let error = set(name, value).expect_err(value);
            assert_eq!(error.sqlstate().as_str(), "22023", "{name} = {value}");
            assert!(error.hint().is_some());
        }
    }
}
