//! Ingest: bound rows into a table, which may be made for them.

use std::sync::Arc;

use adbc_core::constants as c;
use arrow::datatypes::Schema;
use kalam_core::model::{KalamDataType, TableKind};
use kalam_core::{AppendMode, Error, Params, Result, Session, SqlState, WithinTransaction};

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
    /// how many. A table that was made for them is made outside of a transaction, and
    /// dropped if they do not fit.
    ///
    /// # Errors
    /// `42P07` if the table is there and is to be made, and what CREATE TABLE and
    /// [`Session::append`] raise.
    pub(super) fn run(&self, connection: &Arc<Open>, bound: Bound) -> Result<u64> {
        let table = self.table.as_deref().unwrap_or_default();
        let session = connection.session();
        let namespace = self.namespace.clone().unwrap_or_else(|| session.namespace());
        let target = format!("{}.{}", quoted(&namespace), quoted(table));
        let beside = connection.beside();
        let creates = self.mode != Mode::Append;
        if creates {
            connection.check_writable()?;
            self.create(&beside, &target, bound.schema())?;
        }
        let mode = if self.upsert { AppendMode::Upsert } else { AppendMode::Append };
        let appended = connection
            .admit(&[WithinTransaction::Writes])
            .and_then(|()| session.append(&target, bound.into_reader(), mode));
        if appended.is_err() && matches!(self.mode, Mode::Create | Mode::Replace) {
            // What the rows did wrong is the error, not what becomes of the table.
            let _ = beside.execute(&format!("DROP TABLE IF EXISTS {target}"), &Params::None);
        }
        appended
    }

    fn create(&self, beside: &Session, target: &str, schema: &Schema) -> Result<()> {
        let create = self.create_table(target, schema)?;
        if self.mode == Mode::Replace {
            beside.execute(&format!("DROP TABLE IF EXISTS {target}"), &Params::None)?;
        }
        beside.execute(&create, &Params::None).map(drop)
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

fn kind(key: &str, value: &str) -> Result<TableKind> {
    [TableKind::Shared, TableKind::User, TableKind::Stream]
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(value))
        .ok_or_else(|| invalid_value(key, value, "\"shared\", \"user\" or \"stream\""))
}

/// The name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
