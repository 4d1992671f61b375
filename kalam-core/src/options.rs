//! How a database is opened.

use std::str::FromStr;

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

impl FromStr for Durability {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "full" => Ok(Durability::Full),
            "normal" => Ok(Durability::Normal),
            "off" => Ok(Durability::Off),
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("durability \"{text}\" is unknown"),
            )
            .with_hint("durability is 'full', 'normal' or 'off'")),
        }
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
    /// Bytes of RocksDB's block cache. Default: 256 MiB.
    pub cache_bytes: usize,
    /// Folder of the default storage's segments; relative paths start in the
    /// database directory. Default: `segments`.
    pub storage_path: String,
    /// Whether the directory is created when it is missing. Default: true.
    pub create_if_missing: bool,
    /// Rows of one segment at most; a flush of more writes several. Default: 4,000,000.
    pub segment_rows_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            durability: Durability::Full,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_limit_bytes: 2 << 30,
            cache_bytes: 256 << 20,
            storage_path: "segments".into(),
            create_if_missing: true,
            segment_rows_max: 4_000_000,
        }
    }
}

impl Options {
    /// Sets one option by its configuration key, as `connect(config=..)` and `SET`
    /// spell it: `durability`, `threads`, `memory_limit`, `cache_bytes`,
    /// `storage_path`. Sizes take `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an unknown key or
    /// a value out of range; the message names the key and what is allowed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "durability" => self.durability = value.parse()?,
            "threads" => {
                self.threads = match value.parse() {
                    Ok(n @ 1..=1024) => n,
                    _ => return Err(invalid_value(key, value, "a number from 1 to 1024")),
                };
            }
            "memory_limit" => self.memory_limit_bytes = parse_bytes(key, value, 16 << 20)?,
            "cache_bytes" => self.cache_bytes = parse_bytes(key, value, 1 << 20)?,
            "storage_path" => {
                if value.is_empty() || value.contains('\0') {
                    return Err(invalid_value(key, value, "a folder"));
                }
                self.storage_path = value.into();
            }
            _ => {
                return Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("configuration key \"{key}\" is unknown"),
                )
                .with_hint(
                    "keys are durability, threads, memory_limit, cache_bytes and storage_path",
                ));
            }
        }
        Ok(())
    }
}

fn invalid_value(key: &str, value: &str, allowed: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("value \"{value}\" of configuration key \"{key}\" is not allowed"),
    )
    .with_hint(format!("use {allowed}"))
}

fn parse_bytes(key: &str, value: &str, least: usize) -> Result<usize> {
    let text = value.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => 0usize,
    };
    text[..digits]
        .parse::<usize>()
        .ok()
        .and_then(|n| n.checked_mul(unit))
        .filter(|n| *n >= least)
        .ok_or_else(|| {
            invalid_value(
                key,
                value,
                &format!("a size of at least {least} bytes, such as '256MiB'"),
            )
        })
}
