//! The only place where a name becomes a table.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use dashmap::DashMap;

use super::{Namespace, StorageDefinition, Table, TableDefinition};
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
const NAMES: EntityStore<TableName, TableId> =
    EntityStore::new(Family::Catalog, b'n', "a table name");
const NAMESPACES: EntityStore<String, Namespace> =
    EntityStore::new(Family::Catalog, b's', "a namespace");
const STORAGES: EntityStore<String, StorageDefinition> =
    EntityStore::new(Family::Catalog, b'g', "a storage");
const LAST_TABLE: EntityStore<String, TableId> =
    EntityStore::new(Family::Catalog, b'T', "the table counter");

/// Names, and tables read on first use. DDL changes it in the commit that makes the
/// change durable, so it never disagrees with the disk.
pub struct SchemaRegistry {
    store: Arc<Store>,
    names: DashMap<TableName, TableId>,
    tables: DashMap<TableId, Arc<Table>>,
    namespaces: DashMap<Name, Arc<Namespace>>,
    storages: DashMap<Name, Arc<StorageDefinition>>,
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
            tables: DashMap::new(),
            namespaces: NAMESPACES
                .scan(snapshot, &[])?
                .into_iter()
                .map(|(_, n)| (n.name.clone(), Arc::new(n)))
                .collect(),
            storages: STORAGES
                .scan(snapshot, &[])?
                .into_iter()
                .map(|(_, s)| (s.name.clone(), Arc::new(s)))
                .collect(),
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
    pub fn table(&self, namespace: &str, table: &str) -> Result<Arc<Table>> {
        let missing = || {
            Error::new(
                SqlState::UNDEFINED_TABLE,
                format!("table \"{namespace}.{table}\" does not exist"),
            )
        };
        let name = Name::new("namespace", namespace)
            .and_then(|namespace| Ok(TableName { namespace, table: Name::new("table", table)? }))
            .map_err(|_| missing())?;
        let id = self.names.get(&name).map(|id| *id);
        match id {
            Some(id) => self.table_by_id(id)?.ok_or_else(missing),
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
            self.tables.insert(id, table.clone());
        }
        Ok(Some(table))
    }

    fn derive(&self, definition: Arc<TableDefinition>) -> Result<Table> {
        let storage = self.storage(&definition.options.storage)?;
        Table::new(definition, &storage)
    }

    /// The storage with this name.
    ///
    /// # Errors
    /// `42704` if there is none.
    pub fn storage(&self, name: &Name) -> Result<Arc<StorageDefinition>> {
        self.storages.get(name).map(|s| s.clone()).ok_or_else(|| {
            Error::new(SqlState::UNDEFINED_OBJECT, format!("storage \"{name}\" does not exist"))
        })
    }

    /// All storages, by name.
    #[must_use]
    pub fn storages(&self) -> Vec<Arc<StorageDefinition>> {
        let mut all: Vec<_> = self.storages.iter().map(|s| s.value().clone()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Whether the namespace exists.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        Name::new("namespace", name).is_ok_and(|name| self.namespaces.contains_key(&name))
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

    /// The commit that removes an empty namespace.
    pub(crate) fn remove_namespace(self: &Arc<Self>, name: &Name) -> WriteSet {
        let mut set = WriteSet::default();
        NAMESPACES.delete(&mut set, &name.to_string());
        self.push(&mut set, Edit::RemoveNamespace(name.clone()));
        set
    }

    /// The commit that adds a storage.
    pub(crate) fn add_storage(self: &Arc<Self>, storage: StorageDefinition) -> WriteSet {
        let mut set = WriteSet::default();
        STORAGES.put(&mut set, &storage.name.to_string(), &storage);
        self.push(&mut set, Edit::AddStorage(Arc::new(storage)));
        set
    }

    /// The commit that adds a table.
    pub(crate) fn add_table(self: &Arc<Self>, definition: TableDefinition) -> Result<WriteSet> {
        let mut set = WriteSet::default();
        DEFINITIONS.put(&mut set, &definition.id, &definition);
        NAMES.put(&mut set, &definition.name, &definition.id);
        LAST_TABLE.put(&mut set, &String::new(), &TableId(self.last_table.load(Ordering::Acquire)));
        let table = Arc::new(self.derive(Arc::new(definition))?);
        self.push(&mut set, Edit::AddTable(table));
        Ok(set)
    }

    /// The definition's part of the commit that removes a table.
    pub(crate) fn remove_table(self: &Arc<Self>, set: &mut WriteSet, table: &Arc<Table>) {
        DEFINITIONS.delete(set, &table.definition.id);
        NAMES.delete(set, &table.definition.name);
        self.push(set, Edit::RemoveTable(table.clone()));
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
    RemoveNamespace(Name),
    AddStorage(Arc<StorageDefinition>),
    AddTable(Arc<Table>),
    RemoveTable(Arc<Table>),
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
            Edit::RemoveNamespace(name) => {
                let tables = registry.names.iter().filter(|e| e.key().namespace == *name).count();
                if tables > 0 {
                    return Err(Error::new(
                        SqlState::DEPENDENT_OBJECTS,
                        format!("namespace \"{name}\" holds {tables} tables"),
                    )
                    .with_hint("drop the tables first"));
                }
                if !registry.namespaces.contains_key(name) {
                    return Err(undefined_namespace(name.as_str()));
                }
                Ok(())
            }
            Edit::AddTable(table) => {
                let name = &table.definition.name;
                if !registry.namespaces.contains_key(&name.namespace) {
                    return Err(undefined_namespace(name.namespace.as_str()));
                }
                if registry.names.contains_key(name) {
                    return Err(Error::new(
                        SqlState::DUPLICATE_TABLE,
                        format!("table \"{name}\" exists already"),
                    )
                    .with_hint("use IF NOT EXISTS, or another name"));
                }
                Ok(())
            }
            Edit::RemoveTable(table) => registry.check_current(&table.definition),
            Edit::Unchanged(definition) => registry.check_current(definition),
            Edit::AddNamespace(_) | Edit::AddStorage(_) => Ok(()),
        }
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    fn publish(&mut self, _epoch: u64) {
        let registry = &self.registry;
        match &self.edit {
            Edit::AddNamespace(n) => {
                registry.namespaces.insert(n.name.clone(), n.clone());
            }
            Edit::RemoveNamespace(name) => {
                registry.namespaces.remove(name);
            }
            Edit::AddStorage(s) => {
                registry.storages.insert(s.name.clone(), s.clone());
            }
            Edit::AddTable(table) => {
                let definition = &table.definition;
                registry.tables.insert(definition.id, table.clone());
                registry.names.insert(definition.name.clone(), definition.id);
            }
            Edit::RemoveTable(table) => {
                registry.names.remove(&table.definition.name);
                registry.tables.remove(&table.definition.id);
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
    fn check_current(&self, definition: &TableDefinition) -> Result<()> {
        let name = &definition.name;
        let current = self.names.get(name).map(|id| *id);
        if current != Some(definition.id) {
            return Err(Error::new(
                SqlState::UNDEFINED_TABLE,
                format!("table \"{name}\" does not exist"),
            ));
        }
        match self.tables.get(&definition.id) {
            Some(now) if now.definition.version != definition.version => Err(Error::new(
                SqlState::SERIALIZATION_FAILURE,
                format!("table \"{name}\" was altered by another commit"),
            )
            .with_hint("retry the statement")),
            _ => Ok(()),
        }
    }
}
