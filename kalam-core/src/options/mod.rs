//! How a database is opened.

mod setting;

use std::str::FromStr;
use std::time::Duration;

pub(crate) use self::setting::{SETTINGS, Setting, SettingScope};
use crate::{Error, Result, SqlState};

/// When a commit is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After the log is on the device: survives a power failure.
    #[default]
    Full,
    /// After the log is with the operating system: survives a process crash; a
    /// power failure loses at most the last 100 ms.
    Normal,
    /// Without a log: for tests and data that can be rebuilt.
    Off,
}

impl Durability {
    fn from_word(word: &str) -> Option<Durability> {
        [Durability::Full, Durability::Normal, Durability::Off]
            .into_iter()
            .find(|durability| durability.as_str().eq_ignore_ascii_case(word))
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Durability::Full => "full",
            Durability::Normal => "normal",
            Durability::Off => "off",
        }
    }
}

impl FromStr for Durability {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Durability::from_word(text).ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("durability \"{text}\" is unknown"),
            )
            .with_hint("durability is 'full', 'normal' or 'off'")
        })
    }
}

/// How a database is opened. Plain data; [`Default`] suits an application.
#[derive(Clone, Debug)]
pub struct Options {
    /// When a commit is acknowledged. Default: `Full`.
    pub durability: Durability,
    /// Worker threads of queries. Default: the number of cores.
    pub threads: usize,
    /// Bytes that operators of all running queries may hold together; beyond it
    /// sorts and joins spill, and what cannot spill fails with `53200`.
    /// Default: 2 GiB.
    pub memory_limit_bytes: usize,
    /// Bytes of RocksDB's block cache. What is kept of segments - blocks of columns and keys,
    /// decoded, and what is known of open files - takes three quarters as much at most, and
    /// sketches of hot vectors a quarter.
    /// Default: 256 MiB.
    pub cache_bytes: usize,
    /// Folder of the default storage's segments; relative paths start in the
    /// database directory. Default: `segments`.
    pub storage_path: String,
    /// The file with the key that secrets of storages are sealed with, made when it is
    /// missing; it should not lie in the database directory. A relative path starts in
    /// `kalamdb` in the user's folder of configurations. Default: `host.key`.
    pub host_key_file: String,
    /// Bytes of copies of remote segments on the local disk. Default: 10 GiB.
    pub remote_cache_bytes: usize,
    /// Folder of what queries write to disk when memory is short; relative paths start
    /// in the database directory. What is left in it from a crash is removed at open. A
    /// database in memory uses the system's folder instead of a relative path. Default:
    /// `temp`.
    pub temp_directory: String,
    /// How long a caller waits for a statement and its rows before it fails with
    /// `57014`; the time that the caller takes between batches does not count. Zero: no
    /// limit. A session may SET another. Default: zero.
    pub statement_timeout: Duration,
    /// Most bytes of rows that one statement returns, in Arrow's form; more fail with
    /// `54000`. Zero: no limit. A session may SET another. Default: zero.
    pub max_result_bytes: usize,
    /// Whether the directory is created when it is missing. Default: true.
    pub create_if_missing: bool,
    /// Rows of one segment at most; a flush of more writes several. Default: 4,000,000.
    pub segment_rows_max: usize,
    /// Bytes of the hot tier, in memory and on disk. Beyond it owners of 1,000 rows and more
    /// are flushed, whatever the policy of their tables, and each commit of rows waits for
    /// 5 ms meanwhile. Default: 1 GiB.
    pub hot_budget_bytes: usize,
    /// Whether segments are merged, rows whose time is over removed and files that nobody
    /// reads deleted without a statement, by a thread that sleeps until one of them is due.
    /// Otherwise STORAGE COMPACT and VACUUM do it. Default: true.
    pub auto_maintenance: bool,
    /// Whether programs with a terminal show how far long statements are. A session may SET
    /// another. Default: false.
    pub progress: bool,
    /// Rows of one append or INSERT .. SELECT from which on they go straight to segments,
    /// past the hot tier. Default: 50,000.
    pub ingest_rows_min: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            durability: Durability::Full,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_limit_bytes: 2 << 30,
            cache_bytes: 256 << 20,
            storage_path: "segments".into(),
            host_key_file: "host.key".into(),
            remote_cache_bytes: 10 << 30,
            temp_directory: "temp".into(),
            statement_timeout: Duration::ZERO,
            max_result_bytes: 0,
            create_if_missing: true,
            segment_rows_max: 4_000_000,
            hot_budget_bytes: 1 << 30,
            auto_maintenance: true,
            progress: false,
            ingest_rows_min: 50_000,
        }
    }
}

impl Options {
    /// Sets one option by its configuration key, as `connect(config=..)` and `SET`
    /// spell it: `auto_maintenance`, `cache_bytes`, `durability`, `host_key_file`,
    /// `hot_budget`, `max_result_bytes`, `memory_limit`, `progress`, `remote_cache_bytes`,
    /// `statement_timeout`, `storage_path`, `temp_directory`, `threads`. Sizes take `KB`,
    /// `MB`, `GB`, `KiB`, `MiB`, `GiB`; times are milliseconds or take `us`, `ms`, `s`,
    /// `min`, `h`, `d`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an unknown key or
    /// a value out of range; the message names the key and what is allowed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let setting = Setting::find(key).ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("configuration key \"{key}\" is unknown"),
            )
            .with_hint(format!("keys are {}", Setting::names()))
        })?;
        setting.set(self, value)
    }
}
