//! The only place where a name becomes a table.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use dashmap::DashMap;

use super::placement::Storages;
use super::relation::{is_a_view, undefined_table};
use super::table::altered;
use super::{Namespace, StorageDefinition, Table, TableDefinition, ViewDefinition, ViewUse};
use crate::model::{Name, Seq, TableId, TableName};
use crate::store::{Batch, Change, EntityKey, EntityStore, Family, Store, WriteSet};
use crate::{Error, Result, SqlState};

impl EntityKey for TableId {
    fn encode(&self, out: &mut Vec<u8>) {
        self.get().encode(out);
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        u32::decode(bytes).map(TableId)
    }
}

impl EntityKey for TableName {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.namespace.as_str().as_bytes());
        out.push(0);
        out.extend_from_slice(self.table.as_str().as_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (namespace, table) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
        Some(TableName {
            namespace: Name::new("namespace", namespace).ok()?,
            table: Name::new("table", table).ok()?,
        })
    }
}

const DEFINITIONS: EntityStore<TableId, TableDefinition> =
    EntityStore::new(Family::Catalog, b't', "a table definition");
const VIEWS: EntityStore<TableId, ViewDefinition> =
    EntityStore::new(Family::Catalog, b'v', "a view definition");
const NAMES: EntityStore<TableName, TableId> =
    EntityStore::new(Family::Catalog, b'n', "a table name");
const NAMESPACES: EntityStore<String, Namespace> =
    EntityStore::new(Family::Catalog, b's', "a namespace");
const LAST_TABLE: EntityStore<String, TableId> =
    EntityStore::new(Family::Catalog, b'T', "the table counter");

/// Names, and tables read on first use. DDL changes it in the commit that makes the
/// change durable, so it never disagrees with the disk.
pub struct SchemaRegistry {
    store: Arc<Store>,
    /// Of tables and views.
    names: DashMap<TableName, TableId>,
    /// All of them: what depends on what must be known before anything changes.
    views: DashMap<TableId, Arc<ViewDefinition>>,
    tables: DashMap<TableId, Arc<Table>>,
    namespaces: DashMap<Name, Arc<Namespace>>,
    pub(super) storages: Storages,
    last_table: AtomicU32,
    version: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl SchemaRegistry {
    /// Reads the names; definitions are read when they are asked for, so that a
    /// thousand tables with long histories open at once.
    pub(crate) fn load(store: &Arc<Store>) -> Result<SchemaRegistry> {
        let view = store.view();
        let snapshot = &view.snapshot;
        let registry = SchemaRegistry {
            names: NAMES.scan(snapshot, &[])?.into_iter().collect(),
            views: VIEWS
                .scan(snapshot, &[])?
                .into_iter()
                .map(|(id, view)| (id, Arc::new(view)))
                .collect(),
            tables: DashMap::new(),
            namespaces: NAMESPACES
                .scan(snapshot, &[])?
                .into_iter()
                .map(|(_, n)| (n.name.clone(), Arc::new(n)))
                .collect(),
            storages: Storages::load(snapshot)?,
            last_table: AtomicU32::new(
                LAST_TABLE.get(snapshot, &String::new())?.map_or(0, TableId::get),
            ),
            version: AtomicU64::new(1),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            store: store.clone(),
        };
        drop(view);
        Ok(registry)
    }

    /// The table with this name.
    ///
    /// # Errors
    /// `42P01` if there is none; the hint says so if the namespace is what is missing.
    /// `42809` if it is a view.
    pub fn table(&self, namespace: &str, table: &str) -> Result<Arc<Table>> {
        let id = self.named(namespace, table)?;
        match self.view(id) {
            Some(view) => Err(is_a_view(&view)),
            None => self.table_by_id(id)?.ok_or_else(|| undefined_table(namespace, table)),
        }
    }

    /// The table or view that has this name.
    pub(super) fn named(&self, namespace: &str, table: &str) -> Result<TableId> {
        let missing = || undefined_table(namespace, table);
        let name = Name::new("namespace", namespace)
            .and_then(|namespace| Ok(TableName { namespace, table: Name::new("table", table)? }))
            .map_err(|_| missing())?;
        let id = self.names.get(&name).map(|id| *id);
        match id {
            Some(id) => Ok(id),
            None if self.namespaces.contains_key(&name.namespace) => Err(missing()),
            None => Err(missing().with_hint(format!("namespace \"{namespace}\" does not exist"))),
        }
    }

    /// The table with this id.
    ///
    /// # Errors
    /// `XX001` if its definition does not decode.
    pub fn table_by_id(&self, id: TableId) -> Result<Option<Arc<Table>>> {
        if let Some(table) = self.tables.get(&id) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(table.clone()));
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let version = self.version();
        let Some(definition) = DEFINITIONS.get(&self.store.view().snapshot, &id)? else {
            return Ok(None);
        };
        let table = Arc::new(self.derive(Arc::new(definition))?);
        // A definition read before a DDL commit must not replace the one after it.
        if self.version() == version {
            return Ok(Some(self.tables.entry(id).or_insert(table).clone()));
        }
        Ok(Some(table))
    }

    /// The view with this id.
    pub(crate) fn view(&self, id: TableId) -> Option<Arc<ViewDefinition>> {
        self.views.get(&id).map(|view| view.clone())
    }

    /// All views, by name.
    #[must_use]
    pub fn views(&self) -> Vec<Arc<ViewDefinition>> {
        let mut all: Vec<_> = self.views.iter().map(|view| view.value().clone()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// What a definition says, before it is committed.
    ///
    /// # Errors
    /// `42704` for an unknown storage.
    pub(crate) fn derive(&self, definition: Arc<TableDefinition>) -> Result<Table> {
        let storage = self.storage(&definition.options.storage)?;
        let table = Table::new(definition)?;
        self.storages.path(&table, &storage);
        Ok(table)
    }

    /// The storage with this name.
    ///
    /// # Errors
    /// `42704` if there is none.
    pub fn storage(&self, name: &Name) -> Result<Arc<StorageDefinition>> {
        self.storages.get(name)
    }

    /// All storages, by name.
    #[must_use]
    pub fn storages(&self) -> Vec<Arc<StorageDefinition>> {
        self.storages.all()
    }

    /// Tables that were read already and name this storage.
    pub(super) fn tables_of_storage(&self, name: &Name) -> usize {
        self.tables.iter().filter(|table| table.definition.options.storage == *name).count()
    }

    /// Whether the namespace exists.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        Name::new("namespace", name).is_ok_and(|name| self.namespaces.contains_key(&name))
    }

    /// The namespace with this name.
    ///
    /// # Errors
    /// `3F000`.
    pub(crate) fn namespace(&self, name: &str) -> Result<Arc<Namespace>> {
        let found = Name::new("namespace", name)
            .ok()
            .and_then(|name| self.namespaces.get(&name).map(|namespace| namespace.clone()));
        found.ok_or_else(|| undefined_namespace(name))
    }

    /// All namespaces, by name.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        let mut all: Vec<_> = self.namespaces.iter().map(|n| n.value().clone()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// All tables, by name.
    ///
    /// # Errors
    /// `XX001` if a definition does not decode.
    pub fn tables(&self) -> Result<Vec<Arc<Table>>> {
        let mut names: Vec<_> = self.names.iter().map(|e| (e.key().clone(), *e.value())).collect();
        names.sort();
        let tables: Result<Vec<_>> =
            names.into_iter().map(|(_, id)| self.table_by_id(id)).collect();
        Ok(tables?.into_iter().flatten().collect())
    }

    /// The tables that have a flush policy, read from disk and left there.
    ///
    /// # Errors
    /// `XX001` if a definition does not decode.
    pub(crate) fn tables_with_policy(&self) -> Result<Vec<TableId>> {
        let tables = DEFINITIONS.scan(&self.store.view().snapshot, &[])?;
        let has_one = |table: &TableDefinition| table.options.flush_policy.is_some();
        Ok(tables.into_iter().filter(|(_, table)| has_one(table)).map(|(id, _)| id).collect())
    }

    /// Counts up with every DDL commit.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Lookups answered from memory, and from disk.
    #[must_use]
    pub fn counters(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Folders made of a template that was resolved before, and templates resolved.
    #[must_use]
    pub fn path_counters(&self) -> (u64, u64) {
        self.storages.path_counters()
    }

    /// A new table id. One that is not used is lost, which costs nothing.
    pub(crate) fn next_table_id(&self) -> TableId {
        TableId(self.last_table.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// The commit that adds a namespace.
    pub(crate) fn add_namespace(self: &Arc<Self>, namespace: Namespace) -> WriteSet {
        let mut set = WriteSet::default();
        NAMESPACES.put(&mut set, &namespace.name.to_string(), &namespace);
        self.push(&mut set, Edit::AddNamespace(Arc::new(namespace)));
        set
    }

    /// The commit that changes what is said of a namespace.
    pub(crate) fn alter_namespace(self: &Arc<Self>, namespace: Namespace) -> WriteSet {
        let mut set = WriteSet::default();
        NAMESPACES.put(&mut set, &namespace.name.to_string(), &namespace);
        self.push(&mut set, Edit::AlterNamespace(Arc::new(namespace)));
        set
    }

    /// The part of a commit that removes a namespace, whose tables and views the same
    /// commit removes.
    pub(crate) fn remove_namespace(
        self: &Arc<Self>,
        set: &mut WriteSet,
        name: &Name,
        removed: BTreeSet<TableId>,
    ) {
        NAMESPACES.delete(set, &name.to_string());
        self.push(set, Edit::RemoveNamespace(name.clone(), removed));
    }

    /// The commit that adds a table; `filled` says that it adds rows too, without which no
    /// view shows the table.
    pub(crate) fn add_table(self: &Arc<Self>, table: &Arc<Table>, filled: bool) -> WriteSet {
        let definition = &table.definition;
        let mut set = WriteSet::default();
        DEFINITIONS.put(&mut set, &definition.id, definition);
        NAMES.put(&mut set, &definition.name, &definition.id);
        self.put_last_table(&mut set);
        self.push(&mut set, Edit::AddTable { table: table.clone(), filled });
        set
    }

    /// The commit that makes a table's definition another one, and removes the views that
    /// cannot be with it. `promises` says that the caller made sure of something that the
    /// new one says of all rows.
    ///
    /// # Errors
    /// `42704` if the storage is not there.
    pub(crate) fn alter_table(
        self: &Arc<Self>,
        from: &Arc<Table>,
        definition: TableDefinition,
        promises: bool,
        views: &[Arc<ViewDefinition>],
    ) -> Result<WriteSet> {
        let mut set = WriteSet::default();
        DEFINITIONS.put(&mut set, &definition.id, &definition);
        if definition.name != from.definition.name {
            NAMES.delete(&mut set, &from.definition.name);
            NAMES.put(&mut set, &definition.name, &definition.id);
        }
        let to = Arc::new(self.derive(Arc::new(definition))?.following(from));
        let removed = views.iter().map(|view| view.id).collect();
        self.push(&mut set, Edit::AlterTable { from: from.clone(), to, promises, removed });
        if !views.is_empty() {
            self.remove_relations(&mut set, &[], views, true);
        }
        Ok(set)
    }

    /// The part of a commit that gives a table another name, which is free once the commit
    /// has removed these.
    ///
    /// # Errors
    /// `42704` if the storage is not there.
    pub(crate) fn take_name(
        self: &Arc<Self>,
        set: &mut WriteSet,
        from: &Arc<Table>,
        definition: TableDefinition,
        removed: BTreeSet<TableId>,
    ) -> Result<()> {
        DEFINITIONS.put(set, &definition.id, &definition);
        NAMES.delete(set, &from.definition.name);
        NAMES.put(set, &definition.name, &definition.id);
        let to = Arc::new(self.derive(Arc::new(definition))?.following(from));
        // A view before the commit may lack rows of the table that stand for the name after it.
        self.push(set, Edit::AlterTable { from: from.clone(), to, promises: true, removed });
        Ok(())
    }

    /// The newest one of a table.
    ///
    /// # Errors
    /// `42P01` if it was dropped.
    pub(crate) fn current(&self, table: &Table) -> Result<Arc<Table>> {
        let definition = &table.definition;
        self.table_by_id(definition.id)?.ok_or_else(|| {
            let message = format!("table \"{}\" does not exist", definition.name);
            Error::new(SqlState::UNDEFINED_TABLE, message)
        })
    }

    /// Refuses a table that is not the newest one of its id.
    ///
    /// # Errors
    /// `40001` if it was altered, `42P01` if it has another name or is gone.
    pub(crate) fn check_current(&self, table: &Table) -> Result<()> {
        if self.is_current(table) {
            return Ok(());
        }
        self.check_named(&table.definition)?;
        Err(altered(&table.definition))
    }

    /// Whether the table is the newest one of its id.
    pub(crate) fn is_current(&self, table: &Table) -> bool {
        let current = self.tables.get(&table.definition.id);
        current.is_some_and(|now| Arc::ptr_eq(&now.definition, &table.definition))
    }

    /// The commit that adds a view, or puts it in the place of an earlier version of it.
    pub(crate) fn add_view(
        self: &Arc<Self>,
        view: &Arc<ViewDefinition>,
        replaced: Option<Arc<ViewDefinition>>,
    ) -> WriteSet {
        let mut set = WriteSet::default();
        VIEWS.put(&mut set, &view.id, view);
        NAMES.put(&mut set, &view.name, &view.id);
        self.put_last_table(&mut set);
        self.push(&mut set, Edit::AddView { view: view.clone(), replaced });
        set
    }

    fn put_last_table(&self, set: &mut WriteSet) {
        LAST_TABLE.put(set, &String::new(), &TableId(self.last_table.load(Ordering::Acquire)));
    }

    /// The definitions' part of the commit that removes tables and views. It fails as a
    /// conflict if by then a view that is not among them reads one, with `cascade`, and
    /// as `2BP01` without.
    pub(crate) fn remove_relations(
        self: &Arc<Self>,
        set: &mut WriteSet,
        tables: &[Arc<Table>],
        views: &[Arc<ViewDefinition>],
        cascade: bool,
    ) {
        for table in tables {
            DEFINITIONS.delete(set, &table.definition.id);
            NAMES.delete(set, &table.definition.name);
        }
        for view in views {
            VIEWS.delete(set, &view.id);
            NAMES.delete(set, &view.name);
        }
        let (tables, views) = (tables.to_vec(), views.to_vec());
        self.push(set, Edit::RemoveRelations { tables, views, cascade });
    }

    /// A check that the table is still what the set's rows were made for.
    pub(crate) fn unchanged(self: &Arc<Self>, table: &Arc<Table>) -> Box<dyn Change> {
        Box::new(CatalogChange {
            registry: self.clone(),
            edit: Edit::Unchanged(table.definition.clone()),
        })
    }

    fn push(self: &Arc<Self>, set: &mut WriteSet, edit: Edit) {
        set.changes.push(Box::new(CatalogChange { registry: self.clone(), edit }));
    }
}

/// The error for a namespace that is not there.
pub(crate) fn undefined_namespace(namespace: &str) -> Error {
    Error::new(SqlState::UNDEFINED_NAMESPACE, format!("namespace \"{namespace}\" does not exist"))
        .with_hint(format!("create it with CREATE NAMESPACE {namespace}"))
}

struct CatalogChange {
    registry: Arc<SchemaRegistry>,
    edit: Edit,
}

enum Edit {
    AddNamespace(Arc<Namespace>),
    AlterNamespace(Arc<Namespace>),
    /// With the tables and views that the commit removes.
    RemoveNamespace(Name, BTreeSet<TableId>),
    AddTable {
        table: Arc<Table>,
        filled: bool,
    },
    AlterTable {
        from: Arc<Table>,
        to: Arc<Table>,
        promises: bool,
        /// Views and tables that the commit removes.
        removed: BTreeSet<TableId>,
    },
    AddView {
        view: Arc<ViewDefinition>,
        replaced: Option<Arc<ViewDefinition>>,
    },
    RemoveRelations {
        tables: Vec<Arc<Table>>,
        views: Vec<Arc<ViewDefinition>>,
        cascade: bool,
    },
    Unchanged(Arc<TableDefinition>),
}

impl Change for CatalogChange {
    fn check(&self) -> Result<()> {
        let registry = &self.registry;
        match &self.edit {
            Edit::AddNamespace(n) if registry.namespaces.contains_key(&n.name) => Err(Error::new(
                SqlState::DUPLICATE_NAMESPACE,
                format!("namespace \"{}\" exists already", n.name),
            )),
            Edit::AlterNamespace(n) if !registry.namespaces.contains_key(&n.name) => {
                Err(undefined_namespace(n.name.as_str()))
            }
            Edit::RemoveNamespace(name, removed) => registry.check_empty(name, removed),
            Edit::AddTable { table, .. } => {
                registry.storage(&table.definition.options.storage)?;
                registry.check_free(&table.definition.name)
            }
            Edit::AlterTable { from, to, removed, .. } => {
                registry.check_current(from)?;
                registry.storage(&to.definition.options.storage)?;
                registry.check_readers(to, removed)?;
                let owner = registry.names.get(&to.definition.name).map(|id| *id);
                let goes = owner.is_some_and(|owner| removed.contains(&owner));
                if goes || from.definition.name == to.definition.name {
                    return Ok(());
                }
                registry.check_free(&to.definition.name)
            }
            Edit::AddView { view, replaced } => {
                match replaced {
                    None => registry.check_free(&view.name)?,
                    Some(replaced) => registry.check_current_view(replaced)?,
                }
                registry.check_uses(view)
            }
            Edit::RemoveRelations { tables, views, cascade } => {
                tables.iter().try_for_each(|table| registry.check_named(&table.definition))?;
                views.iter().try_for_each(|view| registry.check_current_view(view))?;
                let tables = tables.iter().map(|table| table.definition.id);
                let removed = tables.chain(views.iter().map(|view| view.id)).collect();
                registry.check_unused(&removed, *cascade)
            }
            Edit::Unchanged(definition) => registry.check_version(definition),
            Edit::AddNamespace(_) | Edit::AlterNamespace(_) => Ok(()),
        }
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    fn publish(&mut self, epoch: u64) {
        let registry = &self.registry;
        match &self.edit {
            Edit::AddNamespace(n) | Edit::AlterNamespace(n) => {
                registry.namespaces.insert(n.name.clone(), n.clone());
            }
            Edit::RemoveNamespace(name, _) => {
                registry.namespaces.remove(name);
            }
            Edit::AddTable { table, filled } => {
                if *filled {
                    table.promise(epoch);
                }
                let definition = &table.definition;
                registry.tables.insert(definition.id, table.clone());
                registry.names.insert(definition.name.clone(), definition.id);
            }
            Edit::AlterTable { from, to, promises, .. } => {
                if *promises {
                    to.promise(epoch);
                }
                registry.tables.insert(to.definition.id, to.clone());
                if from.definition.name != to.definition.name {
                    registry.names.remove(&from.definition.name);
                    registry.names.insert(to.definition.name.clone(), to.definition.id);
                }
            }
            Edit::AddView { view, .. } => {
                registry.views.insert(view.id, view.clone());
                registry.names.insert(view.name.clone(), view.id);
            }
            Edit::RemoveRelations { tables, views, .. } => {
                for table in tables {
                    registry.names.remove(&table.definition.name);
                    registry.tables.remove(&table.definition.id);
                }
                for view in views {
                    registry.names.remove(&view.name);
                    registry.views.remove(&view.id);
                }
            }
            Edit::Unchanged(_) => return,
        }
        registry.version.fetch_add(1, Ordering::AcqRel);
    }

    fn is_visible(&self) -> bool {
        !matches!(self.edit, Edit::Unchanged(_))
    }

    /// Later sets of a group must see the new names.
    fn is_exclusive(&self) -> bool {
        self.is_visible()
    }
}

impl SchemaRegistry {
    fn check_free(&self, name: &TableName) -> Result<()> {
        if !self.namespaces.contains_key(&name.namespace) {
            return Err(undefined_namespace(name.namespace.as_str()));
        }
        let Some(id) = self.names.get(name).map(|id| *id) else { return Ok(()) };
        let what = if self.views.contains_key(&id) { "view" } else { "table" };
        Err(Error::new(SqlState::DUPLICATE_TABLE, format!("{what} \"{name}\" exists already"))
            .with_hint("use IF NOT EXISTS, or another name"))
    }

    fn check_current_view(&self, view: &ViewDefinition) -> Result<()> {
        match self.view(view.id) {
            Some(now) if now.version == view.version => Ok(()),
            Some(_) => Err(Error::conflict(format!(
                "view \"{}\" was replaced by another commit",
                view.name
            ))),
            None => Err(Error::new(
                SqlState::UNDEFINED_TABLE,
                format!("view \"{}\" does not exist", view.name),
            )),
        }
    }

    /// Whether what a view reads is there, and is not the view.
    fn check_uses(&self, view: &ViewDefinition) -> Result<()> {
        let is_there = |used: &ViewUse| {
            self.views.contains_key(&used.id)
                || self.names.get(&used.name).is_some_and(|id| *id == used.id)
                    && self.tables.get(&used.id).is_none_or(|table| used.fits(&table.definition))
        };
        if let Some(gone) = view.uses.iter().find(|used| !is_there(used)) {
            return Err(Error::conflict(format!(
                "\"{}\" was changed by another commit",
                gone.name
            )));
        }
        if self.read_by(view).contains(&view.id) {
            return Err(Error::new(
                SqlState::INVALID_OBJECT_DEFINITION,
                format!("view \"{}\" would read itself", view.name),
            ));
        }
        Ok(())
    }

    /// Whether nothing but what is removed with them uses these.
    fn check_unused(&self, removed: &BTreeSet<TableId>, cascade: bool) -> Result<()> {
        let dependents = self.dependents(removed);
        let Some(view) = dependents.iter().min_by(|a, b| a.name.cmp(&b.name)) else {
            return Ok(());
        };
        if cascade {
            return Err(Error::conflict(format!(
                "view \"{}\" was made by another commit",
                view.name
            )));
        }
        Err(Error::new(
            SqlState::DEPENDENT_OBJECTS,
            format!("view \"{}\" uses what is dropped", view.name),
        )
        .with_hint("drop the view first, or use CASCADE to drop it too"))
    }

    /// Refuses a definition whose table has another name by now, or is gone.
    fn check_named(&self, definition: &TableDefinition) -> Result<()> {
        let name = &definition.name;
        if self.names.get(name).is_some_and(|id| *id == definition.id) {
            return Ok(());
        }
        Err(Error::new(SqlState::UNDEFINED_TABLE, format!("table \"{name}\" does not exist")))
    }

    /// Refuses a definition of another version than the newest of its table.
    fn check_version(&self, definition: &TableDefinition) -> Result<()> {
        let now = self.tables.get(&definition.id).map(|now| now.definition.clone());
        match now {
            Some(now) if now.version != definition.version => Err(altered(definition)),
            _ => self.check_named(definition),
        }
    }

    /// Refuses to remove a namespace that holds other tables than these.
    fn check_empty(&self, name: &Name, removed: &BTreeSet<TableId>) -> Result<()> {
        if !self.namespaces.contains_key(name) {
            return Err(undefined_namespace(name.as_str()));
        }
        let held = self.names.iter().filter(|e| e.key().namespace == *name);
        let left = held.filter(|e| !removed.contains(e.value())).count();
        if left == 0 {
            return Ok(());
        }
        if !removed.is_empty() {
            return Err(Error::new(
                SqlState::SERIALIZATION_FAILURE,
                format!("namespace \"{name}\" got a table meanwhile"),
            ));
        }
        Err(Error::new(
            SqlState::DEPENDENT_OBJECTS,
            format!("namespace \"{name}\" holds {left} tables and views"),
        )
        .with_hint("drop them first, or use CASCADE"))
    }
}
