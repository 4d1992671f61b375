//! Which storage a scope's segments go to, and which folder in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::{SchemaRegistry, StorageDefinition, Table, TablePath};
use crate::model::{Name, Seq, TableId, TableName, UserId};
use crate::store::{Batch, Change, EntityStore, Family, Snapshot, WriteSet};
use crate::{Error, Result, SqlState};

const STORAGES: EntityStore<String, StorageDefinition> =
    EntityStore::new(Family::Catalog, b'g', "a storage");
const USER_STORAGES: EntityStore<UserId, Name> =
    EntityStore::new(Family::Catalog, b'w', "a user's storage");

/// Where new segments of a scope go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) storage: Name,
    /// Relative to the storage.
    pub(crate) folder: String,
    /// Whether segments of other tables may be in the folder.
    pub(crate) is_shared: bool,
}

/// A template with a table filled in, and what it was made of.
struct CachedPath {
    table: TableName,
    storage: Arc<StorageDefinition>,
    path: TablePath,
}

/// The storages of a database, those of users, and the paths of tables in them.
pub(super) struct Storages {
    known: DashMap<Name, Arc<StorageDefinition>>,
    of_users: DashMap<UserId, Name>,
    paths: DashMap<(TableId, Name), Arc<CachedPath>>,
    path_hits: AtomicU64,
    path_misses: AtomicU64,
}

impl Storages {
    pub(super) fn load(snapshot: &Arc<Snapshot>) -> Result<Storages> {
        let known = STORAGES.scan(snapshot, &[])?;
        Ok(Storages {
            known: known.into_iter().map(|(_, s)| (s.name.clone(), Arc::new(s))).collect(),
            of_users: USER_STORAGES.scan(snapshot, &[])?.into_iter().collect(),
            paths: DashMap::new(),
            path_hits: AtomicU64::new(0),
            path_misses: AtomicU64::new(0),
        })
    }

    pub(super) fn get(&self, name: &Name) -> Result<Arc<StorageDefinition>> {
        self.known.get(name).map(|s| s.clone()).ok_or_else(|| undefined_storage(name))
    }

    pub(super) fn all(&self) -> Vec<Arc<StorageDefinition>> {
        let mut all: Vec<_> = self.known.iter().map(|s| s.value().clone()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    pub(super) fn path_counters(&self) -> (u64, u64) {
        (self.path_hits.load(Ordering::Relaxed), self.path_misses.load(Ordering::Relaxed))
    }

    /// Fills in the table where that was not done with what is current.
    pub(super) fn path(&self, table: &Table, storage: &Arc<StorageDefinition>) -> TablePath {
        let definition = &table.definition;
        let key = (definition.id, storage.name.clone());
        let found = self.paths.get(&key).map(|found| found.clone());
        let current = found
            .filter(|found| Arc::ptr_eq(&found.storage, storage) && found.table == definition.name);
        if let Some(found) = current {
            self.path_hits.fetch_add(1, Ordering::Relaxed);
            return found.path.clone();
        }
        self.path_misses.fetch_add(1, Ordering::Relaxed);
        let template = if definition.is_per_user() {
            &storage.user_tables_template
        } else {
            &storage.shared_tables_template
        };
        let path = template.resolve_table(&definition.name);
        let (table, storage) = (definition.name.clone(), storage.clone());
        self.paths.insert(key, Arc::new(CachedPath { table, storage, path: path.clone() }));
        path
    }
}

impl SchemaRegistry {
    /// Where new segments of a scope go. The template is resolved with the table already;
    /// the user is put into it.
    ///
    /// # Errors
    /// `42704` if the storage is gone.
    pub(crate) fn placement(&self, table: &Table, user: Option<&UserId>) -> Result<Placement> {
        let options = &table.definition.options;
        let own = user.filter(|_| options.use_user_storage).and_then(|u| self.user_storage(u));
        let storage = self.storage(&own.unwrap_or_else(|| options.storage.clone()))?;
        let path = self.storages.path(table, &storage);
        let (folder, is_shared) = (path.resolve(user), !path.names_table());
        Ok(Placement { storage: storage.name.clone(), folder, is_shared })
    }

    /// The folder of new segments of a scope, relative to their storage: of a user for
    /// tables that have rows of users, else of nobody.
    ///
    /// # Errors
    /// `42704` if the storage is gone.
    pub fn segment_folder(&self, table: &Table, user: Option<&UserId>) -> Result<String> {
        Ok(self.placement(table, user)?.folder)
    }

    /// The storage that was given to a user.
    pub(crate) fn user_storage(&self, user: &UserId) -> Option<Name> {
        self.storages.of_users.get(user).map(|name| name.clone())
    }

    /// How many users have this storage.
    pub(crate) fn users_of_storage(&self, name: &Name) -> usize {
        self.storages.of_users.iter().filter(|entry| entry.value() == name).count()
    }

    /// The commit that adds a storage, or with `before` makes it another one.
    pub(crate) fn put_storage(
        self: &Arc<Self>,
        mut storage: StorageDefinition,
        before: Option<&StorageDefinition>,
    ) -> WriteSet {
        let mut set = WriteSet::default();
        storage.revision = before.map_or(0, |before| before.revision + 1);
        STORAGES.put(&mut set, &storage.name.to_string(), &storage);
        let before = before.map(|before| before.revision);
        self.push_storage(&mut set, StorageEdit::Put { storage: Arc::new(storage), before });
        set
    }

    /// The commit that removes a storage. Every table must have been read before.
    pub(crate) fn remove_storage(self: &Arc<Self>, name: &Name) -> WriteSet {
        let mut set = WriteSet::default();
        STORAGES.delete(&mut set, &name.to_string());
        self.push_storage(&mut set, StorageEdit::Remove(name.clone()));
        set
    }

    /// Adds to a commit that a user has this storage, or none.
    pub(crate) fn set_user_storage(
        self: &Arc<Self>,
        set: &mut WriteSet,
        user: &UserId,
        storage: Option<&Name>,
    ) {
        match storage {
            Some(storage) => USER_STORAGES.put(set, user, storage),
            None => USER_STORAGES.delete(set, user),
        }
        self.push_storage(set, StorageEdit::OfUser(user.clone(), storage.cloned()));
    }

    /// Makes a commit fail if the storage is gone by then.
    pub(crate) fn needs_storage(self: &Arc<Self>, set: &mut WriteSet, name: &Name) {
        self.push_storage(set, StorageEdit::Needs(name.clone()));
    }

    /// Refuses to remove what is in use.
    ///
    /// # Errors
    /// `2BP01` with the number of what uses it.
    pub(crate) fn check_storage_unused(&self, name: &Name, segments: usize) -> Result<()> {
        let tables = self.tables_of_storage(name);
        let users = self.users_of_storage(name);
        let counted = |n: usize, what: &str| match n {
            0 => None,
            1 => Some(format!("1 {what}")),
            n => Some(format!("{n} {what}s")),
        };
        let uses = [counted(tables, "table"), counted(users, "user"), counted(segments, "segment")];
        let uses: Vec<String> = uses.into_iter().flatten().collect();
        if uses.is_empty() {
            return Ok(());
        }
        let message = format!("storage \"{name}\" is used by {}", uses.join(", "));
        Err(Error::new(SqlState::DEPENDENT_OBJECTS, message).with_hint(
            "drop the tables or give them another STORAGE_ID, and let their segments be rewritten",
        ))
    }

    fn push_storage(self: &Arc<Self>, set: &mut WriteSet, edit: StorageEdit) {
        set.changes.push(Box::new(StorageChange { registry: self.clone(), edit }));
    }
}

/// The error for a storage that is not there.
fn undefined_storage(name: &Name) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("storage \"{name}\" does not exist"))
        .with_hint("SHOW STORAGES lists those that are there")
}

struct StorageChange {
    registry: Arc<SchemaRegistry>,
    edit: StorageEdit,
}

enum StorageEdit {
    /// With the revision that it replaces.
    Put {
        storage: Arc<StorageDefinition>,
        before: Option<u64>,
    },
    Remove(Name),
    OfUser(UserId, Option<Name>),
    Needs(Name),
}

impl Change for StorageChange {
    fn check(&self) -> Result<()> {
        let storages = &self.registry.storages;
        match &self.edit {
            StorageEdit::Put { storage, before } => {
                let now = storages.known.get(&storage.name).map(|now| now.revision);
                match (now, before) {
                    (now, before) if now == *before => Ok(()),
                    (Some(_), None) => Err(Error::new(
                        SqlState::DUPLICATE_OBJECT,
                        format!("storage \"{}\" exists already", storage.name),
                    )),
                    (None, _) => Err(undefined_storage(&storage.name)),
                    (Some(_), Some(_)) => Err(Error::conflict(format!(
                        "storage \"{}\" was changed by another commit",
                        storage.name
                    ))),
                }
            }
            StorageEdit::Remove(name) => {
                storages.get(name)?;
                self.registry.check_storage_unused(name, 0)
            }
            StorageEdit::OfUser(_, Some(name)) | StorageEdit::Needs(name) => {
                storages.get(name).map(|_| ())
            }
            StorageEdit::OfUser(_, None) => Ok(()),
        }
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    fn publish(&mut self, _epoch: u64) {
        let storages = &self.registry.storages;
        match &self.edit {
            StorageEdit::Put { storage, .. } => {
                storages.known.insert(storage.name.clone(), storage.clone());
            }
            StorageEdit::Remove(name) => {
                storages.known.remove(name);
                storages.paths.retain(|(_, storage), _| storage != name);
            }
            StorageEdit::OfUser(user, Some(name)) => {
                storages.of_users.insert(user.clone(), name.clone());
            }
            StorageEdit::OfUser(user, None) => {
                storages.of_users.remove(user);
            }
            StorageEdit::Needs(_) => {}
        }
    }

    fn is_visible(&self) -> bool {
        !matches!(self.edit, StorageEdit::Needs(_))
    }

    /// Later sets of a group must see the storages as they are then.
    fn is_exclusive(&self) -> bool {
        self.is_visible()
    }
}
