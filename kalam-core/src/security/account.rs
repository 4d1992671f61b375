//! Accounts: users who log in or hold a role.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use serde::{Deserialize, Serialize};

use super::password::PasswordHash;
use crate::model::{Role, Seq, UserId};
use crate::store::{Batch, Change, EntityStore, Family, Store, WriteSet};
use crate::{Error, Result};

const ACCOUNTS: EntityStore<UserId, Account> =
    EntityStore::new(Family::Catalog, b'a', "a user's account");

/// A user who logs in or holds a role. Users who do neither have none: any user id may
/// own rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// What sessions of the user may do.
    pub(crate) role: Role,
    /// Without one, the user cannot log in.
    pub(crate) password: Option<PasswordHash>,
    /// Milliseconds since 1970 UTC.
    pub(crate) created_at_ms: i64,
    /// Milliseconds since 1970 UTC.
    pub(crate) changed_at_ms: i64,
    /// When the user was dropped. The record stays, so that it is known who that was.
    pub(crate) dropped_at_ms: Option<i64>,
    /// The revision with which the user was created, perhaps again: sessions of an
    /// earlier user of the same id are over.
    pub(crate) born: u64,
    /// Counts up with each change.
    pub(crate) revision: u64,
}

impl Account {
    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped_at_ms.is_some()
    }
}

/// The accounts of a database, all in memory: there are as many as people were given one.
pub(crate) struct Accounts {
    known: DashMap<UserId, Arc<Account>>,
    /// The newest revision of an account that was removed since the open: an account of
    /// the same user id begins above it, or sessions of the earlier one were its own.
    removed: AtomicU64,
}

impl Accounts {
    /// # Errors
    /// `XX001` if one does not decode.
    pub(crate) fn load(store: &Arc<Store>) -> Result<Accounts> {
        let found = ACCOUNTS.scan(&store.view().snapshot, &[])?;
        let known = found.into_iter().map(|(id, account)| (id, Arc::new(account))).collect();
        Ok(Accounts { known, removed: AtomicU64::new(0) })
    }

    /// The account of a user who was not dropped.
    pub(crate) fn get(&self, user: &UserId) -> Option<Arc<Account>> {
        self.newest(user).filter(|account| !account.is_dropped())
    }

    /// The account of a user, dropped or not.
    pub(crate) fn newest(&self, user: &UserId) -> Option<Arc<Account>> {
        self.known.get(user).map(|account| account.clone())
    }

    /// The role that a user holds; without an account that is `user`.
    pub(crate) fn role_of(&self, user: &UserId) -> Role {
        self.get(user).map_or(Role::User, |account| account.role)
    }

    /// All accounts, dropped ones too, by user.
    pub(crate) fn all(&self) -> Vec<(UserId, Arc<Account>)> {
        let mut all: Vec<_> =
            self.known.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Makes `account` the user's in a commit, if `before` still is when it commits.
    pub(crate) fn put(
        self: &Arc<Self>,
        set: &mut WriteSet,
        user: &UserId,
        before: Option<&Account>,
        mut account: Account,
    ) {
        let last = before.map_or(self.removed.load(Ordering::Acquire), |before| before.revision);
        account.revision = last + 1;
        if before.is_none_or(Account::is_dropped) {
            account.born = account.revision;
        }
        let before = before.map(|account| account.revision);
        ACCOUNTS.put(set, user, &account);
        set.changes.push(Box::new(AccountChange {
            accounts: self.clone(),
            user: user.clone(),
            before,
            account: Some(Arc::new(account)),
        }));
    }

    /// Removes the record of a user's account in a commit, if `before` still is the
    /// account when it commits.
    pub(crate) fn remove(self: &Arc<Self>, set: &mut WriteSet, user: &UserId, before: &Account) {
        ACCOUNTS.delete(set, user);
        set.changes.push(Box::new(AccountChange {
            accounts: self.clone(),
            user: user.clone(),
            before: Some(before.revision),
            account: None,
        }));
    }
}

struct AccountChange {
    accounts: Arc<Accounts>,
    user: UserId,
    /// The revision that the change was made of.
    before: Option<u64>,
    /// `None`: there is none afterwards.
    account: Option<Arc<Account>>,
}

impl Change for AccountChange {
    fn check(&self) -> Result<()> {
        let now = self.accounts.newest(&self.user).map(|account| account.revision);
        if now == self.before {
            return Ok(());
        }
        Err(Error::conflict(format!("user \"{}\" was changed by another commit", self.user)))
    }

    fn stage(&mut self, _seq: Seq, _batch: &mut Batch<'_>) {}

    fn publish(&mut self, _epoch: u64) {
        let accounts = &self.accounts;
        match &self.account {
            Some(account) => {
                accounts.known.insert(self.user.clone(), account.clone());
            }
            None => {
                accounts.removed.fetch_max(self.before.unwrap_or(0), Ordering::AcqRel);
                accounts.known.remove(&self.user);
            }
        }
    }

    /// Later sets of a group must see the new account.
    fn is_exclusive(&self) -> bool {
        true
    }
}
