//! `ALTER USER`.

use datafusion::common::ScalarValue;

use super::drop_user::undefined_user;
use crate::Result;
use crate::executor::QueryResult;
use crate::executor::caller::Caller;
use crate::executor::engine::Engine;
use crate::executor::retry::retrying;
use crate::executor::user_statement::AlterUser;
use crate::model::Name;
use crate::security::{Account, Logins, PasswordHash};
use crate::store::WriteSet;

/// Changes the password, the role or the storage of a user. Sessions that the user logged in with
/// have the new role from their next statement on; a new password ends a lock-out.
///
/// # Errors
/// `42704` if there is no such user or storage, `22023` for an invalid password.
pub(crate) fn run(
    engine: &Engine,
    caller: &Caller,
    alter: &AlterUser,
    params: &[ScalarValue],
) -> Result<QueryResult> {
    let user = alter.user.user(params)?;
    if engine.accounts.get(&user).is_none() {
        return Err(undefined_user(&user));
    }
    let password = match &alter.password {
        Some(password) => Some(PasswordHash::of(&password.secret(params)?)?),
        None => None,
    };
    let mut changes: Vec<String> = Vec::new();
    changes.extend(password.is_some().then(|| "password".to_owned()));
    changes.extend(alter.role.map(|role| format!("role {role}")));
    let storage = match &alter.storage {
        Some(Some(name)) => Some(Some(engine.registry.storage(&Name::new("storage", name)?)?)),
        Some(None) => Some(None),
        None => None,
    };
    changes.extend(storage.as_ref().map(|storage| match storage {
        Some(storage) => format!("storage {}", storage.name),
        None => "no storage".to_owned(),
    }));
    retrying(|| {
        let before = engine.accounts.get(&user).ok_or_else(|| undefined_user(&user))?;
        let account = Account {
            role: alter.role.unwrap_or(before.role),
            password: password.clone().or_else(|| before.password.clone()),
            changed_at_ms: engine.clock.now_ms(),
            ..Account::clone(&before)
        };
        let mut set = WriteSet::default();
        engine.accounts.put(&mut set, &user, Some(&before), account);
        if let Some(storage) = &storage {
            let name = storage.as_ref().map(|storage| &storage.name);
            engine.registry.set_user_storage(&mut set, &user, name);
        }
        if password.is_some() {
            Logins::forget_failures(&mut set, &user);
        }
        let record =
            caller.did("ALTER USER", Some(user.to_string())).with_detail(changes.join(", "));
        engine.audit.add(&mut set, record);
        engine.store.commit(set)?;
        Ok(())
    })?;
    Ok(QueryResult::empty())
}
