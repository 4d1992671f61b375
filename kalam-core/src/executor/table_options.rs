//! `WITH (..)` of CREATE TABLE.

use super::statement::{CreateTable, TableOption};
use crate::catalog::{Compression, FlushPolicy, TableOptions};
use crate::model::{AccessLevel, Name, TableKind};
use crate::{Error, Result, SqlState};

/// The storage of tables that name none.
pub(crate) const DEFAULT_STORAGE: &str = "local";

/// Hours that deleted rows stay visible under `_deleted`.
const DELETED_RETENTION_HOURS_DEFAULT: u32 = 168;

const DELETED_RETENTION_HOURS_MAX: u32 = 876_000;
const TTL_SECONDS_MAX: u64 = 3_153_600_000;
const FLUSH_ROWS_MAX: u32 = 10_000_000;
const FLUSH_INTERVAL_SECONDS_MAX: u32 = 7 * 24 * 60 * 60;

const KNOWN_OPTIONS: &str = "options are TYPE, STORAGE_ID, USE_USER_STORAGE, FLUSH_POLICY, \
    DELETED_RETENTION_HOURS, TTL_SECONDS, ACCESS_LEVEL and COMPRESSION";

/// The kind and the options of a new table.
///
/// # Errors
/// `22023` for an unknown option, a value that is not allowed, an option that does
/// not apply to the kind, and a STREAM table without TTL_SECONDS.
pub(crate) fn table_options(spec: &CreateTable) -> Result<(TableKind, TableOptions)> {
    let kind = kind(spec)?;
    let mut options = TableOptions {
        storage: Name::new("storage", DEFAULT_STORAGE)?,
        use_user_storage: false,
        flush_policy: None,
        deleted_retention_hours: DELETED_RETENTION_HOURS_DEFAULT,
        ttl_seconds: None,
        access_level: AccessLevel::Private,
        compression: Compression::Zstd,
    };
    set_all(&mut options, kind, &spec.options)?;
    if kind == TableKind::Stream && options.ttl_seconds.is_none() {
        return Err(invalid("STREAM table needs TTL_SECONDS".to_owned())
            .with_hint("add WITH (TTL_SECONDS = n)")
            .with_position(spec.table.position));
    }
    Ok((kind, options))
}

/// Changes the options of a table.
///
/// # Errors
/// As [`table_options`], and `0A000` for TYPE.
pub(crate) fn alter_options(
    options: &mut TableOptions,
    kind: TableKind,
    changes: &[TableOption],
) -> Result<()> {
    if let Some(option) = changes.iter().find(|option| option.name == "TYPE") {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("a {kind} table cannot become another kind of table"),
        )
        .with_hint("create a table of the other kind and INSERT .. SELECT its rows")
        .with_position(option.position));
    }
    set_all(options, kind, changes)
}

fn set_all(options: &mut TableOptions, kind: TableKind, given: &[TableOption]) -> Result<()> {
    for (index, option) in given.iter().enumerate() {
        if given[..index].iter().any(|earlier| earlier.name == option.name) {
            let message = format!("option {} is given twice", option.name);
            return Err(invalid(message).with_position(option.position));
        }
        set(options, kind, option).map_err(|e| e.with_position(option.position))?;
    }
    Ok(())
}

fn kind(spec: &CreateTable) -> Result<TableKind> {
    let Some(option) = spec.options.iter().find(|option| option.name == "TYPE") else {
        return Ok(spec.kind.unwrap_or(TableKind::Shared));
    };
    let kinds = [TableKind::User, TableKind::Shared, TableKind::Stream];
    let named = kinds.into_iter().find(|k| k.as_str().eq_ignore_ascii_case(&option.value));
    let Some(named) = named else {
        return Err(
            not_allowed(option, "use USER, SHARED or STREAM").with_position(option.position)
        );
    };
    match spec.kind {
        Some(kind) if kind != named => {
            Err(invalid(format!("CREATE {kind} TABLE contradicts option TYPE = '{named}'"))
                .with_hint("give the kind once")
                .with_position(option.position))
        }
        _ => Ok(named),
    }
}

fn set(options: &mut TableOptions, kind: TableKind, option: &TableOption) -> Result<()> {
    match option.name.as_str() {
        "TYPE" => {}
        "STORAGE_ID" => {
            options.storage = Name::new("storage", &option.value.to_lowercase())?;
        }
        "USE_USER_STORAGE" => {
            applies(option, kind, &[TableKind::User])?;
            options.use_user_storage = match option.value.to_ascii_lowercase().as_str() {
                "true" | "on" | "1" => true,
                "false" | "off" | "0" => false,
                _ => return Err(not_allowed(option, "use true or false")),
            };
        }
        "FLUSH_POLICY" => {
            applies(option, kind, &[TableKind::User, TableKind::Shared])?;
            options.flush_policy = flush_policy(option)?;
        }
        "DELETED_RETENTION_HOURS" => {
            applies(option, kind, &[TableKind::User, TableKind::Shared])?;
            let most = u64::from(DELETED_RETENTION_HOURS_MAX);
            let hours = number(option, 0, most, "hours")?;
            options.deleted_retention_hours = u32::try_from(hours).unwrap_or(u32::MAX);
        }
        "TTL_SECONDS" => {
            applies(option, kind, &[TableKind::Stream])?;
            options.ttl_seconds = Some(number(option, 1, TTL_SECONDS_MAX, "seconds")?);
        }
        "ACCESS_LEVEL" => {
            applies(option, kind, &[TableKind::Shared])?;
            options.access_level =
                [AccessLevel::Public, AccessLevel::Private, AccessLevel::Restricted]
                    .into_iter()
                    .find(|level| level.as_str().eq_ignore_ascii_case(&option.value))
                    .ok_or_else(|| not_allowed(option, "use PUBLIC, PRIVATE or RESTRICTED"))?;
        }
        "COMPRESSION" => {
            options.compression = compression_from(&option.value)
                .ok_or_else(|| not_allowed(option, "use zstd, lz4, snappy or none"))?;
        }
        name => {
            return Err(invalid(format!("option {name} is unknown")).with_hint(KNOWN_OPTIONS));
        }
    }
    Ok(())
}

fn applies(option: &TableOption, kind: TableKind, kinds: &[TableKind]) -> Result<()> {
    if kinds.contains(&kind) {
        return Ok(());
    }
    let allowed: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    Err(invalid(format!("option {} does not apply to {kind} tables", option.name))
        .with_hint(format!("it applies to {} tables", allowed.join(" and "))))
}

/// `rows:N`, `interval:N`, both in either order, or `none`.
fn flush_policy(option: &TableOption) -> Result<Option<FlushPolicy>> {
    const ALLOWED: &str = "use 'rows:N', 'interval:N' or 'rows:N,interval:N' with 1 to 10,000,000 \
        rows and 1 to 604,800 seconds, or 'none'";
    if option.value.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let refused = || not_allowed(option, ALLOWED);
    let mut policy = FlushPolicy { rows: None, interval_seconds: None };
    for part in option.value.split(',') {
        let (name, value) = part.split_once(':').ok_or_else(refused)?;
        let (place, most) = match name.trim().to_ascii_lowercase().as_str() {
            "rows" => (&mut policy.rows, FLUSH_ROWS_MAX),
            "interval" => (&mut policy.interval_seconds, FLUSH_INTERVAL_SECONDS_MAX),
            _ => return Err(refused()),
        };
        let value = value.trim().parse::<u32>().ok().filter(|n| (1..=most).contains(n));
        if place.is_some() {
            return Err(refused());
        }
        *place = Some(value.ok_or_else(refused)?);
    }
    Ok(Some(policy))
}

fn compression_from(word: &str) -> Option<Compression> {
    [Compression::Zstd, Compression::Lz4, Compression::Snappy, Compression::None]
        .into_iter()
        .find(|compression| compression_name(*compression).eq_ignore_ascii_case(word))
}

/// The word of a compression in SQL.
pub(crate) fn compression_name(compression: Compression) -> &'static str {
    match compression {
        Compression::Zstd => "zstd",
        Compression::Lz4 => "lz4",
        Compression::Snappy => "snappy",
        Compression::None => "none",
    }
}

/// The value of FLUSH_POLICY.
pub(crate) fn flush_policy_text(policy: FlushPolicy) -> String {
    let rows = policy.rows.map(|n| format!("rows:{n}"));
    let interval = policy.interval_seconds.map(|n| format!("interval:{n}"));
    [rows, interval].into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// The options that differ from what CREATE TABLE would take without them, with
/// their values as SQL.
pub(crate) fn written_options(kind: TableKind, options: &TableOptions) -> Vec<(&str, String)> {
    let quoted = |text: &str| format!("'{text}'");
    let mut written = Vec::new();
    if options.storage.as_str() != DEFAULT_STORAGE {
        written.push(("STORAGE_ID", quoted(options.storage.as_str())));
    }
    if options.use_user_storage {
        written.push(("USE_USER_STORAGE", "true".to_owned()));
    }
    if let Some(policy) = options.flush_policy {
        written.push(("FLUSH_POLICY", quoted(&flush_policy_text(policy))));
    }
    if options.deleted_retention_hours != DELETED_RETENTION_HOURS_DEFAULT {
        written.push(("DELETED_RETENTION_HOURS", options.deleted_retention_hours.to_string()));
    }
    if let Some(seconds) = options.ttl_seconds {
        written.push(("TTL_SECONDS", seconds.to_string()));
    }
    if kind == TableKind::Shared && options.access_level != AccessLevel::Private {
        written.push(("ACCESS_LEVEL", quoted(options.access_level.as_str())));
    }
    if options.compression != Compression::Zstd {
        written.push(("COMPRESSION", quoted(compression_name(options.compression))));
    }
    written
}

fn number(option: &TableOption, least: u64, most: u64, unit: &str) -> Result<u64> {
    option
        .value
        .parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| not_allowed(option, &format!("use {least} to {most} {unit}")))
}

fn not_allowed(option: &TableOption, allowed: &str) -> Error {
    invalid(format!("value '{}' of option {} is not allowed", option.value, option.name))
        .with_hint(allowed.to_owned())
}

fn invalid(message: String) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
