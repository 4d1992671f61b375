//! Tables and views under one name space, and which views use what.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{SchemaRegistry, Table, ViewDefinition};
use crate::model::{ColumnId, TableId, TableName};
use crate::{Error, Result, SqlState};

/// What a name in FROM stands for.
pub enum Relation {
    /// Rows.
    Table(Arc<Table>),
    /// A query.
    View(Arc<ViewDefinition>),
}

impl Relation {
    /// The id, from one counter for both.
    #[must_use]
    pub fn id(&self) -> TableId {
        match self {
            Relation::Table(table) => table.definition.id,
            Relation::View(view) => view.id,
        }
    }
}

impl SchemaRegistry {
    /// The table or view with this name.
    ///
    /// # Errors
    /// `42P01` if there is none; the hint says so if the namespace is what is missing.
    pub fn relation(&self, namespace: &str, name: &str) -> Result<Relation> {
        let id = self.named(namespace, name)?;
        self.relation_by_id(id)?.ok_or_else(|| undefined_table(namespace, name))
    }

    /// The table or view with this id.
    ///
    /// # Errors
    /// `XX001` if its definition does not decode.
    pub fn relation_by_id(&self, id: TableId) -> Result<Option<Relation>> {
        match self.view(id) {
            Some(view) => Ok(Some(Relation::View(view))),
            None => Ok(self.table_by_id(id)?.map(Relation::Table)),
        }
    }

    /// The views that read one of these, directly or through other views, in no order;
    /// without those that are among them.
    #[must_use]
    pub fn dependents(&self, ids: &BTreeSet<TableId>) -> Vec<Arc<ViewDefinition>> {
        let all = self.views();
        let mut known = ids.clone();
        let mut found = Vec::new();
        loop {
            let before = found.len();
            for view in &all {
                if !known.contains(&view.id) && view.uses.iter().any(|u| known.contains(&u.id)) {
                    known.insert(view.id);
                    found.push(view.clone());
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    /// The views whose query sees this column of a table.
    pub(crate) fn readers(&self, table: TableId, column: ColumnId) -> Vec<Arc<ViewDefinition>> {
        let sees = |view: &Arc<ViewDefinition>| {
            let of_table = view.uses.iter().filter(|used| used.id == table);
            of_table.flat_map(|used| &used.columns).any(|used| used.id == column)
        };
        self.views().into_iter().filter(sees).collect()
    }

    /// Refuses a definition that takes a column from a view, but for `removed` ones.
    pub(super) fn check_readers(&self, table: &Table, removed: &BTreeSet<TableId>) -> Result<()> {
        let definition = &table.definition;
        let reads = |view: &Arc<ViewDefinition>| {
            let mut of_table = view.uses.iter().filter(|used| used.id == definition.id);
            !removed.contains(&view.id) && !of_table.all(|used| used.fits(definition))
        };
        match self.views().into_iter().find(reads) {
            None => Ok(()),
            Some(view) => {
                Err(Error::conflict(format!("view \"{}\" was made by another commit", view.name)))
            }
        }
    }

    /// Everything that a view reads, through other views too.
    #[must_use]
    pub fn read_by(&self, view: &ViewDefinition) -> BTreeSet<TableId> {
        let mut found = BTreeSet::new();
        let mut open: Vec<TableId> = view.uses.iter().map(|used| used.id).collect();
        while let Some(id) = open.pop() {
            if found.insert(id)
                && let Some(view) = self.view(id)
            {
                open.extend(view.uses.iter().map(|used| used.id));
            }
        }
        found
    }
}

/// The error for a table that is not there.
pub(super) fn undefined_table(namespace: &str, table: &str) -> Error {
    Error::new(SqlState::UNDEFINED_TABLE, format!("table \"{namespace}.{table}\" does not exist"))
}

/// The error where a view stands for a table.
pub(super) fn is_a_view(view: &ViewDefinition) -> Error {
    let name = &view.name;
    if view.files.is_some() {
        return is_registered(name);
    }
    Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is a view, not a table"))
        .with_hint("views are only read; name the table that holds the rows, or use DROP VIEW")
}

/// The error where a registered table stands for one with rows of its own, or for a view.
pub(crate) fn is_registered(name: &TableName) -> Error {
    Error::new(
        SqlState::WRONG_OBJECT_TYPE,
        format!("\"{name}\" is a registered table, whose files are only read"),
    )
    .with_hint("insert its rows into another table, or use UNREGISTER TABLE")
}
