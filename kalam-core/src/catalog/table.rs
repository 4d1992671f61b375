//! A table with everything that is derived from its definition, made once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::physical_plan::PhysicalExpr;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{ColumnDefinition, DefaultValue, TableDefinition, UniqueConstraint};
use crate::env::{Clock, ForwardClock};
use crate::model::{ConstraintId, KalamDataType, Name, Seq, UserKey};
use crate::store::{
    DecodeTarget, KeyCodec, Layouts, RowLayout, View, read_stored_value, scope_prefix,
};
use crate::{Error, Result, SqlState};

/// Name of the column with the commit's number.
pub const SEQ_COLUMN: &str = "_seq";
/// Name of the column that tells deleted rows.
pub const DELETED_COLUMN: &str = "_deleted";
/// Name, in segments, of the key of a table without a primary key.
pub const HIDDEN_KEY_COLUMN: &str = "_key";

/// A table as the registry hands it out. Immutable; DDL replaces it.
pub struct Table {
    /// What it is derived from.
    pub definition: Arc<TableDefinition>,
    /// User columns: what `SELECT *` returns.
    pub schema: SchemaRef,
    /// User columns, then `_seq` and `_deleted`.
    pub schema_with_system: SchemaRef,
    pub(crate) key_codec: KeyCodec,
    /// Layouts of the records of every version.
    pub(crate) layouts: Arc<Layouts>,
    /// Positions of the key columns in `schema`; empty for the hidden key.
    pub(crate) key_positions: Vec<usize>,
    /// The entries of each UNIQUE constraint.
    pub(crate) uniques: Vec<UniqueIndex>,
    /// The conditions of the CHECK constraints, in their order, once rows were written.
    pub(crate) compiled_checks: OnceLock<Vec<Arc<dyn PhysicalExpr>>>,
    /// The defaults of the columns, in their order, once rows were written.
    pub(crate) parsed_defaults: OnceLock<Vec<Option<DefaultValue>>>,
    shared: Shared,
}

/// What a table keeps when DDL replaces it.
#[derive(Clone, Default)]
struct Shared {
    /// Held for reading by whoever commits rows, for writing by DDL that promises
    /// something of all rows.
    commits: Arc<RwLock<()>>,
    /// The epoch of the last such promise: views before it may show rows that break it.
    promised: Arc<AtomicU64>,
}

/// How the entries of a UNIQUE constraint are made from rows.
pub(crate) struct UniqueIndex {
    pub(crate) id: ConstraintId,
    pub(crate) name: Name,
    /// Positions of the columns in the table's schema, in the order of the entries' keys.
    pub(crate) positions: Vec<usize>,
    pub(crate) codec: KeyCodec,
}

impl UniqueIndex {
    fn all(definition: &TableDefinition) -> Result<Vec<UniqueIndex>> {
        let one = |unique: &UniqueConstraint| {
            let position = |id| definition.columns.iter().position(|column| column.id == id);
            let positions: Option<Vec<usize>> =
                unique.columns.iter().map(|id| position(*id)).collect();
            let positions = positions.ok_or_else(|| {
                Error::new(
                    SqlState::DATA_CORRUPTED,
                    format!(
                        "constraint \"{}\" of \"{}\" names no column",
                        unique.name, definition.name
                    ),
                )
            })?;
            let types = positions.iter().map(|i| definition.columns[*i].data_type.clone());
            let codec = KeyCodec::new(types.collect())?;
            Ok(UniqueIndex { id: unique.id, name: unique.name.clone(), positions, codec })
        };
        definition.uniques.iter().map(one).collect()
    }
}

impl Table {
    /// The `_seq` below which rows of a STREAM table have outlived their time; 0 of other
    /// tables.
    pub(crate) fn expiry(&self, clock: &ForwardClock) -> Seq {
        let options = &self.definition.options;
        options
            .ttl_seconds
            .map_or(Seq(0), |_| Seq::first_of_ms(clock.now_ms().saturating_sub(options.stay_ms())))
    }

    /// Derives everything.
    ///
    /// # Errors
    /// `XX001` if the definition contradicts itself.
    pub fn new(definition: Arc<TableDefinition>) -> Result<Table> {
        let schema = definition.arrow_schema();
        let mut fields: Vec<FieldRef> = definition.columns.iter().map(system_field).collect();
        fields.push(Arc::new(seq_field()));
        // Nullable, although it never is: a condition on a column that cannot be NULL
        // may be simplified away, and a scan knows from the condition what to show.
        fields.push(Arc::new(Field::new(DELETED_COLUMN, DataType::Boolean, true)));
        let key_positions = definition
            .primary_key
            .iter()
            .map(|id| definition.columns.iter().position(|c| c.id == *id))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                Error::new(
                    SqlState::DATA_CORRUPTED,
                    format!("the primary key of table \"{}\" names no column", definition.name),
                )
            })?;
        let key_types = if key_positions.is_empty() {
            vec![KalamDataType::BigInt]
        } else {
            key_positions.iter().map(|i| definition.columns[*i].data_type.clone()).collect()
        };
        let stored = |columns: &mut dyn Iterator<Item = &ColumnDefinition>| {
            columns.map(|c| (c.id, c.data_type.clone())).collect::<Vec<_>>()
        };
        let current = RowLayout::new(definition.version, &stored(&mut definition.columns.iter()));
        let earlier = definition.clone();
        let layouts = Layouts::new(current, move |version| {
            let columns = earlier.columns_at(version)?;
            Some(stored(&mut columns.iter().map(Arc::as_ref)))
        });
        for column in &definition.columns {
            initial_value(column)?;
        }
        Ok(Table {
            schema,
            schema_with_system: Arc::new(Schema::new(fields)),
            key_codec: KeyCodec::new(key_types)?,
            layouts: Arc::new(layouts),
            key_positions,
            uniques: UniqueIndex::all(&definition)?,
            compiled_checks: OnceLock::new(),
            parsed_defaults: OnceLock::new(),
            shared: Shared::default(),
            definition,
        })
    }

    /// The same table after DDL, for whoever waits for the one before.
    pub(super) fn following(self, before: &Table) -> Table {
        Table { shared: before.shared.clone(), ..self }
    }

    /// The layout of new rows.
    pub(crate) fn layout(&self) -> &Arc<RowLayout> {
        self.layouts.current()
    }

    /// What whoever commits rows of the table holds meanwhile. Take those of several
    /// tables in the order of their ids.
    pub(crate) fn commits(&self) -> RwLockReadGuard<'_, ()> {
        self.shared.commits.read()
    }

    /// While this is held, no rows of the table are committed: what a view that is taken
    /// now shows of it stays as it is. For DDL that promises something of all rows.
    pub(crate) fn hold_commits(&self) -> RwLockWriteGuard<'_, ()> {
        self.shared.commits.write()
    }

    /// DDL promised something of the rows that views from `epoch` on show.
    pub(super) fn promise(&self, epoch: u64) {
        self.shared.promised.store(epoch, Ordering::Release);
    }

    /// Refuses a view that is older than what the definition says of the rows.
    ///
    /// # Errors
    /// `40001`.
    pub(crate) fn check_view(&self, view: &View) -> Result<()> {
        if view.epoch >= self.shared.promised.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(altered(&self.definition))
    }

    /// What the decoder of hot rows makes of a column.
    pub(crate) fn target(&self, position: usize) -> DecodeTarget {
        DecodeTarget::column(&self.definition.columns[position])
    }

    /// The first bytes of every hot key of a scope.
    pub(crate) fn scope_prefix(&self, user: UserKey) -> [u8; crate::store::SCOPE_PREFIX_LEN] {
        scope_prefix(self.definition.kind, self.definition.id, user)
    }

    /// The key columns' names, for messages.
    pub(crate) fn key_names(&self) -> Vec<&str> {
        self.key_positions.iter().map(|i| self.definition.columns[*i].name.as_str()).collect()
    }
}

/// The error for a table that is no longer what the caller knows.
pub(super) fn altered(definition: &TableDefinition) -> Error {
    Error::new(
        SqlState::SERIALIZATION_FAILURE,
        format!("table \"{}\" was altered by another commit", definition.name),
    )
    .with_hint("retry the transaction")
}

/// What rows show of a column that were written before it was added: an array of one
/// value, of the column's type.
///
/// # Errors
/// `XX001` if the definition holds no such value.
pub(crate) fn initial_value(column: &ColumnDefinition) -> Result<ArrayRef> {
    read_stored_value(&column.data_type, column.initial.as_deref())
}

/// A column beside `_deleted`: deleted rows may hold NULL where it is not allowed now.
fn system_field(column: &ColumnDefinition) -> FieldRef {
    Arc::new(column.query_field().with_nullable(column.may_hold_null()))
}

/// The Arrow field of `_seq`.
pub(crate) fn seq_field() -> Field {
    Field::new(SEQ_COLUMN, DataType::Int64, false)
}
