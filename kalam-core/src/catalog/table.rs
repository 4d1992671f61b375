//! A table with everything that is derived from its definition, made once.

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::PhysicalExpr;

use super::{
    ColumnDefinition, DefaultValue, StorageDefinition, TableDefinition, TablePath, UniqueConstraint,
};
use crate::model::{ConstraintId, KalamDataType, Name, SchemaVersion, UserId, UserKey};
use crate::store::{KeyCodec, RowLayout, scope_prefix};
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
    /// Layout of the current version, then of the earlier ones.
    pub(crate) layouts: Vec<Arc<RowLayout>>,
    /// Positions of the key columns in `schema`; empty for the hidden key.
    pub(crate) key_positions: Vec<usize>,
    /// The entries of each UNIQUE constraint.
    pub(crate) uniques: Vec<UniqueIndex>,
    /// The conditions of the CHECK constraints, in their order, once rows were written.
    pub(crate) compiled_checks: OnceLock<Vec<Arc<dyn PhysicalExpr>>>,
    /// The defaults of the columns, in their order, once rows were written.
    pub(crate) parsed_defaults: OnceLock<Vec<Option<DefaultValue>>>,
    path: TablePath,
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
    /// Derives everything.
    ///
    /// # Errors
    /// `XX001` if the definition contradicts itself.
    pub fn new(definition: Arc<TableDefinition>, storage: &StorageDefinition) -> Result<Table> {
        let schema = definition.arrow_schema();
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
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
        let layout = |version: SchemaVersion, columns: &[ColumnDefinition]| {
            let columns: Vec<_> = columns.iter().map(|c| (c.id, c.data_type.clone())).collect();
            Arc::new(RowLayout::new(version, &columns))
        };
        let layouts = std::iter::once(layout(definition.version, &definition.columns))
            .chain(
                definition
                    .history
                    .iter()
                    .filter(|e| e.version != definition.version)
                    .map(|e| layout(e.version, &e.columns)),
            )
            .collect();
        let template = if definition.is_per_user() {
            &storage.user_tables_template
        } else {
            &storage.shared_tables_template
        };
        let path = template.resolve_table(&definition.name);
        Ok(Table {
            schema,
            schema_with_system: Arc::new(Schema::new(fields)),
            key_codec: KeyCodec::new(key_types)?,
            layouts,
            key_positions,
            uniques: UniqueIndex::all(&definition)?,
            compiled_checks: OnceLock::new(),
            parsed_defaults: OnceLock::new(),
            path,
            definition,
        })
    }

    /// The folder of a scope's segments, relative to the storage: of a user for tables
    /// that have rows of users, else of nobody.
    #[must_use]
    pub fn segment_folder(&self, user: Option<&UserId>) -> String {
        self.path.resolve(user)
    }

    /// The layout of new rows.
    pub(crate) fn layout(&self) -> &Arc<RowLayout> {
        &self.layouts[0]
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

/// The Arrow field of `_seq`.
pub(crate) fn seq_field() -> Field {
    Field::new(SEQ_COLUMN, DataType::Int64, false)
}
