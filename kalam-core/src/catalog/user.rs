//! Users: their surrogates in keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::{DashMap, DashSet};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::model::Seq;
use crate::model::{UserId, UserKey};
use crate::store::{Batch, Change, EntityKey, EntityStore, Family, Snapshot, Store, WriteSet};
use crate::{Error, Result};

/// A user that owns rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserRecord {
    /// The surrogate in keys, from 1.
    pub key: UserKey,
}

impl EntityKey for UserId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_str().as_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        UserId::new(std::str::from_utf8(bytes).ok()?).ok()
    }
}

const USERS: EntityStore<UserId, UserRecord> = EntityStore::new(Family::Catalog, b'u', "a user");
const LAST_USER: EntityStore<String, UserKey> =
    EntityStore::new(Family::Catalog, b'U', "the user counter");

impl KnownUsers {
    /// Remembers a surrogate that was read a moment ago; false if it was taken away since.
    fn remember(&self, user: &UserId, key: UserKey) -> bool {
        self.keys.insert(user.clone(), key);
        self.names.insert(key, user.clone());
        if self.purged.contains(&key) {
            self.keys.remove_if(user, |_, known| *known == key);
            self.names.remove(&key);
            return false;
        }
        true
    }
}

/// Maps user ids to their surrogates. A user gets one with their first row.
pub(crate) struct UserDirectory {
    store: Arc<Store>,
    known: Arc<KnownUsers>,
    allocation: Mutex<()>,
}

#[derive(Default)]
struct KnownUsers {
    keys: DashMap<UserId, UserKey>,
    names: DashMap<UserKey, UserId>,
    /// Surrogates that belong to nobody any more. They are never given again.
    purged: DashSet<UserKey>,
    purges: AtomicUsize,
}

impl UserDirectory {
    pub(crate) fn new(store: Arc<Store>) -> UserDirectory {
        UserDirectory { store, known: Arc::default(), allocation: Mutex::new(()) }
    }

    /// The surrogate of a user who has rows.
    pub(crate) fn key_of(&self, user: &UserId) -> Result<Option<UserKey>> {
        if let Some(key) = self.known.keys.get(user) {
            return Ok(Some(*key));
        }
        let found = USERS.get(&self.store.view().snapshot, user)?.map(|record| record.key);
        let Some(key) = found else { return Ok(None) };
        Ok(self.known.remember(user, key).then_some(key))
    }

    /// The surrogate of a user, made durable before their first row refers to it.
    pub(crate) fn ensure_key(&self, user: &UserId) -> Result<UserKey> {
        if let Some(key) = self.key_of(user)? {
            return Ok(key);
        }
        loop {
            if let Some(key) = self.allocate(user)? {
                return Ok(key);
            }
        }
    }

    /// Gives a user a surrogate; `None` if it was taken away at once.
    fn allocate(&self, user: &UserId) -> Result<Option<UserKey>> {
        let _allocation = self.allocation.lock();
        if let Some(key) = self.key_of(user)? {
            return Ok(Some(key));
        }
        let counter = String::new();
        let last = LAST_USER.get(&self.store.view().snapshot, &counter)?;
        let key = UserKey(last.map_or(0, UserKey::get) + 1);
        let mut set = WriteSet::default();
        USERS.put(&mut set, user, &UserRecord { key });
        LAST_USER.put(&mut set, &counter, &key);
        self.store.commit(set)?;
        Ok(self.known.remember(user, key).then_some(key))
    }

    /// Takes a user's surrogate away, as part of a commit.
    pub(crate) fn forget(&self, set: &mut WriteSet, user: &UserId, key: UserKey) {
        USERS.delete(set, user);
        set.changes.push(Box::new(ForgetUser {
            known: self.known.clone(),
            user: user.clone(),
            key,
        }));
    }

    /// Whether a surrogate was taken away since the database was opened.
    pub(crate) fn is_purged(&self, key: UserKey) -> bool {
        self.known.purged.contains(&key)
    }

    /// How many surrogates were taken away since the database was opened. Every statement asks.
    pub(crate) fn purges(&self) -> usize {
        self.known.purges.load(Ordering::Acquire)
    }

    /// The user with this surrogate. Of those who wrote since the open it is known; for
    /// another one all are read.
    pub(crate) fn user_of(&self, key: UserKey) -> Result<Option<UserId>> {
        if let Some(user) = self.known.names.get(&key) {
            return Ok(Some(user.clone()));
        }
        for (known, user) in self.all(&self.store.view().snapshot)? {
            self.known.names.insert(known, user);
        }
        Ok(self.known.names.get(&key).map(|user| user.clone()))
    }

    /// Every user that has a surrogate, by surrogate.
    pub(crate) fn all(&self, snapshot: &Arc<Snapshot>) -> Result<Vec<(UserKey, UserId)>> {
        let mut users: Vec<_> =
            USERS.scan(snapshot, &[])?.into_iter().map(|(id, r)| (r.key, id)).collect();
        users.sort_unstable();
        Ok(users)
    }
}

struct ForgetUser {
    known: Arc<KnownUsers>,
    user: UserId,
    key: UserKey,
}

impl Change for ForgetUser {
    fn check(&self) -> Result<()> {
        if !self.known.purged.contains(&self.key) {
            return Ok(());
        }
        // The entry may be that of another surrogate by now.
        Err(Error::conflict(format!("user \"{}\" was changed by another commit", self.user)))
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    /// First the one, then the other: whoever reads an old view and remembers the user
    /// afterwards finds out.
    fn publish(&mut self, _epoch: u64) {
        if self.known.purged.insert(self.key) {
            self.known.purges.fetch_add(1, Ordering::AcqRel);
        }
        self.known.keys.remove(&self.user);
        self.known.names.remove(&self.key);
    }
}
