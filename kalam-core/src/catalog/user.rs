//! Users: their surrogates in keys.

use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::model::{UserId, UserKey};
use crate::store::{EntityKey, EntityStore, Family, Snapshot, Store, WriteSet};

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

/// Maps user ids to their surrogates. A user gets one with their first row.
pub(crate) struct UserDirectory {
    store: Arc<Store>,
    known: DashMap<UserId, UserKey>,
    names: DashMap<UserKey, UserId>,
    allocation: Mutex<()>,
}

impl UserDirectory {
    pub(crate) fn new(store: Arc<Store>) -> UserDirectory {
        UserDirectory {
            store,
            known: DashMap::new(),
            names: DashMap::new(),
            allocation: Mutex::new(()),
        }
    }

    /// The surrogate of a user who has rows.
    pub(crate) fn key_of(&self, user: &UserId) -> Result<Option<UserKey>> {
        if let Some(key) = self.known.get(user) {
            return Ok(Some(*key));
        }
        let found = USERS.get(&self.store.view().snapshot, user)?;
        if let Some(record) = &found {
            self.learn(user, record.key);
        }
        Ok(found.map(|r| r.key))
    }

    /// The surrogate of a user, made durable before their first row refers to it.
    pub(crate) fn ensure_key(&self, user: &UserId) -> Result<UserKey> {
        if let Some(key) = self.key_of(user)? {
            return Ok(key);
        }
        let _allocation = self.allocation.lock();
        if let Some(key) = self.key_of(user)? {
            return Ok(key);
        }
        let counter = String::new();
        let last = LAST_USER.get(&self.store.view().snapshot, &counter)?;
        let key = UserKey(last.map_or(0, UserKey::get) + 1);
        let mut set = WriteSet::default();
        USERS.put(&mut set, user, &UserRecord { key });
        LAST_USER.put(&mut set, &counter, &key);
        self.store.commit(set)?;
        self.learn(user, key);
        Ok(key)
    }

    fn learn(&self, user: &UserId, key: UserKey) {
        self.known.insert(user.clone(), key);
        self.names.insert(key, user.clone());
    }

    /// The user with this surrogate. Of those who wrote since the open it is known; for
    /// another one all are read.
    pub(crate) fn user_of(&self, key: UserKey) -> Result<Option<UserId>> {
        if let Some(user) = self.names.get(&key) {
            return Ok(Some(user.clone()));
        }
        for (known, user) in self.all(&self.store.view().snapshot)? {
            self.names.insert(known, user);
        }
        Ok(self.names.get(&key).map(|user| user.clone()))
    }

    /// Every user that has a surrogate, by surrogate.
    pub(crate) fn all(&self, snapshot: &Arc<Snapshot>) -> Result<Vec<(UserKey, UserId)>> {
        let mut users: Vec<_> =
            USERS.scan(snapshot, &[])?.into_iter().map(|(id, r)| (r.key, id)).collect();
        users.sort_unstable();
        Ok(users)
    }
}
