//! Rows to insert: values fitted to their columns, defaults filled in.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, new_null_array};

use crate::catalog::{ColumnDefinition, DefaultValue, Table, TableDefinition};
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::functions::{DefaultContext, table_defaults};
use crate::executor::row_writer::{RowWriter, Taken};
use crate::model::{assign, check_not_null};
use crate::{Error, Result, SqlState};

/// Which columns of a table the values of an INSERT go to, and what the others
/// become.
pub(crate) struct InsertTarget<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) caller: &'a Caller,
    table: &'a Arc<Table>,
    /// For each column of the table: the position of its value.
    sources: Vec<Option<usize>>,
    defaults: &'a [Option<DefaultValue>],
}

impl<'a> InsertTarget<'a> {
    /// Values go to `names`, in their order.
    ///
    /// # Errors
    /// `42703` for an unknown column, `42701` for one named twice.
    pub(crate) fn new<'n>(
        engine: &'a Arc<Engine>,
        caller: &'a Caller,
        table: &'a Arc<Table>,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<InsertTarget<'a>> {
        let columns = &table.definition.columns;
        let mut sources = vec![None; columns.len()];
        for (source, name) in names.enumerate() {
            let position = columns
                .iter()
                .position(|c| c.name.as_str() == name)
                .ok_or_else(|| undefined_column(table, name))?;
            if sources[position].replace(source).is_some() {
                return Err(Error::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{name}\" is named twice"),
                ));
            }
        }
        let defaults = table_defaults(table)?;
        Ok(InsertTarget { engine, caller, table, sources, defaults })
    }

    pub(crate) fn table(&self) -> &'a Arc<Table> {
        self.table
    }

    /// The column that takes the value at a position.
    pub(crate) fn column_of(&self, source: usize) -> &ColumnDefinition {
        let position = self.sources.iter().position(|s| *s == Some(source));
        &self.table.definition.columns[position.expect("every value has a column")]
    }

    /// A default for `rows` rows of the column that takes the value at a position.
    pub(crate) fn default_of(&self, source: usize, rows: usize) -> Result<ArrayRef> {
        let position = self.sources.iter().position(|s| *s == Some(source));
        self.default(position.expect("every value has a column"), rows)
    }

    fn default(&self, position: usize, rows: usize) -> Result<ArrayRef> {
        let column = &self.table.definition.columns[position];
        let Some(default) = &self.defaults[position] else {
            return Ok(new_null_array(&column.data_type.arrow_type(), rows));
        };
        let context = DefaultContext {
            now_us: self.engine.clock.now_us(),
            user: self.caller.user.as_str(),
            role: self.caller.role.as_str(),
            ids: &self.engine.ids,
        };
        assign(column, &default.array(rows, &context)?)
    }

    /// Complete columns of the table, each value fitted to its column and checked.
    ///
    /// # Errors
    /// What [`assign`] raises, `23502`.
    pub(crate) fn complete(&self, values: &[ArrayRef], rows: usize) -> Result<Vec<ArrayRef>> {
        let definition = &self.table.definition;
        let name = definition.name.to_string();
        let mut columns = Vec::with_capacity(definition.columns.len());
        for (position, column) in definition.columns.iter().enumerate() {
            let array = match self.sources[position] {
                Some(source) => assign(column, &values[source])?,
                None => self.default(position, rows)?,
            };
            check_not_null(column, &name, &array)?;
            columns.push(array);
        }
        Ok(columns)
    }

    /// New hidden keys where these are the keys.
    pub(super) fn hidden_keys(&self, rows: usize) -> Option<ArrayRef> {
        self.table.definition.has_hidden_key().then(|| {
            let ids = (0..rows).map(|_| self.engine.ids.snowflake());
            Arc::new(Int64Array::from_iter_values(ids)) as ArrayRef
        })
    }

    /// Adds complete rows to the statement's writes.
    ///
    /// # Errors
    /// `23505`.
    pub(crate) fn write(
        &self,
        writer: &mut RowWriter<'_>,
        columns: &[ArrayRef],
        rows: usize,
        taken: Taken,
    ) -> Result<()> {
        let hidden = self.hidden_keys(rows);
        writer.insert(columns, hidden.as_ref(), taken)
    }
}

/// The error for a column that a table does not have.
pub(crate) fn undefined_column(table: &Table, name: &str) -> Error {
    undefined_column_of(&table.definition, name)
}

/// As [`undefined_column`], for a definition.
pub(crate) fn undefined_column_of(table: &TableDefinition, name: &str) -> Error {
    let error = Error::new(
        SqlState::UNDEFINED_COLUMN,
        format!("column \"{name}\" of table \"{}\" does not exist", table.name),
    );
    let near = table
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .filter(|c| strsim::damerau_levenshtein(c, name) <= 2)
        .min_by_key(|c| strsim::damerau_levenshtein(c, name));
    match near {
        Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
        None => error,
    }
}
