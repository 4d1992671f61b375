//! Logging in: passwords, and the lock after too many wrong ones.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::account::{Account, Accounts};
use super::audit_log::AuditLog;
use super::audit_record::{Actor, AuditRecord, Outcome};
use super::password::PasswordHash;
use crate::env::Clock;
use crate::model::{Secret, UserId};
use crate::store::{EntityStore, Family, Store, WriteSet};
use crate::{Error, Result, SqlState};

/// Wrong passwords in a row after which a user is locked out.
pub(crate) const WRONG_MAX: u32 = 10;

/// How long a user is locked out.
pub(crate) const LOCK_MS: i64 = 15 * 60 * 1000;

const FAILURES: EntityStore<UserId, LoginFailures> =
    EntityStore::new(Family::Catalog, b'f', "the failed logins of a user");

/// Wrong passwords in a row of a user who has an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LoginFailures {
    wrong: u32,
    /// Milliseconds since 1970 UTC.
    locked_until_ms: Option<i64>,
}

impl LoginFailures {
    /// A lock that reaches further than a lock can is of a clock that stepped back.
    fn is_locked(&self, now_ms: i64) -> bool {
        self.locked_until_ms
            .is_some_and(|until| now_ms < until && until.saturating_sub(now_ms) <= LOCK_MS)
    }

    fn after_another(self, now_ms: i64) -> LoginFailures {
        let before = if self.locked_until_ms.is_some() { 0 } else { self.wrong };
        let wrong = before + 1;
        let locked_until_ms = (wrong >= WRONG_MAX).then(|| now_ms.saturating_add(LOCK_MS));
        LoginFailures { wrong, locked_until_ms }
    }
}

/// The door. One login is tried at a time: tries side by side could be more than the
/// lock allows, and each takes 19 MiB.
pub(crate) struct Logins {
    store: Arc<Store>,
    accounts: Arc<Accounts>,
    audit: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    turn: Mutex<()>,
}

impl Logins {
    pub(crate) fn new(
        store: &Arc<Store>,
        accounts: &Arc<Accounts>,
        audit: &Arc<AuditLog>,
        clock: &Arc<dyn Clock>,
    ) -> Logins {
        Logins {
            store: store.clone(),
            accounts: accounts.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
            turn: Mutex::default(),
        }
    }

    /// The user and their account, if the password is theirs. Takes as long for a user who does not exist,
    /// was dropped, has no password or is locked out, and says the same.
    ///
    /// # Errors
    /// `28P01`.
    pub(crate) fn login(&self, user: &str, password: &Secret) -> Result<(UserId, Arc<Account>)> {
        let _turn = self.turn.lock();
        let now_ms = self.clock.now_ms();
        let known = UserId::new(user)
            .ok()
            .and_then(|user| self.accounts.get(&user).map(|account| (user, account)));
        let failures = match &known {
            Some((user, _)) => FAILURES.get(&self.store.view().snapshot, user)?.unwrap_or_default(),
            None => LoginFailures::default(),
        };
        let is_locked = failures.is_locked(now_ms);
        let hash = known.as_ref().and_then(|(_, account)| account.password.as_ref());
        let matches = PasswordHash::matches(hash.filter(|_| !is_locked), password)?;
        let mut set = WriteSet::default();
        match known {
            Some((user, account)) if matches => {
                if failures != LoginFailures::default() {
                    FAILURES.delete(&mut set, &user);
                }
                let (role, subject) = (Some(account.role), None);
                let actor = Actor { user: Some(user.clone()), role, subject };
                self.audit.add(&mut set, AuditRecord::new(actor, "LOGIN", None));
                self.store.commit(set)?;
                Ok((user, account))
            }
            known => {
                let user = known.map(|(user, _)| user);
                let mut why = match (&user, is_locked) {
                    // What was typed for a name may be a password.
                    (None, _) => "unknown user",
                    (Some(_), true) => "locked out",
                    (Some(_), false) => "wrong password",
                };
                if let Some(user) = user.as_ref().filter(|_| !is_locked) {
                    let failures = failures.after_another(now_ms);
                    if failures.locked_until_ms.is_some() {
                        why = "wrong password; locked out from now on";
                    }
                    FAILURES.put(&mut set, user, &failures);
                }
                let actor = Actor { user, role: None, subject: None };
                let record = AuditRecord::new(actor, "LOGIN", None)
                    .with_outcome(Outcome::Failed)
                    .with_detail(why);
                self.audit.add_refusal(&mut set, record);
                if !set.is_empty() {
                    self.store.commit(set)?;
                }
                Err(refused())
            }
        }
    }

    /// Lets a locked user try again, as part of a commit: they have a new password.
    pub(crate) fn forget_failures(set: &mut WriteSet, user: &UserId) {
        FAILURES.delete(set, user);
    }
}

/// The one answer to everybody who does not come in.
pub(crate) fn refused() -> Error {
    Error::new(SqlState::INVALID_PASSWORD, "user name or password is wrong").with_hint(format!(
        "after {WRONG_MAX} wrong passwords in a row a user cannot log in for {} minutes",
        LOCK_MS / 60_000
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_passwords_lock_for_a_quarter_of_an_hour() {
        let mut failures = LoginFailures::default();
        for _ in 0..WRONG_MAX {
            assert!(!failures.is_locked(1_000));
            failures = failures.after_another(1_000);
        }
        assert!(failures.is_locked(1_000) && failures.is_locked(1_000 + LOCK_MS - 1));
        assert!(!failures.is_locked(1_000 + LOCK_MS));
        // The count begins again after the lock.
        assert_eq!(failures.after_another(2_000 + LOCK_MS).wrong, 1);
        // A clock that was far ahead locks nobody for longer.
        assert!(!failures.is_locked(-5_000));
    }
}
