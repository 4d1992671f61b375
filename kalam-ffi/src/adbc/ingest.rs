//! Ingest: bound rows into a table, which may be made for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adbc_core::constants as c;
use arrow::datatypes::Schema;
use kalam_core::env::{Clock, SystemClock};
use kalam_core::model::{KalamDataType, TableKind};
use kalam_core::{
    AppendMode, Error, Params, Result, Session, SqlState, TransactionStatus, WithinTransaction,
    guarded,
};

use super::bound::Bound;
use super::connection::{Open, check_catalog};
use super::option::{flag, flag_text, invalid_value};

/// What to do about the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Append,
    Replace,
    CreateAppend,
}

const MODES: [(&str, Mode); 4] = [
    (c::ADBC_INGEST_OPTION_MODE_CREATE, Mode::Create),
    (c::ADBC_INGEST_OPTION_MODE_APPEND, Mode::Append),
    (c::ADBC_INGEST_OPTION_MODE_REPLACE, Mode::Replace),
    (c::ADBC_INGEST_OPTION_MODE_CREATE_APPEND, Mode::CreateAppend),
];

/// The kind of a table that is created: `shared`, `user` or `stream`.
const TABLE_TYPE: &str = "kalamdb.ingest.table_type";
/// The primary key of a table that is created: column names between commas.
const PRIMARY_KEY: &str = "kalamdb.ingest.primary_key";
/// Whether a row replaces the one with its key.
const UPSERT: &str = "kalamdb.ingest.upsert";

/// Where rows go. Plain data.
#[derive(Clone)]
pub(super) struct Ingest {
    table: Option<String>,
    namespace: Option<String>,
    mode: Mode,
    kind: TableKind,
    primary_key: Vec<String>,
    upsert: bool,
}

impl Default for Ingest {
    fn default() -> Self {
        Ingest {
            table: None,
            namespace: None,
            mode: Mode::Create,
            kind: TableKind::Shared,
            primary_key: Vec::new(),
            upsert: false,
        }
    }
}

impl Ingest {
    /// Takes an option; false if it is not one of these.
    ///
    /// # Errors
    /// `22023`; `0A000` for a temporary table; `42704` for another catalog.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool> {
        match key {
            c::ADBC_INGEST_OPTION_TARGET_TABLE => self.table = Some(value.to_owned()),
            c::ADBC_INGEST_OPTION_TARGET_CATALOG => check_catalog(Some(value))?,
            c::ADBC_INGEST_OPTION_TARGET_DB_SCHEMA => {
                self.namespace = Some(value.to_owned()).filter(|name| !name.is_empty());
            }
            c::ADBC_INGEST_OPTION_TEMPORARY => {
                if flag(key, value)? {
                    return Err(Error::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "temporary tables are not there",
                    )
                    .with_hint("ingest into a table of a namespace, and drop it afterwards"));
                }
            }
            c::ADBC_INGEST_OPTION_MODE => {
                let found = MODES.iter().find(|(known, _)| *known == value);
                let known = MODES.map(|(known, _)| known).join(", ");
                self.mode = found.ok_or_else(|| invalid_value(key, value, &known))?.1;
            }
            TABLE_TYPE => self.kind = kind(key, value)?,
            PRIMARY_KEY => {
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                self.primary_key = names.map(str::to_owned).collect();
            }
            UPSERT => self.upsert = flag(key, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The value of an option.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        match key {
            c::ADBC_INGEST_OPTION_TARGET_TABLE => self.table.clone(),
            c::ADBC_INGEST_OPTION_TARGET_CATALOG => Some(super::CATALOG.to_owned()),
            c::ADBC_INGEST_OPTION_TARGET_DB_SCHEMA => self.namespace.clone(),
            c::ADBC_INGEST_OPTION_TEMPORARY => Some(flag_text(false)),
            c::ADBC_INGEST_OPTION_MODE => {
                MODES.iter().find(|(_, mode)| *mode == self.mode).map(|(key, _)| (*key).to_owned())
            }
            TABLE_TYPE => Some(self.kind.as_str().to_lowercase()),
            PRIMARY_KEY => Some(self.primary_key.join(",")),
            UPSERT => Some(flag_text(self.upsert)),
            _ => None,
        }
    }

    /// Whether rows go into a table when the statement runs.
    pub(super) fn is_set(&self) -> bool {
        self.table.is_some()
    }

    /// The next statement is SQL.
    pub(super) fn clear(&mut self) {
        self.table = None;
    }

    /// Puts the rows into the table, in one commit or the open transaction, and returns
    /// how many. A table that is made for them is made outside of a transaction, and dropped
    /// if they do not fit. A table that is replaced stays until all rows are there.
    ///
    /// # Errors
    /// `42P07` if the table is there and is to be made; `0A000` for replacing one after a
    /// write of the open transaction; what CREATE TABLE, [`Session::append`] and
    /// [`Session::replace_table`] raise.
    pub(super) fn run(&self, connection: &Arc<Open>, bound: Bound) -> Result<u64> {
        let table = self.table.as_deref().unwrap_or_default();
        let session = connection.session();
        let namespace = self.namespace.clone().unwrap_or_else(|| session.namespace());
        let mode = if self.upsert { AppendMode::Upsert } else { AppendMode::Append };
        let target = qualified(&namespace, table);
        if self.mode == Mode::Replace {
            stand_alone(connection)?;
            let beside = connection.beside();
            let new = qualified(&namespace, &new_name());
            let made = self.create(&beside, &new, &bound.schema())?;
            let rows = beside.append(&new, bound.into_reader(), mode)?;
            beside.replace_table(&target, &new)?;
            made.keep();
            return Ok(rows);
        }
        let mut made = None;
        if self.mode != Mode::Append {
            connection.check_writable()?;
            let table = self.create(&connection.beside(), &target, &bound.schema())?;
            match self.mode {
                Mode::Create => made = Some(table),
                // It may have been there before.
                _ => table.keep(),
            }
        }
        connection.admit(&[WithinTransaction::Writes])?;
        let rows = session.append(&target, bound.into_reader(), mode)?;
        if let Some(made) = made {
            made.keep();
        }
        Ok(rows)
    }

    fn create(&self, beside: &Session, target: &str, schema: &Schema) -> Result<Made> {
        beside.execute(&self.create_table(target, schema)?, &Params::None)?;
        Ok(Made { session: Some(beside.clone()), name: target.to_owned() })
    }

    /// CREATE TABLE with a column for each field. All may be NULL but those of the key.
    fn create_table(&self, target: &str, schema: &Schema) -> Result<String> {
        let mut parts = schema
            .fields()
            .iter()
            .map(|field| {
                let data_type = KalamDataType::from_arrow_field(field)?;
                Ok(format!("{} {data_type}", quoted(field.name())))
            })
            .collect::<Result<Vec<String>>>()?;
        if !self.primary_key.is_empty() {
            let names: Vec<String> = self.primary_key.iter().map(|name| quoted(name)).collect();
            parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
        }
        let if_not_exists = if self.mode == Mode::CreateAppend { "IF NOT EXISTS " } else { "" };
        let kind = self.kind.as_str();
        Ok(format!("CREATE {kind} TABLE {if_not_exists}{target} ({})", parts.join(", ")))
    }
}

/// A table that was made for rows, and goes if they do not come.
struct Made {
    /// `None` once it is to stay. No request stops what it does.
    session: Option<Session>,
    name: String,
}

impl Made {
    fn keep(mut self) {
        self.session = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let sql = format!("DROP TABLE IF EXISTS {}", self.name);
            // What the rows did wrong is the error, not what becomes of the table.
            let _ = guarded(|| session.execute(&sql, &Params::None));
        }
    }
}

/// A name that no table has: a process, a moment, and a number.
fn new_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let now = SystemClock.now_us();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("replacing_{}_{now}_{number}", std::process::id())
}

/// Makes sure that what replaces a table is in no transaction, of which it is no part: one
/// that has only read ends.
fn stand_alone(connection: &Open) -> Result<()> {
    connection.admit(&[WithinTransaction::Refused])?;
    if connection.session().transaction_status() == TransactionStatus::Idle {
        return Ok(());
    }
    Err(Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "a table cannot be replaced within a transaction that has written",
    )
    .with_hint("commit or roll back before"))
}

fn kind(key: &str, value: &str) -> Result<TableKind> {
    [TableKind::Shared, TableKind::User, TableKind::Stream]
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(value))
        .ok_or_else(|| invalid_value(key, value, "\"shared\", \"user\" or \"stream\""))
}

/// The name with its namespace.
pub(super) fn qualified(namespace: &str, table: &str) -> String {
    format!("{}.{}", quoted(namespace), quoted(table))
}

/// The name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
